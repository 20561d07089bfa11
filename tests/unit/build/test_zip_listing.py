from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from layerforge.build.zip_listing import HeldDistribution, HeldFile, read_zip_listing
from layerforge.cache import Cache
from layerforge.errors import BuildError
from tests.wheel_files import record_row

SHA = "ab" * 32
METADATA = """\
Metadata-Version: 2.4
Name: Some.Demo
Version: 1.0
Summary: does
 it all
License-Expression: mit

"""


def write(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def demo(prefix: str = "python/", *, record: str | None = None) -> dict[str, bytes]:
    """A distribution as a build lays it out: its RECORD is relative to the folder of its packages."""
    files = {
        f"{prefix}demo/__init__.py": b"x = 1\n",
        f"{prefix}demo/_native.so": b"\x7fELF" * 100,
        f"{prefix}some_demo.libs/libzstd-1b7162d6.so.1.5": b"\x7fELF" * 300,
        f"{prefix}some_demo-1.0.dist-info/METADATA": METADATA.encode(),
        "bin/demo": b"#!/var/lang/bin/python3.13\n",
    }
    rows = [
        record_row(name.removeprefix(prefix) if name != "bin/demo" else "../bin/demo", data)
        for name, data in files.items()
    ]
    own = f"{prefix}some_demo-1.0.dist-info/RECORD"
    text = "\n".join([*rows, "../../etc/passwd,sha256=x,1", "gone.py,,", ""]) if record is None else record
    return {**files, own: text.encode()}


def read(path: Path, cache: Cache | None = None, sha256: str = SHA) -> HeldDistribution:
    (held,) = read_zip_listing(path, sha256=sha256, cache=cache or Cache()).distributions
    return held


def test_a_distribution_is_told_by_its_record(tmp_path: Path) -> None:
    files = demo()
    held = read(write(tmp_path / "layer.zip", files))
    assert (held.name, held.version, held.license, held.summary) == ("some-demo", "1.0", "MIT", "does it all")
    # All but RECORD itself, which names no other row for itself here.
    assert held.files == 5
    assert held.unzipped_size == sum(len(data) for name, data in files.items() if not name.endswith("RECORD"))
    assert [file.path for file in held.largest[:2]] == [
        "python/some_demo.libs/libzstd-1b7162d6.so.1.5",
        "python/demo/_native.so",
    ]
    assert "bin/demo" in [file.path for file in held.largest]
    (library,) = held.bundled
    assert library == HeldFile("python/some_demo.libs/libzstd-1b7162d6.so.1.5", 1200, library.sha256)
    assert library.sha256 == hashlib.sha256(b"\x7fELF" * 300).hexdigest()


def test_the_largest_files_of_a_zip_go_with_who_has_them(tmp_path: Path) -> None:
    path = write(tmp_path / "code.zip", {**demo(""), "app.py": b"y" * 5000})
    contents = read_zip_listing(path, sha256=SHA, cache=Cache())
    assert contents.largest[:2] == (
        (HeldFile("app.py", 5000), None),
        (HeldFile("some_demo.libs/libzstd-1b7162d6.so.1.5", 1200), "some-demo"),
    )


def test_it_is_read_once_and_remembered_by_its_digest(tmp_path: Path) -> None:
    cache = Cache()
    path = write(tmp_path / "layer.zip", demo())
    first = read_zip_listing(path, sha256=SHA, cache=cache)
    path.unlink()
    assert read_zip_listing(path, sha256=SHA, cache=cache) == first
    with pytest.raises(BuildError, match=r"layer\.zip: the zip cannot be read"):
        read_zip_listing(path, sha256="cd" * 32, cache=cache)


def test_what_an_older_version_remembered_is_read_anew(tmp_path: Path) -> None:
    cache = Cache()
    cache.write_facts("zip-listing", SHA, {"format": 0, "distributions": []})
    assert read(write(tmp_path / "layer.zip", demo()), cache).name == "some-demo"


@pytest.mark.parametrize(
    ("files", "count"),
    [
        # Digests that are none, rows that are none.
        (demo(record="demo/__init__.py,md5=abc,6\n\ndemo/_native.so,sha256=@@,4\n"), 2),
        ({name: data for name, data in demo().items() if not name.endswith("RECORD")}, 1),
        (demo(record='"unfinished\n'), 0),
        (demo(record="\xff\n"), 0),
    ],
)
def test_a_record_that_is_no_good_is_no_harm(tmp_path: Path, files: dict[str, bytes], count: int) -> None:
    held = read(write(tmp_path / "layer.zip", files))
    assert (held.files, {file.sha256 for file in held.largest} <= {""}) == (count, True)


def test_a_damaged_zip_is_told(tmp_path: Path) -> None:
    path = tmp_path / "layer.zip"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in demo().items():
            archive.writestr(name, data)
    damaged = bytearray(buffer.getvalue())
    at = damaged.index(b"METADATA") + 12
    damaged[at : at + 20] = b"\0" * 20
    path.write_bytes(damaged)
    with pytest.raises(BuildError) as caught:
        read(path)
    assert caught.value.where == str(path)
    assert caught.value.hint == "run `layerforge build`"
    path.write_bytes(b"no zip")
    with pytest.raises(BuildError, match="is not a zip file"):
        read(path)
