"""From a lock to layers that were proven to run, and what bytecode is worth, in containers like Lambda's.

    python benchmarks/containers.py [--rounds 3]

1. `layerforge build --locked` and `layerforge verify` of one distribution without wheels, and of a stack of
   some twenty, against what `sam build --use-container` does: `pip install -t` of the same pins in the same
   build image, then a zip at level 6. Every cache is empty, for both sides; pip proves nothing.
2. The cold import of pandas, sqlalchemy and pydantic in the run image, as `layerforge verify` takes it, with
   layers without bytecode, with all of it, and with that of the modules that are used.

Needs a container engine, the network, and what tests/images needs: the images are those of the tests.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.images.making import connect, make_image
from tests.images.recipe import RECIPES

LAYERFORGE = str(Path(sys.executable).with_name("layerforge"))
PYTHON = "3.13"
SOURCE = ("crcmod==1.7",)
STACK = ("pandas", "sqlalchemy", "pydantic", "requests", "jinja2", "cryptography", "pyyaml")
IMPORTED = ("pandas", "sqlalchemy", "pydantic")
HANDLER = "def handler(event, context):\n    return event\n"
# What `sam build --use-container` comes down to: pip and a zip, in the build image.
PEER = """
import os, subprocess, sys, zipfile
subprocess.run([sys.executable, "-m", "pip", "install", "-qq", "--no-cache-dir", "--no-deps",
                "-r", "/asked/requirements.txt", "-t", "/made/python"], check=True)
