"""How long looking into what was built takes, beside tools that read the same files.

    python benchmarks/checking.py [--runs 3]

Two questions. What does `layerforge check` cost for 100 functions with a build beside them, against a
bare interpreter? And what does it cost to look into about 250 MB of real native code (numpy, scipy,
pandas, pyarrow ...) that nobody has looked into, against `readelf` on each file of the same zip, unpacked
first, and against `auditwheel show` on each wheel? The index that pip is configured for is used once.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.startup import BARE, LAYERFORGE, run, write_project, write_wheels

REQUIREMENTS = ("numpy", "pandas", "scipy", "pyarrow", "cryptography", "lxml", "pillow", "duckdb")
LIMIT = 262_144_000
# Reads every zip of a manifest as a build does that nobody has judged yet; says how much memory it took.
JUDGE = """
import json, resource, sys, time
from pathlib import Path
from layerforge.build.manifest import read_manifest
from layerforge.cache import Cache
from layerforge.check.built import judge_built
from layerforge.check.verdicts import Judging
from layerforge.output import Output

folder = Path(sys.argv[1])
begin = time.perf_counter()
verdict = judge_built(
    read_manifest(folder / "manifest.json"), Judging(folder=folder), Cache(Path(sys.argv[2])),
    jobs=2, progress=Output(verbosity=-1),
)
print(json.dumps({
    "seconds": time.perf_counter() - begin,
    "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    "files": sum(one.files for one in verdict.natives),
    "bytes": sum(one.size for one in verdict.natives),
    "findings": [f"{one.severity.value} {one.code}" for one in verdict.findings],
}))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=3)
    runs: int = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        missed = check_hundred(work, runs=max(runs, 7))
        missed |= look_into(work, runs=runs)
    return int(missed)


def check_hundred(work: Path, *, runs: int) -> bool:
    environment = {**os.environ, "LAYERFORGE_CACHE_DIR": str(work / "cache")}
    project = write_project(work / "hundred", functions=100, wheels=write_wheels(work / "wheels"))
    command = (str(LAYERFORGE), "check")
    run((str(LAYERFORGE), "build"), cwd=project, environment=environment)
    run(command, cwd=project, environment=environment)
    bare, checks, judged = [], [], []
    for _ in range(runs):
        bare.append(run(BARE, cwd=work, environment=environment))
        checks.append(run(command, cwd=project, environment=environment))
    for number in range(3):
        fresh = {**environment, "LAYERFORGE_CACHE_DIR": str(work / f"fresh-{number}")}
        judged.append(run(command, cwd=project, environment=fresh))
    ratio = statistics.median(checks) / statistics.median(bare)
    print(f"import click, tomllib              {statistics.median(bare) * 1000:8.0f} ms")
    told = f"{statistics.median(checks) * 1000:8.0f} ms  {ratio:.2f} x  at most 5 x"
    print(f"check, 100 functions, built        {told}")
    print(f"the same, nothing remembered       {statistics.median(judged) * 1000:8.0f} ms")
    return ratio > 5


def look_into(work: Path, *, runs: int) -> bool:
    wheels = download(work / "real")
    output = write_output(work / "output", wheels)
    unpacked, native = unpack(output / "layer.zip", work / "unpacked")
    taken: dict[str, list[float]] = {"layerforge": [], "unzip and readelf": [], "auditwheel show": []}
    told: dict[str, object] = {}
    for number in range(runs):
        told = judge(output, work / f"cold-{number}")
        taken["layerforge"].append(float(str(told["seconds"])))
        taken["unzip and readelf"].append(readelf(output / "layer.zip", work / f"again-{number}"))
    taken["auditwheel show"].append(auditwheel(wheels))
    print(
        f"\n{told['files']} native files of {unpacked / 2**20:.0f} MB unzipped, findings: {told['findings']}"
    )
    ours = statistics.median(taken["layerforge"])
    for name, seconds in taken.items():
        median = statistics.median(seconds)
        print(f"{name:<24}{median:8.2f} s{median / ours:8.2f} x")
    memory = int(str(told["memory"])) / 2**20
    again = judge(output, work / "cold-0")
    print(f"memory {memory:.0f} MB, at most 150; nothing changed: {float(str(again['seconds'])):.2f} s")
    slow = ours > 1.5 * statistics.median(taken["unzip and readelf"])
    return slow or 3 * ours > statistics.median(taken["auditwheel show"]) or memory > 150 or not native


