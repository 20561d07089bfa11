"""The zip of a function's own code.

It is stored, not compressed: what a compressor writes depends on its version, and the same code
has to give the same CodeSha256 on every machine, or functions are deployed anew for nothing. Code
without its dependencies is small; where it is not, an upload goes through S3 in either case.
A source that is a zip already is copied as it is: its maker has decided on its bytes.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from layerforge.build.archive import TruncatedSourceError, Written, ZipEntry, write_archive
from layerforge.errors import BuildError
from layerforge.wheels.directory import STORED

_PIECE = 1 << 20
# Raise it when the same code would give other bytes.
_FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """A function's code as it was found: what decides its zip, and when each file was written.

    `archive` is the source where it is a zip already; `entries` is then empty.
    """

    source: str
    input_digest: str
    unzipped_size: int
    entries: tuple[ZipEntry, ...]
    states: tuple[tuple[int, int], ...]
    archive: Path | None = None


def read_code(root: Path, source: str) -> Code:
    """Find and digest the code at `source` (relative to the project root): folder, .py file or zip.

    Raises BuildError if a file of it cannot be read.
    """
    from layerforge.project.sources import list_code

    path = root / source
    try:
        if path.suffix == ".zip" and path.is_file():
            return _read_archive(path, source, sum(size for _, size in list_code(root, source)))
        names = [name for name, _ in list_code(root, source)]
        _refuse_names(names, source)
        files = [(name, path / name if path.is_dir() else path) for name in names]
        return _read_files(files, source)
    except OSError as error:
        raise BuildError(f"the code cannot be read ({error.strerror or error})", where=source) from error


def _refuse_names(names: list[str], source: str) -> None:
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            shown = name.encode(errors="surrogateescape")
            raise BuildError(
                f"the name of the file {shown!r} is not UTF-8, as names in a zip have to be",
                where=source,
                hint="rename it",
            ) from None


def _read_archive(path: Path, source: str, unzipped_size: int) -> Code:
    state = _state(path)
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Code(
        source=source,
        input_digest=digest,
        unzipped_size=unzipped_size,
        entries=(),
        states=(state,),
        archive=path,
    )


def _read_files(files: list[tuple[str, Path]], source: str) -> Code:
    digest = hashlib.sha256(f"code {_FORMAT}\0".encode())
    entries = []
    states = []
    for name, path in files:
        with path.open("rb") as stream:
            executable = bool(os.fstat(stream.fileno()).st_mode & 0o111)
            states.append(_state(path))
            inner = hashlib.sha256()
            crc = size = 0
            while piece := stream.read(_PIECE):
                inner.update(piece)
                crc = zlib.crc32(piece, crc)
                size += len(piece)
        entries.append(ZipEntry(name, executable, STORED, crc, size, size, path))
        digest.update(f"{name}\0{executable:d}\0{inner.hexdigest()}\0".encode())
    return Code(
        source=source,
        input_digest=digest.hexdigest(),
        unzipped_size=sum(entry.size for entry in entries),
        entries=tuple(entries),
        states=tuple(states),
    )


def write_code(code: Code, stream: IO[bytes], *, beside: Sequence[ZipEntry] = ()) -> Written:
    """Write the zip, with `beside` among the code's own files (which cannot be a zip then).

    Raises BuildError if the code changed since it was read, OSError if the zip cannot be written.
    """
    changed = BuildError("the code changed while it was packed", where=code.source, hint="build again")
    try:
        if code.archive is not None:
            written = _copy(code.archive, stream, code.unzipped_size)
        else:
            written = write_archive((*code.entries, *beside), stream, subject=code.source)
        paths = [code.archive] if code.archive else [entry.source for entry in code.entries]
        states = tuple(_state(path) for path in paths if isinstance(path, Path))
    except TruncatedSourceError as error:
        if any(entry.source == error.source for entry in beside):
            raise
        raise changed from None
    except FileNotFoundError:
        raise changed from None
    if states != code.states:
        raise changed
    return written


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _copy(path: Path, stream: IO[bytes], unzipped_size: int) -> Written:
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as source:
        while piece := source.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            stream.write(piece)
    return Written(sha256=digest.digest(), zipped_size=size, unzipped_size=unzipped_size)
