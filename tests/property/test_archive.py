"""Layer zips of random wheels: sizes known beforehand, same bytes whatever the order, readable by all."""

from __future__ import annotations

import csv
import hashlib
import io
import random
import tempfile
import tracemalloc
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from layerforge.build.archive import write_archive
from layerforge.build.assembly import assemble
from layerforge.build.store import StoredWheel, WheelStore
from layerforge.cache import Cache
from layerforge.errors import BuildError
from layerforge.wheels.contents import read_contents
from layerforge.wheels.directory import WheelReader
from layerforge.wheels.facts import read_facts
from layerforge.wheels.verify import verify_entries
from tests.wheel_files import write_wheel

_part = st.text(st.sampled_from("abcXYZ09_äß,' -"), min_size=1, max_size=8).map(lambda text: f"m{text}.py")
_content = st.one_of(
    st.binary(max_size=200), st.integers(0, 40_000).map(lambda n: random.Random(n).randbytes(n) + bytes(n))
)
_first_lines = ["#!python\n", "#!pythonw -E\r\n", "#!/bin/sh\n", "", "#!python"]
_script = st.tuples(st.sampled_from(_first_lines), st.text(max_size=50))


@st.composite
def wheels(draw: st.DrawFn) -> dict[str, bytes]:
    made = {}
    for number in range(draw(st.integers(1, 4))):
        name = f"demo{number}"
        files = draw(st.dictionaries(_part, _content, max_size=6))
        scripts = draw(st.dictionaries(_part, _script, max_size=3))
        shared = draw(st.dictionaries(_part, _content, max_size=2))
        data: dict[str, bytes | str] = {f"data/share/{number}/{key}": value for key, value in shared.items()}
        data |= {f"scripts/{number}{key}": "".join(value) for key, value in scripts.items()}
        commands = draw(st.lists(st.from_regex(r"[a-z]{1,9}", fullmatch=True), max_size=3, unique=True))
        with tempfile.TemporaryDirectory() as folder:
            path = write_wheel(
                Path(folder),
                name,
                files={f"{name}/__init__.py": "", **{f"{name}/{key}": value for key, value in files.items()}},
                data=data,
                entry_points={"console_scripts": {f"{number}{key}": f"{name}:main" for key in commands}},
                modes={f"{name}/{key}": 0o755 for key in list(files)[:1]},
            )
            made[path.name] = path.read_bytes()
    return made


def store_all(files: Mapping[str, bytes], root: Path) -> list[StoredWheel]:
    """Put wheels into a store in the order given; sorted by name as layers have them."""
    store = WheelStore(Cache(root))
    stored = []
    for filename, data in files.items():
        temporary = store.cache.temporary()
        temporary.write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        fresh = store.add(temporary, filename=filename, sha256=sha256)
        assert store.get(sha256) == fresh
        stored.append(fresh)
    return sorted(stored, key=lambda wheel: wheel.name)


def build(stored: Sequence[StoredWheel], python: tuple[int, int] = (3, 13)) -> tuple[bytes, tuple[int, ...]]:
    assembly = assemble(stored, python=python, layer="demo")
    stream = io.BytesIO()
    written = write_archive(assembly.entries, stream, subject="demo")
    data = stream.getvalue()
    assert (written.zipped_size, written.sha256) == (len(data), hashlib.sha256(data).digest())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert written.unzipped_size == sum(info.file_size for info in archive.infolist())
    return data, assembly.sizes


@settings(max_examples=60)
@given(files=wheels(), seed=st.integers(0, 9))
def test_sizes_are_known_before_the_wheel_is_there_and_bytes_do_not_depend_on_order(
    files: dict[str, bytes], seed: int
) -> None:
    expected = [
        read_facts(io.BytesIO(data), filename=filename).unzipped_size for filename, data in files.items()
    ]
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        stored = store_all(files, Path(first))
        data, sizes = build(stored)
        assert list(sizes) == expected
        assert list(build(stored, python=(3, 10))[1]) == expected
        # Another cache, another order of arrival, and of assembling: nothing here collides.
        order = random.Random(seed).sample(sorted(files), len(files))
        again = store_all({filename: files[filename] for filename in order}, Path(second))
        assert build(again)[0] == build(again[::-1])[0] == data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert [name.encode() for name in names] == sorted(name.encode() for name in names)
        assert len(set(names)) == len(names)
        for info in archive.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.external_attr >> 16 in (0o100644, 0o100755)
            assert (info.extra, info.comment, info.flag_bits & ~0x800) == (b"", b"", 0)
        _check_records(archive)


def _check_records(archive: zipfile.ZipFile) -> None:
    """Together, the RECORDs list every file, with the size that it has."""
    listed = {}
    for name in archive.namelist():
        if name.endswith(".dist-info/RECORD"):
            for path, digest, size in csv.reader(archive.read(name).decode().splitlines()):
                listed[path[3:] if path.startswith("../") else f"python/{path}"] = (digest, size)
    assert listed.keys() == set(archive.namelist())
    for name, (digest, size) in listed.items():
        assert (digest == "") == name.endswith("/RECORD")
        assert size in ("", str(archive.getinfo(name).file_size))


@st.composite
def mutated_wheels(draw: st.DrawFn) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = write_wheel(
            Path(folder),
            "demo",
            files={"demo/__init__.py": "x = 1\n" * 20, "demo/b.py": bytes(50)},
            data={"scripts/run": "#!python\n"},
            entry_points={"console_scripts": {"go": "demo:main"}},
        )
        data = bytearray(path.read_bytes())
    for _ in range(draw(st.integers(1, 8))):
        # Half of them in the last bytes, where the directory is.
        at = len(data) - 1 - draw(st.integers(0, draw(st.sampled_from([len(data) - 1, 300]))))
        data[at] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, draw(st.integers(0, 255))]))
    start = draw(st.sampled_from([0, 0, 0, 1, 30]))
    end = draw(st.sampled_from([0, 0, 0, 1, 22, 100]))
    return bytes(data[start : len(data) - end])


_ends = st.binary(max_size=80).map(lambda data: b"PK\5\6" + data)


@settings(max_examples=600)
@given(data=st.one_of(mutated_wheels(), st.binary(max_size=300), _ends))
def test_nothing_but_build_errors_comes_of_damage_and_memory_stays_small(data: bytes) -> None:
    tracemalloc.start()
    try:
        reader = WheelReader(io.BytesIO(data), filename="demo-1.0-py3-none-any.whl")
        verify_entries(reader, read_contents(reader))
    except BuildError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8_000_000
