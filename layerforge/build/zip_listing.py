"""What lies in a zip of layers or code, read from its final bytes and remembered by its digest."""

from __future__ import annotations

import base64
import binascii
import csv
import heapq
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from layerforge.cache import Cache
from layerforge.errors import BuildError

_KIND = "zip-listing"
# What is remembered: count up when more or other things are.
_FORMAT = 1
# Largest files kept of each distribution, and of the whole zip.
_KEPT_OF_ONE = 12
_KEPT_OF_ALL = 200
_METADATA_MAX = 16_777_216
_RECORD_MAX = 67_108_864


class HeldFile(NamedTuple):
    """A file in the zip; bytes unzipped. `sha256` is hex, "" where no RECORD tells it."""

    path: str
    size: int
    sha256: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldDistribution:
    """A distribution as its dist-info in the zip tells of it; bytes unzipped.

    `license` is an SPDX expression, or None. `largest` are its largest files, `bundled` the native
    libraries that auditwheel and its like put into a `.libs` folder; both the largest first.
    """

    name: str
    version: str
    license: str | None
    summary: str
    files: int
    unzipped_size: int
    largest: tuple[HeldFile, ...]
    bundled: tuple[HeldFile, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ZipListing:
    """All distributions in a zip, sorted by name, and the 200 largest files of it.

    Each file goes with the distribution that it belongs to, None for a function's own code.
    """

    distributions: tuple[HeldDistribution, ...]
    largest: tuple[tuple[HeldFile, str | None], ...]


def read_zip_listing(path: Path, *, sha256: str, cache: Cache) -> ZipListing:
    """What lies in the zip at `path`, whose digest is `sha256`: remembered, or read and remembered.

    Raises BuildError if it is not there, or damaged.
    """
    known = _parse(cache.read_facts(_KIND, sha256))
    if known is not None:
        return known
    try:
        with zipfile.ZipFile(path) as archive:
            contents = _read(archive)
    except (OSError, zipfile.BadZipFile, zlib.error, csv.Error, ValueError) as error:
        raise BuildError(
            f"the zip cannot be read ({error})", where=str(path), hint="run `layerforge build`"
        ) from error
    cache.write_facts(_KIND, sha256, _format(contents))
    return contents


def _read(archive: zipfile.ZipFile) -> ZipListing:
    sizes = {info.filename: info.file_size for info in archive.infolist() if not info.is_dir()}
    owners: dict[str, str] = {}
    distributions = []
    for name in sizes:
        folder, _, last = name.rpartition("/")
        if last == "METADATA" and folder.endswith(".dist-info"):
            held = _read_distribution(archive, folder, sizes)
            described = _describe(archive, folder, held)
            distributions.append(described)
            owners |= dict.fromkeys((file.path for file in held), described.name)
    largest = _largest([HeldFile(path, size) for path, size in sizes.items()], _KEPT_OF_ALL)
    return ZipListing(
        distributions=tuple(sorted(distributions, key=lambda one: one.name)),
        largest=tuple((file, owners.get(file.path)) for file in largest),
    )


def _read_distribution(
    archive: zipfile.ZipFile, folder: str, sizes: Mapping[str, int]
) -> tuple[HeldFile, ...]:
    """The files that RECORD lists and that are there, by their paths in the zip."""
    record = f"{folder}/RECORD"
    if record not in sizes:
        return (HeldFile(f"{folder}/METADATA", sizes[f"{folder}/METADATA"]),)
    text = _read_text(archive, record, _RECORD_MAX)
    base = folder.rpartition("/")[0]
    found = {}
    for row in csv.reader(io.StringIO(text, newline="")):
        path = _joined(base, row[0]) if row else None
        if path is not None and path in sizes:
            found[path] = HeldFile(path, sizes[path], _hex(row[1] if len(row) > 1 else ""))
    return tuple(found.values())


def _joined(base: str, path: str) -> str | None:
    """A path of RECORD as one of the zip; None if it leads out of it."""
    parts = base.split("/") if base else []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _hex(digest: str) -> str:
    kind, _, value = digest.partition("=")
    if kind != "sha256":
        return ""
    try:
        return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()
    except binascii.Error:
        return ""


def _describe(archive: zipfile.ZipFile, folder: str, files: tuple[HeldFile, ...]) -> HeldDistribution:
    from email.parser import HeaderParser

    from packaging.utils import canonicalize_name

    from layerforge.wheels.licenses import read_license

    metadata = HeaderParser().parsestr(_read_text(archive, f"{folder}/METADATA", _METADATA_MAX))
    return HeldDistribution(
        name=canonicalize_name(metadata.get("Name", "")),
        version=metadata.get("Version", ""),
        license=read_license(metadata),
        summary=" ".join(metadata.get("Summary", "").split()),
        files=len(files),
        unzipped_size=sum(file.size for file in files),
        largest=_largest(files, _KEPT_OF_ONE),
        bundled=tuple(sorted(_bundled(files), key=lambda file: (-file.size, file.path))),
    )


def _bundled(files: tuple[HeldFile, ...]) -> Iterator[HeldFile]:
    for file in files:
        folder, _, name = file.path.rpartition("/")
        if folder.rpartition("/")[2].endswith(".libs") and ".so" in name:
            yield file


def _largest(files: Iterable[HeldFile], most: int) -> tuple[HeldFile, ...]:
    return tuple(heapq.nsmallest(most, files, key=lambda file: (-file.size, file.path)))


def _read_text(archive: zipfile.ZipFile, name: str, most: int) -> str:
    with archive.open(name) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise ValueError(f"{name} is larger than {most:,} bytes")
    return data.decode("utf-8", errors="replace")


def _format(contents: ZipListing) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "largest": [[*file, owner] for file, owner in contents.largest],
        "distributions": [
            {
                "name": one.name,
                "version": one.version,
                "license": one.license,
                "summary": one.summary,
                "files": one.files,
                "unzipped_size": one.unzipped_size,
                "largest": [list(file) for file in one.largest],
                "bundled": [list(file) for file in one.bundled],
            }
            for one in contents.distributions
        ],
    }


def _parse(facts: Any) -> ZipListing | None:
    if not isinstance(facts, dict) or facts.get("format") != _FORMAT:
        return None
    return ZipListing(
        largest=tuple((HeldFile(*file), owner) for *file, owner in facts["largest"]),
        distributions=tuple(
            HeldDistribution(
                **{
                    **one,
                    "largest": tuple(HeldFile(*file) for file in one["largest"]),
                    "bundled": tuple(HeldFile(*file) for file in one["bundled"]),
                }
            )
            for one in facts["distributions"]
        ),
    )
