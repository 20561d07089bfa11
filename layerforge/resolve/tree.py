"""Project directories of the user as inputs of a build: what is in them, and what is left out."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

# What tools leave behind: it changes from run to run and never belongs into a wheel.
_IGNORED_NAMES = frozenset(
    {
        ".git", ".hg", ".svn", ".bzr", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache",
        ".hypothesis", ".tox", ".nox", ".venv", "venv", ".eggs", ".aws-sam", ".layerforge", "node_modules",
        ".idea", ".vscode", ".DS_Store", ".coverage", "htmlcov",
    }
)  # fmt: skip
_IGNORED_SUFFIXES = (".pyc", ".pyo", ".egg-info")
# Only at the top, where build backends write them: deeper, they may be packages of the user.
_IGNORED_AT_TOP = frozenset({"build", "dist"})


def _is_ignored(name: str, *, top: bool) -> bool:
    return name in _IGNORED_NAMES or name.endswith(_IGNORED_SUFFIXES) or (top and name in _IGNORED_AT_TOP)


def _walk(root: Path) -> Iterator[Path]:
    for directory, folders, files in os.walk(root):
        top = Path(directory) == root
        for folder in tuple(folders):
            if _is_ignored(folder, top=top):
                folders.remove(folder)
            elif (Path(directory) / folder).is_symlink():
                yield Path(directory) / folder
        folders.sort()
        for file in sorted(files):
            if not _is_ignored(file, top=False):
                yield Path(directory) / file


def tree_digest(path: Path) -> str:
    """sha256 (hex) over the names, executable bits and bytes of what a build of `path` could read.

    Version control, caches, virtual environments and build folders do not count.
    """
    digest = hashlib.sha256()
    for file in sorted(_walk(path)):
        name = file.relative_to(path).as_posix()
        if file.is_symlink():
            kind, content = "link", os.fsencode(file.readlink())
        elif not file.is_file():
            continue
        else:
            kind = "exec" if os.access(file, os.X_OK) else "file"
            with file.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").digest()
        # Lengths in front, so that no two trees read the same.
        digest.update(f"{kind} {len(name)} {name} {len(content)} ".encode(errors="surrogateescape"))
        digest.update(content)
    return digest.hexdigest()


def copy_tree(path: Path, destination: Path) -> None:
    """Copy what `tree_digest` counts, so that a build neither sees nor leaves residue in the source.

    A `.git` of the project itself is linked: backends ask it for the version.
    """

    def ignored(directory: str, names: Iterable[str]) -> list[str]:
        top = Path(directory) == path
        return [name for name in names if _is_ignored(name, top=top)]

    shutil.copytree(path, destination, symlinks=True, ignore=ignored, dirs_exist_ok=True)
    if (path / ".git").exists():
        (destination / ".git").symlink_to((path / ".git").absolute())
