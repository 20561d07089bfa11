from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from layerforge.build.assembly import assemble
from layerforge.build.pack import Pack, PackStore
from layerforge.build.store import DigestCheck, WheelStore
from layerforge.cache import Cache, sha256_of
from layerforge.errors import BuildError
from tests.wheel_files import MakeWheel

KEY = "ab" * 32
PYC = "python/demo/__pycache__/__init__.cpython-313.pyc"


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return path


def add(root: Path, files: dict[str, bytes]) -> Pack:
    return PackStore(Cache(root / "cache")).add(
        "bytecode", KEY, archive(root / "p.zip", files), notes={"n": 1}
    )


def test_finds_what_was_added(tmp_path: Path) -> None:
    pack = add(tmp_path, {PYC: b"code"})
    store = PackStore(Cache(tmp_path / "cache"))
    assert store.find("bytecode", KEY) == pack
    assert (pack.notes, pack.size, [entry.name for entry in pack.entries]) == ({"n": 1}, 4, [PYC])
    assert store.find("stripped", KEY) is None
    pack.path.unlink()
    assert store.find("bytecode", KEY) is None


@pytest.mark.parametrize("name", ["python/../../x", "/etc/x", "etc/x"])
def test_refuses_paths_outside_a_layer(tmp_path: Path, name: str) -> None:
    with pytest.raises(BuildError):
        add(tmp_path, {name: b"x"})


def test_refuses_a_damaged_stream(tmp_path: Path) -> None:
    made = archive(tmp_path / "p.zip", {PYC: b"code" * 100})
    data = bytearray(made.read_bytes())
    data[30 + len(PYC) + 2] ^= 0xFF
    made.write_bytes(data)
    with pytest.raises(BuildError):
        PackStore(Cache(tmp_path / "cache")).add("bytecode", KEY, made)


def test_a_changed_blob_is_noticed(tmp_path: Path) -> None:
    pack = add(tmp_path, {PYC: b"code"})
    pack.path.write_bytes(b"!" * pack.path.stat().st_size)
    with DigestCheck([pack]) as check:
        assert check.damaged() == (pack,)


def test_packs_replace_and_add_files(tmp_path: Path, make_wheel: MakeWheel) -> None:
    wheel = make_wheel("demo", files={"demo/__init__.py": "x", "demo/lib.so": "long"})
    cache = Cache(tmp_path / "cache")
    stored = WheelStore(cache).add(wheel, filename=wheel.name, sha256=sha256_of(wheel))
    pack = add(tmp_path, {PYC: b"code", "python/demo/lib.so": b"so"})

    def build(packs: dict[str, list[Pack]]) -> tuple[dict[str, int], str, int]:
        made = assemble([stored], python=(3, 13), layer="shop-a", packs=packs)
        sources = {entry.path: entry.source for entry in made.entries}
        record = sources["python/demo-1.0.dist-info/RECORD"]
        assert isinstance(record, bytes)
        return {entry.path: entry.size for entry in made.entries}, record.decode(), made.sizes[0]

    plain, _, _ = build({})
    sizes, record, total = build({stored.sha256: [pack]})
    assert sizes.keys() - plain.keys() == {PYC}
    assert (sizes["python/demo/lib.so"], sizes[PYC], total) == (2, 4, sum(sizes.values()))
    assert "demo/__pycache__/__init__.cpython-313.pyc,sha256=" in record
    assert build({"0" * 64: [pack]})[0] == plain
