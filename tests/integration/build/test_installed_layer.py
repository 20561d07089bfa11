"""What a layer is for: an interpreter that finds it on its path imports, lists and runs what is in it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from layerforge.build.archive import write_archive
from layerforge.build.assembly import assemble
from layerforge.build.store import WheelStore
from layerforge.cache import Cache, sha256_of
from tests.wheel_files import MakeWheel

PROGRAM = """
import importlib.metadata as metadata, json
import demo.cli, other
found = metadata.distribution("demo")
print(json.dumps({
    "version": metadata.version("demo"),
    "requires": metadata.requires("demo"),
    "installer": found.read_text("INSTALLER"),
    "points": [(p.name, p.value) for p in metadata.entry_points(group="console_scripts")],
    "plugins": [p.load()() for p in metadata.entry_points(group="demo.plugins")],
    "files": sorted(str(f) for f in found.files),
    "there": all(f.locate().is_file() and (f.size is None or f.size == f.locate().stat().st_size)
                 for f in found.files),
}))
"""


@pytest.fixture
def layer(tmp_path: Path, make_wheel: MakeWheel) -> Path:
    store = WheelStore(Cache(tmp_path / "cache"))
    wheels = [
        make_wheel(
            "demo",
            requires=["other"],
            files={"demo/__init__.py": "", "demo/cli.py": "def main():\n    print('ran')\n    return 3\n"},
            data={"scripts/show": "#!python\nimport demo\nprint('shown')\n", "purelib/extra.py": "x = 1\n"},
            entry_points={"console_scripts": {"run": "demo.cli:main"}, "demo.plugins": {"p": "other:plugin"}},
        ),
        make_wheel("other", "2.0", files={"other.py": "def plugin():\n    return 'plugged'\n"}),
    ]
    stored = [store.add(wheel, filename=wheel.name, sha256=sha256_of(wheel)) for wheel in wheels]
    path = tmp_path / "layer.zip"
    with path.open("wb") as stream:
        write_archive(assemble(stored, python=(3, 13), layer="x").entries, stream, subject="x")
    return path


@pytest.fixture
def opt(tmp_path: Path, layer: Path) -> Path:
    """The layer unpacked as Lambda does: files with the modes that the zip gives them."""
    folder = tmp_path / "opt"
    with zipfile.ZipFile(layer) as archive:
        for info in archive.infolist():
            Path(archive.extract(info, folder)).chmod(info.external_attr >> 16 & 0o777)
    return folder


def test_metadata_files_and_entry_points_are_found(opt: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-c", PROGRAM],
        env={"PYTHONPATH": str(opt / "python")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {
        "version": "1.0",
        "requires": ["other"],
        "installer": "layerforge\n",
        "points": [["run", "demo.cli:main"]],
        "plugins": ["plugged"],
        "files": [
            "../bin/run",
            "../bin/show",
            "demo-1.0.dist-info/INSTALLER",
            "demo-1.0.dist-info/METADATA",
            "demo-1.0.dist-info/RECORD",
            "demo-1.0.dist-info/WHEEL",
            "demo-1.0.dist-info/entry_points.txt",
            "demo/__init__.py",
            "demo/cli.py",
            "extra.py",
        ],
        "there": True,
    }


@pytest.mark.parametrize(
    ("name", "path", "said", "code"), [("run", "", "ran\n", 3), ("show", "python", "shown\n", 0)]
)
def test_programs_run(opt: Path, name: str, path: str, said: str, code: int) -> None:
    program = opt / "bin" / name
    assert program.stat().st_mode & 0o777 == 0o755
    assert program.read_text().splitlines()[0] == "#!/var/lang/bin/python3.13"
    # A program of an entry point finds its packages without PYTHONPATH.
    environment = {"PYTHONPATH": str(opt / path)} if path else {}
    done = subprocess.run(
        [sys.executable, "-S", str(program)], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == (said, code), done.stderr


def test_other_unzip_programs_accept_it(layer: Path) -> None:
    if (unzip := shutil.which("unzip")) is None:
        pytest.skip("needs unzip (Info-ZIP)")
    done = subprocess.run([unzip, "-t", str(layer)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "No errors detected in compressed data" in done.stdout
