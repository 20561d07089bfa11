"""Layers of real distributions, from the package index that pip is configured for, really imported."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from layerforge.model.target import RUNTIMES

RUNTIME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine())
REQUIREMENTS = ("numpy", "pandas", "pydantic", "cryptography", "sqlalchemy", "requests")
IMPORTS = """\
import importlib.metadata, sys
import cryptography.fernet, numpy, pandas, pydantic, requests, sqlalchemy
assert numpy.ones(3).sum() == 3
assert pandas.DataFrame({"a": [1, 2]}).a.sum() == 3
assert cryptography.fernet.Fernet(cryptography.fernet.Fernet.generate_key())
for name in sys.argv[1:]:
    assert list(importlib.metadata.files(name))
    print(name, importlib.metadata.version(name))
"""


@pytest.mark.network
@pytest.mark.skipif(
    RUNTIME not in RUNTIMES or ARCHITECTURE is None or sys.platform != "linux",
    reason="what is built for Lambda can be imported on Linux, with an interpreter that Lambda has",
)
def test_layers_of_real_wheels_import(tmp_path: Path) -> None:
    root = tmp_path / "project"
    source = root / "functions" / "orders"
    source.mkdir(parents=True)
    (source / "app.py").write_text("def handler(event, context): ...\n")
    (source / "requirements.in").write_text("\n".join(REQUIREMENTS))
    (root / "layerforge.toml").write_text(
        f'name = "real"\nruntime = "{RUNTIME}"\narchitecture = "{ARCHITECTURE}"\n'
        '[functions.orders]\nsource = "functions/orders"\n'
    )
    build = [sys.executable, "-m", "layerforge", "build", "--json"]
    built = subprocess.run(build, cwd=root, capture_output=True, text=True, check=True)
    layers = json.loads(built.stdout)["layers"]
    for layer in layers:
        with zipfile.ZipFile(root / ".layerforge" / layer["path"]) as archive:
            archive.extractall(tmp_path / "opt")
    # -I: neither this environment's packages nor the current folder; -S: nor site-packages at all.
    program = f"import sys; sys.path.append({str(tmp_path / 'opt' / 'python')!r})\n{IMPORTS}"
    command = [sys.executable, "-I", "-S", "-c", program, *REQUIREMENTS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    held = {one["name"]: one["version"] for layer in layers for one in layer["distributions"]}
    assert done.stdout.splitlines() == [f"{name} {held[name]}" for name in REQUIREMENTS]