with zipfile.ZipFile("/made/layer.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
    for folder, _, names in os.walk("/made/python"):
        for name in names:
            path = os.path.join(folder, name)
            archive.write(path, os.path.relpath(path, "/made"))
"""
# As many times faster than pip in a container as layers must come to be verified.
STACK_AT_LEAST = 1.0
# The share of the gain of bytecode = "on" that "used" must keep.
USED_KEEPS_AT_LEAST = 0.8


@dataclass(frozen=True)
class Setting:
    """Images, and a folder for everything."""

    build_image: str
    run_image: str
    work: Path

    def project(self, name: str, requirements: Sequence[str], imports: Sequence[str], bytecode: str) -> Path:
        """A project of one function, locked."""
        root = self.work / name
        (root / "app").mkdir(parents=True)
        (root / "app/requirements.in").write_text("\n".join([*requirements, ""]))
        (root / "app/app.py").write_text(f"import {', '.join(imports)}\n{HANDLER}")
        (root / "layerforge.toml").write_text(
            f'name = "bench"\nruntime = "python{PYTHON}"\nbytecode = "{bytecode}"\n'
            '[functions.app]\nsource = "app"\nhandler = "app.handler"\n'
            '[container]\npull = "never"\nnetwork = "host"\n'
            f'build-image = "{self.build_image}"\nrun-image = "{self.run_image}"\n'
        )
        run([LAYERFORGE, "lock", "-q"], cwd=root, cache=self.work / "cache")
        return root


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=3)
    rounds: int = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        setting = Setting(build_image=image("build"), run_image=image("run"), work=Path(folder))
        fine = measure_builds(setting, "one source", SOURCE, ("crcmod",), rounds, at_least=None)
        fine &= measure_builds(setting, "stack", STACK, IMPORTED, rounds, at_least=STACK_AT_LEAST)
        fine &= measure_imports(setting, rounds)
    return int(not fine)


def image(kind: str) -> str:
    (recipe,) = [one for one in RECIPES if (one.kind, one.python) == (kind, PYTHON)]
    client = connect()
    make_image(client, recipe)
    client.close()
    return recipe.reference


def run(command: Sequence[str], *, cwd: Path, cache: Path) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "LAYERFORGE_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def measure_builds(
    setting: Setting,
    name: str,
    requirements: Sequence[str],
    imports: Sequence[str],
    rounds: int,
    *,
    at_least: float | None,
) -> bool:
    root = setting.project(name.replace(" ", "-"), requirements, imports, "off")
    pins = read_pins(root)
    taken: dict[str, list[float]] = {"pip": [], "build": [], "verified": []}
    for _ in range(rounds):
        taken["pip"].append(pip_in_container(setting, pins))
        build, verify = build_and_verify(setting, root)
        taken["build"].append(build)
        taken["verified"].append(build + verify)
    pip, build, verified = (statistics.median(taken[side]) for side in ("pip", "build", "verified"))
    count = "1 distribution" if len(pins) == 1 else f"{len(pins)} distributions"
    print(f"{name}, {count}, from the lock with empty caches:")
    print(f"  pip install -t and zip in the container {pip:6.2f} s")
    print(f"  layerforge build {build:6.2f} s ({pip / build:.2f} times as fast)")
    print(f"  layerforge build and verify {verified:6.2f} s ({pip / verified:.2f} times as fast)", end="")
    fine = at_least is None or pip / verified >= at_least
    print("" if at_least is None else f"  (at least {at_least:g}: {'fine' if fine else 'MISSED'})")
    return fine


def read_pins(root: Path) -> list[str]:
    (lock,) = root.glob("pylock.*.toml")
    packages: list[Mapping[str, Any]] = tomllib.loads(lock.read_text())["packages"]
    return sorted(f"{one['name']}=={one['version']}" for one in packages)


def pip_in_container(setting: Setting, pins: Sequence[str]) -> float:
    asked = setting.work / "asked"
    asked.mkdir(exist_ok=True)
    (asked / "requirements.txt").write_text("\n".join([*pins, ""]))
    (asked / "peer.py").write_text(PEER)
    made = setting.work / "made"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir()
    command = ["docker", "run", "--rm", "--network", "host"]
    command += ["-v", f"{asked}:/asked:ro", "-v", f"{made}:/made"]
    for variable in ("PIP_INDEX_URL", "HTTPS_PROXY", "https_proxy"):
        if variable in os.environ:
            command += ["-e", variable]
    if certificates := os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE"):
        command += ["-v", f"{certificates}:/ca.pem:ro", "-e", "PIP_CERT=/ca.pem"]
    command += [setting.build_image, f"/var/lang/bin/python{PYTHON}", "/asked/peer.py"]
    begin = time.perf_counter()
    run(command, cwd=made, cache=made)
    return time.perf_counter() - begin


def build_and_verify(setting: Setting, root: Path) -> tuple[float, float]:
    cache = setting.work / "cold"
    shutil.rmtree(cache, ignore_errors=True)
    shutil.rmtree(root / ".layerforge", ignore_errors=True)
    begin = time.perf_counter()
    run([LAYERFORGE, "build", "--locked", "-q"], cwd=root, cache=cache)
    built = time.perf_counter()
    run([LAYERFORGE, "verify", "-q"], cwd=root, cache=cache)
    return built - begin, time.perf_counter() - built


def measure_imports(setting: Setting, rounds: int) -> bool:
    cache = setting.work / "cache"
    root = setting.project("imports", IMPORTED, IMPORTED, "off")
    run([LAYERFORGE, "build", "-q"], cwd=root, cache=cache)
    run([LAYERFORGE, "verify", "-q", "--record"], cwd=root, cache=cache)
    config = (root / "layerforge.toml").read_text()
    modes = ("off", "on", "used")
    sizes: dict[str, int] = {}
    for mode in modes:
        (root / "layerforge.toml").write_text(config.replace('bytecode = "off"', f'bytecode = "{mode}"'))
        run([LAYERFORGE, "build", "-q", "-o", f"made-{mode}"], cwd=root, cache=cache)
        manifest = json.loads((root / f"made-{mode}/manifest.json").read_text())
        sizes[mode] = manifest["functions"]["app"]["unzipped_size"]
    (root / "layerforge.toml").write_text(config)
    seconds: dict[str, list[float]] = {mode: [] for mode in modes}
    for _ in range(rounds):
        for mode in modes:
            said = run([LAYERFORGE, "verify", "--json", "-o", f"made-{mode}"], cwd=root, cache=cache)
            seconds[mode].append(json.loads(said)["functions"]["app"]["import_seconds"])
    return report_imports({mode: statistics.median(taken) for mode, taken in seconds.items()}, sizes)


def report_imports(seconds: Mapping[str, float], sizes: Mapping[str, int]) -> bool:
    print(f"cold import of {', '.join(IMPORTED)} in the run image:")
    for mode, taken in seconds.items():
        more = (sizes[mode] - sizes["off"]) / 1024**2
        print(
            f'  bytecode = "{mode}"  {taken:5.2f} s  {sizes[mode] / 1024**2:6.1f} MB ({more:+.1f} MB)'
            f"  {seconds['off'] / taken:.2f} times as fast"
        )
    kept = (seconds["off"] - seconds["used"]) / (seconds["off"] - seconds["on"])
    cost = (sizes["used"] - sizes["off"]) / (sizes["on"] - sizes["off"])
    fine = kept >= USED_KEEPS_AT_LEAST
    print(
        f'  "used" keeps {kept:.0%} of the gain for {cost:.0%} of the bytes'
        f"  (at least {USED_KEEPS_AT_LEAST:.0%}: {'fine' if fine else 'MISSED'})"
    )
    return fine


if __name__ == "__main__":
    sys.exit(main())
