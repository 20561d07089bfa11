from __future__ import annotations

import hashlib
import io
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from layerforge.build.archive import write_archive
from layerforge.build.assembly import Assembly, assemble
from layerforge.build.store import WheelStore
from layerforge.cache import Cache, sha256_of
from tests.elf_files import FIXED, make_elf
from tests.wheel_files import MakeWheel

LIBRARY = make_elf(soname="libx.so.1", padding=5000)
MODULE = make_elf(modules=["_x"], padding=5000)


def assembled(root: Path, *wheels: Path, dedupe: bool = True) -> Assembly:
    store = WheelStore(Cache(root / "cache"))
    stored = [store.add(path, filename=path.name, sha256=sha256_of(path)) for path in wheels]
    return assemble(stored, python=(3, 13), layer="shop-a", dedupe=dedupe)


def links(assembly: Assembly) -> dict[str, str]:
    return {
        entry.path: entry.source.decode()
        for entry in assembly.entries
        if entry.link and isinstance(entry.source, bytes)
    }


def test_one_stays_and_the_others_lead_to_it(tmp_path: Path, make_wheel: MakeWheel) -> None:
    names = ("demo/libx.so", "demo/libx.so.1", "demo.libs/libx.so.1.2", "demo/deep/libx.so")
    first = make_wheel("demo", files=dict.fromkeys(names, LIBRARY))
    second = make_wheel("other", files={"other/libx.so.1": LIBRARY, "other/y.so": make_elf(padding=5000)})
    # Storing takes the wheels away.
    copies = [Path(shutil.copy(path, tmp_path / path.name)) for path in (first, second)]
    assembly = assembled(tmp_path, first, second)
    assert links(assembly) == {
        "python/demo/deep/libx.so": "../../demo.libs/libx.so.1.2",
        "python/demo/libx.so": "../demo.libs/libx.so.1.2",
        "python/demo/libx.so.1": "../demo.libs/libx.so.1.2",
        "python/other/libx.so.1": "../demo.libs/libx.so.1.2",
    }
    plain = assembled(tmp_path / "plain", *copies, dedupe=False)
    saved = [len(LIBRARY) - len(target) for _, target in sorted(links(assembly).items())]
    assert [before - after for before, after in zip(plain.sizes, assembly.sizes, strict=True)] == [
        sum(saved[:3]),
        saved[3],
    ]


@pytest.mark.parametrize(
    "data",
    [
        # Two modules of one file would share their state.
        MODULE,
        make_elf(kind=FIXED, dynamic=False, padding=5000),
        b"\x7fELF" + b"\0" * 5000,
        b"text" * 2000,
        make_elf(soname="libx.so"),
    ],
    ids=["module", "program", "damaged", "text", "small"],
)
def test_what_is_left_alone(tmp_path: Path, make_wheel: MakeWheel, data: bytes) -> None:
    wheel = make_wheel("demo", files={"a/_x.so": data, "b/_x.so": data})
    assert links(assembled(tmp_path, wheel)) == {}


def test_files_that_may_be_started_are_no_copies_of_those_that_may_not(
    tmp_path: Path, make_wheel: MakeWheel
) -> None:
    wheel = make_wheel("demo", files={"a/libx.so": LIBRARY, "b/libx.so": LIBRARY}, modes={"a/libx.so": 0o755})
    assert links(assembled(tmp_path, wheel)) == {}


def test_the_zip_unpacks_to_links_and_record_tells_of_files(tmp_path: Path, make_wheel: MakeWheel) -> None:
    wheel = make_wheel("demo", files={"demo/libx.so": LIBRARY, "demo/libx.so.1": LIBRARY})
    assembly = assembled(tmp_path, wheel)
    stream = io.BytesIO()
    written = write_archive(assembly.entries, stream, subject="x")
    with zipfile.ZipFile(stream) as archive:
        info = archive.getinfo("python/demo/libx.so.1")
        assert (stat.S_ISLNK(info.external_attr >> 16), archive.read(info)) == (True, b"libx.so")
        record = archive.read("python/demo-1.0.dist-info/RECORD").decode()
    assert [row.partition(",")[2] for row in record.splitlines() if row.startswith("demo/libx.so,")] == [
        row.partition(",")[2] for row in record.splitlines() if row.startswith("demo/libx.so.1,")
    ]
    assert written.unzipped_size == sum(assembly.sizes)
    again = io.BytesIO()
    write_archive(reversed(assembly.entries), again, subject="x")
    assert hashlib.sha256(again.getvalue()).digest() == written.sha256
