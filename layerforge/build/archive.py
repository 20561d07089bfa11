"""Writes zips whose bytes depend on nothing but what goes into them.

Deflate streams are copied as they are, never made: two versions of zlib, or zlib and zlib-ng,
compress the same bytes differently. What has no stream yet (RECORD, programs, a function's code)
is stored. Entries are sorted and dated 1980-01-01, the first day that a zip can name, with modes
0644 and 0755, no folders, no extra fields and no data descriptors.

Copying, writing and hashing run side by side: hashlib and file I/O let go of the interpreter's lock.
"""

from __future__ import annotations

import hashlib
import io
import struct
import threading
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import IO, NamedTuple

from layerforge.errors import BuildError
from layerforge.wheels.directory import STORED

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_VERSION = 20
_MADE_BY_UNIX = 3 << 8 | _VERSION
_JANUARY_1980 = 1 << 5 | 1
_UTF8 = 0x800
_FILE_MODE = 0o100644 << 16
_PROGRAM_MODE = 0o100755 << 16
_LINK_MODE = 0o120777 << 16

# Where zip64 would begin, which Lambda's 250 MB never need.
ENTRIES_MAX = 0xFFFF - 1
BYTES_MAX = 0xFFFFFFFF - 1

_BUFFER = 1 << 20
_BUFFERS = 4
# macOS lets a process open 256 files.
_OPEN_MAX = 64


class ZipEntry(NamedTuple):
    """A file of a zip; sizes in bytes. `source` holds its stream: itself, or a file to read at `offset`.

    The contents of a symbolic link (`link`) are where it leads.
    """

    path: str
    executable: bool
    method: int
    crc: int
    size: int
    compressed_size: int
    source: bytes | Path
    offset: int = 0
    link: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What was written: the zip's sha256 and bytes, and the bytes of its files unzipped."""

    sha256: bytes
    zipped_size: int
    unzipped_size: int


class TruncatedSourceError(BuildError):
    """A file that is copied from ended early. `source` names it."""

    def __init__(self, source: Path) -> None:
        self.source = source
        super().__init__("it became shorter while it was read", where=str(source), hint="build again")


def stored_entry(path: str, data: bytes, *, executable: bool = False) -> ZipEntry:
    """An entry that holds `data` uncompressed."""
    return ZipEntry(path, executable, STORED, zlib.crc32(data), len(data), len(data), data)


def link_entry(path: str, target: str) -> ZipEntry:
    """A symbolic link at `path` to `target`, a path relative to its folder."""
    return stored_entry(path, target.encode())._replace(link=True)


def write_archive(entries: Iterable[ZipEntry], stream: IO[bytes], *, subject: str) -> Written:
    """Write a zip of `entries`, in the order of their paths, to an empty file.

    Raises BuildError, naming `subject`, if it would be too large for a zip; OSError if it cannot be written.
    """
    ordered = sorted(entries, key=lambda entry: entry.path.encode())
    _check_limits(ordered, subject)
    central: list[bytes] = []
    with _Output(stream) as output, _Sources() as sources:
        for entry in ordered:
            name = entry.path.encode()
            central.append(_central_header(entry, name, output.size))
            output.write(_local_header(entry, name))
            if isinstance(entry.source, bytes):
                output.write(entry.source)
            else:
                output.copy(sources.open(entry.source), entry)
        offset = output.size
        output.write(b"".join(central))
        output.write(
            _END.pack(b"PK\x05\x06", 0, 0, len(central), len(central), output.size - offset, offset, 0)
        )
    return Written(
        sha256=output.digest(), zipped_size=output.size, unzipped_size=sum(entry.size for entry in ordered)
    )


def _check_limits(entries: Sequence[ZipEntry], subject: str) -> None:
    if len(entries) > ENTRIES_MAX:
        raise BuildError(
            f"{subject} has {len(entries):,} files, more than the {ENTRIES_MAX:,} that a zip takes"
        )
    headers = _LOCAL.size + _CENTRAL.size
    total = sum(headers + 2 * len(entry.path.encode()) + entry.compressed_size for entry in entries)
    if total + _END.size > BYTES_MAX or any(entry.size > BYTES_MAX for entry in entries):
        raise BuildError(f"{subject} takes {total:,} bytes, more than the {BYTES_MAX:,} that a zip takes")


