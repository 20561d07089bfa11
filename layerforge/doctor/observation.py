"""What was looked at, and how it stands: one value for each line of the report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from layerforge.errors import LayerforgeError


class State(StrEnum):
    """How it stands. Only what is missing keeps the project from being built."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """One thing that was looked at. `topic` is stable and kebab-case, `subject` what of it ("" if one)."""

    topic: str
    state: State
    sentence: str
    subject: str = ""
    details: tuple[str, ...] = ()
    hint: str | None = None


def observe_error(
    topic: str, error: LayerforgeError, *, state: State, subject: str = "", sentence: str | None = None
) -> Observation:
    """What an error says, as an observation; `sentence` replaces its first line."""
    return Observation(
        topic=topic,
        subject=subject,
        state=state,
        sentence=sentence or error.headline,
        details=error.details,
        hint=error.hint,
    )


def missing(observations: Iterable[Observation]) -> tuple[Observation, ...]:
    """What the project needs and this machine does not have."""
    return tuple(one for one in observations if one.state is State.MISSING)
