"""Why pip found no resolution: from its causes to an error that names both sides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urljoin

from pip._internal.models.link import Link
from pip._internal.resolution.resolvelib.requirements import RequiresPythonRequirement
from pip._internal.utils.packaging import check_requires_python
from pip._vendor.packaging.specifiers import InvalidSpecifier, SpecifierSet
from pip._vendor.packaging.utils import (
    InvalidSdistFilename,
    canonicalize_name,
    parse_sdist_filename,
)
from pip._vendor.packaging.version import InvalidVersion, Version

from layerforge.errors import LayerforgeError, PackageIndexError, ResolutionError
from layerforge.model.target import Target
from layerforge.model.url import redact
from layerforge.resolve.engine import (
    ContradictionError,
    NoFittingFileError,
    Offer,
    describe_target,
    newest_offers,
    offer_sentence,
)
from layerforge.resolve.index import ResolveRequest, Selected
from layerforge.resolve.pip_worker.access import Access, redacted
from layerforge.resolve.pip_worker.failures import status_error
from layerforge.resolve.pip_worker.native import offered_of
from layerforge.resolve.pip_worker.repository import TargetRepository


def names_that_need_sdists(causes: Sequence[Any], repository: TargetRepository) -> tuple[str, ...]:
    """Projects of the causes that have an sdist where they have no wheel that fits."""
    names = []
    for name, specifiers in _specifiers_by_name(causes).items():
        if name in repository.formats.sdists or "source" not in repository.formats.allowed_by_user(name):
            continue
        wheels = repository.finder.find_all_candidates(name)
        if any(all(_holds(one, candidate.version) for one in specifiers) for candidate in wheels):
            continue
        offers = _offers(name, repository)
        if any(offer.sdist and all(_holds(one, offer.version) for one in specifiers) for offer in offers):
            names.append(name)
    return tuple(sorted(names))


def explain(
    failed: Any, request: ResolveRequest, repository: TargetRepository, access: Access
) -> LayerforgeError:
    """The error that tells the user what cannot be."""
    causes: Sequence[Any] = failed.causes
    for cause in causes:
        if isinstance(cause.requirement, RequiresPythonRequirement):
            return _wrong_python(cause, request)
    for cause in causes:
        if error := _nothing_fits(cause, request, repository, access):
            return error
    return _contradiction(causes, request)


def _wrong_python(cause: Any, request: ResolveRequest) -> ResolutionError:
    parent = f"{cause.parent.project_name} {cause.parent.version}"
    return ResolutionError(
        f"{parent} wants Python {cause.requirement.specifier}, "
        f"and the functions run on {describe_target(request.target)}",
        hint="allow another version of it, or take another runtime",
    )


def _nothing_fits(
    cause: Any, request: ResolveRequest, repository: TargetRepository, access: Access
) -> LayerforgeError | None:
    name = canonicalize_name(cause.requirement.project_name)
    specifiers = _specifiers_by_name([cause]).get(name)
    if specifiers is None:
        return None
    candidates = repository.finder.find_all_candidates(name)
    if any(all(_holds(one, candidate.version) for one in specifiers) for candidate in candidates):
        return None
    asked = _text(cause.requirement)
    parent = _parent(cause)
    every = _offers(name, repository)
    if not every:
        return _unknown_project(name, parent, access)
    offers = [offer for offer in every if all(_holds(one, offer.version) for one in specifiers)]
    if offers:
        return NoFittingFileError(
            requirement=asked,
            target=request.target,
            offers=newest_offers(offers),
            required_by=parent,
            wheels_only="source" not in repository.formats.allowed_by_user(name),
        )
    newest = ", ".join(offer.version for offer in newest_offers(every))
    by = f" (required by {parent})" if parent else ""
    return ResolutionError(
        f"no version of {name} satisfies {asked}{by}; the newest are {newest}",
        hint=f"asked {', '.join(redacted(access.index_urls)) or 'no index'}",
    )


def _unknown_project(name: str, parent: str | None, access: Access) -> LayerforgeError:
    pages = {url: urljoin(url.rstrip("/") + "/", f"{name}/") for url in access.index_urls}
    if refused := next((page for page in pages.values() if _among(page, access.refused)), None):
        return status_error(refused, 403)
    for index in pages:
        if _is_wrong(index, access):
            return PackageIndexError(
                f"{redact(index)} is not a package index: it answers 404 to everything",
                hint="check the index URL: the one that pip wants ends in /simple/",
            )
    by = f" (required by {parent})" if parent else ""
    if empty := [page for page in pages.values() if _is_empty(page, access)]:
        return PackageIndexError(
            f"{redact(empty[0])} lists no files of {name}{by}",
            hint="open it in a browser: a proxy or a login may answer in place of the index",
        )
    where = ", ".join(redacted((*access.index_urls, *access.options.find_links)))
    return ResolutionError(
        f"there is no project named {name}{by}",
        hint=f"asked {where or 'no index (--no-index)'}; check the spelling, "
        "and whether a private index is missing from pip's configuration",
    )


def _among(page: str, urls: Iterable[str]) -> bool:
    return any(redact(url).replace("****@", "") == redact(page).replace("****@", "") for url in urls)


def _is_empty(page: str, access: Access) -> bool:
    """Whether an index knows the project, and has nothing of it."""
    return page.startswith(("http://", "https://")) and not _among(page, (*access.missing, *access.refused))


def _is_wrong(index: str, access: Access) -> bool:
    """Whether an index knows none of its projects and not even itself."""
    if not index.startswith(("http://", "https://")):
        return False
    return access.request("HEAD", index, allow_redirects=True).status_code == 404


def tell_of_offers(selected: Iterable[Selected], repository: TargetRepository, target: Target) -> None:
    """Keep in mind what the index offers of those that have no fitting wheel, for what may come of it."""
    for one in selected:
        if one.sdist is not None:
            offers = [offer for offer in _offers(one.name, repository) if offer.requires_python is None]
            offered_of[one.name] = tuple(
                f"{one.name} {offer_sentence(offer, target)}" for offer in newest_offers(offers)
            )


def _contradiction(causes: Sequence[Any], request: ResolveRequest) -> ContradictionError:
    sides = [(_text(cause.requirement), _parent(cause)) for cause in causes]
    named = {canonicalize_name(cause.requirement.project_name) for cause in causes}
    sides += [
        (f"{one.name}{one.specifier}", None)
        for one in request.constraints
        if one.name and canonicalize_name(one.name) in named
    ]
    return ContradictionError(sides=sorted(set(sides), key=str), target=request.target)


def _text(requirement: Any) -> str:
    _, ireq = requirement.get_candidate_lookup()
    if ireq is not None and ireq.req is not None:
        return redact(str(ireq.req).split(";")[0].strip())
    return redact(requirement.format_for_error())


def _parent(cause: Any) -> str | None:
    return None if cause.parent is None else f"{cause.parent.project_name} {cause.parent.version}"


def _specifiers_by_name(causes: Sequence[Any]) -> dict[str, list[SpecifierSet]]:
    found: dict[str, list[SpecifierSet]] = {}
    for cause in causes:
        _, ireq = cause.requirement.get_candidate_lookup()
        if ireq is not None and ireq.req is not None:
            found.setdefault(canonicalize_name(ireq.req.name), []).append(ireq.req.specifier)
    return found


def _holds(specifier: SpecifierSet, version: Any) -> bool:
    return specifier.contains(version, prereleases=True)


def _offers(name: str, repository: TargetRepository) -> tuple[Offer, ...]:
    """All versions that any index lists, with what they bring."""
    repository.finder.find_all_candidates(name)
    versions: dict[str, list[Link]] = {}
    for link in repository.finder.links.get(name, ()):
        if (version := _version(link, name)) is not None and not link.is_yanked:
            versions.setdefault(version, []).append(link)
    return tuple(_offer(version, links, repository) for version, links in versions.items())


def _offer(version: str, links: Sequence[Link], repository: TargetRepository) -> Offer:
    tags = dict.fromkeys(
        link.filename.removesuffix(".whl").split("-", 2)[-1] for link in links if link.is_wheel
    )
    wanted = next((link.requires_python for link in links if link.requires_python), None)
    return Offer(
        version=version,
        tags=tuple("-".join(tag.split("-")[-3:]) for tag in tags),
        sdist=any(not link.is_wheel for link in links),
        requires_python=wanted if wanted and not _python_fits(wanted, repository) else None,
    )


def _python_fits(wanted: str, repository: TargetRepository) -> bool:
    try:
        return check_requires_python(wanted, repository.target_python.py_version_info)
    except InvalidSpecifier:
        return True


def _version(link: Link, name: str) -> str | None:
    try:
        if link.is_wheel:
            project, text = link.filename.split("-", 2)[:2]
            found, version = canonicalize_name(project), Version(text)
        else:
            found, version = parse_sdist_filename(link.filename)
    except (InvalidSdistFilename, InvalidVersion, ValueError):
        return None
    return str(version) if found == name else None
