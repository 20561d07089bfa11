"""Hostile and damaged wheels: one row per kind, each with the whole sentence."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import NamedTuple

import pytest

from layerforge.wheels.directory import (
    BadWheelError,
    Member,
    WheelReader,
    data_offset,
    read_directory,
    read_head,
    read_member,
)

WHEEL = "evil-1.0-py3-none-any.whl"


class Raw(NamedTuple):
    """An entry as a hostile packer would write it."""

    name: bytes
    data: bytes = b""
    method: int = 0
    flags: int = 0
    mode: int = stat.S_IFREG | 0o644
    size: int | None = None
    compressed_size: int | None = None
    crc: int | None = None
    offset: int | None = None
    local_name: bytes | None = None
    extra: bytes = b""
    packed: bytes | None = None


def pack(*entries: Raw, count: int | None = None, comment: bytes = b"", trailing: bytes = b"") -> bytes:
    body = b""
    central = b""
    for entry in entries:
        packed = entry.data if entry.packed is None else entry.packed
        if entry.method == 8 and entry.packed is None:
            packer = zlib.compressobj(wbits=-15)
            packed = packer.compress(entry.data) + packer.flush()
        name = entry.name if entry.local_name is None else entry.local_name
        offset = len(body) if entry.offset is None else entry.offset
        crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
        size = len(entry.data) if entry.size is None else entry.size
        compressed = len(packed) if entry.compressed_size is None else entry.compressed_size
        sizes = (entry.method, 0, 33, crc, compressed, size)
        body += struct.pack("<4s5H3L2H", b"PK\3\4", 20, entry.flags, *sizes, len(name), len(entry.extra))
        body += name + entry.extra + packed
        central += struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 0x314, 20, entry.flags, *sizes, len(entry.name), 0, 0, 0, 0,
            entry.mode << 16, offset,
        )  # fmt: skip
        central += entry.name
    total = len(entries) if count is None else count
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, total, total, len(central), len(body), len(comment))
    return body + central + end + comment + trailing


def reader(data: bytes) -> WheelReader:
    return WheelReader(io.BytesIO(data), filename=WHEEL)


def read_all(data: bytes) -> list[bytes]:
    opened = reader(data)
    return [read_member(opened, member, limit=1000) for member in read_directory(opened).members]


FINE = Raw(b"evil.py", b"pass\n")
LINK = stat.S_IFLNK | 0o777


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (pack(Raw(b"../evil.py")), "the entry '../evil.py' would land outside of the layer"),
        (pack(Raw(b"evil/../../x")), "the entry 'evil/../../x' would land outside of the layer"),
        (pack(Raw(b"..")), "the entry '..' would land outside of the layer"),
        (pack(Raw(b"../evil/")), "the entry '../evil' would land outside of the layer"),
        (pack(Raw(b"/etc/passwd")), "the entry '/etc/passwd' has an absolute path"),
        (pack(Raw(b"C:/evil.py")), "the entry 'C:/evil.py' has an absolute path"),
        (pack(Raw(b"evil\\x.py")), r"the name 'evil\\x.py' has a backslash where '/' belongs"),
        (pack(Raw(b"evil.py\0.txt")), r"the name 'evil.py\x00.txt' has control characters"),
        (pack(Raw(b"evil\n.py")), r"the name 'evil\n.py' has control characters"),
        (pack(Raw(b"evil//x.py")), "the name 'evil//x.py' has an empty part"),
        (pack(Raw(b"./evil.py")), "the name './evil.py' has an empty part"),
        (pack(Raw(b"")), "the name '' has an empty part"),
        (pack(Raw(b"\xff.py", flags=0x800)), r"the name b'\xff.py' is not UTF-8, though it says so"),
        (pack(Raw(b"x" * 5000)), "it has a name of 5,000 bytes, more than 4,096"),
        (pack(Raw(b"link", b"/etc/passwd", mode=LINK)), "the entry 'link' is a symbolic link"),
        (pack(Raw(b"dev", mode=stat.S_IFCHR)), "the entry 'dev' is not a regular file (mode 20000)"),
        (pack(Raw(b"folder/", b"x")), "the folder 'folder/' has contents of its own"),
        (pack(FINE._replace(flags=1)), "the entry 'evil.py' is encrypted"),
        (
            pack(FINE._replace(method=12)),
            "the entry 'evil.py' is compressed by method 12; Lambda unpacks deflate (8) only",
        ),
        (pack(FINE, FINE), "it holds 'evil.py' twice"),
        (pack(Raw(b"evil"), Raw(b"evil/a/x.py")), "'evil' is a file and a folder at once"),
        (
            pack(FINE._replace(size=9)),
            "the entry 'evil.py' is stored, but in another size than its own",
        ),
        (
            pack(Raw(b"bomb", b"", method=8, size=1_000_000)),
            "the entry 'bomb' claims that 2 bytes unpack to 1,000,000, which none can",
        ),
        (
            pack(Raw(b"big", b"", method=8, size=2_100_000_000, compressed_size=2_100_000)),
            "one of its entries reaches into its directory",
        ),
        (
            pack(FINE._replace(size=0xFFFFFFFF, compressed_size=0xFFFFFFFF)),
            "it is a zip64 archive, which is for more than Lambda can hold",
        ),
        (pack(FINE, Raw(b"b", b"x" * 40, offset=3)), "two of its entries share the same bytes"),
        (pack(FINE, count=0xFFFF), "it is a zip64 archive, which is for more than Lambda can hold"),
        (pack(FINE, count=2), "its directory ends in the middle of an entry"),
        (pack(FINE, FINE, count=1), "its directory is longer than the number of entries says"),
        (pack(FINE, trailing=b"x"), "it is no zip archive, or its end is missing"),
        (b"x" + pack(FINE), "its directory is not where its end record says"),
        (pack(FINE)[:-30], "it is no zip archive, or its end is missing"),
        (b"", "it is no zip archive, or its end is missing"),
        (b"<html>404</html>", "it is no zip archive, or its end is missing"),
        (
            pack(FINE._replace(local_name=b"good.py")),
            "its directory says 'evil.py' where the file itself says 'good.py'",
        ),
        (pack(FINE._replace(offset=1)), "one of its entries reaches into its directory"),
        (
            pack(Raw(b"a", extra=b"y" * 80), Raw(b"evil.py", offset=40)),
            "there is no file where its directory says 'evil.py' is",
        ),
        (pack(FINE._replace(crc=7)), "the checksum of 'evil.py' does not match"),
        (
            pack(Raw(b"evil.py", b"x" * 50, method=8, size=20)),
            "'evil.py' unpacks to another size than the 20 bytes it says",
        ),
        (
            pack(Raw(b"evil.py", b"x" * 50, method=8, size=60)),
            "'evil.py' unpacks to another size than the 60 bytes it says",
        ),
        (pack(Raw(b"big.py", b"x" * 5000)), "'big.py' takes 5,000 bytes, more than the 1,000 expected"),
    ],
)
def test_refuses(data: bytes, sentence: str) -> None:
    with pytest.raises(BadWheelError) as caught:
        read_all(data)
    assert str(caught.value) == f"{WHEEL}: {sentence}"
    assert caught.value.exit_code == 4


def test_refuses_what_would_fill_the_disk() -> None:
    # The data are never looked at: their room is enough for the claim.
    bombs = [Raw(b"%d" % n, method=8, size=1_082_000_000, packed=bytes(1_100_000)) for n in range(2)]
    with pytest.raises(BadWheelError) as caught:
        read_directory(reader(pack(*bombs)))
    assert str(caught.value) == (
        f"{WHEEL}: it would unpack to 2,164,000,000 bytes, more than the 2,097,152,000 "
        "that layerforge accepts (Lambda's own limit is 262,144,000)"
    )


@pytest.mark.parametrize(
    ("entry", "member"),
    [
        (Raw(b"a.py", b"hello"), Member("a.py", 5, 5, 907060870, 0, False, 0)),
        (Raw(b"run", b"hello", mode=stat.S_IFREG | 0o755), Member("run", 5, 5, 907060870, 0, True, 0)),
        (Raw(b"z.py", b"hello" * 9, method=8), Member("z.py", 45, 9, 876880064, 8, False, 0)),
        (Raw(b"old", b"hello", mode=0), Member("old", 5, 5, 907060870, 0, False, 0)),
        (Raw("ä".encode(), b"hello", flags=0x800), Member("ä", 5, 5, 907060870, 0, False, 0)),
        (Raw("ä".encode(), b"hello"), Member("ä", 5, 5, 907060870, 0, False, 0)),
        (Raw(b"\x84", b"hello"), Member("ä", 5, 5, 907060870, 0, False, 0)),
    ],
)
def test_reads_members(entry: Raw, member: Member) -> None:
    opened = reader(pack(entry))
    (found,) = read_directory(opened).members
    assert found._replace(compressed_size=0, crc=0) == member._replace(compressed_size=0, crc=0)
    assert read_member(opened, found, limit=100) == entry.data
    assert zlib.crc32(entry.data) == found.crc


def test_folders_are_passed_over_and_comments_allowed() -> None:
    data = pack(Raw(b"pkg/", mode=stat.S_IFDIR | 0o755), FINE, comment=b"made with PK\5\6 care")
    assert [member.name for member in read_directory(reader(data)).members] == ["evil.py"]


def test_data_start_after_extra_fields_of_any_length() -> None:
    opened = reader(pack(FINE._replace(extra=b"x" * 300)) + b"")
    (member,) = read_directory(opened).members
    assert data_offset(opened, member) == 30 + 7 + 300
    assert read_member(opened, member, limit=100) == b"pass\n"


def test_heads_of_large_scripts_are_read_without_the_rest() -> None:
    script = b"#!python\n" + b"print(1)\n" * 100_000
    opened = reader(pack(Raw(b"run", script, method=8)))
    (member,) = read_directory(opened).members
    assert read_head(opened, member) == script[:4096]


class Counted(io.BytesIO):
    """A stream that counts what it is asked for."""

    reads = 0
    asked = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        self.asked += size or 0
        return super().read(size)


def test_a_large_wheel_is_read_in_three_pieces() -> None:
    stream = Counted()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("wanted.txt", "here")
        for number in range(3000):
            archive.writestr(f"package/module_with_a_long_name_{number:06}.py", b"x" * 500)
    stream.reads = stream.asked = 0
    opened = WheelReader(stream, filename=WHEEL)
    wanted = read_directory(opened).members[0]
    assert read_member(opened, wanted, limit=100) == b"here"
    # The end, the directory that is longer than it, and the member: of 2 MB, 350 KB.
    assert stream.reads == 3
    assert stream.asked < 360_000


class Short(io.BytesIO):
    """A stream that returns less than it is asked for, as sockets do."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, 7))


@pytest.mark.parametrize("make", [io.BytesIO, Short])
def test_short_reads_are_put_together(make: Callable[[bytes], io.BytesIO]) -> None:
    opened = WheelReader(make(pack(FINE)), filename=WHEEL)
    assert read_member(opened, read_directory(opened).members[0], limit=100) == b"pass\n"
