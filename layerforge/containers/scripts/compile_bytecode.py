"""Compile modules to hash-based, unchecked bytecode (PEP 552), and pack it: same sources, same bytes.

Runs in a container, or on the host, with an interpreter of the target's minor version. The argument
is a file of JSON: `jobs`, and `packs`, each with `root` (the folder that becomes /opt/python),
`modules` (paths below it) and `archive` (the zip to write). Prints JSON: the interpreter, and for
each pack how many modules it has and which did not compile.

marshal marks an object as shared by its reference count, so that what was compiled before shows in
the bytes. Every file is therefore compiled in a child forked from a parent that compiles nothing.
"""

from __future__ import annotations

import importlib.util
import json
import marshal
import os
import selectors
import sys
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

_PREFIX = "/opt/python/"
_UNCHECKED = (1).to_bytes(4, "little")
_SAME_DATE = (1980, 1, 1, 0, 0, 0)
_FAILED = 3


def main(request: Path) -> None:
    """Do what the request says."""
    if sys.flags.hash_randomization or not sys.flags.no_site:
        # Before 3.11 the order of a frozenset in bytecode follows the hash seed.
        os.execve(
            sys.executable,
            [sys.executable, "-s", "-S", __file__, str(request)],
            {"PYTHONHASHSEED": "0"},
        )
    wanted = json.loads(request.read_text(encoding="utf-8"))
    packs = [_pack(one, max(1, wanted["jobs"])) for one in wanted["packs"]]
    sys.stdout.write(json.dumps({"interpreter": interpreter(), "packs": packs}) + "\n")


def interpreter() -> str:
    """Name all that decides the bytes: the interpreter's version, and zlib's."""
    version = ".".join(map(str, sys.version_info))
    return f"{sys.implementation.cache_tag} {version} zlib {zlib.ZLIB_RUNTIME_VERSION}"


def _pack(wanted: dict[str, Any], jobs: int) -> dict[str, Any]:
    root = Path(wanted["root"])
    skipped = []
    count = 0
    with zipfile.ZipFile(wanted["archive"], "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in _compiled(root, sorted(wanted["modules"]), jobs):
            if data is None:
                skipped.append(name)
                continue
            count += 1
            info = zipfile.ZipInfo(
                "python/" + importlib.util.cache_from_source(name, optimization=""), _SAME_DATE
            )
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = 0o644 << 16
            archive.writestr(info, data)
    return {"modules": count, "skipped": skipped}


def _compiled(root: Path, modules: list[str], jobs: int) -> Iterator[tuple[str, bytes | None]]:
    """Each module with its bytecode (None: it does not compile), in order; `jobs` children at a time.

    One thread forks and listens: a fork beside other threads may copy a lock that is never let go.
    """
    running: dict[int, _Child] = {}
    done: dict[int, bytes | None] = {}
    started = 0
    with selectors.DefaultSelector() as selector:
        for position, name in enumerate(modules):
            while position not in done:
                # Not far ahead: what is done and waits for its turn lies in memory.
                while started < len(modules) and len(running) < jobs and started < position + 64 * jobs:
                    child = _start(root, modules[started], started)
                    running[child.reading] = child
                    selector.register(child.reading, selectors.EVENT_READ)
                    started += 1
                for key, _ in selector.select():
                    _hear(running, key.fd, selector, done)
            yield name, done.pop(position)


class _Child(NamedTuple):
    """A child that compiles the module at `position`, and what it has said."""

    pid: int
    reading: int
    position: int
    name: str
    pieces: list[bytes]


def _start(root: Path, name: str, position: int) -> _Child:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _compile_and_exit(root / name, _PREFIX + name, writing)
    os.close(writing)
    return _Child(pid, reading, position, name, [])


def _hear(
    running: dict[int, _Child],
    reading: int,
    selector: selectors.BaseSelector,
    done: dict[int, bytes | None],
) -> None:
    child = running[reading]
    piece = os.read(reading, 1 << 20)
    if piece:
        child.pieces.append(piece)
        return
    selector.unregister(reading)
    os.close(reading)
    del running[reading]
    code = os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
    if code not in (0, _FAILED):
        raise SystemExit(f"compiling {child.name} ended with {code}")
    done[child.position] = None if code == _FAILED else b"".join(child.pieces)


def _compile_and_exit(source: Path, shown: str, writing: int) -> None:
    code = 1
    try:
        warnings.simplefilter("ignore")
        text = source.read_bytes()
        compiled = compile(text, shown, "exec", dont_inherit=True, optimize=0)
        head = importlib.util.MAGIC_NUMBER + _UNCHECKED + importlib.util.source_hash(text)
        with os.fdopen(writing, "wb") as stream:
            stream.write(head + marshal.dumps(compiled))
        code = 0
    except (SyntaxError, ValueError, RecursionError, OverflowError, MemoryError):
        code = _FAILED
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
