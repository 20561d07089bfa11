"""What a plan of demands costs at least, whatever the plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from layerforge.model.plan import Demand, Item, LayerPlan
from layerforge.model.planning import PlanSettings
from layerforge.model.progress import Progress
from layerforge.plan.costs import PlanCost
from layerforge.plan.exact.proving import Limits, bound_below
from layerforge.plan.instance import Instance, make_instance
from layerforge.plan.named import Fixed, fix_layers
from layerforge.plan.problem import SCALE, Layer, union


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """`lower`: no plan costs less, in bytes. `cost`: what this one does."""

    lower: float
    cost: float

    @property
    def gap(self) -> float:
        """What part of the cost a better plan could save at most."""
        return max(0.0, 1 - self.lower / self.cost) if self.cost > 0 else 0.0


def bound_plan(
    plan: LayerPlan,
    demands: Iterable[Demand],
    settings: PlanSettings,
    cost: PlanCost,
    *,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Bound:
    """Bound what any plan for the functions that `plan` serves costs, under the same settings.

    Weaker than it could be, never wrong: prices of change, what is kept apart and a greatest number of
    layers are left out. So are functions that may keep distributions in their own zips where that is
    better (`bundle = "auto"`): of what only they need, the bytes count, once.

    Raises ToolError if HiGHS is not installed.
    """
    refused = {one.function for one in plan.functions if one.infeasible}
    served = sorted((one for one in demands if one.function not in refused), key=lambda one: one.function)
    fixed = fix_layers(served, settings)
    instance = make_instance([one for one in served if not one.may_bundle], settings, fixed=fixed)
    base = _price_of_the_rest(served, fixed, settings, instance)
    total = round(cost.total * SCALE)
    known = _known_layers(plan, instance)
    if progress is None:
        lower, _ = bound_below(instance.problem, known, cost=total - base, limits=limits)
    else:
        with progress.task("proving a bound", total=None, unit="items"):
            lower, _ = bound_below(instance.problem, known, cost=total - base, limits=limits)
    return Bound(lower=(lower + base) / SCALE, cost=cost.total)


def _price_of_the_rest(
    served: Sequence[Demand], fixed: Fixed, settings: PlanSettings, instance: Instance
) -> int:
    """What every plan costs beside its `Problem`: named layers, what is bundled, what nobody else needs."""
    price = sum(SCALE * (layer.size + settings.layer_cost) for layer in fixed.layers)
    asked = {item for atom in instance.atoms for item in atom.items}
    others: set[Item] = set()
    for demand in served:
        price += SCALE * _size(demand.bundled)
        rest = fixed.rest(demand)
        held = sum(layer.size for layer in fixed.of(demand))
        excess = round(SCALE * settings.excess_weight * demand.weight)
        price += excess * (held - _size(demand.needs - rest))
        if demand.may_bundle:
            others |= rest - asked
    return price + SCALE * _size(others)


def _size(items: Iterable[Item]) -> int:
    return sum(item.unzipped_size for item in items)


def _known_layers(plan: LayerPlan, instance: Instance) -> list[Layer]:
    """The layers of a plan, as far as they are made of whole atoms."""
    position = {demand.function: place for place, demand in enumerate(instance.demands)}
    takers: dict[str, int] = {}
    for function in plan.functions:
        for name in function.layers:
            if function.function in position:
                takers[name] = takers.get(name, 0) | 1 << position[function.function]
    layers = []
    for layer in plan.layers:
        held = set(layer.items)
        atoms = union(1 << place for place, atom in enumerate(instance.atoms) if held.issuperset(atom.items))
        if atoms and takers.get(layer.name):
            layers.append(Layer(atoms=atoms, users=takers[layer.name]))
    return layers
