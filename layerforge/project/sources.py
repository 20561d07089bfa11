"""The code of a function: which files of its folder go into its own zip, and how many bytes they are.

Requirement files and tests stay: they are small, and leaving out what code may read at run time is
worse. What tools leave behind (bytecode, caches, version control, environments, build folders) is
left out. Symbolic links are followed, as `sam build` does: shared code in a monorepo is often linked.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from layerforge.errors import ConfigError

MISSING_CODE_HINT = "correct the path (CodeUri is relative to its template), or build what puts it there"

_FOLDERS = frozenset(
    {
        ".aws-sam", ".cache", ".chalice", ".git", ".hg", ".hypothesis", ".idea", ".layerforge", ".mypy_cache",
        ".nox", ".pytest_cache", ".ruff_cache", ".serverless", ".svn", ".terraform", ".tox", ".venv",
        ".vscode", "__pycache__", "cdk.out", "node_modules",
    }
)  # fmt: skip
# `.env` holds secrets of the developer's machine more often than not.
_FILES = frozenset({".DS_Store", ".coverage", ".env", ".gitignore", ".python-version"})
_SUFFIXES = (".pyc", ".pyo", ".egg-info", ".swp")
# Lock files of Emacs: links that lead nowhere.
_PREFIX = ".#"


def measure_code(root: Path, source: str, *, where: str | None = None) -> int:
    """Return the bytes of a function's own code, unzipped.

    `source` (relative to the root) is a folder, a zip or one .py file; `where` is what names it.
    Raises ConfigError if it is not there or cannot be read.
    """
    return sum(size for _, size in list_code(root, source, where=where))


def list_code(root: Path, source: str, *, where: str | None = None) -> tuple[tuple[str, int], ...]:
    """Return the path inside the function's zip, with `/`, and the bytes of each file, sorted.

    Raises ConfigError as `measure_code` does.
    """
    path = root / source
    try:
        if path.is_dir():
            return tuple(sorted(_walk(str(path), "", (os.path.realpath(path),))))
        if path.suffix == ".zip" and path.is_file():
            return _list_zip(path)
        if path.is_file():
            return ((path.name, path.stat().st_size),)
    except zipfile.BadZipFile as error:
        raise ConfigError(f"the code {source} is not a zip ({error})", where=where) from error
    except OSError as error:
        failed = os.path.relpath(error.filename, root) if isinstance(error.filename, str) else source
        raise ConfigError(
            f"the code {source} cannot be read: {failed} ({error.strerror})",
            where=where,
            hint="mend or remove the link" if isinstance(error, FileNotFoundError) else None,
        ) from error
    raise ConfigError(
        f"the code {source} does not exist",
        where=where,
        hint=MISSING_CODE_HINT,
    )


def _list_zip(path: Path) -> tuple[tuple[str, int], ...]:
    with zipfile.ZipFile(path) as archive:
        return tuple(
            sorted((info.filename, info.file_size) for info in archive.infolist() if not info.is_dir())
        )


def _walk(folder: str, prefix: str, open_folders: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith(_PREFIX) or name.endswith(_SUFFIXES):
                continue
            if entry.is_dir():
                if name not in _FOLDERS and not _is_environment(entry.path):
                    yield from _enter(entry, f"{prefix}{name}/", open_folders)
            elif name not in _FILES and (entry.is_file() or entry.is_symlink()):
                # A link that leads nowhere ends here; sockets and pipes are not code.
                yield f"{prefix}{name}", entry.stat().st_size


def _enter(entry: os.DirEntry[str], prefix: str, open_folders: tuple[str, ...]) -> Iterator[tuple[str, int]]:
    # Only a link can lead back to a folder that we are in, and only then is its real path asked for.
    if entry.is_symlink():
        real = os.path.realpath(entry.path)
        here = os.path.realpath(os.path.dirname(entry.path))  # noqa: PTH120 - beside what has no Path
        if any(f"{held}{os.sep}".startswith(f"{real}{os.sep}") for held in (*open_folders, here)):
            return
        open_folders = (*open_folders, real)
    yield from _walk(entry.path, prefix, open_folders)


def _is_environment(folder: str) -> bool:
    return os.path.exists(f"{folder}/pyvenv.cfg")  # noqa: PTH110 - quicker, and asked for every folder
