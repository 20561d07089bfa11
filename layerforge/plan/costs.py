"""What a plan costs, and what it would cost to do without one: in bytes, from the plan alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from layerforge.model.plan import Demand, Item, LayerPlan
from layerforge.model.planning import PlanSettings
from layerforge.model.previous import PreviousPlan
from layerforge.model.target import Target
from layerforge.plan.problem import SCALE


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanCost:
    """What a plan costs, in bytes; each part as it counts in the sum.

    `stored`: all layers, and what is bundled with code. `excess`: what functions carry and do not need,
    times its weight. `layers`: their number, times what one costs. `change`: what differs from the plan
    before. `carried` is the excess without weights, `count` the number of layers.
    """

    stored: int
    excess: float
    layers: int
    change: float
    carried: int
    count: int

    @property
    def total(self) -> float:
        """What was to be least."""
        return self.stored + self.excess + self.layers + self.change


@dataclass(frozen=True, kw_only=True, slots=True)
class Baselines:
    """What it would cost to give each function a layer of its own, and to share what all of a target need.

    In the second, one layer for each target holds what all its functions need, and each function has the
    rest in a layer of its own.
    """

    own_layers: PlanCost
    shared_layer: PlanCost


def price_plan(
    plan: LayerPlan, demands: Iterable[Demand], settings: PlanSettings, previous: PreviousPlan | None
) -> PlanCost:
    """Add up what a plan costs; `previous` is the plan that it started from, if there was one."""
    demands = tuple(demands)
    weights = {demand.function: _price_of_excess(demand, settings) for demand in demands}
    needed = frozenset(item.name for demand in demands for item in demand.needs)
    return PlanCost(
        stored=sum(layer.unzipped_size for layer in plan.zips),
        excess=sum(weights[f.function] * f.carried_excess for f in plan.functions) / SCALE,
        layers=settings.layer_cost * len(plan.layers),
        change=_price_of_change(plan, needed, settings, previous) if previous else 0,
        carried=sum(function.carried_excess for function in plan.functions),
        count=len(plan.layers),
    )


def price_baselines(demands: Sequence[Demand], settings: PlanSettings) -> Baselines:
    """Price what one does without a planner, for the functions that can be served."""
    by_target: dict[Target, list[frozenset[Item]]] = {}
    for demand in demands:
        if everything := demand.needs | demand.bundled:
            by_target.setdefault(demand.target, []).append(everything)
    own = [needs for several in by_target.values() for needs in several]
    shared: list[frozenset[Item]] = []
    for several in by_target.values():
        common = frozenset.intersection(*several)
        shared += [common, *(needs - common for needs in several)]
    return Baselines(own_layers=_price(own, settings), shared_layer=_price(shared, settings))


def _price(layers: Iterable[frozenset[Item]], settings: PlanSettings) -> PlanCost:
    """Price layers in which nobody carries anything in excess."""
    held = [layer for layer in layers if layer]
    return PlanCost(
        stored=sum(item.unzipped_size for layer in held for item in layer),
        excess=0,
        layers=settings.layer_cost * len(held),
        change=0,
        carried=0,
        count=len(held),
    )


def _price_of_excess(demand: Demand, settings: PlanSettings) -> int:
    return round(SCALE * settings.excess_weight * demand.weight)


def _price_of_change(
    plan: LayerPlan, needed: Collection[str], settings: PlanSettings, previous: PreviousPlan
) -> float:
    """A layer is the one before if it has the same names for the same targets, whatever it is called.

    Names that nobody needs any more do not count.
    """
    before = {
        (tuple(name for name in layer.distributions if name in needed), target): layer.name
        for layer in previous.layers
        for target in layer.targets
    }
    renewed = 0
    was: dict[str, str] = {}
    for layer in plan.layers:
        names = tuple(sorted({item.name for item in layer.items}))
        found = [before[names, target.name] for target in layer.targets if (names, target.name) in before]
        if found:
            was[layer.name] = found[0]
        else:
            renewed += layer.unzipped_size
    attached = 0
    for function in plan.functions:
        took = previous.functions.get(function.function)
        if took is not None:
            attached += sum(was.get(name) not in took.layers for name in function.layers)
    return settings.change_weight * renewed + settings.attach_cost * attached
