"""What one requirement file says, whatever its format, and how several are put together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from layerforge.model.requirement import Origin, Requirement


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """An option for the package index, named as in a requirements file (`index-url`).

    `value` has its environment variables expanded; the path of `find-links` is relative to the
    project root. It may carry credentials: never shown without `redact`.
    """

    option: str
    value: str = ""
    origin: Origin


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """Requirements, constraints and settings in the order in which they stand; all files read."""

    requirements: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    settings: tuple[Setting, ...] = ()
    files: tuple[str, ...] = ()


def joined(parts: Iterable[Contents]) -> Contents:
    """All of `parts` in order; what was reached twice (a file included by two others) stands once."""
    several = tuple(parts)
    return Contents(
        requirements=tuple(dict.fromkeys(r for part in several for r in part.requirements)),
        constraints=tuple(dict.fromkeys(r for part in several for r in part.constraints)),
        settings=tuple(dict.fromkeys(s for part in several for s in part.settings)),
        files=tuple(dict.fromkeys(f for part in several for f in part.files)),
    )
