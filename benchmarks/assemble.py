"""Assembling a large layer from cached wheels, against its peers, in one run.

    python benchmarks/assemble.py [--rounds 5] [--cache DIRECTORY]

Measured, in turns, whole processes each time:
- ours: a layer zip from the store, with everything that a build checks
- peer: `uv pip install --target` of the same wheels, offline and from a warm cache, then `zip -r -6 -q`
  (where zip is missing: Python's zipfile at level 6, which does the same with the same zlib)
- floor: `sha256sum` and `cp` of the wheels

The wheels are downloaded once, by pip, into the cache directory.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

# 21 distributions as one finds them together: data, web, database, AWS.
STACK = (
    "numpy", "pandas", "scipy", "pyarrow", "python-dateutil", "six", "pydantic", "pydantic-core",
    "annotated-types", "typing-extensions", "cryptography", "cffi", "pycparser", "requests", "urllib3",
    "idna", "certifi", "charset-normalizer", "sqlalchemy", "boto3", "botocore",
)  # fmt: skip
PYTHON = "3.13"
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux2014_x86_64", "manylinux_2_34_x86_64")

OURS = """
import sys
from pathlib import Path
from layerforge.build.archive import write_archive
from layerforge.build.assembly import assemble
from layerforge.build.output_folder import LAYERS, OutputFolder
from layerforge.build.store import DigestCheck, WheelStore
from layerforge.cache import Cache

cache, output, digests = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
store = WheelStore(Cache(cache))
wheels = sorted((store.get(digest) for digest in digests), key=lambda wheel: wheel.name)
with DigestCheck(wheels) as check:
    assembly = assemble(wheels, python=(3, 13), layer="stack")
    file = OutputFolder(path=output).write_zip(
        LAYERS, "stack", lambda stream: write_archive(assembly.entries, stream, subject="stack")
    )
    assert not check.damaged()
print(len(assembly.entries), file.zipped_size, file.unzipped_size)
"""

PYTHON_ZIP = """
import os, sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
    for folder, _, files in os.walk("python"):
        for name in files:
            archive.write(os.path.join(folder, name))
"""


def download(directory: Path) -> list[Path]:
    """Every wheel of the stack for the target, once."""
    if not list(directory.glob("*.whl")):
        directory.mkdir(parents=True, exist_ok=True)
        platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary", ":all:"]
        run([*command, "--python-version", PYTHON, *platforms, "-d", str(directory), *STACK])
    return sorted(directory.glob("*.whl"))


def run(command: Sequence[str], *, cwd: Path | None = None) -> str:
    return subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout


def fill_store(cache: Path, wheels: Sequence[Path]) -> list[str]:
    from layerforge.build.store import WheelStore
    from layerforge.cache import Cache, sha256_of

    store = WheelStore(Cache(cache))
    digests = []
    for wheel in wheels:
        digest = sha256_of(wheel)
        digests.append(digest)
        if store.get(digest) is None:
            temporary = store.cache.temporary()
            shutil.copy(wheel, temporary)
            store.add(temporary, filename=wheel.name, sha256=digest)
    return digests


def ours(cache: Path, digests: Sequence[str], work: Path) -> str:
    return run([sys.executable, "-c", OURS, str(cache), str(work), *digests])


def peer(wheels: Sequence[Path], work: Path) -> str:
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    target = ["--python-version", PYTHON, "--python-platform", "x86_64-manylinux_2_34"]
    command = [uv, "pip", "install", "-q", "--no-deps", "--offline", "--target", "python", *target]
    run([*command, *map(str, wheels)], cwd=work)
    zipped = work / "layer.zip"
    if zip_program := shutil.which("zip"):
        run([zip_program, "-r", "-6", "-q", str(zipped), "python"], cwd=work)
    else:
        run([sys.executable, "-c", PYTHON_ZIP, str(zipped)], cwd=work)
    return f"{zipped.stat().st_size} bytes"


def floor(wheels: Sequence[Path], work: Path) -> str:
    run(["sha256sum", *map(str, wheels)])
    run(["cp", *map(str, wheels), str(work)])
    return f"{sum(wheel.stat().st_size for wheel in wheels)} bytes"


def measure(act: Callable[[Path], str]) -> tuple[float, str]:
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        said = act(Path(folder))
        return time.perf_counter() - began, said.strip()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "layerforge-benchmark")
    arguments = parser.parse_args()
    wheels = download(arguments.cache / "wheels")
    cache = arguments.cache / "store"
    digests = fill_store(cache, wheels)
    acts: dict[str, Callable[[Path], str]] = {
        "ours": lambda work: ours(cache, digests, work),
        "peer": lambda work: peer(wheels, work),
        "floor": lambda work: floor(wheels, work),
    }
    measure(acts["ours"])
    peak = peak_of_ours(cache, digests)
    times: dict[str, list[float]] = {name: [] for name in acts}
    said: dict[str, str] = {}
    for _ in range(arguments.rounds):
        for name, act in acts.items():
            seconds, said[name] = measure(act)
            times[name].append(seconds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"{len(wheels)} distributions; ours: files, bytes zipped, bytes unzipped: {said['ours']}")
    for name, values in times.items():
        spread = f"min {min(values):8.3f}   max {max(values):8.3f}"
        print(f"{name:6} median {medians[name]:8.3f} s   {spread}   {said[name]}")
    print(f"peer / ours: {medians['peer'] / medians['ours']:.1f} (wanted: at least 25)")
    print(f"ours / floor: {medians['ours'] / medians['floor']:.2f} (wanted: at most 3)")
    print(f"peak memory of ours: {peak:.0f} MB (wanted: under 150)")
    print(f"zip program: {shutil.which('zip') or 'none, Python zipfile at level 6 instead'}")


def peak_of_ours(cache: Path, digests: Sequence[str]) -> float:
    """MB, of a process that does what ours does and then tells."""
    tell = "\nimport resource\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    with tempfile.TemporaryDirectory() as folder:
        said = run([sys.executable, "-c", OURS + tell, str(cache), folder, *digests])
    unit = 1 if sys.platform == "darwin" else 1024
    return int(said.split()[-1]) * unit / 1e6


if __name__ == "__main__":
    main()
