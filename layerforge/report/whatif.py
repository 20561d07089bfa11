"""What `layerforge plan --what-if` says: a document of names, or a short table."""

from __future__ import annotations

import math
from typing import Any

from layerforge.model.counts import count
from layerforge.model.given import GivenInstance
from layerforge.model.sizes import format_size
from layerforge.plan.whatif import InstancePlan
from layerforge.report.columns import Column, ListColumn, lay_out
from layerforge.report.tables import SHOWN_ROWS


def instance_document(plan: InstancePlan) -> dict[str, Any]:
    """The plan for --json; costs in bytes."""
    return {
        "layers": {name: list(held) for name, held in plan.layers.items()},
        "functions": {name: list(taken) for name, taken in plan.functions.items()},
        "cost": plan.cost,
        "lower_bound": plan.lower_bound,
        "infeasible": dict(plan.infeasible),
    }


def format_instance_plan(plan: InstancePlan, given: GivenInstance, *, width: int | None) -> str:
    """Layers, the largest first; what cannot be served; and the cost."""
    lines = [*_layer_lines(plan, given, width), ""] if plan.layers else []
    lines += [f"{name} cannot be served: it {reason}" for name, reason in plan.infeasible.items()]
    served = count(len(plan.functions) - len(plan.infeasible), "function")
    lines.append(
        f"cost {plan.cost:,} bytes ({format_size(plan.cost)}) with {count(plan.layers, 'layer')} "
        f"for {served}; {_bound(plan)}"
    )
    return "\n".join(lines)


def _layer_lines(plan: InstancePlan, given: GivenInstance, width: int | None) -> list[str]:
    sizes = {layer: sum(given.sizes[name] for name in held) for layer, held in plan.layers.items()}
    takers: dict[str, list[str]] = {layer: [] for layer in plan.layers}
    for function, taken in plan.functions.items():
        for layer in taken:
            takers[layer].append(function)
    ordered = sorted(plan.layers, key=lambda layer: (-sizes[layer], layer))
    shown = ordered if width is None else ordered[:SHOWN_ROWS]
    by_size = [sorted(plan.layers[layer], key=lambda name: (-given.sizes[name], name)) for layer in shown]
    lines = lay_out(
        [
            Column("layer", shown),
            Column("unzipped", [format_size(sizes[layer]) for layer in shown], right=True),
            ListColumn("distributions", by_size),
            ListColumn("functions", [takers[layer] for layer in shown]),
        ],
        width,
        dispensable=("distributions", "functions"),
    )
    if rest := ordered[len(shown) :]:
        size = format_size(sum(sizes[layer] for layer in rest))
        lines.append(f"and {len(rest)} smaller, {size} together; -v shows all")
    return lines


def _bound(plan: InstancePlan) -> str:
    if plan.lower_bound == plan.cost:
        return "no plan costs less"
    # Rounded up: never better than it is.
    percent = math.ceil((1 - plan.lower_bound / plan.cost) * 1000) / 10
    return f"no plan costs less than {plan.lower_bound:,} (within {percent:.1f} % of the optimum)"
