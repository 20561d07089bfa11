"""From demands to layers: the one door of planning. Pure, and independent of the order of its input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from layerforge.model.counts import count
from layerforge.model.limits import UNZIPPED_LIMIT, Limits
from layerforge.model.plan import Demand, FunctionPlan, Item, LayerPlan, PlannedLayer
from layerforge.model.sizes import format_size
from layerforge.model.target import Target, shared_slug
from layerforge.plan.names import name_layers
from layerforge.plan.problem import SCALE, Layer, Problem, Room, bits, union
from layerforge.plan.solving import solve


def make_layer_plan(demands: Sequence[Demand], *, limits: Limits, prefix: str) -> LayerPlan:
    """Plan layers for every function that can be served; the others carry the reason why not.

    A function gets at most `limits.layers` layers, those from elsewhere included, and its code,
    its layers and those from elsewhere hold at most `limits.unzipped` bytes. A layer serves all
    targets that its distributions fit (`Item.targets`). They are named
    `<prefix>-<what its targets have in common>-<what dominates them>`.
    """
    demands = sorted(demands, key=lambda demand: demand.function)
    reasons = {demand.function: _why_infeasible(demand, limits) for demand in demands}
    served = [demand for demand in demands if demand.needs and not reasons[demand.function]]
    atoms = _make_atoms(served)
    solved = solve(_make_problem(served, atoms, limits))
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
        infeasible=infeasible,
    )


def _why_infeasible(demand: Demand, limits: Limits) -> str | None:
    """Say why no plan whatsoever can serve a function: each that passes fits in one layer of its own."""
    total = demand.smallest_size
    if total > limits.unzipped:
        over = total - limits.unzipped
        return (
            f"needs {format_size(total)} unzipped, {_amount(over)} over {_limit_name(limits)}{_parts(demand)}"
        )
    slots = limits.layers - demand.external_layers
    if slots < 0:
        held = count(demand.external_layers, "layer")
        return f"has {held} from elsewhere, {-slots} more than the {limits.layers} allowed"
    if demand.needs and slots < 1:
        return (
            f"has no room for a layer: {count(demand.external_layers, 'layer')} from elsewhere take all of "
            f"its {limits.layers}, and {format_size(demand.needed_size)} of distributions need one"
        )
    return None


def _amount(size: int) -> str:
    """Show a size; in bytes too where rounding could hide it."""
    return format_size(size) if size >= 1_048_576 else f"{size:,} bytes"


def _limit_name(limits: Limits) -> str:
    if limits.unzipped == UNZIPPED_LIMIT:
        return "Lambda's 250 MB"
    return f"the budget of {format_size(limits.unzipped)}"


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


def _make_atoms(demands: Sequence[Demand]) -> list[_Atom]:
    users: dict[Item, int] = {}
    for position, demand in enumerate(demands):
        for item in demand.needs:
            users[item] = users.get(item, 0) | 1 << position
    groups: dict[int, list[Item]] = {}
    for item in sorted(users):
        groups.setdefault(users[item], []).append(item)
    return sorted(
        (_Atom(items=tuple(items), users=mask) for mask, items in groups.items()), key=lambda atom: atom.items
    )


def _make_problem(demands: Sequence[Demand], atoms: Sequence[_Atom], limits: Limits) -> Problem:
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
        rooms=tuple(
            Room(
                slots=limits.layers - demand.external_layers,
                size=limits.unzipped - demand.code_size - demand.external_size,
            )
            for demand in demands
        ),
        excess=(SCALE // 10,) * len(demands),
        rivals=tuple(rivals),
        apart=(0,) * len(atoms),
        carriers=_make_carriers(demands, atoms),
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
