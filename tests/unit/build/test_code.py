from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from layerforge.build.code import read_code, write_code
from layerforge.errors import BuildError


def write(root: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def pack(root: Path, source: str) -> bytes:
    stream = io.BytesIO()
    write_code(read_code(root, source), stream)
    return stream.getvalue()


def test_a_folder(tmp_path: Path) -> None:
    write(
        tmp_path / "orders", {"app.py": b"x = 1\n", "lib/ä.py": b"", "run.sh": b"#!/bin/sh\n", "a.pyc": b"no"}
    )
    (tmp_path / "orders/run.sh").chmod(0o755)
    code = read_code(tmp_path, "orders")
    assert code.unzipped_size == 16
    with zipfile.ZipFile(io.BytesIO(pack(tmp_path, "orders"))) as archive:
        assert archive.testzip() is None
        assert {
            info.filename: (info.external_attr >> 16, info.date_time[0]) for info in archive.infolist()
        } == {
            "app.py": (0o100644, 1980),
            "lib/ä.py": (0o100644, 1980),
            "run.sh": (0o100755, 1980),
        }


def test_times_and_places_do_not_matter(tmp_path: Path) -> None:
    for name in ("here", "there"):
        write(tmp_path / name / "code", {"b.py": b"b", "a.py": b"a"})
    os.utime(tmp_path / "there/code/a.py", (1, 1))
    assert pack(tmp_path / "here", "code") == pack(tmp_path / "there", "code")
    assert (
        read_code(tmp_path / "here", "code").input_digest
        == read_code(tmp_path / "there", "code").input_digest
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "a.py").write_bytes(b"c"),
        lambda folder: (folder / "a.py").rename(folder / "c.py"),
        lambda folder: (folder / "a.py").chmod(0o755),
        lambda folder: (folder / "new.py").write_bytes(b""),
    ],
)
def test_every_change_counts(tmp_path: Path, change: object) -> None:
    write(tmp_path / "code", {"a.py": b"a", "b.py": b"b"})
    before = read_code(tmp_path, "code").input_digest
    assert callable(change)
    change(tmp_path / "code")
    assert read_code(tmp_path, "code").input_digest != before


def test_one_file(tmp_path: Path) -> None:
    write(tmp_path, {"functions/ping.py": b"pong"})
    with zipfile.ZipFile(io.BytesIO(pack(tmp_path, "functions/ping.py"))) as archive:
        assert [(info.filename, info.file_size) for info in archive.infolist()] == [("ping.py", 4)]


def test_a_zip_is_copied_as_it_is(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "code.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("app.py", b"x" * 100)
    assert pack(tmp_path, "code.zip") == (tmp_path / "code.zip").read_bytes()
    assert read_code(tmp_path, "code.zip").unzipped_size == 100


@pytest.mark.parametrize("change", [b"longer than before", b"", None])
def test_code_that_changes_while_it_is_packed(tmp_path: Path, change: bytes | None) -> None:
    write(tmp_path / "code", {"a.py": b"before", "b.py": b"b"})
    code = read_code(tmp_path, "code")
    path = tmp_path / "code/a.py"
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change)
    with pytest.raises(BuildError) as caught:
        write_code(code, io.BytesIO())
    assert str(caught.value) == "code: the code changed while it was packed"


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    write(tmp_path / "code", {"a.py": b""})
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/code/\xff.py")).write_bytes(b"")
    with pytest.raises(BuildError) as caught:
        read_code(tmp_path, "code")
    assert str(caught.value) == (
        r"code: the name of the file b'\xff.py' is not UTF-8, as names in a zip have to be"
    )
