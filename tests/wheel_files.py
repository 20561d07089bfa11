"""Tiny real wheels, sdists and source projects: valid by default, wrong only where a test asks for it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from packaging.tags import parse_tag
from packaging.utils import canonicalize_name

Content = bytes | str
_MTIME = 1_700_000_000
_BACKEND = '''\
"""A PEP 517 backend that needs nothing: it zips the project's files. Told what to say by project.json."""
import base64, hashlib, json, os, sys, zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
CONFIG = json.load(open(os.path.join(HERE, "project.json"), encoding="utf-8"))
STEM = "%s-%s" % (CONFIG["stem"], CONFIG["version"])
SKIPPED = {"_backend", "pyproject.toml", "PKG-INFO", ".git"}


def get_requires_for_build_wheel(config_settings=None):
    return []


get_requires_for_build_editable = get_requires_for_build_sdist = get_requires_for_build_wheel


def _dist_info():
    tags = "".join("Tag: %s\\n" % tag for tag in CONFIG["tags"])
    purelib = "true" if CONFIG["tag"].endswith("-any") else "false"
    return {
        STEM + ".dist-info/METADATA": CONFIG["metadata"],
        STEM + ".dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: %s\\n%s" % (purelib, tags),
    }


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    for name, text in _dist_info().items():
        path = os.path.join(metadata_directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)
    return STEM + ".dist-info"


prepare_metadata_for_build_editable = prepare_metadata_for_build_wheel


def _sources():
    for folder, folders, files in os.walk("."):
        folders[:] = sorted(name for name in folders if name not in SKIPPED and name != "__pycache__")
        for name in sorted(files):
            path = os.path.relpath(os.path.join(folder, name), ".")
            if path not in SKIPPED:
                with open(path, "rb") as stream:
                    yield path.replace(os.sep, "/"), stream.read()


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    if CONFIG["fails"]:
        sys.stderr.write(CONFIG["fails"] + "\\n")
        raise SystemExit(1)
    filename = "%s-%s.whl" % (STEM, CONFIG["tag"])
    entries = dict(_sources())
    entries.update((name, text.encode("utf-8")) for name, text in _dist_info().items())
    record = STEM + ".dist-info/RECORD"
    rows = []
    with zipfile.ZipFile(os.path.join(wheel_directory, filename), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append("%s,sha256=%s,%d" % (name, digest, len(data)))
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), data)
        archive.writestr(record, "\\n".join(rows + [record + ",,", ""]))
    return filename


build_editable = build_wheel


def build_sdist(sdist_directory, config_settings=None):
    raise NotImplementedError("tests need no sdist of a sdist")
