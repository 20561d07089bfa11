"""What uv says when it fails -> the errors that every engine raises.

uv explains itself in prose alone. What is not recognised here is shown as it is, never swallowed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from layerforge.errors import LayerforgeError, PackageIndexError, ResolutionError
from layerforge.model.requirement import Requirement
from layerforge.model.url import redact
from layerforge.resolve.engine import ContradictionError, NoFittingFileError, Side, describe_target
from layerforge.resolve.freshness import display
from layerforge.resolve.index import ResolveRequest

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
# `numpy>=2,<3`, `requests[socks]`, `numpy{python_full_version < '3.12'}>=1.26`
_ASKED = rf"{_NAME}(?:\[[^\]]*\])?(?:\{{[^}}]*\}})?(?:[<>=!~][^\s,]*(?:,[<>=!~][^\s,]*)*)?"
_LIST = rf"{_ASKED}(?:(?:,| and|, and) (?!you )(?!because )(?!we ){_ASKED})*(?! depends?)"
_NEEDS_SDIST = (
    re.compile(r"Wheels are required for `([^`]+)`"),
    re.compile(r"Building source distributions for `([^`]+)` is disabled"),
    re.compile(rf"({_NAME})\S* has no usable wheels"),
    re.compile(rf"({_NAME})\S* has no wheels with a matching"),
)
_DEPENDS = re.compile(rf"(?P<parent>{_NAME})(?P<version>[<>=]\S+)? depends? on (?P<asked>{_ASKED})")
_REQUIRES = re.compile(rf"(?<!that )you require (?P<asked>{_LIST})")
_ONE = re.compile(_ASKED)
_MARKER = re.compile(r"\{[^}]*\}")
_UNKNOWN = re.compile(
    rf"(?P<name>{_NAME}) was not found in the (?:package registry|provided package locations|cache)"
)
_NO_VERSION = re.compile(rf"there (?:is|are) no versions? of (?P<asked>{_ASKED})")
_ONLY = re.compile(rf"only (?P<had>{_ASKED}) (?:is|are) available and you require (?P<asked>{_ASKED})")
_PYTHON = re.compile(
    rf"(?P<parent>{_NAME})(?:==(?P<version>\S+))? depends on Python(?P<wanted>[<>=!~][^\s]*)"
)
_NETWORK = (
    "Failed to fetch",
    "Request failed after",
    "error sending request",
    "Failed to download",
    "HTTP status",
    "operation timed out",
)
_NO_FILE = re.compile(
    rf"(?P<asked>{_ASKED}) (?:has|have) no (?:source distribution|wheels with a matching|usable wheels)"
)
_STRATEGY = "--index-strategy unsafe-best-match"
_REFUSED = re.compile(r"\((?P<url>[a-z]+://[^)\s]+)\) could not be queried due to (?P<reason>[^.]*)")
_BAD_HASH = "Hash mismatch"


def names_that_need_sdists(said: str) -> frozenset[str]:
    """Projects that uv refused as they have no wheel that fits (or are no wheel at all)."""
    from packaging.utils import canonicalize_name

    flat = _flattened(said)
    return frozenset(canonicalize_name(name) for pattern in _NEEDS_SDIST for name in pattern.findall(flat))


def explain(said: str, request: ResolveRequest, *, wheels_only: Iterable[str] = ()) -> LayerforgeError:
    """The error for what uv wrote. `wheels_only` names what may not be built, as the user says."""
    flat = _flattened(said)
    details = _details(said)
    if match := _REFUSED.search(flat):
        return PackageIndexError(
            f"the index {redact(match['url'])} refuses us: {match['reason'].strip()}",
            details=details,
            hint="check the credentials of the index (its URL, the environment, netrc or keyring)",
        )
    if "No solution found" not in flat:
        return _not_resolved(flat, details)
    if needed := sorted(names_that_need_sdists(said) & frozenset(wheels_only)):
        asked = next((text for text, _ in _sides(flat) if _named(text) == needed[0]), needed[0])
        unfit = NoFittingFileError(requirement=asked, target=request.target, wheels_only=True)
        unfit.details = details
        return unfit
    return _no_solution(flat, request, details)


def _no_solution(flat: str, request: ResolveRequest, details: tuple[str, ...]) -> LayerforgeError:
    sides = _sides(flat)
    if match := _UNKNOWN.search(flat):
        parent = next((by for text, by in sides if by and _named(text) == match["name"]), None)
        by = f" (required by {parent})" if parent else ""
        return ResolutionError(
            f"there is no project named {match['name']}{by}",
            details=details,
            hint="check the spelling, and whether an index is missing from the configuration of uv or pip",
        )
    if match := _PYTHON.search(flat):
        parent = f"{match['parent']} {match['version'] or ''}".strip()
        return ResolutionError(
            f"{parent} wants Python {match['wanted'].rstrip(',')}, "
            f"and the functions run on {describe_target(request.target)}",
            details=details,
            hint="allow another version of it, or take another runtime",
        )
    if len(sides) < 2 and (match := _ONLY.search(flat) or _NO_VERSION.search(flat)):
        return ResolutionError(
            f"no version of {_named(match['asked'])} satisfies {_clean(match['asked'])}",
            details=details,
            hint="with UV_INDEX_STRATEGY=unsafe-best-match, uv looks into the other indexes too"
            if _STRATEGY in flat
            else "ask for a version that exists, or add the index that has it",
        )
    if len(sides) < 2 and (match := _NO_FILE.search(flat)):
        unfit = NoFittingFileError(
            requirement=sides[0][0] if sides else _clean(match["asked"]), target=request.target
        )
        unfit.details = details
        return unfit
    error = ContradictionError(sides=sides or _mentioned(flat, request.requirements), target=request.target)
    error.details = (*error.details, *details)
    return error


def _not_resolved(flat: str, details: tuple[str, ...]) -> LayerforgeError:
    if any(sign in flat for sign in _NETWORK) and "Failed to build" not in flat:
        return PackageIndexError(
            "a package index failed while uv was resolving",
            details=details,
            hint="check the network, the proxy and the index URL, then run it again",
        )
    if _BAD_HASH in flat:
        return PackageIndexError(
            "a file has another hash than the one that is asked for",
            details=details,
            hint="somebody changed the file, or the --hash line is wrong: find out which",
        )
    return ResolutionError(
        "uv could not resolve the requirements",
        details=details,
        hint='read what uv says above, or try resolver = "pip-tools"',
    )


def _sides(flat: str) -> tuple[Side, ...]:
    sides: list[Side] = []
    for match in _DEPENDS.finditer(flat):
        version = (match["version"] or "").removeprefix("==").rstrip(",")
        if match["asked"] != "Python":
            sides.append((_clean(match["asked"]), f"{match['parent']} {version}".strip()))
    for match in _REQUIRES.finditer(flat):
        sides += [(_clean(asked), None) for asked in _split(match["asked"])]
    return tuple(dict.fromkeys(sides))


def _split(text: str) -> Sequence[str]:
    # `django<4 and django>=5`, `a, b, and c`; the commas within `>=2,<3` have no space behind them.
    return [one for one in re.split(r",? and |, ", text) if _ONE.fullmatch(one)]


def _clean(asked: str) -> str:
    return _MARKER.sub("", asked).rstrip(",.")


def _named(asked: str) -> str:
    match = re.match(_NAME, asked)
    return match[0] if match else asked


def _mentioned(flat: str, requirements: Iterable[Requirement]) -> tuple[Side, ...]:
    """Where uv's sentence is built otherwise: all requirements of the user that it names."""
    words = set(re.findall(_NAME, flat))
    return tuple((display(one), None) for one in requirements if one.name in words)


def _flattened(said: str) -> str:
    return " ".join(said.split())


def _details(said: str) -> tuple[str, ...]:
    return tuple(redact(line.strip()) for line in said.splitlines() if line.strip())
