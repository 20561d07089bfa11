"""Tables of layers and functions, of a plan or of what was built, as plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from layerforge.model.artifact import Manifest, ManifestFunction
from layerforge.model.plan import LayerPlan
from layerforge.model.sizes import format_size
from layerforge.report.columns import AnyColumn, Column, ListColumn, lay_out

# Rows of each table where not everything is asked for: what fits a screen, both tables together.
SHOWN_ROWS = 20


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
    """A function as the table shows it; bytes. `dominated_by` names what is largest in it.

    `bundled` is what lies in its own zip beside its code. `limit` is its own, None where it is that of
    the others.
    """

    name: str
    target: str
    layers: tuple[str, ...]
    external_layers: int
    code: int
    unzipped: int
    excess: int
    dominated_by: str
    bundled: int = 0
    problem: str | None = None
    limit: int | None = None


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
            dominated_by=_largest(
                [
                    *(contents[layer] for layer in f.layers),
                    tuple((i.name, i.version, i.unzipped_size) for i in f.bundled),
                ],
                f.code_size,
            ),
            bundled=f.bundled_size,
            problem=f.infeasible,
            limit=f.limit,
        )
        for f in plan.functions
    )
    return layers, functions


def rows_of_manifest(
    manifest: Manifest, limits: Mapping[str, int]
) -> tuple[tuple[LayerRow, ...], tuple[FunctionRow, ...]]:
    """Make the rows of what was built; `limits` are those of functions that have their own, in bytes."""
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
            dominated_by=_largest([*(contents[layer] for layer in f.layers), _bundled(f)], f.code_size),
            bundled=sum(size for _, _, size in _bundled(f)),
            limit=limits.get(name),
        )
        for name, f in manifest.functions.items()
    )
    return layers, functions


def _bundled(function: ManifestFunction) -> tuple[tuple[str, str, int], ...]:
    held = function.code.distributions if function.code else ()
    return tuple((one.name, one.version, one.unzipped_size) for one in held)


def format_tables(
    layers: Sequence[LayerRow], functions: Sequence[FunctionRow], *, limit: int, width: int | None
) -> str:
    """Lay both tables out, the largest first.

    `limit` is what a function may hold, in bytes. `width` is the columns at hand: names give way to
    counts, and the less telling columns go, until the lines fit; and only the first rows are shown, as
    what is near a limit is among them. None shows everything, however wide and long.
    """
    return "\n".join([_layer_table(layers, width), "", _function_table(functions, limit, width)])


def _layer_table(layers: Sequence[LayerRow], width: int | None) -> str:
    if not layers:
        return "No layers: no function requires anything."
    ordered = sorted(layers, key=lambda layer: (-layer.unzipped, layer.name))
    shown = ordered if width is None else ordered[:SHOWN_ROWS]
    built = any(layer.zipped is not None for layer in shown)
    columns: list[AnyColumn] = [
        Column("layer", [layer.name for layer in shown]),
        *([Column("zipped", [_size(layer.zipped) for layer in shown], right=True)] if built else []),
        Column("unzipped", [format_size(layer.unzipped) for layer in shown], right=True),
        ListColumn("distributions", [_by_size(layer.distributions) for layer in shown]),
        ListColumn("functions", [layer.functions for layer in shown]),
    ]
    lines = lay_out(columns, width, dispensable=("distributions", "functions", "zipped"))
    if rest := ordered[len(shown) :]:
        size = format_size(sum(layer.unzipped for layer in rest))
        lines.append(f"and {len(rest)} smaller, {size} together; -v shows all")
    return "\n".join(lines)


def _function_table(functions: Sequence[FunctionRow], limit: int, width: int | None) -> str:
    if not functions:
        return ""
    ordered = sorted(functions, key=lambda f: (f.problem is None, -f.unzipped, f.name))
    shown = ordered if width is None else ordered[:SHOWN_ROWS]
    bundled = [format_size(f.bundled) if f.bundled else "" for f in shown]
    excesses = [format_size(f.excess) if f.excess else "" for f in shown]
    layer_counts = ["-" if f.problem else str(len(f.layers) + f.external_layers) for f in shown]
    own = any(f.limit not in {None, limit} for f in functions)
    columns = [
        Column("function", [f.name for f in shown]),
        Column("target", [f.target for f in shown]),
        Column("layers", layer_counts, right=True),
        Column(
            "of its limit" if own else f"of {format_size(limit)}",
            [_share(f, limit) for f in shown],
            right=True,
        ),
        *([Column("bundled", bundled, right=True)] if any(bundled) else []),
        *([Column("not needed", excesses, right=True)] if any(excesses) else []),
        Column("largest part", ["" if f.problem else f.dominated_by for f in shown]),
    ]
    lines = lay_out(columns, width, dispensable=("bundled", "not needed", "layers", "largest part", "target"))
    if rest := ordered[len(shown) :]:
        lines.append(f"and {len(rest)} more, none above {format_size(rest[0].unzipped)}; -v shows all")
    return "\n".join(lines)


def _share(function: FunctionRow, limit: int) -> str:
    if function.problem:
        return "does not fit"
    allowed = function.limit or limit
    share = f"{function.unzipped / allowed:.0%}" if allowed else ""
    return f"{format_size(function.unzipped)} {share:>4}"


def _size(size: int | None) -> str:
    return "" if size is None else format_size(size)


def _by_size(distributions: Sequence[tuple[str, str, int]]) -> tuple[str, ...]:
    return tuple(name for name, _, _ in sorted(distributions, key=lambda d: (-d[2], d[0])))


def _largest(layers: Sequence[Sequence[tuple[str, str, int]]], code_size: int) -> str:
    parts = {name: size for layer in layers for name, _, size in layer}
    if code_size > max(parts.values(), default=-1):
        return f"its own code {format_size(code_size)}"
    name = max(sorted(parts), key=lambda part: parts[part])
    return f"{name} {format_size(parts[name])}"
