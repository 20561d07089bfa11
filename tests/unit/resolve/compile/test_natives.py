from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.resolve.compile.natives import find_native_file, is_native
from tests.native_files import native_files, write_native_project, write_native_sdist
from tests.wheel_files import MakeSource


@pytest.mark.parametrize(
    ("name", "native"),
    [
        ("src/fast.c", True),
        ("src/fast.CPP", True),
        ("fast.pyx", True),
        ("src/lib.rs", True),
        ("solver/lib.f90", True),
        ("CMakeLists.txt", True),
        ("meson.build", True),
        ("rust/Cargo.toml", True),
        # What ships as it is, or not at all.
        ("fast/api.h", False),
        ("fast/__init__.py", False),
        ("tests/fast.c", False),
        ("docs/examples/demo.c", False),
        (".github/helper.c", False),
        ("data/table.csv", False),
    ],
)
def test_what_has_to_be_compiled(name: str, native: bool) -> None:
    assert is_native(name) is native


def test_in_folders_and_sdists(tmp_path: Path, make_sdist: MakeSource, make_project: MakeSource) -> None:
    files = native_files("demo")
    assert find_native_file(write_native_project(tmp_path / "demo", files)) == "demo.c"
    assert find_native_file(write_native_sdist(tmp_path, "demo", "1.0", files)) == "demo.c"
    assert find_native_file(make_project("pure")) is None
    assert find_native_file(make_sdist("pure")) is None


def test_what_is_no_archive_has_nothing_to_compile(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(b"nothing")
    assert find_native_file(tmp_path / "a.tar.gz") is None
