"""Five functions with the same six requirements: `layerforge build` beside `sam build`.

    python benchmarks/build_vs_sam.py [--rounds 1] [--warm-rounds 5]

Cold: nothing built, and every cache (pip's, sam's, layerforge's) empty. Warm: built before, nothing
changed; `sam build --cached` against `layerforge build`. Both sides use the package index that pip
is configured for, in turns. Needs python3.11 on PATH (sam runs its pip) and the network; aws-sam-cli
is installed once, into a virtual environment of its own in the user's cache folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

LAYERFORGE = Path(sys.executable).with_name("layerforge")
FUNCTIONS = ("one", "two", "three", "four", "five")
REQUIREMENTS = ("requests", "pydantic", "boto3", "sqlalchemy", "jinja2", "cryptography")
COLD_AT_LEAST = 5
WARM_AT_LEAST = 15
# What a virtual environment or a build would be led astray by.
LEFT_OUT = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=1, help="cold builds of each side")
    parser.add_argument(
        "--warm-rounds", type=int, default=5, help="builds with nothing changed, of each side"
    )
    options = parser.parse_args()
    if not shutil.which("python3.11"):
        sys.exit("there is no python3.11 on PATH; sam build needs it for functions of that runtime")
    sam = sam_executable()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        cold: dict[str, list[float]] = {"sam": [], "layerforge": []}
        for _ in range(options.rounds):
            cold["sam"].append(cold_build(work / "sam", [str(sam), "build"]))
            cold["layerforge"].append(cold_build(work / "layerforge", [str(LAYERFORGE), "build"]))
        warm = warm_builds(work, sam, rounds=options.warm_rounds)
        print(f"output of sam build {megabytes(work / 'sam/project/.aws-sam/build')}, ", end="")
        print(f"of layerforge build {megabytes(work / 'layerforge/project/.layerforge')}")
    fine = report("cold", cold, at_least=COLD_AT_LEAST)
    return int(not (report("nothing changed", warm, at_least=WARM_AT_LEAST) and fine))


def sam_executable() -> Path:
    """aws-sam-cli in a virtual environment that is kept for the next time."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    venv = caches / "layerforge-benchmarks" / "aws-sam-cli"
    sam = venv / "bin" / "sam"
    if not sam.exists():
        print("installing aws-sam-cli", flush=True)
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run(
            [venv / "bin/python", "-m", "pip", "install", "-qq", "aws-sam-cli", "setuptools"],
            check=True,
            env=environment(),
        )
    return sam


def environment(**changes: str) -> dict[str, str]:
    """The user's own, so that the package index is found, without what leads builds astray."""
    return {name: value for name, value in os.environ.items() if name not in LEFT_OUT} | changes


def write_project(root: Path) -> None:
    lines = ["Transform: AWS::Serverless-2016-10-31", "Resources:"]
    for name in FUNCTIONS:
        source = root / name
        source.mkdir(parents=True)
        (source / "app.py").write_text("def handler(event, context):\n    return event\n")
        (source / "requirements.txt").write_text("\n".join([*REQUIREMENTS, ""]))
        lines += [
            f"  {name.title()}Function:",
            "    Type: AWS::Serverless::Function",
            "    Properties:",
            f"      CodeUri: {name}/",
            "      Handler: app.handler",
            "      Runtime: python3.11",
        ]
    (root / "template.yaml").write_text("\n".join([*lines, ""]))


def cold_build(folder: Path, command: Sequence[str]) -> float:
    """A project that nobody built, on a machine that downloaded nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    write_project(folder / "project")
    return timed(command, cwd=folder / "project", env=own_caches(folder))


def own_caches(folder: Path) -> dict[str, str]:
    return environment(
        PIP_CACHE_DIR=str(folder / "pip-cache"),
        XDG_CACHE_HOME=str(folder / "cache"),
        LAYERFORGE_CACHE_DIR=str(folder / "cache/layerforge"),
        SAM_CLI_TELEMETRY="0",
        __SAM_CLI_APP_DIR=str(folder / "sam-settings"),
    )


def warm_builds(work: Path, sam: Path, *, rounds: int) -> dict[str, list[float]]:
    """Nothing changed. sam fills its own cache only when it is asked to: once more before it counts."""
    with_cache = [str(sam), "build", "--cached"]
    again = [str(LAYERFORGE), "build"]
    timed(with_cache, cwd=work / "sam/project", env=own_caches(work / "sam"))
    timed(again, cwd=work / "layerforge/project", env=own_caches(work / "layerforge"))
    warm: dict[str, list[float]] = {"sam": [], "layerforge": []}
    for _ in range(rounds):
        warm["sam"].append(timed(with_cache, cwd=work / "sam/project", env=own_caches(work / "sam")))
        warm["layerforge"].append(
            timed(again, cwd=work / "layerforge/project", env=own_caches(work / "layerforge"))
        )
    return warm


def timed(command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> float:
    """Wall clock seconds; what the command said is shown only if it failed."""
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return seconds


def megabytes(folder: Path) -> str:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return f"{size / 1024**2:.0f} MB"


def report(title: str, taken: Mapping[str, Sequence[float]], *, at_least: float) -> bool:
    sam, ours = (statistics.median(taken[side]) for side in ("sam", "layerforge"))
    ratio = sam / ours
    verdict = "fine" if ratio >= at_least else "MISSED"
    print(f"{title:<16} sam {sam:8.2f} s   layerforge {ours:8.2f} s   {ratio:6.1f} times faster", end="  ")
    print(f"(at least {at_least:g}: {verdict})")
    return ratio >= at_least


if __name__ == "__main__":
    sys.exit(main())
