"""Reads the zips of a build: every name, and the contents of the few files that the checks look into.

Layers are our own; code may be a zip of anybody's making. Memory is bounded whatever a zip claims:
names by the directory's size, files by spooling those that are larger than some megabytes to disk.
What was found in a zip is remembered by its sha256.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from layerforge.cache import Cache, sha256_of
from layerforge.check.contents import Installed, ListedFile, NativeFile, ZipContents
from layerforge.errors import BuildError
from layerforge.model.codec import decode, encode
from layerforge.native.elf import MAGIC, read_native
from layerforge.native.facts import DamagedFile, ElfFile, ForeignFile, Kind, Needs
from layerforge.wheels.directory import (
    BadWheelError,
    Member,
    WheelReader,
    data_offset,
    read_directory,
    read_head,
    read_member,
)
from layerforge.wheels.verify import iter_contents

_KIND = "zip"
# Raise it when the same zip would be told of differently.
_FORMAT = 1
_CLASSES = (DamagedFile, ElfFile, ForeignFile, Kind, NativeFile, Needs)

# Larger files are spooled to disk, so that memory stays bounded.
_SPOOL = 8_388_608
_RECORD_MAX = 67_108_864
# The header of an ELF file of 32 bits.
_SMALLEST = 52
_PTH_MAX = 65_536
_LINK_MAX = 4_096
# A legacy namespace package has the same few lines in each of its parts, give or take a comment.
_NAMESPACE_MAX = 4_096
_NAMESPACE_MARKS = (b"extend_path", b"declare_namespace")
_NATIVE_NAME = re.compile(r"\.(?:so(?:\.[\w.]+)?|pyd)$")
# Nobody loads these as native code, and they are most of what there is.
_TEXTS = frozenset(
    {".py", ".pyc", ".pyi", ".pyx", ".pxd", ".txt", ".md", ".rst", ".json", ".html", ".css", ".js", ".ts"}
    | {".csv", ".xml", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".h", ".hpp", ".c", ".cpp", ".svg", ".pem"}
    | {".png", ".gz", ".typed", ".debug", ".a", ".dll", ".exe", ".dylib", ".tmpl", ".template", ".map"}
)
_DIST_INFO = re.compile(
    r"(?P<folder>python/(?:lib/python3\.\d+/site-packages/)?)?"
    r"(?P<name>[^/]+?)-(?P<version>[^/-]+)\.dist-info/RECORD"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ZipFile:
    """A zip to read: where it lies, and what the manifest says of it."""

    name: str
    is_code: bool
    path: Path
    sha256: str


class UnreadableZipError(BuildError):
    """A zip that cannot be looked into. `sentence` says why."""


def read_contents(zip_file: ZipFile, cache: Cache) -> ZipContents:
    """What a zip holds; remembered by its digest.

    Raises UnreadableZipError for what is no proper zip, BuildError if it is not the manifest's.
    """
    try:
        with zip_file.path.open("rb", buffering=0) as stream:
            reader = WheelReader(io.BufferedReader(stream, 1 << 18), filename=zip_file.path.name)
            members = read_directory(reader, links=True).members
            return _read(zip_file, reader, members, cache)
    except BadWheelError as error:
        raise UnreadableZipError(error.sentence, where=str(zip_file.path)) from error
    except FileNotFoundError:
        raise _gone(zip_file) from None
    except OSError as error:
        raise UnreadableZipError(
            f"it cannot be read ({error.strerror or error})", where=str(zip_file.path)
        ) from error


def _gone(zip_file: ZipFile) -> BuildError:
    return BuildError(
        "the manifest names this zip, and it is not there",
        where=str(zip_file.path),
        hint="run `layerforge build`",
    )


def _read(zip_file: ZipFile, reader: WheelReader, members: Sequence[Member], cache: Cache) -> ZipContents:
    by_name = {member.name: member for member in members}
    installed = tuple(_read_installed(reader, by_name))
    contents = ZipContents(
        name=zip_file.name,
        is_code=zip_file.is_code,
        files=dict(_list(reader, members)),
        installed=installed,
    )
    key = hashlib.sha256(f"{_FORMAT} {zip_file.sha256}".encode()).hexdigest()
    facts = _recall(cache.read_facts(_KIND, key))
    if facts is None:
        if sha256_of(zip_file.path) != zip_file.sha256:
            raise BuildError(
                "the zip is not the one that the manifest tells of",
                where=str(zip_file.path),
                hint="run `layerforge build`",
            )
        facts = _look_inside(reader, members, installed)
        cache.write_facts(_KIND, key, _remember(facts))
    return replace(contents, **facts)


def _recall(stored: Any) -> dict[str, Any] | None:
    try:
        return {
            "natives": {path: decode(one, _CLASSES) for path, one in stored["natives"].items()},
            "namespaces": frozenset(stored["namespaces"]),
            "contested": dict(stored["contested"]),
            "pths": dict(stored["pths"]),
        }
    except (KeyError, TypeError, AttributeError):
        return None


def _remember(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **facts,
        "natives": {path: encode(one) for path, one in facts["natives"].items()},
        "namespaces": sorted(facts["namespaces"]),
    }


def _list(reader: WheelReader, members: Sequence[Member]) -> Iterator[tuple[str, ListedFile]]:
    for member in members:
        link = None
        if member.link:
            link = read_member(reader, member, limit=_LINK_MAX).decode("utf-8", "backslashreplace")
        yield member.name, ListedFile(member.size, member.crc, link)


def _read_installed(reader: WheelReader, by_name: Mapping[str, Member]) -> Iterator[Installed]:
    from packaging.utils import canonicalize_name

    for name, member in sorted(by_name.items()):
        found = _DIST_INFO.fullmatch(name)
        # What a package keeps inside of itself for others is no installed distribution.
        if found is None or member.link:
            continue
        folder = found["folder"] or ""
        text = read_member(reader, member, limit=_RECORD_MAX).decode("utf-8", "backslashreplace")
        yield Installed(
            name=canonicalize_name(found["name"]),
            version=found["version"],
            files={path: digest for path, digest in _parse_record(text, folder) if path in by_name},
        )


def _parse_record(text: str, folder: str) -> Iterator[tuple[str, str]]:
    try:
        for row in csv.reader(text.splitlines()):
            if row:
                yield _in_zip(folder, row[0]), (row[1].rpartition("=")[2] if len(row) > 1 else "")
    except csv.Error:
        # What it lists up to there is what is known of it.
        return


def _in_zip(folder: str, path: str) -> str:
    """A path of RECORD as one of the zip: `../bin/x` beside `python/` is `bin/x`."""
    if not path.startswith("../"):
        return f"{folder}{path}"
    parts = [part for part in folder.split("/") if part]
    while path.startswith("../"):
        path = path[3:]
        parts = parts[:-1]
    return "/".join((*parts, path))


def _look_inside(
    reader: WheelReader, members: Sequence[Member], installed: Sequence[Installed]
) -> dict[str, Any]:
    contested = _contested(installed)
    facts: dict[str, Any] = {"natives": {}, "namespaces": set(), "contested": {}, "pths": {}}
    # In the order in which they lie on the disk.
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.link:
            continue
        if member.name in contested:
            facts["contested"][member.name] = _digest(reader, member)
        if member.name.endswith("/__init__.py") and 0 < member.size <= _NAMESPACE_MAX:
            text = read_member(reader, member, limit=_NAMESPACE_MAX)
            if any(mark in text for mark in _NAMESPACE_MARKS):
                facts["namespaces"].add(member.name)
        elif member.name.endswith(".pth") and member.size <= _PTH_MAX:
            text = read_member(reader, member, limit=_PTH_MAX)
            facts["pths"][member.name] = text.decode("utf-8", "backslashreplace")
        elif native := _read_native(reader, member):
            facts["natives"][member.name] = native
    return facts


def _contested(installed: Sequence[Installed]) -> frozenset[str]:
    """Paths that several distributions list, not all with the same digest."""
    seen: dict[str, str] = {}
    contested = set()
    for one in installed:
        for path, digest in one.files.items():
            if digest and seen.setdefault(path, digest) != digest:
                contested.add(path)
    return frozenset(contested)


def _digest(reader: WheelReader, member: Member) -> str:
    sha256 = hashlib.sha256()
    for piece in iter_contents(reader, member, data_offset(reader, member)):
        sha256.update(piece)
    return base64.urlsafe_b64encode(sha256.digest()).rstrip(b"=").decode()


def _read_native(reader: WheelReader, member: Member) -> NativeFile | None:
    named = _NATIVE_NAME.search(member.name) is not None
    ruled_out = member.size < _SMALLEST or PurePosixPath(member.name).suffix.lower() in _TEXTS
    if ruled_out and not named:
        return None
    head = read_head(reader, member) if member.size else b""
    if not head.startswith(MAGIC):
        found = read_native(io.BytesIO(head), len(head))
        return NativeFile(size=member.size, sha256=None, found=found) if named else None
    with _spooled(reader, member) as (stream, sha256):
        return NativeFile(size=member.size, sha256=sha256, found=read_native(stream, member.size))


@contextmanager
def _spooled(reader: WheelReader, member: Member) -> Iterator[tuple[BinaryIO, str]]:
    """The unpacked file, in memory or on disk, and its sha256."""
    sha256 = hashlib.sha256()
    crc = 0
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as stream:
        for piece in iter_contents(reader, member, data_offset(reader, member)):
            sha256.update(piece)
            crc = zlib.crc32(piece, crc)
            stream.write(piece)
        if crc != member.crc:
            raise BadWheelError(reader.filename, f"the checksum of {member.name!r} does not match")
        yield cast(BinaryIO, stream), sha256.hexdigest()
