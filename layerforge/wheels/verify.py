"""Whether a wheel holds what it says: every entry inflated once, and compared with RECORD.

After this, the wheel's own sha256 stands for all of it, and its streams can be copied unread.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from layerforge.wheels.contents import WheelContents
from layerforge.wheels.directory import STORED, BadWheelError, Member, WheelReader, data_offset, read_member

_PIECE = 262_144
_RECORD_MAX = 67_108_864
# RECORD cannot hold its own digest; signatures are made after it.
_UNRECORDED = ("RECORD", "RECORD.jws", "RECORD.p7s")
# https://packaging.python.org/en/latest/specifications/recording-installed-packages/: sha256 or better.
_ALGORITHMS = frozenset({"sha256", "sha384", "sha512"})


class Entry(NamedTuple):
    """A verified file of a wheel: where its stream lies, and the sha256 (base64url) of its contents."""

    name: str
    size: int
    compressed_size: int
    crc: int
    method: int
    executable: bool
    offset: int
    sha256: str


class _Row(NamedTuple):
    algorithm: str
    digest: str
    size: str


def verify_entries(reader: WheelReader, contents: WheelContents) -> tuple[Entry, ...]:
    """Inflate every entry and compare it with the directory and RECORD; entries in the wheel's order.

    Raises BadWheelError for whatever does not agree.
    """
    rows = _read_record(reader, contents)
    unrecorded = {f"{contents.dist_info}/{name}" for name in _UNRECORDED}
    entries = []
    for member in contents.members:
        row = rows.pop(member.name, None)
        if row is None and member.name not in unrecorded:
            raise BadWheelError(reader.filename, f"its RECORD does not list {member.name!r}")
        if member.name in unrecorded:
            row = None
        entries.append(_verify(reader, member, row))
    absent = sorted(path for path in rows if path not in unrecorded and not path.endswith("/"))
    if absent:
        raise BadWheelError(reader.filename, f"its RECORD lists {absent[0]!r}, which it does not hold")
    return tuple(entries)


def _read_record(reader: WheelReader, contents: WheelContents) -> dict[str, _Row]:
    name = f"{contents.dist_info}/RECORD"
    member = next((member for member in contents.members if member.name == name), None)
    if member is None:
        raise BadWheelError(reader.filename, f"it has no {name}")
    try:
        text = read_member(reader, member, limit=_RECORD_MAX).decode("utf-8-sig")
        return dict(_parse_record(text, reader.filename))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadWheelError(reader.filename, f"its RECORD cannot be read ({error})") from error


def _parse_record(text: str, filename: str) -> Iterator[tuple[str, _Row]]:
    for fields in csv.reader(text.splitlines()):
        if not fields:
            continue
        path, digest, size = (*fields, "", "")[:3]
        algorithm, equals, value = digest.partition("=")
        if digest and (not equals or algorithm not in _ALGORITHMS):
            raise BadWheelError(filename, f"its RECORD gives {digest!r} for {path!r}, not a sha256")
        yield path, _Row(algorithm, value.rstrip("="), size)


def verify_member(reader: WheelReader, member: Member) -> Entry:
    """Inflate a file that no RECORD lists, and compare it with the directory. Raises BadWheelError."""
    return _verify(reader, member, None)


def _verify(reader: WheelReader, member: Member, row: _Row | None) -> Entry:
    offset = data_offset(reader, member)
    sha256 = hashlib.sha256()
    recorded = hashlib.new(row.algorithm) if row and row.algorithm not in ("", "sha256") else sha256
    crc = size = 0
    for piece in iter_contents(reader, member, offset):
        crc = zlib.crc32(piece, crc)
        size += len(piece)
        sha256.update(piece)
        if recorded is not sha256:
            recorded.update(piece)
    if crc != member.crc:
        raise BadWheelError(reader.filename, f"the checksum of {member.name!r} does not match")
    if row is not None:
        _compare(reader.filename, member.name, row, _base64(recorded.digest()), size)
    return Entry(
        member.name,
        member.size,
        member.compressed_size,
        member.crc,
        member.method,
        member.executable,
        offset,
        _base64(sha256.digest()),
    )


def _compare(filename: str, name: str, row: _Row, digest: str, size: int) -> None:
    if row.digest and row.digest != digest:
        raise BadWheelError(filename, f"{name!r} is not the file that its RECORD describes")
    if row.size and row.size != str(size):
        raise BadWheelError(filename, f"{name!r} has {size:,} bytes where its RECORD says {row.size}")


def _base64(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def iter_contents(reader: WheelReader, member: Member, offset: int) -> Iterator[bytes]:
    """The unpacked bytes in pieces of at most 1 MB, never more of them than the directory says.

    `offset` is that of its data (`data_offset`). Raises BadWheelError if they are not what it says.
    """
    left = member.compressed_size
    if member.method == STORED:
        while left:
            piece = reader.read(offset, min(left, _PIECE))
            offset, left = offset + len(piece), left - len(piece)
            yield piece
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    due = member.size
    while not inflater.eof:
        packed = inflater.unconsumed_tail
        if not packed:
            packed = reader.read(offset, min(left, _PIECE))
            offset, left = offset + len(packed), left - len(packed)
        piece = _inflate(inflater, packed, reader.filename, member.name)
        due -= len(piece)
        if due < 0 or (not packed and not piece and not inflater.eof):
            break
        yield piece
    if due or not inflater.eof or left or inflater.unused_data:
        raise BadWheelError(
            reader.filename, f"{member.name!r} unpacks to another size than the {member.size:,} bytes it says"
        )


def _inflate(inflater: zlib._Decompress, packed: bytes, filename: str, name: str) -> bytes:
    try:
        return inflater.decompress(packed, 4 * _PIECE)
    except zlib.error as error:
        raise BadWheelError(filename, f"{name!r} cannot be unpacked ({error})") from error
