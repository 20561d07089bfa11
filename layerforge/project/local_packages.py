"""Projects and archives of the user's own: what their files tell without being built."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from layerforge.errors import ConfigError

ARCHIVE_SUFFIXES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tar")
_MANIFESTS = ("pyproject.toml", "setup.cfg", "setup.py")


def check_project_folder(folder: Path, *, shown: str, where: str) -> None:
    """Raise ConfigError if pip could not install `folder`."""
    if (folder / "pyproject.toml").is_file() or (folder / "setup.py").is_file():
        return
    raise ConfigError(
        f"{shown} is not a Python project: it has neither pyproject.toml nor setup.py",
        where=where,
        hint=f"add a pyproject.toml to {shown}, or to include a requirements file write -r",
    )


def project_files(folder: Path) -> tuple[Path, ...]:
    """The files of a project folder that may tell its name and requirements."""
    return tuple(path for name in _MANIFESTS if (path := folder / name).is_file())


def read_project_name(folder: Path) -> str | None:
    """Normalised name of the project in `folder`, if one of its files says it in plain words."""
    stamps = tuple((str(path), path.stat().st_mtime_ns) for path in project_files(folder))
    return _project_name(stamps)


def read_archive_name(path: Path) -> str | None:
    """Normalised name in the PKG-INFO of an sdist; None where there is none."""
    return _archive_name(str(path), path.stat().st_mtime_ns)


@lru_cache(maxsize=4096)
def _project_name(stamps: tuple[tuple[str, int], ...]) -> str | None:
    from packaging.utils import canonicalize_name

    readers = {"pyproject.toml": _name_in_toml, "setup.cfg": _name_in_cfg, "setup.py": _name_in_setup}
    for text, _ in stamps:
        path = Path(text)
        if name := readers[path.name](path):
            return canonicalize_name(name)
    return None


def _name_in_toml(path: Path) -> str | None:
    try:
        document: dict[str, Any] = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, ValueError):
        # Its build says what is wrong with it, in the words of its backend.
        return None
    for table in (document.get("project"), _table(_table(document, "tool"), "poetry")):
        if isinstance(table, dict) and isinstance(name := table.get("name"), str):
            return name
    return None


def _table(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _name_in_cfg(path: Path) -> str | None:
    import configparser

    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text("utf-8"))
    except (OSError, ValueError, configparser.Error):
        return None
    return parser.get("metadata", "name", fallback="").strip() or None


def _name_in_setup(path: Path) -> str | None:
    import ast

    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, ValueError, SyntaxError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == "setup":
            for keyword in node.keywords:
                if keyword.arg == "name" and isinstance(keyword.value, ast.Constant):
                    return str(keyword.value.value)
    return None


@lru_cache(maxsize=1024)
def _archive_name(text: str, _modified: int) -> str | None:
    import email.parser

    from packaging.utils import canonicalize_name

    data = _package_information(Path(text))
    name = email.parser.BytesHeaderParser().parsebytes(data)["Name"] if data else None
    return canonicalize_name(str(name)) if name else None


def _package_information(path: Path) -> bytes | None:
    """PKG-INFO in the top folder of an sdist."""
    import tarfile
    import zipfile

    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                inner = next((n for n in archive.namelist() if _is_package_information(n)), None)
                return archive.read(inner) if inner else None
        with tarfile.open(path) as tar:
            member = next((m for m in tar if _is_package_information(m.name) and m.isfile()), None)
            stream = tar.extractfile(member) if member else None
            return stream.read() if stream else None
    except (OSError, tarfile.TarError, zipfile.BadZipFile, EOFError):
        return None


def _is_package_information(name: str) -> bool:
    return name.endswith("/PKG-INFO") and name.count("/") == 1
