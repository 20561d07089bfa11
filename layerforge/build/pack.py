"""Packs: files made from a wheel for its layer (bytecode, stripped libraries), kept in the cache.

A pack is a zip whose streams are copied into layers exactly as a wheel's are. Its entries are named
as in the layer zip (`python/pkg/__pycache__/x.cpython-313.pyc`). Each was inflated once, when the
pack entered; beside it lies an index, so that its zip is never parsed again.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from layerforge.cache import Cache, sha256_of
from layerforge.errors import BuildError
from layerforge.wheels.directory import WheelReader, read_directory
from layerforge.wheels.verify import Entry, verify_member

_KIND = "pack"
_FORMAT = 1
# The folders of /opt into which a wheel's files go; a pack of anything else is none of ours.
_FOLDERS = ("python/", "bin/", "lib/", "share/")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pack:
    """Verified files for a layer. `notes` is what the maker wrote about them (JSON)."""

    path: Path
    sha256: str
    entries: tuple[Entry, ...]
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def filename(self) -> str:
        """What errors call it."""
        return f"pack {self.sha256[:12]}"

    @property
    def size(self) -> int:
        """Bytes of its files, unzipped."""
        return sum(entry.size for entry in self.entries)


class PackStore:
    """The packs of a cache, by kind and key (a hex digest). Safe under several threads and processes."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache

    def find(self, kind: str, key: str) -> Pack | None:
        """The pack, if it is here and was verified; its bytes are not read."""
        pack = _parse_facts(self.cache.read_facts(_KIND, _name(kind, key)), self.cache)
        if pack is not None:
            self.cache.touch(pack.sha256)
        return pack

    def add(self, kind: str, key: str, archive: Path, *, notes: Mapping[str, Any] | None = None) -> Pack:
        """Verify every entry of `archive` and move it into the cache.

        Raises BuildError, and leaves `archive` alone, if it cannot be trusted to do no harm.
        """
        entries = _verify(archive, kind)
        sha256 = sha256_of(archive)
        kept = self.cache.adopt(archive, sha256)
        pack = Pack(path=kept, sha256=sha256, entries=entries, notes=dict(notes or {}))
        self.cache.write_facts(_KIND, _name(kind, key), _format_facts(pack))
        return pack


def _name(kind: str, key: str) -> str:
    return hashlib.sha256(f"{kind}\0{key}".encode()).hexdigest()


def _verify(archive: Path, kind: str) -> tuple[Entry, ...]:
    with archive.open("rb") as stream:
        reader = WheelReader(stream, filename=f"pack of {kind}")
        members = read_directory(reader).members
        for member in members:
            if not member.name.startswith(_FOLDERS):
                raise BuildError(f"{member.name!r} does not belong in a layer", where=reader.filename)
        return tuple([verify_member(reader, member) for member in members])


def _format_facts(pack: Pack) -> dict[str, Any]:
    rows: dict[str, Any] = {
        "format": _FORMAT,
        "sha256": pack.sha256,
        "bytes": pack.path.stat().st_size,
        "rows": [list(entry) for entry in pack.entries],
        "notes": dict(pack.notes),
    }
    return {**rows, "check": _check(rows)}


def _check(facts: Mapping[str, Any]) -> str:
    """A digest of the index itself: bits rot there as well."""
    rest = sorted((key, value) for key, value in facts.items() if key != "check")
    return hashlib.sha256(repr(rest).encode()).hexdigest()


def _parse_facts(facts: Any, cache: Cache) -> Pack | None:
    if not isinstance(facts, dict) or facts.get("format") != _FORMAT or facts.get("check") != _check(facts):
        return None
    path = cache.blob(facts["sha256"])
    with contextlib.suppress(OSError):
        if path.stat().st_size == facts["bytes"]:
            entries = tuple([Entry(*row) for row in facts["rows"]])
            return Pack(path=path, sha256=facts["sha256"], entries=entries, notes=facts["notes"])
    return None
