"""From demands to layers: the one door of planning. Pure, and independent of the order of its input."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from layerforge.model.counts import count, some_of
from layerforge.model.limits import UNZIPPED_LIMIT
from layerforge.model.plan import Demand, FunctionPlan, Item, LayerPlan, PlannedLayer
from layerforge.model.planning import PlanSettings
from layerforge.model.sizes import format_size
from layerforge.model.target import Target, shared_slug
from layerforge.plan.names import name_layers
from layerforge.plan.problem import SCALE, Layer, Prices, Problem, Room, bits, union
from layerforge.plan.separation import foes_of, part, relieve
from layerforge.plan.solving import Effort, solve


def make_layer_plan(
    demands: Sequence[Demand], *, prefix: str, settings: PlanSettings = PlanSettings()
) -> LayerPlan:
    """Plan layers for every function that can be served; the others carry the reason why not.

    A function gets at most as many layers as its limits allow, those from elsewhere and places that are
    reserved included; its code, its layers and those from elsewhere hold at most its limit. A layer serves
    all targets that its distributions fit (`Item.targets`). They are named
    `<prefix>-<what its targets have in common>-<what dominates them>`.
    """
    demands = sorted(demands, key=lambda demand: demand.function)
    foes = foes_of(settings.apart)
    reasons = {demand.function: _why_infeasible(demand, foes) for demand in demands}
    served = [demand for demand in demands if demand.needs and not reasons[demand.function]]
    atoms = _make_atoms(served, foes)
    problem = _make_problem(served, atoms, foes, settings)
    solved = relieve(problem, solve(problem, effort=Effort(settings.effort)))
    layers = _name(solved, served, atoms, prefix=prefix)
    taken: dict[str, list[PlannedLayer]] = {demand.function: [] for demand in demands}
    for layer, found in zip(layers, solved, strict=True):
        for position in bits(found.users):
            taken[served[position].function].append(layer)
    functions = [
        _plan_function(demand, taken[demand.function], reasons[demand.function]) for demand in demands
    ]
    return LayerPlan(layers=tuple(sorted(layers, key=lambda layer: layer.name)), functions=tuple(functions))


def _name(
    solved: Sequence[Layer], served: Sequence[Demand], atoms: Sequence[_Atom], *, prefix: str
) -> list[PlannedLayer]:
    """The layers of a solution with their names, in its order."""
    contents = [
        tuple(sorted(item for atom in bits(layer.atoms) for item in atoms[atom].items)) for layer in solved
    ]
    targets = [tuple(sorted({served[position].target for position in bits(layer.users)})) for layer in solved]
    names = name_layers(contents, prefixes=[f"{prefix}-{shared_slug(held)}" for held in targets])
    return [
        PlannedLayer(name=name, targets=held, items=items)
        for name, held, items in zip(names, targets, contents, strict=True)
    ]


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
        infeasible=infeasible,
    )


def _why_infeasible(demand: Demand, foes: Mapping[str, frozenset[str]]) -> str | None:
    """Say why no plan whatsoever can serve a function: each that passes fits in layers of its own."""
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
    if demand.external_layers:
        parts.append(f"layers from elsewhere {format_size(demand.external_size)}")
    return f" ({', '.join(parts)})"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Atom:
    """Items that exactly the same functions need (`users`, a mask), and no two of one name."""

    items: tuple[Item, ...]
    users: int

    @property
    def size(self) -> int:
        return sum(item.unzipped_size for item in self.items)


def _make_atoms(demands: Sequence[Demand], parted: Collection[str]) -> list[_Atom]:
    users: dict[Item, int] = {}
    for position, demand in enumerate(demands):
        for item in demand.needs:
            users[item] = users.get(item, 0) | 1 << position
    groups: dict[tuple[int, str], list[Item]] = {}
    for item in sorted(users):
        # What is kept apart from others may part from whatever it is needed with.
        groups.setdefault((users[item], item.name if item.name in parted else ""), []).append(item)
    return sorted(
        (_Atom(items=tuple(items), users=mask) for (mask, _), items in groups.items()),
        key=lambda atom: atom.items,
    )


def _make_problem(
    demands: Sequence[Demand],
    atoms: Sequence[_Atom],
    foes: Mapping[str, frozenset[str]],
    settings: PlanSettings,
) -> Problem:
    needs = [0] * len(demands)
    holders: dict[str, int] = {}
    for index, atom in enumerate(atoms):
        for position in bits(atom.users):
            needs[position] |= 1 << index
        for item in atom.items:
            holders[item.name] = holders.get(item.name, 0) | 1 << index
    rivals = [0] * len(atoms)
    for mask in holders.values():
        for index in bits(mask):
            rivals[index] |= mask & ~(1 << index)
    return Problem(
        sizes=tuple(atom.size for atom in atoms),
        needs=tuple(needs),
        rooms=tuple(Room(slots=demand.slots, size=demand.room) for demand in demands),
        excess=tuple(round(SCALE * settings.excess_weight * demand.weight) for demand in demands),
        rivals=tuple(rivals),
        apart=tuple(
            union(holders.get(foe, 0) for item in atom.items for foe in foes.get(item.name, ()))
            for atom in atoms
        ),
        carriers=_make_carriers(demands, atoms),
        prices=_prices(settings),
    )


def _prices(settings: PlanSettings) -> Prices:
    return Prices(
        layer=SCALE * settings.layer_cost,
        renewed=round(SCALE * settings.change_weight),
        attached=SCALE * settings.attach_cost,
    )


def _make_carriers(demands: Sequence[Demand], atoms: Sequence[_Atom]) -> tuple[int, ...]:
    """Which functions may take each atom: those on targets that every item of it fits."""
    on_target: dict[Target, int] = {}
    for position, demand in enumerate(demands):
        on_target[demand.target] = on_target.get(demand.target, 0) | 1 << position
    return tuple(
        union(
            functions
            for target, functions in on_target.items()
            if all(item.fits(target) for item in atom.items)
        )
        for atom in atoms
    )
