"""Wheels as people use them: nothing wrong is found where nothing is, and all of it loads with links."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from layerforge.containers.engine import Container, FileIn, Image, Mount
from layerforge.containers.opening import open_docker
from layerforge.verify.task import zip_files
from tests.fakes import RecordingProgress

# One function could not have all of them: 282 MB.
REQUIREMENTS = {
    "arrow": ("pyarrow", "numpy"),
    "data": ("numpy", "pandas", "cryptography", "psycopg2-binary"),
}
# Loads every extension module and every library of the layer, each in a process of its own.
LOAD = """
import json, os, re, subprocess, sys
failed = {}
named = re.compile(r"\\.so(\\.[0-9.]+)?$")
every = [os.path.join(at, name) for at, _, names in os.walk("/opt/python") for name in names]
files = [path for path in every if named.search(path)]
code = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
for path in files:
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    if done.returncode:
        failed[path] = done.stderr.splitlines()[-1]
links = sum(os.path.islink(path) for path in files)
print(json.dumps({"files": len(files), "links": links, "failed": failed}))
"""


def build(root: Path, runtime: str) -> dict[str, Any]:
    config = f'name = "real"\nruntime = "{runtime}"\nbuilder = "wheels"\nbytecode = "off"\n'
    config += "dedupe-native = true\n"
    for name, requirements in REQUIREMENTS.items():
        (root / name).mkdir(parents=True)
        (root / name / "app.py").write_text("def handler(event, context): ...\n")
        (root / name / "requirements.in").write_text("\n".join(requirements))
        config += f'[functions.{name}]\nsource = "{name}"\n'
    (root / "layerforge.toml").write_text(config)
    command = [sys.executable, "-m", "layerforge", "build", "--json"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert isinstance(document, dict)
    return document


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("runtime", ["python3.11", "python3.13"])
def test_real_wheels_give_no_false_finding(tmp_path: Path, runtime: str) -> None:
    document = build(tmp_path / "project", runtime)
    told = [(one["severity"], one["code"]) for one in document["findings"]]
    assert [
        one for one in told if one[0] != "note" and one[1] not in ("near-limit", "runtime-deprecated")
    ] == []
    files = sum(one["files"] for one in document["native"].values())
    assert files > 100
    assert sum(one["copied_bytes"] for one in document["native"].values()) == 0


@pytest.mark.network
@pytest.mark.container
@pytest.mark.slow
def test_every_library_loads_with_links_in_place_of_copies(tmp_path: Path, run_image_313: Image) -> None:
    document = build(tmp_path / "project", "python3.13")
    folder = tmp_path / "project" / ".layerforge"
    engine = open_docker(RecordingProgress())
    try:
        files = zip_files(folder, [layer["path"] for layer in document["layers"]])
        with engine.volume(run_image_313.id, files) as volume:
            outcome = engine.run(
                Container(
                    image=run_image_313.id,
                    architecture="x86_64",
                    command=("/var/lang/bin/python3.13", "/tmp/load.py"),
                    environment=run_image_313.environment,
                    purpose="load for a test",
                    mounts=(Mount(volume, "/opt", read_only=True),),
                    timeout=300,
                ),
                files=[FileIn("/tmp/load.py", LOAD.encode())],
            )
    finally:
        engine.close()
    answer = json.loads(outcome.stdout)
    assert answer["links"] > 0
    # A module of Python's needs the interpreter's own symbols, and has them: so does each of these.
    assert (answer["failed"], answer["files"] > 100) == ({}, True)
