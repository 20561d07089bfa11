"""Take out of ELF files what only debuggers read; each has to load afterwards as it did before.

Runs in a build image, for files at the paths that they have in Lambda. The argument is a file of JSON:
`trees`, each with `root`, `files` (paths below it) and `archive` (a zip to write the changed ones to).
Prints JSON: the tools, and for each tree what was stripped, what was put back, and what was not tried.

Which file loads is asked of the dynamic linker, in a process of its own each time: a library runs code
when it is loaded, and one that crashes shall not take the others along.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

_SECONDS_TO_LOAD = 60
_SAME_DATE = (1980, 1, 1, 0, 0, 0)
_DYNAMIC, _INTERPRETER = 2, 3
_SAID = 2000


def main(path: Path) -> None:
    """Do what the request says."""
    request = json.loads(path.read_text(encoding="utf-8"))
    tool = shutil.which("strip")
    if tool is None:
        sys.stdout.write(json.dumps({"missing": "strip"}) + "\n")
        return
    trees = [_tree(one) for one in request["trees"]]
    sys.stdout.write(json.dumps({"tool": version(tool), "trees": trees}) + "\n")


def version(tool: str) -> str:
    """Name all that decides the bytes: the program's version, and zlib's."""
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    command = [tool, "--version"]
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout
    return f"{(said.splitlines() or ['strip'])[0]}, zlib {zlib.ZLIB_RUNTIME_VERSION}"


def _tree(wanted: dict[str, Any]) -> dict[str, Any]:
    root = Path(wanted["root"])
    done = strip_tree(root, wanted["files"])
    with zipfile.ZipFile(wanted["archive"], "w", zipfile.ZIP_DEFLATED) as archive:
        for name, _, _ in done["stripped"]:
            info = zipfile.ZipInfo(name, _SAME_DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, (root / name).read_bytes())
    return done


def strip_tree(root: Path, names: list[str]) -> dict[str, Any]:
    """Strip the ELF files among `names` (below `root`) in place; what does not load then stays as it was.

    `stripped` has names with their bytes before and after; `put_back` and `untried` names with the reason.
    """
    tries = []
    untried = []
    for name in sorted(names):
        one = _Try(root / name, name, _kind(root / name))
        if one.kind is None:
            continue
        if (why := _why_not(one)) is not None:
            untried.append([name, why])
            continue
        tries.append(one)
    changed = []
    for one in tries:
        smaller, why = _strip(one)
        changed += [one] if smaller else []
        untried += [[one.name, why]] if why else []
    put_back = _put_back(changed)
    kept = [one for one in changed if one.name not in dict(put_back)]
    stripped = [[one.name, _original(one).stat().st_size, one.path.stat().st_size] for one in kept]
    for one in changed:
        _original(one).unlink(missing_ok=True)
    return {"stripped": stripped, "put_back": put_back, "untried": sorted(untried)}


class _Try(NamedTuple):
    """A file: `kind` is library, program or other; None if it is no ELF file."""

    path: Path
    name: str
    kind: str | None


def _original(one: _Try) -> Path:
    return one.path.with_name(f"{one.path.name}.layerforge-original")


def _kind(path: Path) -> str | None:
    with path.open("rb") as stream:
        head = stream.read(64)
        if len(head) < 64 or head[:4] != b"\x7fELF":
            return None
        order = "<" if head[5] == 1 else ">"
        wide = head[4] == 2
        at, size, count = (
            struct.unpack_from(f"{order}Q", head, 32) + struct.unpack_from(f"{order}2H", head, 54)
            if wide
            else struct.unpack_from(f"{order}L", head, 28) + struct.unpack_from(f"{order}2H", head, 42)
        )
        kinds = set()
        for position in range(count):
            stream.seek(at + position * size)
            entry = stream.read(4)
            if len(entry) == 4:
                kinds.add(struct.unpack(f"{order}L", entry)[0])
    if _INTERPRETER in kinds:
        return "program"
    return "library" if _DYNAMIC in kinds else "other"


def _why_not(one: _Try) -> str | None:
    """Why a file is left alone: it cannot be loaded as it is, so that nothing could be told afterwards."""
    if one.kind == "other":
        return "nothing loads it dynamically"
    return load(one.path, one.kind)


def load(path: Path, kind: str | None) -> str | None:
    """What the dynamic linker has against a file; None if it loads."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _load_and_exit(path, kind, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        said = stream.read(_SAID).decode(errors="replace").strip()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code == 0:
        return None
    if code < 0:
        return f"loading it ended with signal {signal.Signals(-code).name}"
    return said or f"loading it ended with exit code {code}"


def _load_and_exit(path: Path, kind: str | None, writing: int) -> None:
    try:
        signal.alarm(_SECONDS_TO_LOAD)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 1)
        os.dup2(writing if kind == "program" else nothing, 2)
        if kind == "program":
            path.chmod(0o755)
            # The dynamic linker maps it with all that it needs, and does not start it (ld.so(8)).
            os.execve(path, [str(path)], {**os.environ, "LD_TRACE_LOADED_OBJECTS": "1"})
        ctypes.CDLL(str(path), mode=os.RTLD_NOW)
    except OSError as error:
        os.write(writing, str(error).encode(errors="replace"))
        os._exit(1)
    os._exit(0)


def _strip(one: _Try) -> tuple[bool, str | None]:
    """Whether there was something to take out; and why not, if the program failed."""
    original = _original(one)
    one.path.rename(original)
    # Programs of the system do not load what Python has brought.
    environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
    command = ["strip", "--strip-unneeded", "-o", str(one.path), str(original)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0 and one.path.is_file() and one.path.stat().st_size < original.stat().st_size:
        shutil.copymode(original, one.path)
        return True, None
    one.path.unlink(missing_ok=True)
    original.rename(one.path)
    said = done.stderr.strip() or f"strip ended with exit code {done.returncode}"
    return False, said.splitlines()[-1] if done.returncode else None


def _put_back(changed: list[_Try]) -> list[list[str]]:
    """Put back what no longer loads; all of it if that is not enough, as one may be needed by another."""
    failed = {one.name: why for one in changed if (why := load(one.path, one.kind)) is not None}
    for one in changed:
        if one.name in failed:
            _restore(one)
    if any(load(one.path, one.kind) is not None for one in changed if one.name in failed):
        for one in changed:
            if one.name not in failed:
                _restore(one)
                failed[one.name] = "what needs it no longer loads"
    return [[name, why] for name, why in sorted(failed.items())]


def _restore(one: _Try) -> None:
    shutil.copy2(_original(one), one.path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
