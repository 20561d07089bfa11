"""How numbers of things are shown."""

from __future__ import annotations

from collections.abc import Sequence, Sized

_MOST_NAMES = 5


def count(things: Sized | int, noun: str) -> str:
    """`1 layer`, `3 layers`."""
    number = things if isinstance(things, int) else len(things)
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def some_of(names: Sequence[str]) -> str:
    """Name a few and count the rest: `a, b and 198 more`."""
    if len(names) <= _MOST_NAMES:
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{', '.join(names[:_MOST_NAMES])} and {len(names) - _MOST_NAMES} more"
