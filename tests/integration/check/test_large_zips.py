"""Zips with as much in them as there is, read in a process of their own, whose memory is looked at."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from layerforge.build.archive import stored_entry, write_archive
from tests.elf_files import make_elf

MB = 2**20
# The memory of an interpreter that has imported what the checks import is taken first.
READ = """
import json, resource, sys
from pathlib import Path
from layerforge.cache import Cache, sha256_of
from layerforge.check.reading import UnreadableZipError, ZipFile, read_contents
import elftools.elf.structs, packaging.utils, csv, zlib

path = Path(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
answer = {}
try:
    contents = read_contents(
        ZipFile(name="a", is_code=True, path=path, sha256=sha256_of(path)), Cache(path.parent / "cache")
    )
    answer["files"] = len(contents.files)
    answer["natives"] = {name: repr(one.found) for name, one in contents.natives.items()}
except UnreadableZipError as error:
    answer["error"] = error.sentence
answer["memory"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
print(json.dumps(answer))
"""


def read(path: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, check=True, timeout=300
    )
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def test_60000_files(tmp_path: Path) -> None:
    names = [f"p{number // 100}/m{number}.dat" for number in range(60_000)]
    path = tmp_path / "a.zip"
    with path.open("wb") as stream:
        write_archive([stored_entry(name, b"x" * 60) for name in names], stream, subject="a")
    answer = read(path)
    assert (answer["files"], answer["natives"]) == (60_000, {})
    assert answer["memory"] < 100 * MB


def test_100000_files_are_more_than_a_zip_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(100_000):
            archive.writestr(f"d/{number}", b"")
    answer = read(path)
    assert answer["error"] == "it is a zip64 archive, which is for more than Lambda can hold"
    assert answer["memory"] < 20 * MB


@pytest.mark.parametrize("damaged", [False, True])
def test_a_library_of_300_mb_stays_on_the_disk(tmp_path: Path, *, damaged: bool) -> None:
    elf = make_elf(needed=["libc.so.6"], padding=300 * MB)
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("big.so", elf[:-1] if damaged else elf)
    answer = read(path)
    assert ("cut short" in answer["natives"]["big.so"]) is damaged
    assert answer["memory"] < 60 * MB


def test_a_thousand_native_files(tmp_path: Path) -> None:
    elf = make_elf(needed=["libc.so.6"], modules=["_x"])
    path = tmp_path / "a.zip"
    with path.open("wb") as stream:
        entries = [stored_entry(f"p/_m{number}.abi3.so", elf) for number in range(1000)]
        write_archive(entries, stream, subject="a")
    answer = read(path)
    assert len(answer["natives"]) == 1000
    assert answer["memory"] < 60 * MB
