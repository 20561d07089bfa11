"""Columns of text that fit a width: lists are shortened first, then whole columns go, never a cut name.

Our own: importing rich's tables takes as long as a whole `build` with nothing to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

_GAP = "  "
# Names in a list, where there is room for more, so that one long list does not widen the table.
_SHOWN_NAMES = 4
# Less room than this holds no name worth reading: the count alone says as much.
_USEFUL_WIDTH = 18


class AnyColumn(Protocol):
    """A column as `lay_out` handles it."""

    @property
    def title(self) -> str:
        """What stands above it."""
        ...

    @property
    def right(self) -> bool:
        """Whether it is aligned to the right."""
        ...

    def cells(self, room: int | None) -> list[str]:
        """The texts below the title; `room` is how wide they should be at most."""
        ...


@dataclass(frozen=True, slots=True)
class Column:
    """A column whose texts are shown whole or not at all."""

    title: str
    texts: Sequence[str]
    right: bool = False

    def cells(self, room: int | None) -> list[str]:  # noqa: ARG002 - they are as wide as they are
        """The texts as they are."""
        return list(self.texts)


@dataclass(frozen=True, slots=True)
class ListColumn:
    """A column of lists: `3: numpy, pandas +1`, or the count alone where there is no room for a name."""

    title: str
    lists: Sequence[Sequence[str]]
    right: bool = False

    def cells(self, room: int | None) -> list[str]:
        """Every list, with as many names as fit."""
        return [_shorten(names, room) for names in self.lists]


def lay_out(columns: Sequence[AnyColumn], width: int | None, *, dispensable: Sequence[str] = ()) -> list[str]:
    """Return the lines of a table: titles, a rule, the rows.

    Where they do not fit `width`, lists are shortened; if that is not enough, the columns in
    `dispensable` go, in that order. What does not fit even then is left to the terminal to wrap.
    None as the width shows everything.
    """
    left = list(columns)
    for title in (None, *dispensable):
        left = [column for column in left if column.title != title]
        lines = _lines(left, _rooms(left, width))
        if width is None or max(map(len, lines)) <= width:
            break
    return lines


def _rooms(columns: Sequence[AnyColumn], width: int | None) -> dict[str, int | None]:
    """Share what fixed columns leave among the lists; the last ones are shortened first."""
    lists = [column for column in columns if isinstance(column, ListColumn)]
    if width is None or not lists:
        return {}
    fixed = sum(_wanted(column, None) for column in columns if not isinstance(column, ListColumn))
    room = width - fixed - len(_GAP) * (len(columns) - 1)
    rooms: dict[str, int | None] = {}
    for at, column in enumerate(lists):
        others = lists[at + 1 :]
        fair = room // (len(others) + 1)
        # Others that need less than their share leave the rest to this one.
        theirs = sum(min(_wanted(other, None), fair) for other in others)
        if room - theirs < _USEFUL_WIDTH + len(_GAP):
            theirs = sum(len(other.title) for other in others)
        mine = min(_wanted(column, None), room - theirs)
        rooms[column.title] = mine
        room -= max(mine, len(column.title))
    return rooms


def _wanted(column: AnyColumn, room: int | None) -> int:
    return max(map(len, [column.title, *column.cells(room)]))


def _lines(columns: Sequence[AnyColumn], rooms: dict[str, int | None]) -> list[str]:
    texts = [[column.title, *column.cells(rooms.get(column.title))] for column in columns]
    widths = [max(map(len, cells)) for cells in texts]
    rule = ["-" * width for width in widths]
    lines = []
    for row in [rule, *zip(*texts, strict=True)]:
        cells = [
            text.rjust(width) if column.right else text.ljust(width)
            for text, width, column in zip(row, widths, columns, strict=True)
        ]
        lines.append(_GAP.join(cells).rstrip())
    # The titles are the first row of texts; the rule belongs below them.
    return [lines[1], lines[0], *lines[2:]]


def _shorten(names: Sequence[str], room: int | None) -> str:
    if not names:
        return "0"
    most = len(names) if room is None else min(len(names), _SHOWN_NAMES)
    for shown in range(most, 0, -1):
        rest = len(names) - shown
        text = f"{len(names)}: {', '.join(names[:shown])}{f' +{rest}' if rest else ''}"
        if room is None or len(text) <= room:
            return text
    return str(len(names))
