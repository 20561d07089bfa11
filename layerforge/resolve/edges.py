"""What a distribution requires on a target, read from its METADATA."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from layerforge.errors import ResolutionError
from layerforge.model.lock import Distribution, Edge
from layerforge.resolve.index import Described, Selected
from layerforge.wheels.licenses import read_license

if TYPE_CHECKING:
    from email.message import Message

    from packaging.requirements import Requirement

    from layerforge.model.target import Target

_IS_EXTRA = re.compile(r'extra == "[^"]*"')
# One comparison of a marker, as packaging writes it.
_ATOM = re.compile(r"""(?:"[^"]*"|\w+) (?:not in|in|[<>=!~]+) (?:"[^"]*"|\w+)""")


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What METADATA says, judged for a target."""

    edges: tuple[Edge, ...]
    provided_extras: tuple[str, ...]
    requires_python: str | None
    license: str | None = None


def make_distribution(described: Described, *, target: Target) -> Distribution:
    """Turn a described file into a distribution of a lock.

    Raises ResolutionError if the file's METADATA contradicts its name or cannot be understood.
    """
    from packaging.version import Version

    selected = described.selected
    facts = read_metadata(described.metadata, selected=selected, target=target)
    return Distribution(
        name=selected.name,
        version=str(Version(selected.version)),
        wheel=selected.wheel,
        sdist=selected.sdist,
        vcs=selected.vcs,
        local=selected.local,
        unzipped_size=described.unzipped_size,
        edges=facts.edges,
        provided_extras=facts.provided_extras,
        requires_python=facts.requires_python,
        license=facts.license,
    )


def read_metadata(text: str, *, selected: Selected, target: Target) -> Facts:
    """Read requirements (markers evaluated for `target`), extras, Requires-Python and the licence.

    An edge carries an extra only where that extra is what makes its marker true.
    """
    from email.parser import HeaderParser

    from packaging.utils import canonicalize_name

    message = HeaderParser().parsestr(text)
    _check_identity(message, selected)
    extras = tuple(sorted({str(canonicalize_name(e)) for e in message.get_all("Provides-Extra", ())}))
    environment = target.marker_environment()
    edges: dict[tuple[str, str, tuple[str, ...]], Edge] = {}
    for line in message.get_all("Requires-Dist", ()):
        requirement = _parse(line, selected)
        for extra in _opening_extras(requirement, extras, environment):
            edge = _edge(requirement, extra)
            key = (edge.extra or "", edge.name, edge.extras)
            edges[key] = _joined(edges[key], edge) if key in edges else edge
    return Facts(
        edges=tuple(edges[key] for key in sorted(edges)),
        provided_extras=extras,
        requires_python=_specifier(message.get("Requires-Python")),
        license=read_license(message),
    )


def _edge(requirement: Requirement, extra: str | None) -> Edge:
    from packaging.utils import canonicalize_name

    return Edge(
        name=str(canonicalize_name(requirement.name)),
        extras=tuple(sorted(str(canonicalize_name(wanted)) for wanted in requirement.extras)),
        extra=extra,
        specifier=str(requirement.specifier),
        marker=_without_extra(str(requirement.marker)) if requirement.marker else None,
    )


def _joined(first: Edge, second: Edge) -> Edge:
    """Two lines that ask for the same and both hold: what satisfies both."""
    from packaging.specifiers import SpecifierSet

    specifier = str(SpecifierSet(first.specifier) & SpecifierSet(second.specifier))
    marker = first.marker if first.marker == second.marker else None
    return replace(first, specifier=specifier, marker=marker)


def _without_extra(marker: str) -> str | None:
    """What a marker asks beside an extra, in its own words; None if that is nothing."""
    parts = marker.split(" and ")
    if " or " in marker:
        # Brackets may be anywhere now: all of it, or nothing where it speaks of extras alone.
        return marker if any(not _IS_EXTRA.fullmatch(part) for part in _ATOM.findall(marker)) else None
    return " and ".join(part for part in parts if not _IS_EXTRA.fullmatch(part)) or None


def _specifier(text: str | None) -> str | None:
    """Return Requires-Python in its normal form, or None where it is no specifier: pip ignores it then."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return str(SpecifierSet(text or "")) or None
    except InvalidSpecifier:
        return None


def _opening_extras(
    requirement: Requirement, extras: tuple[str, ...], environment: dict[str, str]
) -> tuple[str | None, ...]:
    """Return `(None,)` if it is required in any case, else the extras that bring it."""
    marker = requirement.marker
    if marker is None or marker.evaluate({**environment, "extra": ""}):
        return (None,)
    if "extra" not in str(marker):
        return ()
    return tuple(extra for extra in extras if marker.evaluate({**environment, "extra": extra}))


def _parse(line: str, selected: Selected) -> Requirement:
    from packaging.requirements import InvalidRequirement, Requirement

    # A folded header keeps its line ends.
    text = " ".join(line.split())
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise ResolutionError(
            f"{describe_file(selected)} requires {text!r}, which no installer understands",
            details=str(error).splitlines()[:1],
            hint=f"ask for another version of {selected.name}",
        ) from error


def _check_identity(message: Message, selected: Selected) -> None:
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    name, version = message.get("Name", ""), message.get("Version", "")
    try:
        same = canonicalize_name(name) == selected.name and Version(version) == Version(selected.version)
    except InvalidVersion:
        same = False
    if not same:
        said = f"{name} {version}".strip() or "nothing"
        raise ResolutionError(
            f"the metadata of {describe_file(selected)} says that it is {said}, "
            f"where {selected.name} {selected.version} was expected",
            hint="the file is broken or not what it claims to be: ask for another version, "
            "and tell those who published it",
        )


def describe_file(selected: Selected) -> str:
    """Name the file or place that a distribution comes from, without secrets."""
    from layerforge.model.url import redact

    archive = selected.wheel or selected.sdist
    if archive is not None:
        return archive.filename
    if selected.vcs is not None:
        return f"{redact(selected.vcs.url)}@{selected.vcs.commit[:12]}"
    return selected.local.path if selected.local else selected.name
