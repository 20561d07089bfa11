"""Whether a source has to be compiled, from the names of its files."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

# C, C++, CUDA, Fortran, Rust, Cython, assembler: one of them is what a backend compiles.
_SUFFIXES = frozenset(
    {".c", ".cc", ".cpp", ".cxx", ".c++", ".cu", ".f", ".for", ".f77", ".f90", ".f95", ".f03", ".rs"}
    | {".pyx", ".s", ".asm"}
)
_FILES = frozenset({"CMakeLists.txt", "meson.build", "Cargo.toml"})
# Folders that go into no wheel.
_ASIDE = frozenset(
    {"test", "tests", "testing", "doc", "docs", "example", "examples", "bench", "benchmark", "benchmarks"}
)


def find_native_file(source: Path) -> str | None:
    """The first file of a folder or an sdist that has to be compiled; None if there is none."""
    if source.is_dir():
        names: Iterable[str] = (
            path.relative_to(source).as_posix() for path in sorted(source.rglob("*")) if path.is_file()
        )
    else:
        # Without the folder that an sdist holds all else in.
        names = (name.removeprefix("./").partition("/")[2] for name in names_in_archive(source))
    return next((name for name in names if is_native(name)), None)


def is_native(name: str) -> bool:
    """Whether a file of that name is compiled into a wheel."""
    path = PurePosixPath(name)
    if _ASIDE.intersection(path.parts[:-1]) or any(part.startswith(".") for part in path.parts):
        return False
    return path.suffix.lower() in _SUFFIXES or path.name in _FILES


def names_in_archive(path: Path) -> tuple[str, ...]:
    """Names of all files of an sdist; none if it cannot be read."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return tuple(archive.namelist())
        with tarfile.open(path) as tar:
            return tuple(member.name for member in tar if member.isfile())
    except (OSError, tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError):
        return ()
