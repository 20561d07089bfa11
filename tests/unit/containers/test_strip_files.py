"""The program that strips, on this machine: with real libraries, and a `strip` that fails where it shall."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

from layerforge.containers.stripping import (
    KeptFile,
    StrippedFile,
    Stripping,
    parse_stripping,
    strip_program,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ELF files are loaded")

JUNK = b"debug symbols, if you like" * 1000
# `strip --strip-unneeded -o MADE ORIGINAL`: takes the junk off, but does what it should not to some.
STRIP = f"""\
#!/bin/sh
case "$1" in --version) echo "GNU strip 2.41"; exit 0;; esac
case "$3" in
    *breaks*) head -c 3000 "$4" > "$3";;
    *refused*) echo "strip: $4: wrong" >&2; exit 1;;
    *nothing*) cp "$4" "$3";;
    *) head -c -{len(JUNK)} "$4" > "$3";;
esac
"""


def library() -> bytes:
    """Any extension module of this interpreter."""
    folder = Path(sysconfig.get_config_var("DESTSHARED"))
    return min(folder.glob("_*.so"), key=lambda path: path.stat().st_size).read_bytes()


def run(root: Path, files: dict[str, bytes], *, tool: str | None = STRIP) -> dict[str, Any]:
    for name, data in files.items():
        (root / "opt" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "opt" / name).write_bytes(data)
    (root / "bin").mkdir()
    if tool is not None:
        (root / "bin/strip").write_text(tool)
        (root / "bin/strip").chmod(0o755)
    (root / "strip_files.py").write_bytes(strip_program())
    tree = {"root": str(root / "opt"), "files": sorted(files), "archive": str(root / "made.zip")}
    (root / "request.json").write_text(json.dumps({"trees": [tree]}))
    path = f"{root}/bin:/usr/bin:/bin" if tool is not None else f"{root}/bin"
    done = subprocess.run(
        [sys.executable, str(root / "strip_files.py"), str(root / "request.json")],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def test_what_loads_afterwards_is_kept_and_the_rest_put_back(tmp_path: Path) -> None:
    whole = library() + JUNK
    size = len(whole)
    answer = run(
        tmp_path,
        {
            "python/fine.so": whole,
            "python/breaks.so": whole,
            "python/refused.so": whole,
            "python/nothing.so": whole,
            "python/cut.so": whole[:3000],
            "python/text.so": b"no ELF file at all, and long enough to be one" * 3,
            "python/short.so": b"\x7fELF",
        },
    )
    assert answer["tool"].startswith("GNU strip 2.41, zlib 1.")
    stripping = parse_stripping(answer["trees"][0])
    assert stripping.stripped == (StrippedFile("python/fine.so", size, size - len(JUNK)),)
    assert [one.name for one in stripping.put_back] == ["python/breaks.so"]
    assert [one.name for one in stripping.untried] == ["python/cut.so", "python/refused.so"]
    assert stripping.untried[1].why.endswith(".layerforge-original: wrong")
    left = {path.name: path.read_bytes() for path in (tmp_path / "opt/python").iterdir()}
    assert left["fine.so"] == whole[: -len(JUNK)]
    assert [left[name] for name in ("breaks.so", "refused.so", "nothing.so")] == [whole] * 3
    assert not [name for name in left if "original" in name]
    with zipfile.ZipFile(tmp_path / "made.zip") as made:
        assert [(one.filename, one.date_time[0], one.file_size) for one in made.infolist()] == [
            ("python/fine.so", 1980, size - len(JUNK))
        ]


def test_programs_are_loaded_and_not_started(tmp_path: Path) -> None:
    program = Path("/bin/false").resolve().read_bytes()
    answer = run(tmp_path, {"bin/false": program + JUNK})
    assert [one[0] for one in answer["trees"][0]["stripped"]] == ["bin/false"]


def test_image_without_the_program(tmp_path: Path) -> None:
    assert run(tmp_path, {}, tool=None) == {"missing": "strip"}


def test_saved() -> None:
    stripping = Stripping(
        stripped=(StrippedFile("a", 10, 4), StrippedFile("b", 5, 4)), put_back=(KeptFile("c", "why"),)
    )
    assert stripping.saved == 7
