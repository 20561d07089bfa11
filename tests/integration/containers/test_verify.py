"""What was built, verified with a real engine in an image like Lambda's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from layerforge.containers.engine import Container, FileIn, Image
from layerforge.containers.opening import open_docker
from tests.e2e.shop import Shop
from tests.fakes import RecordingProgress
from tests.local_index import LocalIndex
from tests.wheel_files import MakeWheel

pytestmark = [pytest.mark.container, pytest.mark.slow]

NATIVE = "cp313-cp313-manylinux_2_17_x86_64"
HANDLER = "def handler(event, context):\n    return {'order': event['order'], 'by': context.function_name}\n"
ARM64 = (183).to_bytes(2, "little")
# An extension that needs a library of its own, and that library.
SOURCES = {
    "/src/only.c": "int only(void) { return 7; }",
    "/src/needy.c": """
        #include <Python.h>
        int only(void);
        static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "needy", 0, -1, 0};
        PyMODINIT_FUNC PyInit_needy(void) { return only() == 7 ? PyModule_Create(&definition) : 0; }
    """,
}
# It can be imported where it was built.
COMPILE = """
set -e
gcc -shared -fPIC -o /usr/lib/libonly.so.1 -Wl,-soname,libonly.so.1 /src/only.c
mkdir /out
gcc -shared -fPIC -I$(python3 -c 'import sysconfig; print(sysconfig.get_path("include"))') \
    -o /out/needy.so /src/needy.c /usr/lib/libonly.so.1
