"""What `layerforge plan` says beside its tables: cost, savings, changes, and why a function has which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from layerforge.model.counts import count, some_of
from layerforge.model.sizes import format_size
from layerforge.plan.alternatives import Alternative, Explanation, TakenLayer
from layerforge.plan.bound import Bound
from layerforge.plan.changes import FunctionChange, LayerChange, PlanChanges
from layerforge.plan.costs import Baselines, PlanCost
from layerforge.report.columns import AnyColumn, Column, ListColumn, lay_out

NO_BOUND = "no bound was asked for"
# Less than this part of the cost is what rounding hides.
_PROVEN = 1e-6
_SIGNS = {"new": "+", "gone": "-", "changed": "~", "upgraded": "^"}


def format_cost(cost: PlanCost, baselines: Baselines, bound: Bound | None = None) -> str:
    """The parts of a plan's cost, and what it saves, in a few lines."""
    parts = [f"{format_size(cost.stored)} stored"]
    if cost.carried:
        parts.append(
            f"{_size(cost.excess)} for {format_size(cost.carried)} that functions carry and do not need"
        )
    parts.append(f"{format_size(cost.layers)} for {count(cost.count, 'layer')}")
    if cost.change:
        parts.append(f"{_size(cost.change)} for what is other than before")
    lines = [f"cost {_size(cost.total)}: {', '.join(parts)} ({_bound(bound)})"]
    if cost.count:
        lines.append(
            f"one layer per function would cost {_against(cost, baselines.own_layers)}; "
            f"one shared layer and the rest apart {_against(cost, baselines.shared_layer)}"
        )
    return "\n".join(lines)


def _bound(bound: Bound | None) -> str:
    if bound is None:
        return NO_BOUND
    if bound.gap < _PROVEN:
        return "proven: no plan costs less"
    # Rounded up: never better than it is.
    percent = math.ceil(bound.gap * 1000) / 10
    return f"within {percent:.1f} % of the optimum: no plan costs less than {_size(bound.lower)}"


def _against(cost: PlanCost, other: PlanCost) -> str:
    mine = cost.total - cost.change
    saved = 1 - mine / other.total if other.total else 0.0
    return f"{_size(other.total)} ({saved:.0%} saved)" if saved > 0 else _size(other.total)


def cost_document(cost: PlanCost, baselines: Baselines) -> dict[str, Any]:
    """The same for --json; all in bytes."""
    return {
        "cost": _price(cost),
        "baselines": {
            "one_layer_per_function": _price(baselines.own_layers),
            "one_shared_layer": _price(baselines.shared_layer),
        },
    }


def _price(cost: PlanCost) -> dict[str, Any]:
    return {
        "total": cost.total,
        "stored": cost.stored,
        "excess": cost.excess,
        "layers": cost.layers,
        "change": cost.change,
        "carried": cost.carried,
        "layer_count": cost.count,
    }


def format_changes(changes: PlanChanges, *, width: int | None) -> str:
    """What is published anew and who is touched, each line with its sign."""
    if not changes.layers and not changes.functions:
        return f"nothing changes against {changes.source}"
    new = sum(layer.kind != "gone" for layer in changes.layers)
    sizes = f"{count(new, 'layer')} published anew ({format_size(changes.published_size)} unzipped)"
    touched = count(changes.functions, "function")
    lines = [f"against {changes.source}: {sizes}, {changes.unchanged} unchanged, {touched} touched"]
    lines += [_layer_line(layer, width) for layer in changes.layers]
    lines += [_function_line(one, width) for one in changes.functions]
    return "\n".join(lines)


def _layer_line(layer: LayerChange, width: int | None) -> str:
    words = {
        "new": f"holds {_names(layer.added, width)}",
        "gone": "is no more",
        "changed": _both("gains", layer.added, "loses", layer.removed, width),
        "upgraded": f"other versions of {_names(layer.added, width)}",
    }
    size = f" {format_size(layer.size)}" if layer.size else ""
    return f"  {_SIGNS[layer.kind]} {layer.name}{size}: {words[layer.kind]}"


