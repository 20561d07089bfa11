"""One resolution: wheels first, sdists where there is no other way, and failures in their own words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from pip._internal.exceptions import (
    DistributionNotFound,
    FailedToPrepareCandidate,
    InstallationSubprocessError,
    MetadataGenerationFailed,
    PipError,
    UnsupportedPythonVersion,
)
from pip._internal.models.link import Link
from pip._internal.req.constructors import install_req_from_line
from pip._vendor.packaging.specifiers import SpecifierSet
from pip._vendor.packaging.utils import canonicalize_name
from pip._vendor.resolvelib import ResolutionImpossible
from piptools.resolver import BacktrackingResolver

from layerforge.errors import BuildError, ResolutionError
from layerforge.model.lock import LocalSource, VcsSource
from layerforge.model.requirement import Requirement
from layerforge.model.url import redact, strip_credentials
from layerforge.resolve.index import Pin, ResolveRequest, Selected
from layerforge.resolve.pip_worker.access import Access
from layerforge.resolve.pip_worker.causes import explain, names_that_need_sdists, tell_of_offers
from layerforge.resolve.pip_worker.describe import archive_of_link
from layerforge.resolve.pip_worker.failures import output_of
from layerforge.resolve.pip_worker.repository import TargetRepository, markers_of
from layerforge.resolve.pip_worker.roots import Line, Roots, applies

# Each attempt allows at least one more project its sdists, or gives up pins: this many are plenty.
_ATTEMPTS = 25


@dataclass(kw_only=True, slots=True)
class Resolution:
    """The state of one request."""

    request: ResolveRequest
    access: Access
    repository: TargetRepository
    roots: Roots

    def run(self) -> tuple[Selected, ...]:
        """Newest versions that fit, sorted by name."""
        with markers_of(self.request.target):
            try:
                lines = [self.roots.line(one) for one in _unique(self.request.requirements)]
                constraints = [self.roots.line(one) for one in _unique(self.request.constraints)]
                constraints += self.roots.beside.values()
                self._look_ahead()
                chosen = self._attempts(lines, constraints)
            finally:
                self.repository.finder.close()
        return tuple(sorted(chosen, key=lambda selected: selected.name))

    def _look_ahead(self) -> None:
        for one in _unique(self.request.requirements):
            if one.name and not one.url and not one.path:
                self.repository.look_ahead(canonicalize_name(one.name), SpecifierSet(one.specifier))

    def _attempts(self, lines: Sequence[Line], constraints: Sequence[Line]) -> list[Selected]:
        pins = tuple(self.request.preferences)
        for _ in range(_ATTEMPTS):
            try:
                chosen = self._resolve_once(lines, constraints, pins)
            except _Failed as failed:
                if not self._allow_sdists(failed.causes):
                    if not pins:
                        raise explain(failed, self.request, self.repository, self.access) from failed
                    pins = _without(pins, failed.causes) if failed.causes else self._on_offer(pins)
                continue
            if not self._mend_hashes(chosen):
                tell_of_offers(chosen, self.repository, self.request.target)
                return chosen
        raise ResolutionError(
            f"no resolution was found for {self.request.target.name} in {_ATTEMPTS} attempts",
            hint="pin some of the requirements more narrowly",
        )

    def _on_offer(self, pins: tuple[Pin, ...]) -> tuple[Pin, ...]:
        """Those pins that have a file for the target, as far as that is known; none if these are all."""
        kept = tuple(pin for pin in pins if self.repository.finder.may_offer(pin.name, pin.version))
        return kept if len(kept) < len(pins) else ()

    def _allow_sdists(self, causes: Sequence[Any]) -> bool:
        names = names_that_need_sdists(causes, self.repository)
        for name in names:
            self.repository.formats.sdists.add(name)
            self.repository.finder.forget(name)
        return bool(names)

    def _resolve_once(
        self, lines: Sequence[Line], constraints: Sequence[Line], pins: Sequence[Pin]
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
        if source := self.roots.sources.get(link.url_without_fragment):
            return Selected(name=name, version=version, vcs=source.vcs, local=source.local)
        if link.is_vcs:
            return Selected(name=name, version=version, vcs=self._vcs(candidate, link))
        if link.is_existing_dir():
            return Selected(
                name=name, version=version, local=LocalSource(path=self.roots.relative(link.file_path))
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

    def _mend_hashes(self, chosen: Sequence[Selected]) -> bool:
        """Whether another attempt is worth it: the user's hash may be the one of the sdist."""
        wanted: dict[str, set[str]] = {}
        for requirement in (*self.request.requirements, *self.request.constraints):
            if requirement.hashes and requirement.name and applies(requirement):
                digests = {one.partition(":")[2] for one in requirement.hashes if one.startswith("sha256:")}
                if digests:
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


class _Failed(Exception):  # noqa: N818 - it never leaves this module as an error
    def __init__(self, causes: Collection[Any]) -> None:
        super().__init__()
        self.causes = tuple(causes)


def _unique(requirements: Sequence[Requirement]) -> list[Requirement]:
    """Those that hold on the target, each once: many functions ask for the same, in the same words."""
    found: dict[tuple[object, ...], Requirement] = {}
    for one in requirements:
        if applies(one):
            key = (one.name, one.extras, one.specifier, one.url, one.path, one.subdirectory, one.hashes)
            found.setdefault(key, one)
    return list(found.values())


def _without(pins: Sequence[Pin], causes: Sequence[Any]) -> tuple[Pin, ...]:
    """Give up the pins that the failure speaks of; all of them if it speaks of none."""
    named = {canonicalize_name(cause.requirement.project_name) for cause in causes}
    named |= {canonicalize_name(cause.parent.project_name) for cause in causes if cause.parent}
    kept = tuple(pin for pin in pins if canonicalize_name(pin.name) not in named)
    return kept if len(kept) < len(pins) else ()


def _other_failure(error: PipError) -> ResolutionError | BuildError:
    if isinstance(error, MetadataGenerationFailed):
        package = redact(str(error.context).strip())
        return ResolutionError(
            f"{package} cannot be built to learn what it requires: its build backend failed",
            details=output_of(error.__cause__) if error.__cause__ else (),
            hint=f"no wheel of it fits, and its source does not build here; "
            f"`pip wheel --no-deps {package}` shows more",
        )
    said = [redact(line) for line in str(error).splitlines() if line.strip()]
    details = [*said[1:20], *output_of(error)]
    sentence = said[0] if said else type(error).__name__
    if isinstance(error, FailedToPrepareCandidate):
        # `wanted->wanting->requirements.in:1`: those who ask for it, the nearest first.
        *parents, where = redact(str(error.requirement_chain)).split("->")
        by = f" (required by {parents[0]})" if parents else ""
        return BuildError(
            f"{error.package_name}{by} cannot be built to learn what it requires: {error.failed_step} failed",
            where=where,
            details=details,
            hint=f"no wheel of it fits, and its source does not build here; "
            f"`pip wheel --no-deps {error.package_name}` shows more",
        )
    if isinstance(error, InstallationSubprocessError):
        return BuildError(sentence, details=details, hint="the build backend of a source failed")
    return ResolutionError(sentence, details=details)
