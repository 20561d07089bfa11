"""From demands to layers: the one door of planning. Pure, and independent of the order of its input."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from layerforge.model.counts import count
from layerforge.model.limits import UNZIPPED_LIMIT, Limits
from layerforge.model.plan import Demand, FunctionPlan, Item, LayerPlan, PlannedLayer
from layerforge.model.sizes import format_size
from layerforge.model.target import Target
from layerforge.plan.names import name_layers
from layerforge.plan.problem import SCALE, Problem, Room, bits
from layerforge.plan.solving import solve


def make_layer_plan(demands: Sequence[Demand], *, limits: Limits, prefix: str) -> LayerPlan:
    """Plan layers for every function that can be served; the others carry the reason why not.

    A function gets at most `limits.layers` layers, those from elsewhere included, and its code,
    its layers and those from elsewhere hold at most `limits.unzipped` bytes. Layers serve one
    target. They are named `<prefix>-<target>-<what dominates them>`.
    """
    layers: list[PlannedLayer] = []
    functions: list[FunctionPlan] = []
    for target in sorted({demand.target for demand in demands}):
        ours = sorted((d for d in demands if d.target == target), key=lambda demand: demand.function)
        for_target = _plan_target(ours, target=target, limits=limits, prefix=prefix)
        layers += for_target.layers
        functions += for_target.functions
    return LayerPlan(
        layers=tuple(sorted(layers, key=lambda layer: layer.name)),
        functions=tuple(sorted(functions, key=lambda function: function.function)),
    )


def _plan_target(demands: Sequence[Demand], *, target: Target, limits: Limits, prefix: str) -> LayerPlan:
    reasons = {demand.function: _why_infeasible(demand, limits) for demand in demands}
    served = [demand for demand in demands if demand.needs and not reasons[demand.function]]
    atoms = _make_atoms(served)
    solved = solve(_make_problem(served, atoms, limits))
    contents = [
        tuple(sorted(item for atom in bits(layer.atoms) for item in atoms[atom].items)) for layer in solved
    ]
    names = name_layers(contents, prefixes=[f"{prefix}-{target.slug}"] * len(contents))
    layers = [
        PlannedLayer(name=name, targets=(target,), items=items)
        for name, items in zip(names, contents, strict=True)
    ]
    taken: dict[str, list[PlannedLayer]] = {demand.function: [] for demand in demands}
    for layer, found in zip(layers, solved, strict=True):
        for position in bits(found.users):
            taken[served[position].function].append(layer)
    functions = [
        _plan_function(demand, taken[demand.function], reasons[demand.function]) for demand in demands
    ]
    return LayerPlan(layers=tuple(layers), functions=tuple(functions))


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
        carriers=((1 << len(demands)) - 1,) * len(atoms),
    )