def _function_line(one: FunctionChange, width: int | None) -> str:
    words = {
        "new": f"is new, takes {_names(one.added, width)}" if one.added else "is new, takes no layer",
        "gone": "is no more",
        "changed": _both("takes", one.added, "leaves", one.removed, width),
    }
    return f"  {_SIGNS[one.kind]} {one.function}: {words[one.kind]}"


def _both(gain: str, added: Sequence[str], lose: str, removed: Sequence[str], width: int | None) -> str:
    parts = [f"{verb} {_names(names, width)}" for verb, names in ((gain, added), (lose, removed)) if names]
    return ", ".join(parts)


def _names(names: Sequence[str], width: int | None) -> str:
    if not names:
        return "nothing"
    if width is not None or len(names) < 2:
        return some_of(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def changes_document(changes: PlanChanges) -> dict[str, Any]:
    """The same for --json."""
    return {
        "against": changes.source,
        "published_size": changes.published_size,
        "unchanged": changes.unchanged,
        "layers": [asdict(layer) for layer in changes.layers],
        "functions": [asdict(one) for one in changes.functions],
    }


def format_explanation(explanation: Explanation, *, width: int | None) -> str:
    """Which layers, what is not needed in them, and what else could be done."""
    function = explanation.function
    head = f"{function.function} ({function.target.name})"
    if function.infeasible:
        return f"{head} {function.infeasible}"
    if not explanation.layers:
        return f"{head} takes no layer: {_own(explanation)}"
    excess = function.carried_excess
    carried = f", of which it does not need {format_size(excess)}" if excess else ", all of it needed"
    takes = f"takes {count(explanation.layers, 'layer')}, {format_size(function.layers_size)}{carried}"
    lines = [
        f"{head} {takes}; {_own(explanation)}",
        *lay_out(_taken_columns(explanation.layers), width, dispensable=("with", "needs")),
    ]
    if explanation.alternatives:
        lines += ["", "Instead, with all else as it is, the cost would be"]
        lines += [f"  {_alternative(one)}" for one in explanation.alternatives]
    return "\n".join(lines)


def _own(explanation: Explanation) -> str:
    function = explanation.function
    bundled = f" with {', '.join(item.name for item in function.bundled)}" if function.bundled else ""
    return (
        f"its own zip{bundled} has {format_size(function.code_size + function.bundled_size)}: "
        f"{format_size(function.unzipped_size)} of {format_size(function.limit)} in all"
    )


def _taken_columns(layers: Sequence[TakenLayer]) -> list[AnyColumn]:
    return [
        Column("layer", [one.layer.name for one in layers]),
        Column("unzipped", [format_size(one.layer.unzipped_size) for one in layers], right=True),
        Column("not needed", [format_size(one.excess) if one.excess else "" for one in layers], right=True),
        ListColumn("needs", [one.needed for one in layers]),
        ListColumn("with", [one.others for one in layers]),
    ]


def _alternative(one: Alternative) -> str:
    if one.obstacle:
        return f"not possible: {one.what}: {one.obstacle}"
    if abs(one.cost) < 1:
        return f"the same: {one.what}"
    sign = "more" if one.cost > 0 else "less"
    return f"{_size(abs(one.cost))} {sign}: {one.what}"


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """The same for --json."""
    return {
        "function": explanation.function.function,
        "layers": [
            {
                "name": one.layer.name,
                "unzipped_size": one.layer.unzipped_size,
                "needed_size": one.needed_size,
                "excess": one.excess,
                "needed": list(one.needed),
                "others": list(one.others),
            }
            for one in explanation.layers
        ],
        "alternatives": [asdict(one) for one in explanation.alternatives],
    }


def _size(size: float) -> str:
    return format_size(round(size))
