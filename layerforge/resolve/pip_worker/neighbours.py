"""Folders that a project folder takes its requirements from: `models @ file:../models` in its metadata.

Backends write such places in many ways (hatch and Poetry make them absolute, and then they name the
copy that is built, which is gone the next moment). None of them means anything to another machine,
so they are taken out of the wheel; where the requirement is to come from is told beside it.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pip._vendor.packaging.requirements import InvalidRequirement, Requirement
from pip._vendor.packaging.utils import canonicalize_name

_KEY = "requires-dist:"


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltFrom:
    """Where a wheel was built (`copy`, in a scratch folder) and the folder that this is a copy of."""

    copy: Path
    original: Path


def take_neighbours(wheel: Path, built_from: BuiltFrom) -> dict[str, str]:
    """Turn `name @ file:place` into `name` in the wheel's metadata; the places, by normalised name.

    Places are as seen from the original folder, with `/`.
    """
    with zipfile.ZipFile(wheel) as archive:
        path = next((name for name in archive.namelist() if name.endswith(".dist-info/METADATA")), None)
        text = archive.read(path).decode(errors="surrogateescape") if path else ""
    header, blank, body = text.partition("\n\n")
    found: dict[str, str] = {}
    lines = [_without_place(line, built_from, found) for line in header.split("\n")]
    if path and found:
        _replace(wheel, path, f"{chr(10).join(lines)}{blank}{body}".encode(errors="surrogateescape"))
    return found


def _without_place(line: str, built_from: BuiltFrom, found: dict[str, str]) -> str:
    if not line.lower().startswith(_KEY):
        return line
    try:
        requirement = Requirement(line[len(_KEY) :].strip())
    except InvalidRequirement:
        return line
    if not requirement.url or not requirement.url.lower().startswith("file:"):
        return line
    found[canonicalize_name(requirement.name)] = _place(requirement.url, built_from)
    requirement.url = None
    return f"{line[: len(_KEY)]} {requirement}"


def _place(url: str, built_from: BuiltFrom) -> str:
    path = unquote(urlsplit(url).path)
    if not path.startswith("/"):
        return os.path.normpath(path).replace(os.sep, "/")
    scratch = built_from.copy.parent.parent
    of_the_machine = os.path.exists(path) and not Path(path).is_relative_to(scratch)  # noqa: PTH110
    start = built_from.original if of_the_machine else built_from.copy
    return os.path.relpath(path, start).replace(os.sep, "/")


def _replace(wheel: Path, path: str, content: bytes) -> None:
    """Write the wheel anew with another content of `path`, and RECORD to match."""
    record_path = path.replace("/METADATA", "/RECORD")
    written = wheel.with_suffix(".new")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(written, "w") as new:
        for entry in old.infolist():
            data = content if entry.filename == path else old.read(entry)
            if entry.filename == record_path:
                data = _record(data, path, content)
            new.writestr(entry, data, compress_type=entry.compress_type)
    written.replace(wheel)


def _record(record: bytes, path: str, content: bytes) -> bytes:
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    rows = list(csv.reader(io.StringIO(record.decode())))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for row in rows:
        is_it = bool(row) and row[0] == path
        writer.writerow([path, f"sha256={digest}", str(len(content))] if is_it else row)
    return out.getvalue().encode()