cd /out && python3 -c 'import needy'
"""


def compile_extension(image: Image, into: Path) -> bytes:
    engine = open_docker(RecordingProgress())
    try:
        outcome = engine.run(
            Container(
                image=image.id,
                architecture="x86_64",
                command=("/bin/sh", "-c", COMPILE),
                environment={},
                purpose="compile for a test",
                timeout=120,
            ),
            files=[FileIn(path, text.encode()) for path, text in SOURCES.items()],
            take="/out",
            into=into,
        )
    finally:
        engine.close()
    assert outcome.code == 0, outcome.stderr
    return next(into.rglob("needy.so")).read_bytes()


def make_shop(root: Path, index: LocalIndex, image: Image, functions: dict[str, tuple[str, str]]) -> Shop:
    """Functions, each with its requirements and its code."""
    shop = Shop(root=root, index=index)
    lines = ['name = "shop"', 'runtime = "python3.13"', 'builder = "wheels"', 'bytecode = "off"']
    for name, (requirements, code) in functions.items():
        lines += [f"[functions.{name}]", f'source = "{name}"', 'handler = "app.handler"']
        shop.write(f"{name}/requirements.in", requirements)
        shop.write(f"{name}/app.py", code)
    lines += ["[container]", 'pull = "never"', "[container.run-image]", f'"python3.13" = "{image.reference}"']
    shop.write("layerforge.toml", "\n".join(lines) + "\n")
    return shop


def built(shop: Shop, *, code: int = 0) -> Shop:
    """`code` is 8 where the build itself tells of native code that cannot load."""
    ended = shop.run("build")
    assert ended.code == code, ended.stderr
    return shop


def test_every_cause_is_named(
    tmp_path: Path,
    local_index: LocalIndex,
    make_wheel: MakeWheel,
    build_image_313: Image,
    run_image_313: Image,
) -> None:
    native = compile_extension(build_image_313, tmp_path / "out")
    foreign = native[:18] + ARM64 + native[20:]
    for wheel in (
        make_wheel("needy", files={"needy.so": native}, tag=NATIVE),
        make_wheel(
            "foreign",
            files={"foreign/__init__.py": "import foreign.needy", "foreign/needy.so": foreign},
            tag=NATIVE,
        ),
        make_wheel("fine"),
        make_wheel("crashes", files={"crashes.py": "import ctypes\nctypes.string_at(0)"}),
        make_wheel("hangs", files={"hangs.py": "import time\ntime.sleep(600)"}),
        make_wheel("writes", files={"writes.py": "open('/opt/python/cache', 'w')"}),
        make_wheel(
            "calls", files={"calls.py": "import urllib.request as r\nr.urlopen('http://shop.example')"}
        ),
        make_wheel("hungry", files={"hungry.py": "x = bytearray(b'x') * (2 << 30)"}),
    ):
        local_index.add(wheel)
    shop = make_shop(
        tmp_path / "shop",
        local_index,
        run_image_313,
        {
            "fine": ("fine\n", "import fine\n" + HANDLER),
            "missing-library": ("needy\n", HANDLER),
            "architecture": ("foreign\n", HANDLER),
            "crash": ("crashes\n", HANDLER),
            "hang": ("hangs\n", HANDLER),
            "write": ("writes\n", HANDLER),
            "network": ("calls\n", HANDLER),
            "memory": ("hungry\n", HANDLER),
            "variable": ("fine\n", "import os\nTABLE = os.environ['TABLE']\n" + HANDLER),
            "undeclared": ("fine\n", "import nowhere\n" + HANDLER),
            "handler": ("fine\n", "def other(): ..."),
        },
    )
    shop.write("shadow/requirements.in", "fine\n")
    shop.write("shadow/fine.py", "")
    shop.write("shadow/app.py", HANDLER)
    config = (shop.root / "layerforge.toml").read_text()
    shop.write("layerforge.toml", config + '[functions.shadow]\nsource = "shadow"\nhandler = "app.handler"\n')
    ended = built(shop, code=8).run("verify", "--json", "--timeout", "5", "--memory", "512")
    assert ended.code == 8, ended.stdout
    document = ended.document
    found: dict[str, list[str]] = {name: [] for name in document["functions"]}
    for finding in document["findings"]:
        found[finding["subject"]].append(finding["code"])
    assert found == {
        "fine": [],
        "missing-library": ["missing-library"],
        "architecture": ["wrong-architecture"],
        "crash": ["crashed"],
        "hang": ["timed-out"],
        "write": ["not-writable"],
        "network": ["network-used"],
        "memory": ["out-of-memory"],
        "variable": ["variable-missing"],
        "undeclared": ["module-missing"],
        "handler": ["handler-missing"],
        "shadow": ["module-shadowed"],
    }
    sentences = {finding["subject"]: finding["sentence"] for finding in document["findings"]}
    assert sentences["missing-library"] == (
        "missing-library: import needy (of needy) needs the shared library libonly.so.1, needed by "
        "/opt/python/needy.so, which neither the runtime nor a layer has"
    )
    assert sentences["architecture"] == (
        "architecture: import foreign (of foreign) needs /opt/python/foreign/needy.so, "
        "which is for arm64 and not for x86_64"
    )
    hints = {finding["subject"]: finding["hint"] for finding in document["findings"]}
    assert hints["undeclared"] == "no layer has it: add what brings nowhere to the requirements of undeclared"


def test_what_runs_here_need_not_run_there(
    tmp_path: Path, local_index: LocalIndex, make_wheel: MakeWheel, run_image_313: Image
) -> None:
    # It reads a file that this machine has, as packages do that look for time zones, fonts or certificates.
    here = tmp_path / "zones"
    here.write_text("UTC")
    local_index.add(make_wheel("zoned", files={"zoned.py": f"ZONES = open({str(here)!r}).read()"}))
    functions = {"orders": ("zoned\n", "import zoned\n" + HANDLER)}
    shop = built(make_shop(tmp_path / "shop", local_index, run_image_313, functions))
    (layer,) = shop.output.glob("layers/*.zip")
    with zipfile.ZipFile(layer) as opened:
        opened.extractall(tmp_path / "opt")
    done = subprocess.run(
        [sys.executable, "-c", "import zoned; print(zoned.ZONES)"],
        env={"PYTHONPATH": str(tmp_path / "opt/python")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "UTC\n"
    ended = shop.run("verify", "--json")
    assert ended.code == 8
    (finding, *_) = ended.document["findings"]
    assert (finding["severity"], finding["subject"]) == ("error", "orders")
    assert str(here) in finding["sentence"] + " ".join(finding["details"])


def test_half_of_the_sdk(
    tmp_path: Path, local_index: LocalIndex, make_wheel: MakeWheel, run_image_313: Image
) -> None:
    local_index.add(make_wheel("botocore"))
    functions = {"orders": ("botocore\n", "import botocore\n" + HANDLER)}
    shop = built(make_shop(tmp_path / "shop", local_index, run_image_313, functions))
    ended = shop.run("verify", "--json")
    assert [(finding["code"], finding["sentence"]) for finding in ended.document["findings"]] == [
        (
            "sdk-half-shadowed",
            (
                "orders: botocore of its layers or code hide the runtime's, "
                "and boto3, jmespath, s3transfer are the runtime's"
            ),
        )
    ]


def test_invocations_go_through_the_emulator(
    tmp_path: Path, local_index: LocalIndex, make_wheel: MakeWheel, run_image_313: Image
) -> None:
    local_index.add(
        make_wheel(
            "fine",
            files={
                "fine/__init__.py": "import fine.deep",
                "fine/deep.py": "def main(): ...",
                "fine/more.py": "",
            },
            entry_points={"console_scripts": {"fine": "fine.deep:main"}},
        )
    )
    failing = (
        "import os, fine\ndef handler(event, context):\n    raise LookupError('no ' + os.environ['TOKEN'])\n"
    )
    functions = {"good": ("fine\n", "import fine\n" + HANDLER), "bad": ("fine\n", failing)}
    shop = built(make_shop(tmp_path / "shop", local_index, run_image_313, functions))
    shop.write("event.json", '{"order": 7}')
    asked = ("verify", "--invoke", "event.json", "--env", "TOKEN=hunter2-secret")
    ended = shop.run(*asked, "--json", "--record")
    assert (ended.code, "hunter2" in ended.stdout + ended.stderr) == (8, False)
    good, bad = (ended.document["functions"][name] for name in ("good", "bad"))
    assert (good["ok"], good["invocation"]["response"]) == (True, '{"order": 7, "by": "good"}')
    assert good["modules_used"] == ["fine/__init__.py", "fine/deep.py"]
    assert (bad["ok"], bad["invocation"]["error"]) == (False, "LookupError: no ****")
    # What failed proves nothing of what is used.
    assert ended.document["recorded"] is None
    again = shop.run(*asked, "good", "--record")
    assert again.code == 0, again.stderr
    assert 'good answered {"order": 7, "by": "good"}' in again.stdout
    assert '"fine/deep.py",' in (shop.root / "layerforge-used.toml").read_text()


def traces_of(name: str) -> list[str]:
    """Containers and volumes that belong to the verification of a function."""
    import docker

    client = docker.from_env()
    containers = [(one["Id"], one["Labels"]) for one in client.api.containers(all=True)]
    client.close()
    return [identity for identity, labels in containers if any(name in text for text in labels.values())]


def wait_for(happened: Callable[[], bool], *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_interruption_leaves_nothing(
    tmp_path: Path, local_index: LocalIndex, make_wheel: MakeWheel, run_image_313: Image
) -> None:
    marker = f"interrupted-{os.getpid()}-{time.time_ns()}"
    local_index.add(make_wheel("hangs", files={"hangs.py": "import time\ntime.sleep(600)"}))
    shop = built(make_shop(tmp_path / "shop", local_index, run_image_313, {marker: ("hangs\n", HANDLER)}))
    process = subprocess.Popen(
        [sys.executable, "-m", "layerforge", "verify", "--timeout", "300"],
        cwd=shop.root,
        env=shop.environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: traces_of(marker) != [])
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, "interrupted" in said) == (130, True)
    assert traces_of(marker) == []
