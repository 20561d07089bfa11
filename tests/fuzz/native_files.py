"""Fuzzes the readers of ELF files and zips for as long as one likes.

    python tests/fuzz/native_files.py [--runs 200000] [--seed 0]

Valid files are changed at random (bits, extreme numbers, cuts, splices) and read. Any exception but those
that the readers promise ends it with the file that did it, and so does a read that takes more than two
seconds. With atheris installed (`pip install atheris`), `--atheris` lets it look for new paths instead.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import random
import resource
import struct
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from layerforge.native.elf import read_native
from layerforge.wheels.directory import BadWheelError, WheelReader, data_offset, read_directory, read_member
from layerforge.wheels.verify import iter_contents
from tests.property.test_native_files import EXTREMES, SEEDS, ZIP

SLOWEST = 2.0


def read_both(data: bytes) -> None:
    """Read as an ELF file and as a zip; raises nothing if the readers keep their promise."""
    read_native(io.BytesIO(data), len(data))
    with contextlib.suppress(BadWheelError):
        reader = WheelReader(io.BytesIO(data), filename="fuzz.zip")
        for member in read_directory(reader, links=True).members:
            with contextlib.suppress(BadWheelError):
                read_member(reader, member, limit=1 << 20)
            with contextlib.suppress(BadWheelError):
                for _ in iter_contents(reader, member, data_offset(reader, member)):
                    pass


def change(data: bytes, chance: random.Random) -> bytes:
    """One of the valid files, made wrong."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(changed))
        match chance.randrange(5):
            case 0:
                changed[at] ^= 1 << chance.randrange(8)
            case 1 | 2:
                width, layout = chance.choice([(2, "<H"), (4, "<I"), (8, "<Q")])
                if at + width <= len(changed):
                    struct.pack_into(layout, changed, at, chance.choice(EXTREMES) % 2 ** (8 * width))
            case 3:
                del changed[at : at + chance.randint(1, 64)]
            case _:
                other = chance.choice(SEEDS)
                start = chance.randrange(len(other))
                changed[at:at] = other[start : start + chance.randint(1, 64)]
        if not changed:
            break
    return bytes(changed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atheris", action="store_true")
    given = parser.parse_args()
    if given.atheris:
        import atheris

        atheris.instrument_all()
        corpus = Path(tempfile.mkdtemp(prefix="corpus-"))
        for number, seed in enumerate((*SEEDS, ZIP)):
            (corpus / str(number)).write_bytes(seed)
        atheris.Setup([sys.argv[0], f"-runs={given.runs}", str(corpus)], read_both)
        atheris.Fuzz()
        return 0
    chance = random.Random(given.seed)
    begin = time.perf_counter()
    for number in range(given.runs):
        data = change(chance.choice((*SEEDS, ZIP)), chance)
        before = time.perf_counter()
        try:
            read_both(data)
        except BaseException:
            Path("fuzz-failed.bin").write_bytes(data)
            print(f"run {number} failed: see fuzz-failed.bin", file=sys.stderr)
            raise
        if time.perf_counter() - before > SLOWEST:
            Path("fuzz-slow.bin").write_bytes(data)
            sys.exit(f"run {number} took longer than {SLOWEST} s: see fuzz-slow.bin")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{given.runs:,} runs in {time.perf_counter() - begin:.0f} s, {memory:.0f} MB of memory at most")
    return 0


if __name__ == "__main__":
    sys.exit(main())
