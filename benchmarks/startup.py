"""How long the commands take that find nothing to do, beside a bare interpreter.

    python benchmarks/startup.py [--runs 31]

`layerforge check` for 1 and for 100 functions, and `layerforge build` with nothing changed, each
against `python -c "import click, tomllib"` on the same interpreter. The runs alternate, so that
whatever else the machine does meets all of them alike; medians are compared. The projects need no
network: their distributions are tiny wheels in a folder.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.wheel_files import write_wheel

LAYERFORGE = Path(sys.executable).with_name("layerforge")
BARE = (sys.executable, "-c", "import click, tomllib")
DISTRIBUTIONS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A command, and at most how many times a bare interpreter's time it may take."""

    name: str
    command: Sequence[str]
    cwd: Path
    at_most: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=31)
    runs: int = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        environment = {**os.environ, "LAYERFORGE_CACHE_DIR": str(work / "cache")}
        wheels = write_wheels(work / "wheels")
        one = write_project(work / "one", functions=1, wheels=wheels)
        hundred = write_project(work / "hundred", functions=100, wheels=wheels)
        cases = (
            Case(name="check, 1 function", command=(str(LAYERFORGE), "check"), cwd=one, at_most=3),
            Case(name="check, 100 functions", command=(str(LAYERFORGE), "check"), cwd=hundred, at_most=5),
            Case(name="build, 1 function", command=(str(LAYERFORGE), "build"), cwd=one, at_most=5),
            Case(name="build, 100 functions", command=(str(LAYERFORGE), "build"), cwd=hundred, at_most=5),
        )
        for project in (one, hundred):
            for command in ("build", "check", "build", "check"):
                run((str(LAYERFORGE), command), cwd=project, environment=environment)
        return report(*measure(cases, runs=runs, environment=environment, cwd=work))


def write_wheels(folder: Path) -> Path:
    """A chain of distributions, each requiring the next."""
    folder.mkdir()
    for number in range(DISTRIBUTIONS):
        requires = [f"part{number + 1}"] if number % 4 != 3 else []
        write_wheel(folder, f"part{number}", requires=requires)
    return folder


def write_project(root: Path, *, functions: int, wheels: Path) -> Path:
    """Functions whose requirements overlap, as they do in one repository."""
    lines = ['name = "bench"', 'runtime = "python3.13"', ""]
    for number in range(functions):
        source = root / "functions" / f"f{number:03}"
        source.mkdir(parents=True)
        (source / "app.py").write_text("def handler(event, context):\n    return event\n")
        wanted = sorted({f"part{(number + step) * 4 % DISTRIBUTIONS}" for step in range(1 + number % 3)})
        text = "\n".join(["--no-index", f"--find-links {wheels}", *wanted, ""])
        (source / "requirements.in").write_text(text)
        lines += [f"[functions.f{number:03}]", f'source = "functions/f{number:03}"', ""]
    (root / "layerforge.toml").write_text("\n".join(lines))
    return root


def run(command: Sequence[str], *, cwd: Path, environment: Mapping[str, str]) -> float:
    """Wall clock seconds; what the command said is shown only if it failed."""
    begin = time.perf_counter()
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return seconds


def measure(
    cases: Sequence[Case], *, runs: int, environment: Mapping[str, str], cwd: Path
) -> tuple[list[float], dict[Case, list[float]]]:
    bare: list[float] = []
    taken: dict[Case, list[float]] = {case: [] for case in cases}
    for _ in range(runs):
        bare.append(run(BARE, cwd=cwd, environment=environment))
        for case in cases:
            taken[case].append(run(case.command, cwd=case.cwd, environment=environment))
    return bare, taken


def report(bare: list[float], taken: Mapping[Case, list[float]]) -> int:
    basis = statistics.median(bare)
    print(f"{'import click, tomllib':<24}{basis * 1000:8.1f} ms")
    missed = False
    for case, times in taken.items():
        median = statistics.median(times)
        ratio = median / basis
        verdict = "fine" if ratio <= case.at_most else "MISSED"
        missed |= ratio > case.at_most
        print(f"{case.name:<24}{median * 1000:8.1f} ms{ratio:8.2f} x  at most {case.at_most:g} x: {verdict}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
