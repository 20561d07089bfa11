"""Layers that serve two runtimes, and what is bundled with code, in images like Lambda's."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest

from layerforge.containers.engine import Container, FileIn, Image
from layerforge.containers.opening import open_docker
from tests.e2e.shop import Shop
from tests.fakes import RecordingProgress
from tests.local_index import LocalIndex
from tests.wheel_files import MakeWheel

pytestmark = [pytest.mark.container, pytest.mark.slow]

HANDLER = "import bulky\n\ndef handler(event, context):\n    return bulky.SIZE\n"
CONFIG = """\
name = "shop"
architecture = "x86_64"
bytecode = "auto"

[functions.old]
source = "old"
handler = "app.handler"
runtime = "python3.11"

[functions.new]
source = "new"
handler = "app.handler"
runtime = "python3.13"

"""
# What it prints names the bytecode that an import read, and whether the program starts.
LOOK = (
    "PYTHONPATH=/opt/python {python} -v -c 'import bulky' 2>&1 | grep -o 'code object from ./opt/.*pyc' "
    "&& /opt/bin/bulky"
)


def run_in(image: Image, layer: Path, python: str) -> str:
    """What the image says of the layer unpacked at /opt."""
    with zipfile.ZipFile(layer) as archive:
        files = [
            FileIn(f"/opt/{info.filename}", archive.read(info), info.external_attr >> 16 & 0o777)
            for info in archive.infolist()
        ]
    engine = open_docker(RecordingProgress())
    try:
        outcome = engine.run(
            Container(
                image=image.id,
                architecture="x86_64",
                command=("/bin/sh", "-c", LOOK.format(python=f"/var/lang/bin/{python}")),
                environment={},
                purpose="look into a layer for a test",
                timeout=60,
            ),
            files=files,
        )
    finally:
        engine.close()
    return outcome.stdout.decode() + outcome.stderr


def test_a_shared_layer_works_in_both(
    tmp_path: Path,
    local_index: LocalIndex,
    make_wheel: MakeWheel,
    container_toml: str,
    run_image_311: Image,
    run_image_313: Image,
) -> None:
    program = "import os\nSIZE = os.path.getsize(os.path.join(os.path.dirname(__file__), 'data'))\n"
    files: dict[str, bytes | str] = {
        "bulky/__init__.py": program + "def main(): print('started with', SIZE)\n",
        "bulky/data": os.urandom(1_500_000),
    }
    entry_points = {"console_scripts": {"bulky": "bulky:main"}}
    local_index.add(make_wheel("bulky", files=files, entry_points=entry_points))
    shop = Shop(root=tmp_path / "shop", index=local_index)
    shop.write("layerforge.toml", CONFIG + container_toml)
    for name in ("old", "new"):
        shop.write(f"{name}/requirements.in", "bulky\n")
        shop.write(f"{name}/app.py", HANDLER)
    ended = shop.run("build")
    assert ended.code == 0, ended.stderr
    (layer,) = shop.manifest["layers"]
    assert (layer["runtimes"], layer["architectures"]) == (["python3.11", "python3.13"], ["x86_64"])
    assert [(one["runtime"], one["modules"]) for one in layer["bytecode"]] == [
        ("python3.11", 1),
        ("python3.13", 1),
    ]
    for image, python in ((run_image_311, "python3.11"), (run_image_313, "python3.13")):
        tag = python.replace("python3.", "cpython-3")
        assert run_in(image, shop.output / layer["path"], python) == (
            f"code object from '/opt/python/bulky/__pycache__/__init__.{tag}.pyc\nstarted with 1500000\n"
        )
    shop.write("event.json", "{}")
    ended = shop.run("verify", "--invoke", "event.json", "--json")
    assert ended.code == 0, ended.stdout
    functions = ended.document["functions"]
    assert {name: one["invocation"]["response"] for name, one in functions.items()} == {
        "new": "1500000",
        "old": "1500000",
    }


def test_what_is_bundled_works_beside_the_code(
    tmp_path: Path, local_index: LocalIndex, make_wheel: MakeWheel, container_toml: str
) -> None:
    program = "import helper\ndef main(): print('usage:', helper.HELP)\n"
    local_index.add(
        make_wheel(
            "kit",
            requires=["helper"],
            files={"kit/__init__.py": program},
            entry_points={"console_scripts": {"kit": "kit:main"}},
        )
    )
    local_index.add(make_wheel("helper", files={"helper.py": "HELP = 'in a layer'\n"}))
    shop = Shop(root=tmp_path / "shop", index=local_index)
    config = 'name = "shop"\narchitecture = "x86_64"\nruntime = "python3.13"\nbytecode = "on"\n'
    functions = '[functions.orders]\nsource = "orders"\nhandler = "app.handler"\nbundle = ["kit"]\n'
    shop.write("layerforge.toml", config + functions + container_toml)
    shop.write("orders/requirements.in", "kit\n")
    shop.write(
        "orders/app.py",
        "import kit, os, subprocess\n\ndef handler(event, context):\n"
        "    ran = subprocess.run(['/var/task/bin/kit'], capture_output=True, text=True, check=True)\n"
        "    return [kit.__file__, kit.helper.__file__, ran.stdout, os.path.exists(kit.__cached__)]\n",
    )
    ended = shop.run("build")
    assert ended.code == 0, ended.stderr
    shop.write("event.json", "{}")
    ended = shop.run("verify", "--invoke", "event.json", "--json")
    assert ended.code == 0, ended.stdout
    report = ended.document["functions"]["orders"]
    assert json.loads(report["invocation"]["response"]) == [
        "/var/task/kit/__init__.py",
        "/opt/python/helper.py",
        "usage: in a layer\n",
        True,
    ]
    assert report["modules_used"] == ["helper.py", "kit/__init__.py"]
