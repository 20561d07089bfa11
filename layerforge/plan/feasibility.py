"""Why no plan whatsoever can serve a function, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from layerforge.model.counts import count, some_of
from layerforge.model.limits import UNZIPPED_LIMIT
from layerforge.model.plan import Demand
from layerforge.model.planning import PlanSettings
from layerforge.model.sizes import format_size
from layerforge.plan.separation import foes_of, part


def infeasible_functions(demands: Iterable[Demand], settings: PlanSettings) -> dict[str, str]:
    """The reasons of those functions that cannot be served."""
    foes = foes_of(settings.apart)
    reasons = {demand.function: why_infeasible(demand, foes) for demand in demands}
    return {function: reason for function, reason in reasons.items() if reason is not None}


def why_infeasible(demand: Demand, foes: Mapping[str, frozenset[str]]) -> str | None:
    """Say why a function cannot be served, if so: each that passes fits in layers of its own.

    `foes`: which names may not share a layer.
    """
    total, limits = demand.smallest_size, demand.limits
    if total > limits.unzipped:
        over = total - limits.unzipped
        return (
            f"needs {format_size(total)} unzipped, {_amount(over)} over {_limit_name(demand)}{_parts(demand)}"
        )
    if demand.slots < 0:
        return f"has {_taken(demand)}, {-demand.slots} more than the {limits.layers} allowed"
    if demand.needs and demand.slots < 1:
        return (
            f"has no room for a layer: {_taken(demand)} take all of "
            f"its {limits.layers}, and {format_size(demand.needed_size)} of distributions need one"
        )
    if part([item.name for item in demand.needs], foes, most=demand.slots) is None:
        parted = some_of(sorted(foes.keys() & {item.name for item in demand.needs}))
        return f"can take {count(demand.slots, 'layer')}, too few to keep {parted} apart (plan.apart)"
    return None


def _taken(demand: Demand) -> str:
    held = f"{count(demand.external_layers, 'layer')} from elsewhere"
    return f"{held} and {demand.reserved_layers} reserved" if demand.reserved_layers else held


def _amount(size: int) -> str:
    """Show a size; in bytes too where rounding could hide it."""
    return format_size(size) if size >= 1_048_576 else f"{size:,} bytes"


def _limit_name(demand: Demand) -> str:
    if demand.limits.unzipped == UNZIPPED_LIMIT:
        return "Lambda's 250 MB"
    return f"the budget of {format_size(demand.limits.unzipped)}"


def _parts(demand: Demand) -> str:
    parts = [f"distributions {format_size(demand.needed_size)}", f"code {format_size(demand.code_size)}"]
    if demand.bundled:
        parts.append(f"bundled {format_size(demand.own_size - demand.code_size)}")
    if demand.external_layers:
        parts.append(f"layers from elsewhere {format_size(demand.external_size)}")
    return f" ({', '.join(parts)})"
