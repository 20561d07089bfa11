"""How long it takes to be told what was built for 100 functions, beside a bare interpreter.

    python benchmarks/insight.py [--runs 9]

`layerforge why`, `report`, `report --html` and `report --sbom` for a project of 100 functions and 20
distributions of 400 files each (8,000 files), each against `python -c "import click, tomllib"` on the same
interpreter. Runs alternate; medians of CPU time (user and system, of the process and its children) are
compared, and the largest memory is shown. Cold: zips that were not read before. No network is needed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.startup import DISTRIBUTIONS, write_project
from tests.wheel_files import write_wheel

LAYERFORGE = Path(sys.executable).with_name("layerforge")
BARE = (sys.executable, "-c", "import click, tomllib")
FILES = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A command; at most how many times a bare interpreter's time it may take, and how many MB."""

    name: str
    arguments: Sequence[str]
    at_most: float
    megabytes: float
    cold: bool = False


CASES = (
    Case(name="why part0", arguments=("why", "part0"), at_most=12, megabytes=64),
    Case(name="report, cold", arguments=("report",), at_most=12, megabytes=64, cold=True),
    Case(name="report", arguments=("report",), at_most=7, megabytes=64),
    Case(name="report --html", arguments=("report", "--html", "r.html"), at_most=7, megabytes=64),
    Case(name="report --sbom", arguments=("report", "--sbom", "sboms"), at_most=12, megabytes=96),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=9)
    runs: int = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        cache = work / "cache"
        environment = {**os.environ, "LAYERFORGE_CACHE_DIR": str(cache)}
        project = write_project(work / "hundred", functions=100, wheels=write_wheels(work / "wheels"))
        run((str(LAYERFORGE), "build", "-q"), cwd=project, environment=environment)
        return report(*measure(runs, project, cache, environment))


def write_wheels(folder: Path) -> Path:
    """A chain of distributions, each requiring the next, with many files."""
    folder.mkdir()
    for number in range(DISTRIBUTIONS):
        requires = [f"part{number + 1}"] if number % 4 != 3 else []
        files: dict[str, str | bytes] = {
            f"part{number}/module{at}.py": f"x = {at}\n" * (at % 50) for at in range(FILES)
        }
        write_wheel(folder, f"part{number}", requires=requires, files=files)
    return folder


def run(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> tuple[float, float]:
    """CPU seconds and MB of memory; what the command said is shown only if it failed."""
    told = (
        "import resource, subprocess, sys; "
        "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode; "
        "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
        "print(code, used.ru_utime + used.ru_stime, used.ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", told, *command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    code, seconds, memory = done.stdout.split()
    if code != "0":
        sys.exit(f"{' '.join(command)} ended with {code}:\n{done.stderr}")
    return float(seconds), int(memory) / (2**20 if sys.platform == "darwin" else 2**10)


def measure(
    runs: int, project: Path, cache: Path, environment: Mapping[str, str]
) -> tuple[list[float], dict[Case, list[tuple[float, float]]]]:
    bare: list[float] = []
    taken: dict[Case, list[tuple[float, float]]] = {case: [] for case in CASES}
    for _ in range(runs):
        bare.append(run(BARE, cwd=project, environment=environment)[0])
        for case in CASES:
            if case.cold:
                shutil.rmtree(cache / "facts" / "zip-listing", ignore_errors=True)
            command = (str(LAYERFORGE), *case.arguments)
            taken[case].append(run(command, cwd=project, environment=environment))
    return bare, taken


def report(bare: list[float], taken: Mapping[Case, list[tuple[float, float]]]) -> int:
    basis = statistics.median(bare)
    print(f"{'import click, tomllib':<24}{basis * 1000:8.0f} ms of CPU")
    missed = False
    for case, values in taken.items():
        median = statistics.median(seconds for seconds, _ in values)
        memory = max(megabytes for _, megabytes in values)
        fine = median / basis <= case.at_most and memory <= case.megabytes
        missed |= not fine
        print(
            f"{case.name:<24}{median * 1000:8.0f} ms{median / basis:8.1f} x (at most {case.at_most:g}), "
            f"{memory:.0f} MB (at most {case.megabytes:g}): {'fine' if fine else 'MISSED'}"
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
