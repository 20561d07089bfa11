"""Wheels that were verified once, in the user's cache: what layers are assembled from.

A wheel enters only after every entry was inflated and compared with RECORD (`wheels/verify.py`).
Beside it lies an index of its streams, so that its zip is never parsed again. From then on its
sha256 pins the bytes; `archive.py` checks it whenever it copies from them.
"""

from __future__ import annotations

import hashlib
import io
import threading
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from layerforge.cache import Cache, sha256_of
from layerforge.errors import BuildError
from layerforge.wheels.contents import read_contents
from layerforge.wheels.directory import STORED, WheelReader
from layerforge.wheels.layout import Command, Layout, make_layout
from layerforge.wheels.verify import Entry, verify_entries

_KIND = "contents"
_FORMAT = 1


class StoredFile(Protocol):
    """A file in the cache that layers are copied from: a wheel, or a pack."""

    @property
    def filename(self) -> str: ...  # noqa: D102
    @property
    def sha256(self) -> str: ...  # noqa: D102
    @property
    def path(self) -> Path: ...  # noqa: D102


class DamagedWheelError(BuildError):
    """A wheel (or a pack) in the cache is not what it was; it has been removed: fetch it anew."""

    def __init__(self, stored: StoredFile) -> None:
        self.stored = stored
        super().__init__(
            "the copy in the cache is damaged, and so is what was fetched in its place",
            where=stored.filename,
            hint="check the disk that holds the cache, then build again",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredWheel:
    """A verified wheel in the cache. `heads`: lengths of first lines to replace, by member."""

    filename: str
    sha256: str
    path: Path
    name: str
    version: str
    dist_info: str
    entries: tuple[Entry, ...]
    commands: tuple[Command, ...]
    heads: dict[str, int]

    def layout(self) -> Layout:
        """Where its files go in a layer."""
        return make_layout(
            self.filename,
            dist_info=self.dist_info,
            members=self.entries,
            commands=self.commands,
            heads=self.heads,
        )


class WheelStore:
    """The wheels of a cache. Safe under several threads and processes."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache

    def holds(self, sha256: str) -> bool:
        """Whether `get` would return a wheel, told without reading it."""
        return self.cache.blob(sha256).is_file() and self.cache.facts(_KIND, sha256).is_file()

    def get(self, sha256: str) -> StoredWheel | None:
        """The wheel, if it is here and was verified; its bytes are not read."""
        path = self.cache.blob(sha256)
        facts = self.cache.read_facts(_KIND, sha256)
        if facts is None or not path.is_file():
            return None
        stored = _parse_facts(facts, sha256, path)
        if stored is None:
            self.cache.facts(_KIND, sha256).unlink(missing_ok=True)
        else:
            self.cache.touch(sha256)
        return stored

    def add(self, path: Path, *, filename: str, sha256: str) -> StoredWheel:
        """Verify a wheel whose sha256 the caller has checked, and move it into the cache.

        Raises BadWheelError, and leaves `path` alone, if it is not what it says.
        """
        stored = _verify(path, filename, sha256)
        kept = self.cache.adopt(path, sha256)
        return self._index(stored, kept)

    def adopt_known(self, *, filename: str, sha256: str) -> StoredWheel | None:
        """Verify a wheel that others left in the cache, where it lies; None if it is not there or damaged."""
        path = self.cache.intact(sha256)
        return self._index(_verify(path, filename, sha256), path) if path else None

    def discard(self, sha256: str) -> None:
        """Remove a wheel that was found damaged."""
        self.cache.facts(_KIND, sha256).unlink(missing_ok=True)
        self.cache.blob(sha256).unlink(missing_ok=True)

    def _index(self, stored: StoredWheel, path: Path) -> StoredWheel:
        kept = replace(stored, path=path)
        self.cache.write_facts(_KIND, kept.sha256, _format_facts(kept))
        return kept


def _verify(path: Path, filename: str, sha256: str) -> StoredWheel:
    with path.open("rb", buffering=0) as stream:
        reader = WheelReader(io.BufferedReader(stream, 1 << 18), filename=filename)
        contents = read_contents(reader)
        entries = verify_entries(reader, contents)
    stored = StoredWheel(
        filename=filename,
        sha256=sha256,
        path=path,
        name=contents.name,
        version=contents.version,
        dist_info=contents.dist_info,
        entries=entries,
        commands=contents.commands,
        heads=dict(contents.heads),
    )
    stored.layout()
    return stored


def _format_facts(stored: StoredWheel) -> dict[str, Any]:
    # One string rather than thousands of small lists: it is read three times as fast. Names hold
    # neither tabs nor newlines (`wheels/directory.py` refuses them).
    rows = "\n".join(
        f"{e.name}\t{e.size}\t{e.compressed_size}\t{e.crc}\t{e.method}\t{e.executable:d}\t{e.offset}\t{e.sha256}"
        for e in stored.entries
    )
    head = {
        "format": _FORMAT,
        "filename": stored.filename,
        "name": stored.name,
        "version": stored.version,
        "dist_info": stored.dist_info,
        "commands": [list(command) for command in stored.commands],
        "heads": stored.heads,
        "bytes": stored.path.stat().st_size,
        "rows": rows,
    }
    return {**head, "check": _check(head)}


def _check(facts: dict[str, Any]) -> str:
    """A digest of the index itself: bits rot there as well."""
    digest = hashlib.sha256()
    for key in sorted(facts):
        if key != "check":
            digest.update(f"{key}\0{facts[key]}\0".encode())
    return digest.hexdigest()


def _parse_facts(facts: Any, sha256: str, path: Path) -> StoredWheel | None:
    if not isinstance(facts, dict) or facts.get("format") != _FORMAT or facts.get("check") != _check(facts):
        return None
    if path.stat().st_size != facts["bytes"]:
        return None
    rows = (row.split("\t") for row in facts["rows"].split("\n"))
    return StoredWheel(
        filename=facts["filename"],
        sha256=sha256,
        path=path,
        name=facts["name"],
        version=facts["version"],
        dist_info=facts["dist_info"],
        entries=tuple(
            [
                Entry(
                    name,
                    int(size),
                    int(packed),
                    int(crc),
                    int(method),
                    executable == "1",
                    int(offset),
                    digest,
                )
                for name, size, packed, crc, method, executable, offset, digest in rows
            ]
        ),
        commands=tuple(Command(*command) for command in facts["commands"]),
        heads=facts["heads"],
    )


def read_entry(stored: StoredWheel, entry: Entry) -> bytes:
    """The contents of one file of a stored wheel. Raises DamagedWheelError if they are not what they were."""
    with stored.path.open("rb") as stream:
        stream.seek(entry.offset)
        data = stream.read(entry.compressed_size)
    try:
        contents = data if entry.method == STORED else zlib.decompress(data, -zlib.MAX_WBITS, entry.size or 1)
    except zlib.error:
        raise DamagedWheelError(stored) from None
    if zlib.crc32(contents) != entry.crc:
        raise DamagedWheelError(stored)
    return contents


class DigestCheck:
    """Hashes stored wheels and packs in a thread of its own while they are copied from."""

    def __init__(self, wheels: Iterable[StoredFile]) -> None:
        self._wheels = {wheel.sha256: wheel for wheel in wheels}
        self._damaged: list[StoredFile] = []
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="digest-check", daemon=True)

    def __enter__(self) -> DigestCheck:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop = True
        self._thread.join()

    def damaged(self) -> tuple[StoredFile, ...]:
        """Wait for the end; the wheels that are not what their name says."""
        self._thread.join()
        return tuple(self._damaged)

    def _run(self) -> None:
        for sha256, wheel in self._wheels.items():
            if self._stop:
                return
            try:
                intact = sha256_of(wheel.path) == sha256
            except OSError:
                intact = False
            if not intact:
                self._damaged.append(wheel)