'''


@dataclass(frozen=True, kw_only=True, slots=True)
class Lies:
    """What a wheel says wrongly. `overrides` replace (None: remove) entries after RECORD was written.

    `entries` are appended as they are, unknown to RECORD: second entries of a name, `../`, symlinks.
    `record` replaces (None: remove) the row of a path in RECORD. The filename is never touched.
    """

    overrides: Mapping[str, Content | None] = field(default_factory=dict)
    record: Mapping[str, str | None] = field(default_factory=dict)
    entries: Sequence[tuple[str | zipfile.ZipInfo, Content]] = ()
    metadata_name: str | None = None
    metadata_version: str | None = None


class MakeWheel(Protocol):
    """The `make_wheel` fixture; see `write_wheel`."""

    def __call__(
        self,
        name: str,
        version: str = ...,
        *,
        requires: Sequence[str] = ...,
        extras: Mapping[str, Sequence[str]] = ...,
        files: Mapping[str, Content] | None = ...,
        tag: str = ...,
        build: str | None = ...,
        requires_python: str | None = ...,
        entry_points: Mapping[str, Mapping[str, str]] | None = ...,
        data: Mapping[str, Content] = ...,
        modes: Mapping[str, int] = ...,
        lies: Lies = ...,
        directory: Path | None = ...,
    ) -> Path: ...


class MakeSource(Protocol):
    """The `make_sdist` and `make_project` fixtures; see `write_sdist` and `write_project`."""

    def __call__(
        self,
        name: str,
        version: str = ...,
        *,
        requires: Sequence[str] = ...,
        extras: Mapping[str, Sequence[str]] = ...,
        files: Mapping[str, Content] | None = ...,
        tag: str = ...,
        requires_python: str | None = ...,
        fails: str | None = ...,
        directory: Path | None = ...,
    ) -> Path: ...


def wheel_filename(name: str, version: str, tag: str = "py3-none-any", build: str | None = None) -> str:
    """`some_name-1.0-py3-none-any.whl`."""
    return "-".join(filter(None, [_stem(name, version), build, tag])) + ".whl"


def write_wheel(
    directory: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: Sequence[str] = (),
    extras: Mapping[str, Sequence[str]] | None = None,
    files: Mapping[str, Content] | None = None,
    tag: str = "py3-none-any",
    build: str | None = None,
    requires_python: str | None = None,
    entry_points: Mapping[str, Mapping[str, str]] | None = None,
    data: Mapping[str, Content] | None = None,
    modes: Mapping[str, int] | None = None,
    lies: Lies | None = None,
) -> Path:
    """A wheel with `files` (default: a package of its name) at the root of site-packages.

    `data` goes below `.data/` and so starts with `scripts/`, `data/`, `purelib/`, `platlib/` or
    `headers/`. `entry_points` is group -> name -> reference. `modes` are permissions by path.
    """
    lies = lies or Lies()
    stem = _stem(name, version)
    metadata = metadata_text(
        lies.metadata_name or name,
        lies.metadata_version or version,
        requires=requires,
        extras=extras or {},
        requires_python=requires_python,
    )
    entries = {path: _bytes(content) for path, content in (files or _package(name, version)).items()}
    entries |= {f"{stem}.data/{path}": _bytes(content) for path, content in (data or {}).items()}
    entries[f"{stem}.dist-info/METADATA"] = metadata.encode()
    entries[f"{stem}.dist-info/WHEEL"] = _wheel_text(tag, build).encode()
    if entry_points:
        entries[f"{stem}.dist-info/entry_points.txt"] = _entry_points_text(entry_points).encode()
    record = f"{stem}.dist-info/RECORD"
    entries[record] = _record_text(entries, record, lies.record).encode()
    for name_inside, replacement in lies.overrides.items():
        if replacement is None:
            entries.pop(name_inside, None)
        else:
            entries[name_inside] = _bytes(replacement)
    path = directory / wheel_filename(name, version, tag, build)
    _write_zip(path, entries, modes or {}, lies.entries)
    return path


def write_project(
    directory: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: Sequence[str] = (),
    extras: Mapping[str, Sequence[str]] | None = None,
    files: Mapping[str, Content] | None = None,
    tag: str = "py3-none-any",
    requires_python: str | None = None,
    fails: str | None = None,
) -> Path:
    """Fill `directory` with a project that builds without a network: its backend lies inside of it.

    The wheel holds every file of the directory as it is when it is built, tagged `tag`. With
    `fails`, building ends with that text on stderr.
    """
    for relative, content in _project_files(
        name,
        version,
        requires=requires,
        extras=extras or {},
        files=files,
        tag=tag,
        requires_python=requires_python,
        fails=fails,
    ).items():
        target = directory / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return directory


def write_sdist(
    directory: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: Sequence[str] = (),
    extras: Mapping[str, Sequence[str]] | None = None,
    files: Mapping[str, Content] | None = None,
    tag: str = "py3-none-any",
    requires_python: str | None = None,
    fails: str | None = None,
) -> Path:
    """An sdist of the project that `write_project` would make."""
    stem = _stem(name, version)
    path = directory / f"{stem}.tar.gz"
    entries = _project_files(
        name,
        version,
        requires=requires,
        extras=extras or {},
        files=files,
        tag=tag,
        requires_python=requires_python,
        fails=fails,
    )
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for entry, content in entries.items():
            info = tarfile.TarInfo(f"{stem}/{entry}")
            info.size = len(content)
            info.mtime = _MTIME
            archive.addfile(info, io.BytesIO(content))
    return path


def metadata_text(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    extras: Mapping[str, Sequence[str]] | None = None,
    requires_python: str | None = None,
) -> str:
    """METADATA (core metadata 2.1)."""
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    if requires_python:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    for extra, requirements in (extras or {}).items():
        lines.append(f"Provides-Extra: {extra}")
        lines += [f"Requires-Dist: {_under_extra(requirement, extra)}" for requirement in requirements]
    return "\n".join([*lines, "", ""])


def _under_extra(requirement: str, extra: str) -> str:
    text, separator, marker = requirement.partition(";")
    condition = f'({marker.strip()}) and extra == "{extra}"' if separator else f'extra == "{extra}"'
    return f"{text.strip()} ; {condition}"


def _project_files(
    name: str,
    version: str,
    *,
    requires: Sequence[str],
    extras: Mapping[str, Sequence[str]],
    files: Mapping[str, Content] | None,
    tag: str,
    requires_python: str | None,
    fails: str | None,
) -> dict[str, bytes]:
    metadata = metadata_text(name, version, requires=requires, extras=extras, requires_python=requires_python)
    config = {
        "stem": _stem(name, version).rpartition("-")[0],
        "version": version,
        "tag": tag,
        "tags": _expanded(tag),
        "metadata": metadata,
        "fails": fails,
    }
    pyproject = [
        "[build-system]",
        "requires = []",
        'build-backend = "backend"',
        'backend-path = ["_backend"]',
        "",
        "[project]",
        f"name = {json.dumps(name)}",
        f"version = {json.dumps(version)}",
        f"dependencies = {json.dumps(list(requires))}",
        *([f"requires-python = {json.dumps(requires_python)}"] if requires_python else []),
        *(["", "[project.optional-dependencies]"] if extras else []),
        *(f"{json.dumps(extra)} = {json.dumps(list(wanted))}" for extra, wanted in extras.items()),
        "",
    ]
    return {
        "PKG-INFO": metadata.encode(),
        "pyproject.toml": "\n".join(pyproject).encode(),
        "_backend/backend.py": _BACKEND.encode(),
        "_backend/project.json": json.dumps(config, indent=1).encode(),
        **{path: _bytes(content) for path, content in (files or _package(name, version)).items()},
    }


def _stem(name: str, version: str) -> str:
    return f"{canonicalize_name(name).replace('-', '_')}-{version}"


def _package(name: str, version: str) -> dict[str, Content]:
    return {f"{canonicalize_name(name).replace('-', '_')}/__init__.py": f'__version__ = "{version}"\n'}


def _expanded(tag: str) -> list[str]:
    return sorted(map(str, parse_tag(tag)))


def _wheel_text(tag: str, build: str | None) -> str:
    purelib = "true" if tag.endswith("-any") else "false"
    lines = ["Wheel-Version: 1.0", "Generator: tests", f"Root-Is-Purelib: {purelib}"]
    lines += [f"Build: {build}"] if build else []
    return "\n".join([*lines, *(f"Tag: {one}" for one in _expanded(tag)), ""])


def _entry_points_text(groups: Mapping[str, Mapping[str, str]]) -> str:
    lines: list[str] = []
    for group, points in groups.items():
        lines += [f"[{group}]", *(f"{name} = {reference}" for name, reference in points.items()), ""]
    return "\n".join(lines)


def _record_text(entries: Mapping[str, bytes], record: str, lies: Mapping[str, str | None]) -> str:
    rows = {path: record_row(path, content) for path, content in entries.items()}
    rows[record] = f"{record},,"
    for path, row in lies.items():
        if row is None:
            rows.pop(path, None)
        else:
            rows[path] = row
    return "\n".join([*rows.values(), ""])


def record_row(path: str, content: bytes) -> str:
    """The row of RECORD that tells the truth."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    quoted = f'"{path}"' if "," in path else path
    return f"{quoted},sha256={digest},{len(content)}"


def _write_zip(
    path: Path,
    entries: Mapping[str, bytes],
    modes: Mapping[str, int],
    appended: Iterable[tuple[str | zipfile.ZipInfo, Content]],
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(_zip_info(name, modes.get(name, 0o644)), content, zipfile.ZIP_DEFLATED)
        for entry, addition in appended:
            info = entry if isinstance(entry, zipfile.ZipInfo) else _zip_info(entry, 0o644)
            # Second entries of a name are what a test asks for here, so zipfile is not told of them:
            # it warns, and warnings are errors.
            known = archive.NameToInfo.pop(info.filename, None)
            archive.writestr(info, addition)
            if known is not None:
                archive.NameToInfo[info.filename] = known


def _zip_info(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
    info.external_attr = (0o100000 | mode) << 16
    info.create_system = 3
    return info


def _bytes(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.encode()
