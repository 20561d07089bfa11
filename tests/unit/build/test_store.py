from __future__ import annotations

import json
from pathlib import Path

import pytest

from layerforge.build.store import DamagedWheelError, DigestCheck, StoredWheel, WheelStore, read_entry
from layerforge.cache import Cache, sha256_of
from layerforge.wheels.directory import BadWheelError
from tests.wheel_files import Lies, MakeWheel


@pytest.fixture
def store(tmp_path: Path) -> WheelStore:
    return WheelStore(Cache(tmp_path / "cache"))


def add(store: WheelStore, wheel: Path) -> StoredWheel:
    return store.add(wheel, filename=wheel.name, sha256=sha256_of(wheel))


def test_a_wheel_is_found_again_without_its_zip_being_parsed(
    store: WheelStore, make_wheel: MakeWheel
) -> None:
    wheel = make_wheel(
        "demo", data={"scripts/run": "#!python\n"}, entry_points={"console_scripts": {"go": "demo:x"}}
    )
    added = add(store, wheel)
    assert not wheel.exists()
    # Same size, other bytes: whoever reads them notices, `get` does not read.
    added.path.write_bytes(bytes(added.path.stat().st_size))
    assert store.holds(added.sha256)
    assert store.get(added.sha256) == added


def test_a_bad_wheel_does_not_enter(store: WheelStore, make_wheel: MakeWheel) -> None:
    wheel = make_wheel("demo", lies=Lies(entries=[("more.py", "x")]))
    with pytest.raises(BadWheelError):
        add(store, wheel)
    assert wheel.exists()
    assert store.get(sha256_of(wheel)) is None


def test_an_index_that_rotted_does_not_count(store: WheelStore, make_wheel: MakeWheel) -> None:
    added = add(store, make_wheel("demo"))
    path = store.cache.facts("contents", added.sha256)
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, "rows": facts["rows"].replace("demo/", "evil/")}))
    assert store.get(added.sha256) is None
    assert store.adopt_known(filename=added.filename, sha256=added.sha256) == added
    assert store.get(added.sha256) == added


@pytest.mark.parametrize("damage", [b"", b"other bytes"])
def test_a_wheel_that_lost_its_bytes_does_not_count(
    store: WheelStore, make_wheel: MakeWheel, damage: bytes
) -> None:
    added = add(store, make_wheel("demo"))
    added.path.write_bytes(damage)
    assert store.get(added.sha256) is None
    assert store.adopt_known(filename=added.filename, sha256=added.sha256) is None
    assert not added.path.exists()


def test_discarding(store: WheelStore, make_wheel: MakeWheel) -> None:
    added = add(store, make_wheel("demo"))
    store.discard(added.sha256)
    assert not store.holds(added.sha256)
    assert store.adopt_known(filename=added.filename, sha256=added.sha256) is None


def test_the_digest_check_names_what_is_damaged(store: WheelStore, make_wheel: MakeWheel) -> None:
    fine, damaged, gone = (add(store, make_wheel(name)) for name in ("fine", "damaged", "gone"))
    damaged.path.write_bytes(bytes(damaged.path.stat().st_size))
    gone.path.unlink()
    with DigestCheck([fine, damaged, gone]) as check:
        assert check.damaged() == (damaged, gone)


def test_a_damaged_entry_is_told_with_the_name_of_the_wheel(store: WheelStore, make_wheel: MakeWheel) -> None:
    added = add(store, make_wheel("demo"))
    assert read_entry(added, added.entries[0]) == b'__version__ = "1.0"\n'
    added.path.write_bytes(bytes(added.path.stat().st_size))
    with pytest.raises(DamagedWheelError) as caught:
        read_entry(added, added.entries[0])
    assert str(caught.value) == (
        "demo-1.0-py3-none-any.whl: the copy in the cache is damaged, and so is what was fetched in its place"
    )
