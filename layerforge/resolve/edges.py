"""What a distribution requires on a target, read from its METADATA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from layerforge.errors import ResolutionError
from layerforge.model.lock import Distribution, Edge
from layerforge.resolve.index import Described, Selected

if TYPE_CHECKING:
    from email.message import Message

    from packaging.requirements import Requirement

    from layerforge.model.target import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What METADATA says, judged for a target."""

    edges: tuple[Edge, ...]
    provided_extras: tuple[str, ...]
    requires_python: str | None


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
    )


def read_metadata(text: str, *, selected: Selected, target: Target) -> Facts:
    """Read requirements (markers evaluated for `target`), extras and Requires-Python.

    An edge carries an extra only where that extra is what makes its marker true.
    """
    from email.parser import HeaderParser

    from packaging.utils import canonicalize_name

    message = HeaderParser().parsestr(text)
    _check_identity(message, selected)
    extras = tuple(sorted({str(canonicalize_name(e)) for e in message.get_all("Provides-Extra", ())}))
    environment = target.marker_environment()
    edges: set[Edge] = set()
    for line in message.get_all("Requires-Dist", ()):
        requirement = _parse(line, selected)
        name = str(canonicalize_name(requirement.name))
        wanted = tuple(sorted(str(canonicalize_name(extra)) for extra in requirement.extras))
        for extra in _opening_extras(requirement, extras, environment):
            edges.add(Edge(name=name, extras=wanted, extra=extra))
    return Facts(
        edges=tuple(sorted(edges, key=lambda edge: (edge.extra or "", edge.name, edge.extras))),
        provided_extras=extras,
        requires_python=_specifier(message.get("Requires-Python")),
    )


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
