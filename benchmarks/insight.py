"""How long it takes to be told what was built for 100 functions, beside a bare interpreter.

    python benchmarks/insight.py [--runs 9] [--peers]

`layerforge why`, `report`, `report --html` and `report --sbom` for a project of 100 functions and 20
distributions of 400 files each (8,000 files), each against `python -c "import click, tomllib"` on the same
interpreter. Runs alternate; medians of CPU time (user and system, of the process and its children) are
compared, and the largest memory is shown. Cold: zips that were not read before. `check --against HEAD` is of
a commit that was read before. No network is needed.

Following imports is measured on 100 functions with 30 modules of 150 lines each (all parsed: 3,100 modules),
against `ast.parse` of the same files: for the first time, and with zips whose modules were parsed before.

--peers (needs the index): `why` against `pipdeptree --reverse`, `report --sbom` against `cyclonedx-py`, of an
environment with the same 20 distributions.
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
MODULES = 30


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
    Case(name="check --against HEAD", arguments=("check", "--against", "HEAD"), at_most=6, megabytes=48),
    Case(name="report, cold", arguments=("report",), at_most=12, megabytes=64, cold=True),
    Case(name="report", arguments=("report",), at_most=7, megabytes=64),
    Case(name="report --html", arguments=("report", "--html", "r.html"), at_most=7, megabytes=64),
    Case(name="report --sbom", arguments=("report", "--sbom", "sboms"), at_most=12, megabytes=96),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--peers", action="store_true", help="compare with pipdeptree and cyclonedx-py too")
    asked = parser.parse_args()
    runs: int = asked.runs
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        cache = work / "cache"
        environment = {**os.environ, "LAYERFORGE_CACHE_DIR": str(cache)}
        # An installed program has its bytecode.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        wheels = write_wheels(work / "wheels")
        project = write_project(work / "hundred", functions=100, wheels=wheels)
        commit(project)
        run((str(LAYERFORGE), "build", "-q"), cwd=project, environment=environment)
        # The commit is read now, not in the first of the runs.
        run((str(LAYERFORGE), "check", "--against", "HEAD"), cwd=project, environment=environment)
        missed = report(*measure(runs, project, cache, environment))
        if asked.peers:
            missed |= compare_peers(runs, project, wheels, environment)
        sources = write_sources(write_project(work / "sources", functions=100, wheels=wheels))
        return missed | compare_imports(min(runs, 3), sources, cache, environment)


def commit(project: Path) -> None:
    """What `check --against HEAD` compares with: the project before it was locked, and after."""
    settings = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")
    subprocess.run([str(LAYERFORGE), "lock", "-q"], cwd=project, check=True)
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "before")):
        subprocess.run(["git", *settings, *arguments], cwd=project, check=True)


def write_sources(project: Path) -> Path:
    """Give each function 30 modules, each importing the next."""
    body = "".join(
        f"def f{at}(a, b):\n    return {{'k': [y for y in a], 'n': b + {at}}}\n\n" for at in range(50)
    )
    for number in range(100):
        source = project / "functions" / f"f{number:03}"
        for at in range(MODULES):
            following = f"import mod{at + 1}\n" if at + 1 < MODULES else ""
            (source / f"mod{at}.py").write_text(f"import json\n{following}{body}# {number}\n")
        (source / "app.py").write_text("import mod0\n\ndef handler(event, context):\n    return event\n")
    return project


def compare_imports(runs: int, project: Path, cache: Path, environment: Mapping[str, str]) -> int:
    """Judge a build whose modules were never parsed, and one whose were; and parse them, no more."""
    run((str(LAYERFORGE), "build", "-q"), cwd=project, environment=environment)
    parse = "import ast, pathlib\nfor p in pathlib.Path('functions').rglob('*.py'): ast.parse(p.read_bytes())"
    taken: dict[str, list[float]] = {"parse": [], "first": [], "again": []}
    for _ in range(runs):
        taken["parse"].append(run((sys.executable, "-c", parse), cwd=project, environment=environment)[0])
        for name, forgotten in (("first", ("built", "imports")), ("again", ("built",))):
            for kind in forgotten:
                shutil.rmtree(cache / "facts" / kind, ignore_errors=True)
            taken[name].append(run((str(LAYERFORGE), "check"), cwd=project, environment=environment)[0])
    medians = {name: statistics.median(values) for name, values in taken.items()}
    missed = False
    for name, told, at_most in (
        ("first", "imports, never parsed", 5.0),
        ("again", "imports, parsed before", 1.0),
    ):
        ratio = medians[name] / medians["parse"]
        missed |= ratio > at_most
        print(
            f"{told:<24}{medians[name] * 1000:8.0f} ms, `ast.parse` {medians['parse'] * 1000:.0f} ms: "
            f"{ratio:.1f} x (at most {at_most:g}): {'fine' if ratio <= at_most else 'MISSED'}"
        )
    return int(missed)


def compare_peers(runs: int, project: Path, wheels: Path, environment: Mapping[str, str]) -> int:
    """`why` and `report --sbom` beside tools that look into an environment."""
    place = project.parent / "peers"
    uv = str(LAYERFORGE.with_name("uv"))
    python = str(place / "bin" / "python")
    subprocess.run([uv, "venv", "-q", str(place)], check=True)
    subprocess.run([uv, "pip", "install", "-q", "-p", python, "pipdeptree", "cyclonedx-bom"], check=True)
    parts = [f"part{number}" for number in range(DISTRIBUTIONS)]
    found = ("--no-index", "--find-links", str(wheels))
    subprocess.run([uv, "pip", "install", "-q", "-p", python, *found, *parts], check=True)
    pairs = (
        ("why part3", ("why", "part3"), ("pipdeptree", "--reverse", "--packages", "part3"), 6.0),
        ("report --sbom", ("report", "--sbom", "sboms"), ("cyclonedx-py", "environment", python), 0.5),
    )
    missed = False
    for name, ours, theirs, at_most in pairs:
        peer = (str(place / "bin" / theirs[0]), *theirs[1:])
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(runs):
            times[0].append(run((str(LAYERFORGE), *ours), cwd=project, environment=environment)[0])
            times[1].append(run(peer, cwd=project, environment=environment)[0])
        mine, other = map(statistics.median, times)
        ratio = mine / other
        missed |= ratio > at_most
        print(
            f"{name:<24}{mine * 1000:8.0f} ms, {theirs[0]} {other * 1000:.0f} ms: {ratio:.2f} x "
            f"(at most {at_most:g}): {'fine' if ratio <= at_most else 'MISSED'}"
        )
    return int(missed)


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
