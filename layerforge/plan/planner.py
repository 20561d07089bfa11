"""From demands to layers: the one door of planning. Pure, and independent of the order of its input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from layerforge.errors import ConfigError
from layerforge.model.counts import count
from layerforge.model.plan import Demand, FunctionPlan, Item, LayerPlan, PlannedLayer
from layerforge.model.planning import PlanSettings
from layerforge.model.previous import PreviousPlan
from layerforge.model.target import shared_slug
from layerforge.plan.bundling import better_bundled, bundle
from layerforge.plan.continuing import continue_layers
from layerforge.plan.feasibility import infeasible_functions
from layerforge.plan.inheritance import Heir, inherit_names
from layerforge.plan.instance import Instance, make_instance
from layerforge.plan.keeping import Kept, keep_plan
from layerforge.plan.named import Fixed, FixedLayer, fix_layers
from layerforge.plan.names import LEAST_FOR_BASE, name_layer, name_layers
from layerforge.plan.problem import Layer, Problem, cost_of
from layerforge.plan.separation import relieve
from layerforge.plan.solving import Effort, solve


def make_layer_plan(
    demands: Sequence[Demand],
    *,
    prefix: str,
    settings: PlanSettings = PlanSettings(),
    previous: PreviousPlan | None = None,
    search: bool = False,
) -> LayerPlan:
    """Plan layers for every function that can be served; the others carry the reason why not.

    A function gets at most as many layers as its limits allow, those from elsewhere and places that are
    reserved included; its code, its layers and those from elsewhere hold at most its limit. A layer serves
    all targets that its distributions fit (`Item.targets`). They are named
    `<prefix>-<what its targets have in common>-<what dominates them>`.

    The `previous` plan is kept to the letter where nothing that matters has changed (unless `search`
    asks to look for a better one), and what is planned instead stays close to it.

    Raises ConfigError where `settings` ask for what cannot be.
    """
    demands = sorted(demands, key=lambda demand: demand.function)
    reasons = infeasible_functions(demands, settings)
    served = [demand for demand in demands if demand.function not in reasons]
    kept = keep_plan(previous, served, settings, prefix=prefix) if previous and not search else None
    made = kept or _lay_out(served, settings, prefix=prefix, previous=previous)
    by_name = {layer.name: layer for layer in made.layers}
    return LayerPlan(
        layers=tuple(sorted(made.layers, key=lambda layer: layer.name)),
        functions=tuple(
            _plan_function(
                bundle(demand, made.bundled.get(demand.function, ())),
                [by_name[name] for name in made.took.get(demand.function, ())],
                reasons.get(demand.function),
            )
            for demand in demands
        ),
    )


def solve_instance(
    demands: Sequence[Demand], settings: PlanSettings, *, fixed: Fixed, previous: PreviousPlan | None
) -> tuple[Instance, tuple[Layer, ...]]:
    """State the problem of functions that can be served, sorted by name, and solve it."""
    instance = make_instance(demands, settings, fixed=fixed, previous=previous)
    solved = _solve(instance.problem, Effort(settings.effort))
    return instance, solved


def _solve(problem: Problem, effort: Effort) -> tuple[Layer, ...]:
    """The cheaper of what the engine finds, and of what the plan before becomes."""
    found = relieve(problem, solve(problem, effort=effort))
    if problem.previous is None:
        return found
    continued = relieve(problem, continue_layers(problem))
    return min(
        found, continued, key=lambda layers: (_excess_layers(problem, layers), cost_of(problem, layers).total)
    )


def _excess_layers(problem: Problem, layers: Sequence[Layer]) -> int:
    return 0 if problem.most_layers is None else max(0, len(layers) - problem.most_layers)


def _lay_out(
    demands: Sequence[Demand], settings: PlanSettings, *, prefix: str, previous: PreviousPlan | None
) -> Kept:
    """The layers of functions that can be served, and which of them each takes."""
    fixed = fix_layers(demands, settings)
    instance, found = solve_instance(demands, settings, fixed=fixed, previous=previous)
    bundled = _bundle_alone(instance, found)
    solved = [layer for layer in found if not _is_in(layer, instance, bundled)]
    _check_most_layers(len(fixed.layers), len(solved), settings)
    heirs = [
        Heir(
            items=instance.items(layer),
            targets=tuple(sorted({demand.target for demand in instance.users(layer)})),
            functions=frozenset(demand.function for demand in instance.users(layer)),
        )
        for layer in solved
    ]
    given = [_fixed_name(layer, prefix) for layer in fixed.layers]
    names = _name(heirs, demands, prefix=prefix, previous=previous, taken=given)
    everything: list[Heir | FixedLayer] = [*fixed.layers, *heirs]
    layers = []
    took: dict[str, list[str]] = {}
    for layer, name in zip(everything, (*given, *names), strict=True):
        layers.append(PlannedLayer(name=name, targets=layer.targets, items=layer.items))
        for function in layer.functions:
            took.setdefault(function, []).append(name)
    names_of = {function: {item.name for item in items} for function, items in bundled.items()}
    return Kept(layers=tuple(layers), took=took, bundled=names_of)


def _bundle_alone(instance: Instance, layers: Sequence[Layer]) -> dict[str, set[Item]]:
    """What functions take in layers that nobody shares, as far as it is better in their own zips."""
    bundled: dict[str, set[Item]] = {}
    alone: dict[int, list[tuple[Item, ...]]] = {}
    for layer in layers:
        if layer.users.bit_count() == 1:
            alone.setdefault(layer.users.bit_length() - 1, []).append(instance.items(layer))
    for function, several in alone.items():
        demand = instance.demands[function]
        several.sort(key=lambda items: (sum(item.unzipped_size for item in items), items))
        for items, better in zip(several, better_bundled(demand, several), strict=True):
            if better:
                bundled.setdefault(demand.function, set()).update(items)
    return bundled


def _is_in(layer: Layer, instance: Instance, bundled: Mapping[str, set[Item]]) -> bool:
    """Whether a layer is dissolved: all that it holds lies in the zip of its one function."""
    users = instance.users(layer)
    return len(users) == 1 and bundled.get(users[0].function, set()).issuperset(instance.items(layer))


def _fixed_name(layer: FixedLayer, prefix: str) -> str:
    return name_layer(f"{prefix}-{shared_slug(layer.targets)}", [layer.name])


def _name(
    heirs: Sequence[Heir],
    demands: Sequence[Demand],
    *,
    prefix: str,
    previous: PreviousPlan | None,
    taken: Sequence[str],
) -> tuple[str, ...]:
    kept = inherit_names(heirs, previous, prefix=prefix, taken=taken) if previous else [None] * len(heirs)
    return name_layers(
        [heir.items for heir in heirs],
        prefixes=[f"{prefix}-{shared_slug(heir.targets)}" for heir in heirs],
        kept=kept,
        bases=[position for position, heir in enumerate(heirs) if _is_base(heir, demands)],
        taken=taken,
    )


def _is_base(heir: Heir, demands: Sequence[Demand]) -> bool:
    """Whether every function that could take a layer takes it."""
    could = {demand.function for demand in demands if demand.needs and demand.target in heir.targets}
    return len(could) >= LEAST_FOR_BASE and could == heir.functions


def _plan_function(demand: Demand, layers: Iterable[PlannedLayer], infeasible: str | None) -> FunctionPlan:
    attached = sorted(layers, key=lambda layer: layer.name)
    return FunctionPlan(
        function=demand.function,
        target=demand.target,
        layers=tuple(layer.name for layer in attached),
        external_layers=demand.external_layers,
        external_size=demand.external_size,
        code_size=demand.code_size,
        needed_size=demand.needed_size,
        layers_size=sum(layer.unzipped_size for layer in attached),
        limit=demand.limits.unzipped,
        bundled=tuple(sorted(demand.bundled)),
        infeasible=infeasible,
    )


def _check_most_layers(fixed: int, found: int, settings: PlanSettings) -> None:
    most = settings.most_layers
    if most is None or fixed + found <= most:
        return
    if fixed >= most:
        asked = f"plan.layers asks for {count(fixed, 'layer')}"
        sentence = f"{asked}, {'and others are needed beside' if found else 'more than that'}"
        raise ConfigError(
            sentence,
            where=f"{settings.place}plan.most-layers",
            hint="allow more layers, or name fewer",
        )
    raise ConfigError(
        f"no plan with at most {count(most, 'layer')} was found, and the best that was has {fixed + found}",
        where=f"{settings.place}plan.most-layers",
        hint="allow more; or let more distributions stay in the functions' own zips, and more functions "
        "carry what they do not need: fewer reserved places and wider limits help",
    )
