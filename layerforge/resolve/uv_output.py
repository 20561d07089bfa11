"""The lock that uv writes -> pinned distributions with the one file that fits best."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit

from layerforge.errors import ResolutionError
from layerforge.model.lock import Archive, LocalSource, VcsSource
from layerforge.model.url import strip_credentials
from layerforge.resolve.engine import Offer
from layerforge.resolve.index import Pin, ResolveRequest, Selected

if TYPE_CHECKING:
    from packaging.pylock import Package, PackageArchive, PackageSdist, PackageWheel
    from packaging.tags import Tag

_File = TypeVar("_File", "PackageWheel", "PackageSdist")


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """What was selected; and what was not, as no file of it fits the target.

    The version of a local project is "" where uv did not tell it.
    """

    selected: tuple[Selected, ...]
    unfit: tuple[tuple[Pin, Offer], ...] = ()


def read_selection(text: str, request: ResolveRequest, *, sdists: frozenset[str]) -> Selection:
    """Choose the file of each package. `sdists` names those of which an sdist is wanted or will do.

    Raises ResolutionError if hashes are asked for and no file has one of them.
    """
    import tomllib

    from packaging.pylock import Pylock

    lock = Pylock.from_dict(tomllib.loads(text))
    chooser = _Chooser(request, sdists)
    found = [(package, chooser.choose(package)) for package in lock.packages]
    return Selection(
        selected=tuple(sorted((one for _, one in found if one), key=lambda one: one.name)),
        unfit=tuple(
            (Pin(name=package.name, version=str(package.version)), _offer(package))
            for package, one in found
            if one is None
        ),
    )


class _Chooser:
    def __init__(self, request: ResolveRequest, sdists: frozenset[str]) -> None:
        self._request = request
        self._sdists = sdists
        self._ranks = {tag: rank for rank, tag in enumerate(request.target.tags())}
        self._hashes: dict[str, set[str]] = {}
        for requirement in (*request.requirements, *request.constraints):
            if requirement.name and requirement.hashes:
                self._hashes.setdefault(requirement.name, set()).update(requirement.hashes)

    def choose(self, package: Package) -> Selected | None:
        """The package's source or best file; None if no file fits."""
        version = str(package.version) if package.version else ""
        if package.directory:
            path = self._relative(package.directory.path)
            return Selected(name=package.name, version=version, local=LocalSource(path=path))
        if vcs := package.vcs:
            source = VcsSource(
                url=strip_credentials(vcs.url or Path(vcs.path or ".").resolve().as_uri()),
                commit=vcs.commit_id,
                requested_revision=vcs.requested_revision,
                subdirectory=vcs.subdirectory,
            )
            return Selected(name=package.name, version=version, vcs=source)
        if package.archive:
            return _direct(package, package.archive, version)
        return self._from_index(package, version)

    def _from_index(self, package: Package, version: str) -> Selected | None:
        wheels = self._allowed(package, package.wheels or ())
        fitting = [
            (rank, wheel) for wheel in wheels if (rank := best_rank(wheel.filename, self._ranks)) is not None
        ]
        if fitting and not self._must_build(package.name):
            best = min(fitting, key=lambda pair: (pair[0], pair[1].filename))[1]
            return Selected(name=package.name, version=version, wheel=_archive(best))
        if package.sdist and package.name in self._sdists:
            for sdist in self._allowed(package, (package.sdist,)):
                return Selected(name=package.name, version=version, sdist=_archive(sdist))
        return None

    def _must_build(self, name: str) -> bool:
        return name in self._request.options.no_binary

    def _allowed(self, package: Package, files: Iterable[_File]) -> list[_File]:
        """Those with a digest that is asked for; all of them where none is."""
        wanted = self._hashes.get(package.name)
        several = list(files)
        if not wanted:
            return several
        kept = [file for file in several if wanted & {f"{kind}:{hex_}" for kind, hex_ in file.hashes.items()}]
        if several and not kept:
            raise ResolutionError(
                f"no file of {package.name} {package.version} has a hash that is asked for",
                details=[f"{file.filename} has {_digests(file.hashes)}" for file in several],
                hint="update the --hash lines, or take them away: the lock pins every file by its hash",
            )
        return kept

    def _relative(self, path: str) -> str:
        return Path(os.path.relpath(path, self._request.root.resolve())).as_posix()


def best_rank(filename: str, ranks: Mapping[Tag, int]) -> int | None:
    """How well a wheel fits (0 is best), or None if it does not."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        tags = parse_wheel_filename(filename)[3]
    except InvalidWheelFilename:
        return None
    return min((ranks[tag] for tag in tags if tag in ranks), default=None)


def _direct(package: Package, archive: PackageArchive, version: str) -> Selected:
    from packaging.utils import parse_sdist_filename, parse_wheel_filename

    url = strip_credentials(archive.url or Path(archive.path or ".").resolve().as_uri())
    filename = unquote(urlsplit(url).path.rpartition("/")[2])
    file = Archive(filename=filename, url=url, sha256=archive.hashes.get("sha256", ""), size=archive.size)
    if filename.endswith(".whl"):
        told = version or str(parse_wheel_filename(filename)[1])
        return Selected(name=package.name, version=told, wheel=file)
    told = version or str(parse_sdist_filename(filename)[1])
    return Selected(name=package.name, version=told, sdist=file)


def _archive(file: PackageWheel | PackageSdist) -> Archive:
    url = file.url or Path(file.path or ".").resolve().as_uri()
    return Archive(
        filename=file.filename,
        url=strip_credentials(url),
        sha256=file.hashes.get("sha256", ""),
        size=file.size,
    )


def _offer(package: Package) -> Offer:
    wheels = [wheel.filename.removesuffix(".whl").split("-", 2)[-1] for wheel in package.wheels or ()]
    return Offer(version=str(package.version), tags=tuple(sorted(wheels)), sdist=package.sdist is not None)


def _digests(hashes: Mapping[str, str]) -> str:
    return ", ".join(f"{kind}:{digest}" for kind, digest in sorted(hashes.items()))
