"""The central directory of a wheel, read strictly and straight from its bytes.

Wheels come from strangers, and what is read here decides which files land under /opt. So there is
one reading of a wheel and no guessing: whatever two zip readers might understand differently is
refused. Parsing is our own because `zipfile` takes several times as long, is lenient where we must
not be, and hides the offsets from which deflate streams are copied.

Source of the format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.7
(local header), 4.3.12 (central directory) and 4.3.16 (end record).
"""

from __future__ import annotations

import io
import re
import stat
import struct
import zlib
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from layerforge.errors import BuildError

STORED = 0
DEFLATED = 8

# Eight times what Lambda unpacks for a function with all its layers: beyond that it is no wheel for Lambda.
UNZIPPED_MAX = 2_097_152_000
# A directory of 65,535 entries with names of 500 bytes each; real ones stay below 1 MB.
DIRECTORY_MAX = 33_554_432
# The best that deflate can do is 1,032 bytes for one (https://zlib.net/zlib_tech.html).
DEFLATE_RATIO_MAX = 1032
NAME_MAX = 4096
HEAD_MAX = 4096

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
# The end record with the longest comment that it may have.
_TAIL = _END.size + 0xFFFF
# Where extra fields of a local header usually end: one read brings header, name, extra and data.
_EXTRA_GUESS = 64

_CONTROL = re.compile("[\x00-\x1f\x7f]")
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_UTF8 = 0x800
_REPORT = "Pin another version of this distribution, and tell its authors."
_AGAIN = "Fetch it again; if it is the same on the index, pin another version of this distribution."


class BadWheelError(BuildError):
    """A wheel that is damaged, lies about itself, or would do harm. `filename` names it."""

    def __init__(self, filename: str, sentence: str, *, hint: str = _REPORT) -> None:
        self.filename = filename
        super().__init__(sentence, where=filename, hint=hint)


class Member(NamedTuple):
    """One file of a wheel, sizes in bytes; a NamedTuple because wheels have thousands of them."""

    name: str
    size: int
    compressed_size: int
    crc: int
    method: int
    executable: bool
    header_offset: int
    link: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Directory:
    """The files of the wheel `filename`, in the order of its central directory; no folders."""

    filename: str
    members: tuple[Member, ...]

    @property
    def unzipped_size(self) -> int:
        """Bytes of all files."""
        return sum(member.size for member in self.members)


