"""pylock.toml (PEP 751) as requirements: every package becomes a pin with its hashes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from layerforge.errors import ConfigError
from layerforge.model.requirement import Origin, Requirement
from layerforge.project.local_packages import check_project_folder
from layerforge.project.requirement_files.contents import Contents, Setting
from layerforge.project.requirement_files.places import Places, absolute
from layerforge.project.requirement_files.toml_text import TomlFile, read_toml

if TYPE_CHECKING:
    from packaging.pylock import Package, PackageSdist, PackageWheel, Pylock

_CHOICE = re.compile(r"[\"'](?P<name>[^\"']*)[\"'] (?P<not>not )?in (?P<kind>extras|dependency_groups)")
_TRUE, _FALSE = 'python_version >= "0"', 'python_version < "0"'


def read_pylock(path: Path, places: Places, *, extras: Iterable[str], groups: Iterable[str]) -> Contents:
    """Read a lock file of another tool. Raises ConfigError with the key that is wrong.

    Without `groups`, the file's default groups count (PEP 751).
    """
    document = read_toml(path, places)
    lock = _parsed(document)
    chosen = {
        "extras": frozenset(extras),
        "dependency_groups": frozenset(groups) or frozenset(lock.default_groups or ()),
    }
    _check_chosen(document, lock, chosen)
    position = 0
    requirements = []
    settings: list[Setting] = []
    for package in lock.packages:
        origin, position = _origin(document, package.name, position)
        requirements.append(_requirement(package, document, places, chosen, origin))
        settings += _folders(package, document, places, origin)
    return Contents(
        requirements=tuple(requirements),
        settings=tuple(dict.fromkeys(settings)),
        files=(document.shown,),
    )


def _parsed(document: TomlFile) -> Pylock:
    from packaging.pylock import Pylock, PylockUnsupportedVersionError, PylockValidationError

    try:
        return Pylock.from_dict(document.data)
    except PylockUnsupportedVersionError as error:
        raise ConfigError(
            f"its lock-version is not supported: {error}", where=document.shown, hint="lock-version 1.0 is"
        ) from error
    except PylockValidationError as error:
        raise ConfigError(f"this is not a lock file (PEP 751): {error}", where=document.shown) from error


def _check_chosen(document: TomlFile, lock: Pylock, chosen: dict[str, frozenset[str]]) -> None:
    defined = {
        "extras": frozenset(map(str, lock.extras or ())),
        "dependency_groups": frozenset(lock.dependency_groups or ()) | frozenset(lock.default_groups or ()),
    }
    for kind, names in chosen.items():
        if unknown := sorted(names - defined[kind]):
            word = "extra" if kind == "extras" else "group"
            raise ConfigError(
                f"the {word} {unknown[0]} is asked for and not locked here",
                where=document.shown,
                hint="lock again with it, or name the file that the lock was made from",
            )


def _origin(document: TomlFile, name: str, position: int) -> tuple[Origin, int]:
    found = re.compile(rf"\bname\s*=\s*[\"']{re.escape(name)}[\"']").search(document.text, position)
    if found is None:
        return Origin(path=document.shown), position
    return Origin(path=document.shown, line=document.text.count("\n", 0, found.start()) + 1), found.end()


def _requirement(
    package: Package,
    document: TomlFile,
    places: Places,
    chosen: dict[str, frozenset[str]],
    origin: Origin,
) -> Requirement:
    marker = _without_choices(str(package.marker), chosen) if package.marker else None
    if package.directory:
        folder = _path(document, package.directory.path, package.directory.subdirectory)
        check_project_folder(folder, shown=places.relative(folder), where=str(origin))
        return Requirement(
            name=package.name,
            marker=marker,
            path=places.relative(folder),
            editable=bool(package.directory.editable),
            origin=origin,
        )
    if package.vcs or package.archive:
        return _direct(package, document, places, marker, origin)
    if package.version is None:
        raise ConfigError(
            f"{package.name} has files and no version", where=str(origin), hint="lock again with a version"
        )
    return Requirement(
        name=package.name,
        specifier=f"=={package.version}",
        marker=marker,
        hashes=tuple(sorted({text for file in _files(package) for text in _hashes(file.hashes)})),
        origin=origin,
    )


def _direct(
    package: Package, document: TomlFile, places: Places, marker: str | None, origin: Origin
) -> Requirement:
    if archive := package.archive:
        local = places.relative(_path(document, archive.path, None)) if archive.path else None
        return Requirement(
            name=package.name,
            marker=marker,
            url=archive.url if local is None else None,
            path=local,
            subdirectory=archive.subdirectory,
            hashes=tuple(sorted(_hashes(archive.hashes))),
            origin=origin,
        )
    vcs = package.vcs
    assert vcs is not None
    if vcs.type != "git":
        raise ConfigError(
            f"{package.name} comes from {vcs.type}, and only git is supported",
            where=str(origin),
            hint="build a wheel of it and ask for that by its path or URL",
        )
    address = vcs.url or _path(document, vcs.path or ".", None).as_uri()
    return Requirement(
        name=package.name,
        marker=marker,
        url=f"git+{address.removeprefix('git+')}@{vcs.commit_id}",
        subdirectory=vcs.subdirectory,
        origin=origin,
    )


def _files(package: Package) -> tuple[PackageWheel | PackageSdist, ...]:
    return (*(package.wheels or ()), *([package.sdist] if package.sdist else ()))


def _hashes(hashes: object) -> list[str]:
    assert hasattr(hashes, "items")
    return [f"{name}:{digest}" for name, digest in hashes.items() if name in {"sha256", "sha384", "sha512"}]


def _folders(package: Package, document: TomlFile, places: Places, origin: Origin) -> list[Setting]:
    """Files that lie beside the lock, on no index, are found through their folder."""
    folders = {
        places.relative(_path(document, file.path, None).parent)
        for file in _files(package)
        if file.path and not file.url
    }
    return [Setting(option="find-links", value=folder, origin=origin) for folder in sorted(folders)]


def _path(document: TomlFile, text: str, subdirectory: str | None) -> Path:
    return absolute(document.path.parent, os.path.join(text, subdirectory) if subdirectory else text)  # noqa: PTH118


def _without_choices(marker: str, chosen: dict[str, frozenset[str]]) -> str:
    """`marker` with what it asks of extras and groups answered; the rest is for the target to answer."""
    return _CHOICE.sub(
        lambda match: _TRUE if (match["name"] in chosen[match["kind"]]) != bool(match["not"]) else _FALSE,
        marker,
    )
