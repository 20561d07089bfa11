"""What the files of a source tell before anything of it runs."""

from __future__ import annotations

import configparser
import tarfile
import tomllib
import zipfile
import zlib
from pathlib import Path
from typing import Any

from pip._vendor.packaging.utils import canonicalize_name

from layerforge.resolve.compile.natives import find_native_file

# Backends that are there to compile: nothing is won by trying here, and numpy takes minutes.
_NATIVE_BACKENDS = ("mesonpy", "maturin", "scikit_build_core", "sipbuild", "py_build_cmake")


def native_backend(source: Path) -> str | None:
    """The backend of a project folder or an sdist if it is one that compiles."""
    backend = build_backend(source)
    return backend if backend.startswith(_NATIVE_BACKENDS) else None


def why_native(source: Path) -> str | None:
    """Why a project folder or an sdist has to be compiled; None if nothing speaks for it."""
    if backend := native_backend(source):
        return f"its build backend is {backend}"
    file = find_native_file(source)
    return f"it holds {file}" if file else None


def build_backend(source: Path) -> str:
    """The backend that a project folder or an sdist names; "" if none or if it cannot be read."""
    backend = _pyproject(source).get("build-system", {}).get("build-backend", "")
    return backend if isinstance(backend, str) else ""


def project_name(source: Path) -> str | None:
    """The normalised name that a project folder gives itself; None if only its backend knows."""
    project = _pyproject(source)
    tables = (project.get("project", {}), project.get("tool", {}).get("poetry", {}))
    for table in tables:
        if isinstance(table, dict) and isinstance(name := table.get("name"), str):
            return canonicalize_name(name)
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(_text(source, "setup.cfg"))
    except configparser.Error:
        return None
    name = parser.get("metadata", "name", fallback="")
    return canonicalize_name(name) if name else None


def _pyproject(source: Path) -> dict[str, Any]:
    try:
        value = tomllib.loads(_text(source, "pyproject.toml"))
    except tomllib.TOMLDecodeError:
        return {}
    return {name: table for name, table in value.items() if isinstance(table, dict)}


def _text(source: Path, name: str) -> str:
    if source.is_dir():
        path = source / name
        data = path.read_bytes() if path.is_file() else b""
    else:
        data = read_from_sdist(source, name) or b""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return ""


def read_from_sdist(path: Path, name: str) -> bytes | None:
    """The file `name` at the top of an sdist; None if there is none, or it is no sdist."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                inside = next((one for one in archive.namelist() if _is_at_top(one, name)), None)
                return archive.read(inside) if inside else None
        with tarfile.open(path) as tar:
            for member in tar:
                if _is_at_top(member.name, name) and (stream := tar.extractfile(member)):
                    return stream.read()
    except (OSError, tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError):
        return None
    return None


def _is_at_top(inside: str, name: str) -> bool:
    return inside.endswith(f"/{name}") and inside.removeprefix("./").count("/") == 1
