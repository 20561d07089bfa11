"""How numbers of things are shown."""

from __future__ import annotations

from collections.abc import Sized


def count(things: Sized | int, noun: str) -> str:
    """`1 layer`, `3 layers`."""
    number = things if isinstance(things, int) else len(things)
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
