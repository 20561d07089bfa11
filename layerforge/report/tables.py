"""Tables of layers and functions, of a plan or of what was built, as plain text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from layerforge.model.artifact import Manifest
from layerforge.model.plan import LayerPlan
from layerforge.model.sizes import format_size

_SHOWN_NAMES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerRow:
    """A layer as the table shows it; bytes. `zipped` is None for a layer that is only planned."""

    name: str
    zipped: int | None
    unzipped: int
    distributions: tuple[tuple[str, str, int], ...]
    functions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionRow:
    """A function as the table shows it; bytes. `dominated_by` names what is largest in it."""

    name: str
    target: str
    layers: tuple[str, ...]
    external_layers: int
    code: int
    unzipped: int
    excess: int
    dominated_by: str
    problem: str | None = None


def rows_of_plan(plan: LayerPlan) -> tuple[tuple[LayerRow, ...], tuple[FunctionRow, ...]]:
    """Make the rows of a plan that nobody has built."""
    contents = {
        layer.name: tuple((i.name, i.version, i.unzipped_size) for i in layer.items) for layer in plan.layers
    }
    layers = tuple(
        LayerRow(
            name=layer.name,
            zipped=None,
            unzipped=layer.unzipped_size,
            distributions=contents[layer.name],
            functions=tuple(f.function for f in plan.functions if layer.name in f.layers),
        )
        for layer in plan.layers
    )
    functions = tuple(
        FunctionRow(
            name=f.function,
            target=f.target.name,
            layers=f.layers,
            external_layers=f.external_layers,
            code=f.code_size,
            unzipped=f.unzipped_size,
            excess=f.carried_excess,
            dominated_by=_largest([contents[layer] for layer in f.layers], f.code_size),
            problem=f.infeasible,
        )
        for f in plan.functions
    )
    return layers, functions


def rows_of_manifest(manifest: Manifest) -> tuple[tuple[LayerRow, ...], tuple[FunctionRow, ...]]:
    """Make the rows of what was built."""
    contents = {
        layer.name: tuple((d.name, d.version, d.unzipped_size) for d in layer.distributions)
        for layer in manifest.layers
    }
    users: dict[str, list[str]] = {layer.name: [] for layer in manifest.layers}
    for name, function in manifest.functions.items():
        for layer_name in function.layers:
            users[layer_name].append(name)
    layers = tuple(
        LayerRow(
            name=layer.name,
            zipped=layer.zipped_size,
            unzipped=layer.unzipped_size,
            distributions=contents[layer.name],
            functions=tuple(users[layer.name]),
        )
        for layer in manifest.layers
    )
    functions = tuple(
        FunctionRow(
            name=name,
            target=f.target,
            layers=f.layers,
            external_layers=len(f.external_layers),
            code=f.code_size,
            unzipped=f.unzipped_size,
            excess=f.carried_excess,
            dominated_by=_largest([contents[layer] for layer in f.layers], f.code_size),
        )
        for name, f in manifest.functions.items()
    )
    return layers, functions


def format_tables(
    layers: Sequence[LayerRow], functions: Sequence[FunctionRow], *, limit: int, width: int | None
) -> str:
    """Lay both tables out; `limit` is what a function may hold, in bytes, `width` the columns at hand."""
    return "\n".join([_layer_table(layers, width), "", _function_table(functions, limit, width)])


def _layer_table(layers: Sequence[LayerRow], width: int | None) -> str:
    if not layers:
        return "No layers: no function requires anything."
    rows = [
        (
            layer.name,
            format_size(layer.zipped) if layer.zipped is not None else "",
            format_size(layer.unzipped),
            _some([name for name, _, _ in sorted(layer.distributions, key=lambda d: (-d[2], d[0]))]),
            _some(layer.functions),
        )
        for layer in layers
    ]
    return _table(("layer", "zipped", "unzipped", "distributions", "functions"), rows, "lrrll", width)


def _function_table(functions: Sequence[FunctionRow], limit: int, width: int | None) -> str:
    rows = [
        (
            f.name,
            f.target,
            "none" if f.problem else str(len(f.layers) + f.external_layers),
            format_size(f.unzipped),
            f"{f.unzipped / limit:.0%}",
            format_size(f.excess),
            f.problem or f.dominated_by,
        )
        for f in functions
    ]
    header = (
        "function",
        "target",
        "layers",
        "unzipped",
        f"of {format_size(limit)}",
        "excess",
        "dominated by",
    )
    return _table(header, rows, "llrrrrl", width)


def _largest(layers: Sequence[Sequence[tuple[str, str, int]]], code_size: int) -> str:
    parts = {name: size for layer in layers for name, _, size in layer}
    if code_size > max(parts.values(), default=-1):
        return f"its own code {format_size(code_size)}"
    name = max(sorted(parts), key=lambda part: parts[part])
    return f"{name} {format_size(parts[name])}"


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES])
    rest = len(names) - _SHOWN_NAMES
    return f"{len(names)}: {shown}{f' +{rest}' if rest > 0 else ''}" if names else "0"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], alignment: str, width: int | None) -> str:
    """Align columns; where `width` is short, the last columns are cut with an ellipsis.

    Our own 20 lines: importing rich's tables takes as long as a whole `build` with nothing to do.
    """
    columns = list(zip(header, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for row in [tuple(header), tuple("-" * w for w in widths), *rows]:
        cells = [_cell(text, w, a) for text, w, a in zip(row, widths, alignment, strict=True)]
        line = "  ".join(cells).rstrip()
        lines.append(line if width is None or len(line) <= width else f"{line[: max(width - 1, 1)]}…")
    return "\n".join(lines)


def _cell(text: str, width: int, alignment: Literal["l", "r"] | str) -> str:
    return text.rjust(width) if alignment == "r" else text.ljust(width)