def download(folder: Path) -> list[Path]:
    """Wheels for python3.13 until about 250 MB unzipped are reached."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-qq",
        "--only-binary",
        ":all:",
        "--python-version",
        "3.13",
    ]
    command += [
        "--platform",
        "manylinux_2_28_x86_64",
        "--platform",
        "manylinux_2_17_x86_64",
        "-d",
        str(folder),
    ]
    subprocess.run([*command, *REQUIREMENTS], check=True)
    chosen, total = [], 0
    for path in sorted(folder.glob("*.whl"), key=lambda path: -path.stat().st_size):
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if total + size <= LIMIT:
            chosen.append(path)
            total += size
    return chosen


def write_output(folder: Path, wheels: Sequence[Path]) -> Path:
    """An output folder with one layer of all of them."""
    from layerforge.build.archive import write_archive
    from layerforge.build.assembly import assemble
    from layerforge.build.manifest import write_manifest
    from layerforge.build.store import WheelStore
    from layerforge.cache import Cache, sha256_of
    from layerforge.model.artifact import Artifact, Manifest, ManifestFunction

    folder.mkdir()
    store = WheelStore(Cache(folder.parent / "store"))
    stored = []
    for path in sorted(wheels):
        copy = folder / path.name
        copy.write_bytes(path.read_bytes())
        stored.append(store.add(copy, filename=path.name, sha256=sha256_of(path)))
    with (folder / "layer.zip").open("wb") as stream:
        write_archive(assemble(stored, python=(3, 13), layer="real").entries, stream, subject="real")
    layer = Artifact(
        name="real", path="layer.zip", sha256=sha256_of(folder / "layer.zip"), code_sha256="", zipped_size=0,
        unzipped_size=0, runtimes=(), architectures=(), distributions=(), input_digest="",
    )  # fmt: skip
    function = ManifestFunction(
        target="python3.13-x86_64", layers=("real",), external_layers=(), code=None, code_size=0,
        unzipped_size=0, carried_excess=0,
    )  # fmt: skip
    write_manifest(
        folder / "manifest.json", Manifest(project="real", layers=(layer,), functions={"one": function})
    )
    return folder


def unpack(path: Path, folder: Path) -> tuple[int, list[Path]]:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
        size = sum(info.file_size for info in archive.infolist())
    return size, native_files(folder)


def native_files(folder: Path) -> list[Path]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and ".so" in path.name]
    return [path for path in files if path.open("rb").read(4) == b"\x7fELF"]


def judge(output: Path, cache: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", JUDGE, str(output), str(cache)], capture_output=True, text=True, check=True
    )
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def readelf(path: Path, folder: Path) -> float:
    """What a shell script does: unpack, then look at each file. Seconds."""
    begin = time.perf_counter()
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    for file in native_files(folder):
        subprocess.run(["readelf", "-hldVW", str(file)], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def auditwheel(wheels: Sequence[Path]) -> float:
    """Which policy each wheel keeps to; pure wheels are none of its business. Seconds."""
    command = str(Path(sys.executable).with_name("auditwheel"))
    begin = time.perf_counter()
    for path in wheels:
        if not path.name.endswith("-any.whl"):
            subprocess.run([command, "show", str(path)], stdout=subprocess.DEVNULL, check=False)
    return time.perf_counter() - begin


if __name__ == "__main__":
    sys.exit(main())
