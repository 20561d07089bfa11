"""Programs of others that several tests run."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.images.recipe import SAM_CLI


@pytest.fixture(scope="session")
def sam() -> Path:
    """The program, installed once for all processes of a run, and kept for the next."""
    version = SAM_CLI.partition("==")[2]
    place = Path(f"/tmp/layerforge-test-sam-{version}-py{sys.version_info[0]}{sys.version_info[1]}")
    with Path(f"{place}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "bin/sam").exists():
            subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
            pip = [str(place / "bin/python"), "-m", "pip", "install", "-qq", SAM_CLI]
            subprocess.run(pip, check=True)
    return place / "bin/sam"
