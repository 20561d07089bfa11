"""One resolution: wheels first, sdists where there is no other way, and failures in their own words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pip._internal.exceptions import DistributionNotFound, PipError, UnsupportedPythonVersion
from pip._internal.models.link import Link
from pip._internal.req import InstallRequirement
from pip._internal.req.constructors import install_req_from_line
from pip._vendor.packaging.markers import Marker
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.resolvelib import ResolutionImpossible
from piptools.resolver import BacktrackingResolver

from layerforge.errors import BuildError, ConfigError, ResolutionError
from layerforge.model.lock import LocalSource, VcsSource
from layerforge.model.requirement import Requirement
from layerforge.model.url import redact, strip_credentials
from layerforge.resolve.index import Pin, ResolveRequest, Selected
from layerforge.resolve.pip_worker.access import Access
from layerforge.resolve.pip_worker.causes import explain, names_that_need_sdists, tell_of_offers
from layerforge.resolve.pip_worker.describe import archive_of_link
from layerforge.resolve.pip_worker.repository import TargetRepository, markers_of
from layerforge.resolve.pip_worker.sources import Builder

# Each attempt allows at least one more project its sdists, or gives up pins: this many are plenty.
_ATTEMPTS = 25
Result = TypeVar("Result")


@dataclass(kw_only=True, slots=True)
class Resolution:
    """The state of one request."""

    request: ResolveRequest
    access: Access
    repository: TargetRepository
    builder: Builder
    sources: dict[str, Selected] = field(default_factory=dict)

    def run(self) -> tuple[Selected, ...]:
        """Newest versions that fit, sorted by name."""
        with markers_of(self.request.target):
            try:
                lines = [self._line(one) for one in self.request.requirements if _applies(one)]
                constraints = [self._line(one) for one in self.request.constraints if _applies(one)]
                self._look_ahead()
                chosen = self._attempts(lines, constraints)
            finally:
                self.repository.finder.close()
        return tuple(sorted(chosen, key=lambda selected: selected.name))

    def _look_ahead(self) -> None:
        for one in self.request.requirements:
            if one.name and not one.url and not one.path and _applies(one):
                from pip._vendor.packaging.specifiers import SpecifierSet

                self.repository.look_ahead(canonicalize_name(one.name), SpecifierSet(one.specifier))

    def _attempts(self, lines: Sequence[_Line], constraints: Sequence[_Line]) -> list[Selected]:
        pins = tuple(self.request.preferences)
        for _ in range(_ATTEMPTS):
            try:
                chosen = self._resolve_once(lines, constraints, pins)
            except _Failed as failed:
                if not self._allow_sdists(failed.causes):
                    if not pins:
                        raise explain(failed, self.request, self.repository, self.access) from failed
                    pins = _without(pins, failed.causes)
                continue
            if not self._mend_hashes(chosen):
                tell_of_offers(chosen, self.repository, self.request.target)
                return chosen
        raise ResolutionError(
            f"no resolution was found for {self.request.target.name} in {_ATTEMPTS} attempts",
            hint="pin some of the requirements more narrowly",
        )

    def _allow_sdists(self, causes: Sequence[Any]) -> bool:
        names = names_that_need_sdists(causes, self.repository)
        for name in names:
            self.repository.formats.sdists.add(name)
            self.repository.finder.forget(name)
        return bool(names)

    def _resolve_once(
        self, lines: Sequence[_Line], constraints: Sequence[_Line], pins: Sequence[Pin]
    ) -> list[Selected]:
        ireqs = [line.ireq(constraint=False) for line in lines]
        ireqs += [line.ireq(constraint=True) for line in constraints]
        existing = {pin.name: install_req_from_line(f"{pin.name}=={pin.version}") for pin in pins}
        resolver = BacktrackingResolver(
            constraints=ireqs, existing_constraints=existing, repository=self.repository, allow_unsafe=True
        )
        try:
            resolver.resolve()
        except (DistributionNotFound, UnsupportedPythonVersion) as error:
            if isinstance(error.__cause__, ResolutionImpossible):
                raise _Failed(error.__cause__.causes) from error
            raise ResolutionError(redact(str(error))) from error
        except PipError as error:
            raise _other_failure(error) from error
        except RuntimeError as error:
            # pip-tools gives up pins one round at a time, ten rounds at most.
            if pins:
                raise _Failed(()) from error
            raise
        found = self.repository.resolver._result.mapping.values()
        # Without those that stand for an extra of another, and the one that stands for Python.
        return [
            self._selected(candidate)
            for candidate in found
            if candidate.name == candidate.project_name and candidate.source_link is not None
        ]

    def _selected(self, candidate: Any) -> Selected:
        name, version = canonicalize_name(candidate.project_name), str(candidate.version)
        link: Link = candidate.source_link
        if source := self.sources.get(link.url_without_fragment):
            return Selected(name=name, version=version, vcs=source.vcs, local=source.local)
        if link.is_vcs:
            return Selected(name=name, version=version, vcs=self._vcs(candidate, link))
        if link.is_existing_dir():
            return Selected(
                name=name, version=version, local=LocalSource(path=self._relative(link.file_path))
            )
        archive = archive_of_link(link, self.access)
        if link.is_wheel:
            return Selected(name=name, version=version, wheel=archive)
        return Selected(name=name, version=version, sdist=archive)

    def _vcs(self, candidate: Any, link: Link) -> VcsSource:
        told = candidate.get_install_requirement().download_info
        info = getattr(told, "vcs_info", None) or told.info
        return VcsSource(
            url=strip_credentials(told.url),
            commit=info.commit_id,
            requested_revision=info.requested_revision,
            subdirectory=link.subdirectory_fragment,
        )

    def _relative(self, path: str) -> str:
        import os

        return Path(os.path.relpath(path, self.request.root)).as_posix()

    def _line(self, requirement: Requirement) -> _Line:
        extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
        hashes = _hash_options(requirement)
        if requirement.path is None and requirement.url is None:
            text = f"{requirement.name}{extras}{requirement.specifier}"
            return _Line(text=text, origin=requirement.origin, hashes=hashes)
        url, name = self._direct(requirement)
        text = f"{name}{extras} @ {url}" if name else url
        return _Line(text=text, origin=requirement.origin, hashes=hashes)

    def _direct(self, requirement: Requirement) -> tuple[str, str | None]:
        """A URL that pip can read metadata from, and the name if it is known."""
        if requirement.path is not None:
            path = (self.request.root / requirement.path).resolve()
            if path.is_dir():
                label = requirement.name or requirement.path
                built = self._at(
                    requirement, lambda: self.builder.build_folder(requirement.path or "", label)
                )
                local = LocalSource(path=self._relative(str(path)))
                return self._built(built, Selected(name="", version="", local=local))
            if not path.is_file():
                raise ConfigError(f"{requirement.path} does not exist", where=str(requirement.origin))
            return path.as_uri(), requirement.name
        url = requirement.url or ""
        scheme = urlsplit(url).scheme
        if "+" not in scheme:
            return url, requirement.name
        if not scheme.startswith("git+"):
            raise ConfigError(
                f"{redact(url)} is not in git, and only git repositories can be locked",
                where=str(requirement.origin),
            )
        return self._at(requirement, lambda: self._from_git(requirement, url.removeprefix("git+")))

    def _from_git(self, requirement: Requirement, url: str) -> tuple[str, str | None]:
        import tempfile

        from pip._internal.vcs.git import Git

        repository, revision, _ = Git.get_url_rev_and_auth(f"git+{url.split('#', 1)[0]}")
        subdirectory = requirement.subdirectory or Link(url).subdirectory_fragment
        # get_url_rev_and_auth takes the credentials out; they are kept for this process.
        original = url.split("#", 1)[0]
        if revision:
            original = original.rpartition("@")[0]
        self.access.remember(original)
        source = VcsSource(
            url=strip_credentials(repository),
            commit="",
            requested_revision=revision,
            subdirectory=subdirectory,
        )
        with tempfile.TemporaryDirectory(prefix="git-") as scratch:
            commit = self.builder.check_out(source, Path(scratch) / "checkout")
        pinned = VcsSource(
            url=source.url, commit=commit, requested_revision=revision, subdirectory=subdirectory
        )
        built = self.builder.build_git(pinned, requirement.name or source.url)
        return self._built(built, Selected(name="", version="", vcs=pinned))

    def _built(self, built: tuple[Path, str], source: Selected) -> tuple[str, str]:
        blob, filename = built
        placed = Path(self._scratch()) / blob.name[:16]
        placed.mkdir(exist_ok=True)
        link = placed / filename
        if not link.exists():
            link.symlink_to(blob)
        self.sources[link.as_uri()] = source
        return link.as_uri(), canonicalize_name(filename.split("-", 1)[0])

    def _scratch(self) -> str:
        import tempfile

        return tempfile.gettempdir()

    def _at(self, requirement: Requirement, work: Callable[[], Result]) -> Result:
        try:
            return work()
        except (BuildError, ResolutionError) as error:
            raise type(error)(
                error.sentence, where=str(requirement.origin), details=error.details, hint=error.hint
            ) from error

    def _mend_hashes(self, chosen: Sequence[Selected]) -> bool:
        """Whether another attempt is worth it: the user's hash may be the one of the sdist."""
        wanted: dict[str, set[str]] = {}
        for requirement in (*self.request.requirements, *self.request.constraints):
            if requirement.hashes and requirement.name and _applies(requirement):
                digests = {one.removeprefix("sha256:") for one in requirement.hashes}
                wanted[canonicalize_name(requirement.name)] = digests
        again = False
        for selected in chosen:
            archive = selected.wheel or selected.sdist
            if archive is None or not archive.sha256:
                continue
            allowed = wanted.get(selected.name)
            if allowed is None and not self.request.options.require_hashes:
                continue
            if archive.sha256 in (allowed or ()):
                continue
            again |= self._other_file_or_raise(selected, archive.filename, allowed)
        return again

    def _other_file_or_raise(self, selected: Selected, filename: str, allowed: set[str] | None) -> bool:
        if allowed is None:
            raise ResolutionError(
                f"{selected.name} {selected.version} is needed, but no --hash is given for it, "
                "and --require-hashes asks for one for everything",
                hint="add it to the requirements with its hash, or drop --require-hashes: "
                "the lock pins every file by its sha256 anyway",
            )
        sdists = self.repository.formats.sdists
        if selected.name not in sdists:
            sdists.add(selected.name)
            self.repository.finder.forget(selected.name)
            return True
        raise ResolutionError(
            f"{filename} is what fits {self.request.target.name}, but its sha256 is not among the "
            f"{len(allowed)} hashes that the requirements give for {selected.name}",
            hint="hashes that were made for another platform do not hold here: add the one of this file",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Line:
    text: str
    origin: Any
    hashes: dict[str, list[str]]

    def ireq(self, *, constraint: bool) -> InstallRequirement:
        """Anew for each attempt: pip changes them."""
        return install_req_from_line(
            self.text, comes_from=str(self.origin), constraint=constraint, hash_options=self.hashes or None
        )


class _Failed(Exception):  # noqa: N818 - it never leaves this module as an error
    def __init__(self, causes: Collection[Any]) -> None:
        super().__init__()
        self.causes = tuple(causes)


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or Marker(requirement.marker).evaluate({"extra": ""})


def _hash_options(requirement: Requirement) -> dict[str, list[str]]:
    options: dict[str, list[str]] = {}
    for one in requirement.hashes:
        algorithm, _, digest = one.partition(":")
        options.setdefault(algorithm, []).append(digest)
    return options


def _without(pins: Sequence[Pin], causes: Sequence[Any]) -> tuple[Pin, ...]:
    """Give up the pins that the failure speaks of; all of them if it speaks of none."""
    named = {canonicalize_name(cause.requirement.project_name) for cause in causes}
    named |= {canonicalize_name(cause.parent.project_name) for cause in causes if cause.parent}
    kept = tuple(pin for pin in pins if canonicalize_name(pin.name) not in named)
    return kept if len(kept) < len(pins) else ()


def _other_failure(error: PipError) -> ResolutionError | BuildError:
    said = [redact(line) for line in str(error).splitlines() if line.strip()]
    details = said[1:20]
    output = getattr(error, "output_lines", None) or getattr(error, "context", None)
    if isinstance(output, list):
        details += [redact(line.rstrip()) for line in output[-20:]]
    sentence = said[0] if said else type(error).__name__
    if "Subprocess" in type(error).__name__ or "FailedToPrepare" in type(error).__name__:
        return BuildError(sentence, details=details, hint="the build backend of a source failed")
    return ResolutionError(sentence, details=details)
