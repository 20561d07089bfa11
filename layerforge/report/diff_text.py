"""A difference as tables for a terminal, as Markdown for a pull request, and as a document."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from layerforge.check.differences import Difference, DistributionChange, FunctionChange, LayerChange, Part
from layerforge.check.states import FunctionState, Held, LayerState
from layerforge.model.counts import count
from layerforge.model.sizes import format_size
from layerforge.report.columns import AnyColumn, Column, ListColumn, lay_out
from layerforge.report.tables import SHOWN_ROWS

_SHOWN_PARTS = 3
# What Markdown or HTML could take for their own.
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#|<>~!&])")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Table:
    """One kind of change as rows of text; `lists` are columns whose cells may be shortened."""

    title: str
    titles: tuple[str, ...]
    rows: tuple[tuple[str | tuple[str, ...], ...], ...]
    right: frozenset[str]
    dispensable: tuple[str, ...]


def format_difference(difference: Difference, *, width: int | None) -> str:
    """Lay out what changed; of each kind the first rows, all where `width` is None."""
    lines = [f"{difference.before.label} -> {difference.after.label}"]
    if difference.is_empty:
        return "\n".join([*lines, "nothing changed"])
    for table in _tables(difference):
        shown = table.rows if width is None else table.rows[:SHOWN_ROWS]
        columns = [_column(table, shown, at) for at in range(len(table.titles))]
        lines += ["", table.title, *lay_out(columns, width, dispensable=table.dispensable)]
        if rest := len(table.rows) - len(shown):
            lines.append(f"and {rest} more; -v shows all")
    return "\n".join([*lines, "", summarise(difference)])


def _column(table: _Table, rows: Sequence[Sequence[str | tuple[str, ...]]], at: int) -> AnyColumn:
    cells = [row[at] for row in rows]
    title = table.titles[at]
    if all(isinstance(cell, tuple) for cell in cells):
        return ListColumn(title, [cell for cell in cells if isinstance(cell, tuple)])
    return Column(title, [cell for cell in cells if isinstance(cell, str)], right=title in table.right)


def format_markdown(difference: Difference) -> str:
    """The same for a comment on a pull request: at most 100 rows of each kind, everything escaped."""
    lines = [f"### layerforge: {_escape(difference.before.label)} → {_escape(difference.after.label)}", ""]
    if difference.is_empty:
        return "\n".join([*lines, "Nothing changed.", ""])
    lines += [f"{_escape(summarise(difference))}.", ""]
    for table in _tables(difference):
        shown = table.rows[: SHOWN_ROWS * 5]
        lines += [f"#### {_escape(table.title)}", "", _markdown_row(table.titles)]
        lines.append(_markdown_rule(table))
        lines += [_markdown_row([_joined(cell) for cell in row]) for row in shown]
        if rest := len(table.rows) - len(shown):
            lines += ["", f"and {rest} more"]
        lines.append("")
    return "\n".join(lines)


def _markdown_rule(table: _Table) -> str:
    return "|" + "|".join("---:" if title in table.right else "---" for title in table.titles) + "|"


def _markdown_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(_escape(cell) for cell in cells)} |"


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _joined(cell: str | tuple[str, ...]) -> str:
    if isinstance(cell, str):
        return cell
    more = len(cell) - _SHOWN_PARTS
    return ", ".join(cell[:_SHOWN_PARTS]) + (f" and {more} more" if more > 0 else "")


def summarise(difference: Difference) -> str:
    """`3 distributions, 2 layers and 12 functions changed; layers 45.2 MB -> 60.1 MB`."""
    kinds = [
        count(changes, noun)
        for changes, noun in (
            (difference.distributions, "distribution"),
            (difference.layers or (), "layer"),
            (difference.functions, "function"),
        )
        if changes
    ]
    told = f"{' and '.join([', '.join(kinds[:-1]), kinds[-1]]) if len(kinds) > 1 else kinds[0]} changed"
    before, after = difference.before.layers, difference.after.layers
    if before is None or after is None:
        return told
    sizes = [sum(layer.unzipped_size for layer in side.values()) for side in (before, after)]
    note = ""
    if difference.before.built != difference.after.built:
        note = " (what was built counts its bytecode, what is planned has none yet)"
    return f"{told}; layers {format_size(sizes[0])} -> {format_size(sizes[1])}{note}"


def _tables(difference: Difference) -> list[_Table]:
    tables = [
        _distribution_table(difference.distributions),
        _change_table("layers", "layer", difference.layers or ()),
        _change_table("functions", "function", difference.functions),
    ]
    return [table for table in tables if table.rows]


def _distribution_table(changes: Sequence[DistributionChange]) -> _Table:
    return _Table(
        title="distributions",
        titles=("", "distribution", "before", "after", "bytes", "targets", "functions"),
        rows=tuple(
            (
                _sign(change.before, change.after),
                change.name,
                _versions(change.before),
                _versions(change.after),
                format_growth(change.growth),
                change.targets,
                change.functions,
            )
            for change in changes
        ),
        right=frozenset({"bytes"}),
        dispensable=("targets", "functions"),
    )


def _change_table(title: str, noun: str, changes: Sequence[LayerChange | FunctionChange]) -> _Table:
    return _Table(
        title=title,
        titles=("", noun, "before", "after", "bytes", "because of"),
        rows=tuple(
            (
                _sign(change.before, change.after),
                change.name,
                _size(change.before),
                _size(change.after),
                format_growth(change.growth),
                tuple(describe_part(part) for part in change.parts) or _other_reason(change),
            )
            for change in changes
        ),
        right=frozenset({"before", "after", "bytes"}),
        dispensable=("before",),
    )


def _other_reason(change: LayerChange | FunctionChange) -> tuple[str, ...]:
    before, after = change.before, change.after
    if isinstance(before, FunctionState) and isinstance(after, FunctionState):
        return (f"target {before.target} -> {after.target}",)
    return ("empty",)


def describe_part(part: Part) -> str:
    """`numpy 2.3 -> 2.4 +1.0 MB`, `+httpx 0.28 +0.5 MB`, `-six 1.17 -30.0 KB`, `its own code +10 B`."""
    growth = format_growth(part.growth)
    before, after = part.before, part.after
    if before is None:
        return f"+{part.name} {after.version if after else ''}".rstrip() + f" {growth}"
    if after is None:
        return f"-{part.name} {before.version}".rstrip() + f" {growth}"
    if before.version == after.version:
        return f"{part.name} {growth}"
    return f"{part.name} {before.version} -> {after.version} {growth}"


def format_growth(growth: int) -> str:
    """Bytes with their sign; `0 B` for none."""
    return f"+{format_size(growth)}" if growth > 0 else format_size(growth)


def _sign(before: object, after: object) -> str:
    if not before:
        return "+"
    return "~" if after else "-"


def _versions(held: Sequence[Held]) -> str:
    return ", ".join(sorted({one.version for one in held}))


def _size(state: LayerState | FunctionState | None) -> str:
    return format_size(state.unzipped_size) if state else ""


def difference_document(difference: Difference) -> dict[str, Any]:
    """All of it, as --json shows it."""
    return {
        "before": difference.before.label,
        "after": difference.after.label,
        "distributions": [
            {
                "name": change.name,
                "targets": list(change.targets),
                "before": [_held_document(one) for one in change.before],
                "after": [_held_document(one) for one in change.after],
                "growth": change.growth,
                "functions": list(change.functions),
            }
            for change in difference.distributions
        ],
        "layers": None
        if difference.layers is None
        else [
            {
                "name": change.name,
                "before": _layer_document(change.before),
                "after": _layer_document(change.after),
                "growth": change.growth,
                "parts": [_part_document(part) for part in change.parts],
            }
            for change in difference.layers
        ],
        "functions": [
            {
                "name": change.name,
                "before": _function_document(change.before),
                "after": _function_document(change.after),
                "growth": change.growth,
                "parts": [_part_document(part) for part in change.parts],
            }
            for change in difference.functions
        ],
    }


def _held_document(held: Held | None) -> dict[str, Any] | None:
    if held is None:
        return None
    return {"version": held.version, "unzipped_size": held.unzipped_size}


def _part_document(part: Part) -> dict[str, Any]:
    return {
        "name": part.name,
        "before": _held_document(part.before),
        "after": _held_document(part.after),
        "growth": part.growth,
    }


def _layer_document(layer: LayerState | None) -> dict[str, Any] | None:
    if layer is None:
        return None
    return {"unzipped_size": layer.unzipped_size, "zipped_size": layer.zipped_size}


def _function_document(function: FunctionState | None) -> dict[str, Any] | None:
    if function is None:
        return None
    return {
        "target": function.target,
        "layers": None if function.layers is None else list(function.layers),
        "code_size": function.code_size,
        "unzipped_size": function.unzipped_size,
    }