def _flags(name: bytes) -> int:
    return 0 if name.isascii() else _UTF8


def _local_header(entry: ZipEntry, name: bytes) -> bytes:
    return (
        _LOCAL.pack(
            b"PK\x03\x04", _VERSION, _flags(name), entry.method, 0, _JANUARY_1980,
            entry.crc, entry.compressed_size, entry.size, len(name), 0,
        )
        + name
    )  # fmt: skip


def _central_header(entry: ZipEntry, name: bytes, offset: int) -> bytes:
    mode = _LINK_MODE if entry.link else _PROGRAM_MODE if entry.executable else _FILE_MODE
    return (
        _CENTRAL.pack(
            b"PK\x01\x02", _MADE_BY_UNIX, _VERSION, _flags(name), entry.method, 0, _JANUARY_1980,
            entry.crc, entry.compressed_size, entry.size, len(name), 0, 0, 0, 0, mode, offset,
        )
        + name
    )  # fmt: skip


class _Sources:
    """Files that are copied from, the most recent ones kept open."""

    def __init__(self) -> None:
        self._open: dict[Path, io.FileIO] = {}

    def __enter__(self) -> _Sources:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in self._open.values():
            stream.close()

    def open(self, path: Path) -> io.FileIO:
        stream = self._open.get(path)
        if stream is None:
            if len(self._open) >= _OPEN_MAX:
                self._open.pop(next(iter(self._open))).close()
            stream = self._open[path] = io.FileIO(path)
        return stream


class _Output:
    """Fills buffers, which a thread writes and hashes; a handful of them bounds the memory."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.size = 0
        self._stream = stream
        self._hash = hashlib.sha256()
        self._error: OSError | None = None
        self._free: SimpleQueue[bytearray] = SimpleQueue()
        self._full: SimpleQueue[tuple[bytearray, int] | None] = SimpleQueue()
        for _ in range(_BUFFERS):
            self._free.put(bytearray(_BUFFER))
        self._buffer = self._free.get()
        self._view = memoryview(self._buffer)
        self._used = 0
        self._thread = threading.Thread(target=self._drain, name="archive-writer", daemon=True)

    def __enter__(self) -> _Output:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._full.put((self._buffer, self._used))
        self._full.put(None)
        self._thread.join()
        if kind is None and self._error is not None:
            raise self._error

    def digest(self) -> bytes:
        return self._hash.digest()

    def write(self, data: bytes) -> None:
        start = 0
        while start < len(data):
            count = min(len(data) - start, _BUFFER - self._used)
            self._view[self._used : self._used + count] = data[start : start + count]
            start += count
            self._filled(count)

    def copy(self, source: io.FileIO, entry: ZipEntry) -> None:
        left = entry.compressed_size
        if left and source.tell() != entry.offset:
            source.seek(entry.offset)
        while left:
            end = min(_BUFFER, self._used + left)
            count = source.readinto(self._view[self._used : end])
            if not count:
                assert isinstance(entry.source, Path)
                raise TruncatedSourceError(entry.source)
            left -= count
            self._filled(count)

    def _filled(self, count: int) -> None:
        self._used += count
        self.size += count
        if self._used == _BUFFER:
            if self._error is not None:
                raise self._error
            self._full.put((self._buffer, self._used))
            self._buffer = self._free.get()
            self._view = memoryview(self._buffer)
            self._used = 0

    def _drain(self) -> None:
        while (item := self._full.get()) is not None:
            buffer, used = item
            if self._error is None:
                try:
                    self._stream.write(memoryview(buffer)[:used])
                except OSError as error:
                    self._error = error
                self._hash.update(memoryview(buffer)[:used])
            self._free.put(buffer)
