from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from layerforge.build.assembly import Assembly, assemble
from layerforge.build.store import StoredWheel, WheelStore
from layerforge.cache import Cache, sha256_of
from layerforge.errors import BuildError
from tests.wheel_files import MakeWheel

PKGUTIL = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"


def store(root: Path, wheel: Path) -> StoredWheel:
    sha256 = sha256_of(wheel)
    return WheelStore(Cache(root / "cache")).add(wheel, filename=wheel.name, sha256=sha256)


def assemble_all(root: Path, *wheels: Path) -> Assembly:
    return assemble([store(root, wheel) for wheel in wheels], python=(3, 13), layer="shop-a")


def contents(assembly: Assembly) -> dict[str, bytes]:
    return {entry.path: entry.source for entry in assembly.entries if isinstance(entry.source, bytes)}


def test_lays_out_a_wheel(tmp_path: Path, make_wheel: MakeWheel) -> None:
    wheel = make_wheel(
        "demo",
        files={"demo/__init__.py": "x"},
        data={"scripts/run": "#!python\nprint()\n", "data/share/x": "x", "headers/demo.h": "x"},
        entry_points={"console_scripts": {"go": "demo:main"}},
    )
    assembly = assemble_all(tmp_path, wheel)
    assert sorted((entry.path, entry.executable) for entry in assembly.entries) == [
        ("bin/go", True),
        ("bin/run", True),
        ("python/demo-1.0.dist-info/INSTALLER", False),
        ("python/demo-1.0.dist-info/METADATA", False),
        ("python/demo-1.0.dist-info/RECORD", False),
        ("python/demo-1.0.dist-info/WHEEL", False),
        ("python/demo-1.0.dist-info/entry_points.txt", False),
        ("python/demo/__init__.py", False),
        ("share/x", False),
    ]
    written = contents(assembly)
    assert written["bin/run"] == b"#!/var/lang/bin/python3.13\nprint()\n"
    assert written["python/demo-1.0.dist-info/INSTALLER"] == b"layerforge\n"
    rows = written["python/demo-1.0.dist-info/RECORD"].decode().splitlines()
    assert "demo-1.0.dist-info/RECORD,," in rows
    assert [row.partition(",")[0] for row in rows] == [
        "../bin/go",
        "../bin/run",
        "../share/x",
        "demo-1.0.dist-info/INSTALLER",
        "demo-1.0.dist-info/METADATA",
        "demo-1.0.dist-info/RECORD",
        "demo-1.0.dist-info/WHEEL",
        "demo-1.0.dist-info/entry_points.txt",
        "demo/__init__.py",
    ]


def test_the_same_file_from_two_goes_in_once(tmp_path: Path, make_wheel: MakeWheel) -> None:
    first = make_wheel("a", files={"shared/__init__.py": "x"})
    second = make_wheel("b", files={"shared/__init__.py": "x"})
    assembly = assemble_all(tmp_path, first, second)
    assert [entry.path for entry in assembly.entries].count("python/shared/__init__.py") == 1


def test_of_different_files_of_one_path_the_first_wins(tmp_path: Path, make_wheel: MakeWheel) -> None:
    first = make_wheel("a", "1.0", files={"cv2/__init__.py": "a", "cv2/x.py": "a"})
    second = make_wheel("b", "2.0", files={"cv2/__init__.py": "bb", "cv2/x.py": "bb"})
    assembly = assemble_all(tmp_path, first, second)
    assert [entry.size for entry in assembly.entries if entry.path == "python/cv2/x.py"] == [1]
    # Both tell of it in their RECORDs, by which the collision is found.
    records = [text for path, text in contents(assembly).items() if path.endswith("/RECORD")]
    assert [b"cv2/x.py," in text for text in records] == [True, True]


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        (PKGUTIL, f"# part two\n{PKGUTIL}", "first"),
        (PKGUTIL, "__import__('pkg_resources').declare_namespace(__name__)\n", "first"),
        (PKGUTIL, "", "first"),
        ("", PKGUTIL, "second"),
        (PKGUTIL, "from ns.real import everything\n", "second"),
        (PKGUTIL, PKGUTIL + "x = 1\n" * 2000, "second"),
        ("", "x = 1\n", "second"),
        ("y = 1\n", "x = 1\n", "first"),
    ],
)
def test_a_namespace_gives_way_to_a_package(
    tmp_path: Path, make_wheel: MakeWheel, first: str, second: str, winner: str
) -> None:
    wheels = [
        make_wheel(name, files={"ns/__init__.py": text}) for name, text in (("a", first), ("b", second))
    ]
    assembly = assemble_all(tmp_path, *wheels)
    expected = {"first": first, "second": second}[winner]
    (entry,) = [entry for entry in assembly.entries if entry.path == "python/ns/__init__.py"]
    assert entry.crc == zlib.crc32(expected.encode())


def test_a_file_that_is_a_folder_of_another_is_an_error(tmp_path: Path, make_wheel: MakeWheel) -> None:
    first = make_wheel("a", files={"tool": "x"})
    second = make_wheel("b", files={"tool/sub/x.py": "x"})
    with pytest.raises(BuildError) as caught:
        assemble_all(tmp_path, first, second)
    assert str(caught.value) == "shop-a: python/tool is a file of a 1.0 and a folder of b 1.0"