class WheelReader:
    """Reads pieces of a seekable stream, and keeps its end, where most of what is asked for lies.

    A stream that fetches ranges is so asked one to three times for a whole wheel.
    """

    def __init__(self, stream: BinaryIO, *, filename: str) -> None:
        self.filename = filename
        self._stream = stream
        self.size = stream.seek(0, io.SEEK_END)
        self._near = (0, b"")
        self._kept_from = max(0, self.size - _TAIL)
        self._kept = self._fetch(self._kept_from, self.size - self._kept_from)

    def _fetch(self, offset: int, length: int) -> bytes:
        self._stream.seek(offset)
        pieces = []
        while length > 0 and (piece := self._stream.read(length)):
            pieces.append(piece)
            length -= len(piece)
        if length > 0:
            raise BadWheelError(self.filename, "the file ends before its directory says", hint=_AGAIN)
        return b"".join(pieces)

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes from `offset`. Raises BadWheelError if the file has fewer."""
        if offset < 0 or offset + length > self.size:
            raise BadWheelError(self.filename, "the file ends before its directory says", hint=_AGAIN)
        for start, kept in ((self._kept_from, self._kept), self._near):
            if start <= offset and offset + length <= start + len(kept):
                return kept[offset - start : offset - start + length]
        return self._fetch(offset, length)

    def expect(self, offset: int, length: int) -> None:
        """Fetch this range, as far as the file goes, at once: what is read next lies inside."""
        length = max(0, min(length, self.size - offset))
        self._near = (offset, self.read(offset, length))

    def tail(self) -> bytes:
        """The last bytes of the file: more than the longest end record."""
        return self._kept


def read_directory(reader: WheelReader, *, links: bool = False) -> Directory:
    """Every file of the wheel, checked so that its names and sizes can be trusted to do no harm.

    Symbolic links are refused unless `links`: layers and code may have them, wheels may not. What only
    the data can show (checksums, streams that are longer than they say) is checked where
    the data are read. Raises BadWheelError.
    """
    count, size, offset = _read_end(reader)
    data = reader.read(offset, size)
    members = []
    regions = []
    position = 0
    for _ in range(count):
        member, region, position = _parse_record(data, position, reader.filename, links=links)
        regions.append(region)
        if member is not None:
            members.append(member)
    if position != size:
        raise BadWheelError(reader.filename, "its directory is longer than the number of entries says")
    _refuse_overlaps(regions, offset, reader.filename)
    _refuse_duplicates(members, reader.filename)
    directory = Directory(filename=reader.filename, members=tuple(members))
    if directory.unzipped_size > UNZIPPED_MAX:
        raise BadWheelError(
            reader.filename,
            f"it would unpack to {directory.unzipped_size:,} bytes, more than the {UNZIPPED_MAX:,} "
            "that layerforge accepts (Lambda's own limit is 262,144,000)",
        )
    return directory


def _read_end(reader: WheelReader) -> tuple[int, int, int]:
    """Number of entries, size and offset of the central directory."""
    tail = reader.tail()
    position = tail.rfind(b"PK\x05\x06")
    while position >= 0:
        if len(tail) - position >= _END.size:
            end = _END.unpack_from(tail, position)
            # The record ends the file; the same four bytes inside a comment do not.
            if position + _END.size + end[7] == len(tail):
                return _check_end(end, reader.size - len(tail) + position, reader.filename)
        position = tail.rfind(b"PK\x05\x06", 0, position)
    raise BadWheelError(reader.filename, "it is no zip archive, or its end is missing", hint=_AGAIN)


def _check_end(end: tuple[int, ...], end_offset: int, filename: str) -> tuple[int, int, int]:
    _, disk, directory_disk, here, count, size, offset, _ = end
    if 0xFFFF in (count, here) or 0xFFFFFFFF in (size, offset):
        raise BadWheelError(filename, "it is a zip64 archive, which is for more than Lambda can hold")
    if disk or directory_disk or here != count:
        raise BadWheelError(filename, "it is one part of a zip archive of several files")
    if size > DIRECTORY_MAX:
        raise BadWheelError(filename, f"its directory takes {size:,} bytes, more than {DIRECTORY_MAX:,}")
    if offset + size != end_offset:
        raise BadWheelError(filename, "its directory is not where its end record says", hint=_AGAIN)
    return count, size, offset


def _parse_record(
    data: bytes, position: int, filename: str, *, links: bool
) -> tuple[Member | None, tuple[int, int], int]:
    """One record: the member (None for a folder), the bytes that it takes at least, the next position."""
    if position + _CENTRAL.size > len(data):
        raise BadWheelError(filename, "its directory ends in the middle of an entry", hint=_AGAIN)
    (
        signature, _, _, flags, method, _, _, crc, compressed, size,
        name_length, extra_length, comment_length, _, _, attributes, offset,
    ) = _CENTRAL.unpack_from(data, position)  # fmt: skip
    name_end = position + _CENTRAL.size + name_length
    if signature != b"PK\x01\x02" or name_end + extra_length + comment_length > len(data):
        raise BadWheelError(filename, "its directory is damaged", hint=_AGAIN)
    name = _decode_name(data[position + _CENTRAL.size : name_end], flags, filename)
    following = name_end + extra_length + comment_length
    region = (offset, offset + _LOCAL.size + name_length + compressed)
    _check_sizes(name, size, compressed, offset, filename)
    mode = attributes >> 16
    if name.endswith("/"):
        _check_name(name[:-1], filename)
        if size:
            raise BadWheelError(filename, f"the folder {name!r} has contents of its own")
        return None, region, following
    _check_name(name, filename)
    link = links and stat.S_ISLNK(mode)
    _check_kind(name, flags, method, 0 if link else mode, filename)
    if method == STORED and size != compressed:
        raise BadWheelError(filename, f"the entry {name!r} is stored, but in another size than its own")
    executable = bool(mode & 0o111)
    return Member(name, size, compressed, crc, method, executable, offset, link), region, following


def _decode_name(raw: bytes, flags: int, filename: str) -> str:
    if len(raw) > NAME_MAX:
        raise BadWheelError(filename, f"it has a name of {len(raw):,} bytes, more than {NAME_MAX:,}")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        if flags & _UTF8:
            raise BadWheelError(filename, f"the name {raw!r} is not UTF-8, though it says so") from None
        return raw.decode("cp437")


def _check_name(name: str, filename: str) -> None:
    """Refuse names that do not mean one file below the place where the wheel is unpacked."""
    if _CONTROL.search(name):
        raise BadWheelError(filename, f"the name {name!r} has control characters")
    if "\\" in name:
        raise BadWheelError(filename, f"the name {name!r} has a backslash where '/' belongs")
    if name.startswith("/") or name[1:2] == ":":
        raise BadWheelError(filename, f"the entry {name!r} has an absolute path")
    parts = name.split("/")
    if ".." in parts:
        raise BadWheelError(filename, f"the entry {name!r} would land outside of the layer")
    if "." in parts or "" in parts:
        raise BadWheelError(filename, f"the name {name!r} has an empty part")


def _check_sizes(name: str, size: int, compressed: int, offset: int, filename: str) -> None:
    if 0xFFFFFFFF in (size, compressed, offset):
        raise BadWheelError(filename, "it is a zip64 archive, which is for more than Lambda can hold")
    if size > compressed * DEFLATE_RATIO_MAX:
        raise BadWheelError(
            filename,
            f"the entry {name!r} claims that {compressed:,} bytes unpack to {size:,}, which none can",
        )


def _check_kind(name: str, flags: int, method: int, mode: int, filename: str) -> None:
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFLNK:
        raise BadWheelError(filename, f"the entry {name!r} is a symbolic link")
    if kind not in (0, stat.S_IFREG):
        raise BadWheelError(filename, f"the entry {name!r} is not a regular file (mode {mode:o})")
    if flags & _ENCRYPTED:
        raise BadWheelError(filename, f"the entry {name!r} is encrypted")
    if method not in (STORED, DEFLATED):
        raise BadWheelError(
            filename, f"the entry {name!r} is compressed by method {method}; Lambda unpacks deflate (8) only"
        )


def _refuse_overlaps(regions: list[tuple[int, int]], directory_offset: int, filename: str) -> None:
    """Two entries that share bytes make a small file unpack to any size, and no packer writes such."""
    end = 0
    for start, stop in sorted(regions):
        if start < end:
            raise BadWheelError(filename, "two of its entries share the same bytes")
        end = stop
    if end > directory_offset:
        raise BadWheelError(filename, "one of its entries reaches into its directory")


def _refuse_duplicates(members: list[Member], filename: str) -> None:
    names = {member.name for member in members}
    if len(names) < len(members):
        seen: set[str] = set()
        for member in members:
            if member.name in seen:
                raise BadWheelError(filename, f"it holds {member.name!r} twice")
            seen.add(member.name)
    folders = {member.name.rpartition("/")[0] for member in members}
    while folders:
        if both := sorted(folders & names):
            raise BadWheelError(filename, f"{both[0]!r} is a file and a folder at once")
        folders = {folder.rpartition("/")[0] for folder in folders} - {""}


def data_offset(reader: WheelReader, member: Member) -> int:
    """Where the data of `member` start, after its local header.

    Raises BadWheelError if the local header tells of another file than the directory.
    """
    header = reader.read(member.header_offset, _LOCAL.size)
    signature, _, flags, method, _, _, _, _, _, name_length, extra_length = _LOCAL.unpack(header)
    if signature != b"PK\x03\x04":
        raise BadWheelError(reader.filename, f"there is no file where its directory says {member.name!r} is")
    raw = reader.read(member.header_offset + _LOCAL.size, name_length)
    name = _decode_name(raw, flags, reader.filename)
    if name != member.name or method != member.method or flags & _ENCRYPTED:
        raise BadWheelError(
            reader.filename, f"its directory says {member.name!r} where the file itself says {name!r}"
        )
    return member.header_offset + _LOCAL.size + len(raw) + int(extra_length)


def read_member(reader: WheelReader, member: Member, *, limit: int) -> bytes:
    """The verified contents of `member`.

    Raises BadWheelError if they take more than `limit` bytes or are not what the directory says.
    """
    # Deflate can pad a stream at will: its length is held to the limit as well.
    if max(member.size, member.compressed_size - 1024) > limit:
        raise BadWheelError(
            reader.filename, f"{member.name!r} takes {member.size:,} bytes, more than the {limit:,} expected"
        )
    slack = _LOCAL.size + len(member.name.encode()) + _EXTRA_GUESS
    reader.expect(member.header_offset, slack + member.compressed_size)
    data = reader.read(data_offset(reader, member), member.compressed_size)
    if member.method == DEFLATED:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = inflater.decompress(data, member.size + 1)
        except zlib.error as error:
            raise BadWheelError(reader.filename, f"{member.name!r} cannot be unpacked ({error})") from error
        if not inflater.eof and len(data) <= member.size:
            raise BadWheelError(reader.filename, f"the data of {member.name!r} break off", hint=_AGAIN)
    if len(data) != member.size:
        raise BadWheelError(
            reader.filename, f"{member.name!r} unpacks to another size than the {member.size:,} bytes it says"
        )
    if zlib.crc32(data) != member.crc:
        raise BadWheelError(reader.filename, f"the checksum of {member.name!r} does not match", hint=_AGAIN)
    return data


def read_head(reader: WheelReader, member: Member) -> bytes:
    """The first bytes of `member`, at most `HEAD_MAX`, unverified: enough for the first line of a script."""
    length = min(member.compressed_size, HEAD_MAX)
    reader.expect(member.header_offset, _LOCAL.size + len(member.name.encode()) + _EXTRA_GUESS + length)
    data = reader.read(data_offset(reader, member), length)
    if member.method == STORED:
        return data
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, HEAD_MAX)
    except zlib.error as error:
        raise BadWheelError(reader.filename, f"{member.name!r} cannot be unpacked ({error})") from error
