from __future__ import annotations

import errno
import io
import threading
import zipfile
from pathlib import Path

import pytest

from layerforge.build.archive import ZipEntry, stored_entry, write_archive
from layerforge.errors import BuildError


def test_the_bytes_are_these(tmp_path: Path) -> None:
    stream = io.BytesIO()
    written = write_archive(
        [stored_entry("b", b"B", executable=True), stored_entry("ä", b"")], stream, subject="x"
    )
    assert stream.getvalue().hex(" ", 4) == bytes.fromhex(
        # b: local header dated 1980-01-01, data
        "504b0304 1400 0000 0000 0000 2100 31cfd04a 01000000 01000000 0100 0000 62 42"
        # ä: with the UTF-8 flag
        "504b0304 1400 0008 0000 0000 2100 00000000 00000000 00000000 0200 0000 c3a4"
        # the directory: made by Unix, 0100755 and 0100644
        "504b0102 1403 1400 0000 0000 0000 2100 31cfd04a 01000000 01000000 0100 0000 0000 0000 0000"
        "0000ed81 00000000 62"
        "504b0102 1403 1400 0008 0000 0000 2100 00000000 00000000 00000000 0200 0000 0000 0000 0000"
        "0000a481 20000000 c3a4"
        "504b0506 0000 0000 0200 0200 5f000000 40000000 0000"
    ).hex(" ", 4)
    assert (written.zipped_size, written.unzipped_size) == (len(stream.getvalue()), 1)


def test_streams_larger_than_all_buffers_are_copied(tmp_path: Path) -> None:
    source = tmp_path / "source"
    data = bytes(range(256)) * 30_000
    source.write_bytes(b"before" + data + b"after")
    entry = stored_entry("big", data)._replace(source=source, offset=6)
    stream = io.BytesIO()
    write_archive([entry, stored_entry("small", b"x"), stored_entry("large", data)], stream, subject="x")
    with zipfile.ZipFile(stream) as archive:
        assert archive.testzip() is None
        assert archive.read("big") == archive.read("large") == data


def test_more_sources_than_a_process_may_open(tmp_path: Path) -> None:
    entries = []
    for number in range(150):
        path = tmp_path / str(number)
        path.write_bytes(b"%d" % number)
        entries.append(stored_entry(f"{number:03}", path.read_bytes())._replace(source=path))
    stream = io.BytesIO()
    write_archive(entries, stream, subject="x")
    with zipfile.ZipFile(stream) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 150


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        (
            [ZipEntry(str(number), False, 0, 0, 0, 0, b"") for number in range(65_535)],
            "shop-a has 65,535 files, more than the 65,534 that a zip takes",
        ),
        (
            [ZipEntry("a", False, 0, 0, 0xFFFFFFF0, 0xFFFFFFF0, b"")],
            "shop-a takes 4,294,967,358 bytes, more than the 4,294,967,294 that a zip takes",
        ),
    ],
)
def test_refuses_what_needs_zip64(entries: list[ZipEntry], sentence: str) -> None:
    stream = io.BytesIO()
    with pytest.raises(BuildError) as caught:
        write_archive(entries, stream, subject="shop-a")
    assert str(caught.value) == sentence
    assert stream.getvalue() == b""


def test_a_source_that_ends_early(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"short")
    with pytest.raises(BuildError) as caught:
        write_archive([ZipEntry("a", False, 0, 0, 9, 9, source)], io.BytesIO(), subject="x")
    assert str(caught.value) == f"{source}: it became shorter while it was read"


class FullDisk(io.BytesIO):
    def write(self, data: object, /) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("size", [10, 20_000_000])
def test_a_full_disk_is_told_and_no_thread_is_left(size: int) -> None:
    before = threading.active_count()
    with pytest.raises(OSError, match="No space left"):
        write_archive([stored_entry("a", bytes(size))], FullDisk(), subject="x")
    assert threading.active_count() == before
