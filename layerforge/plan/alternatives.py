"""Why a function takes the layers that it takes: what else it could take, and what that would cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from layerforge.model.plan import Demand, FunctionPlan, LayerPlan, PlannedLayer
from layerforge.model.planning import PlanSettings
from layerforge.model.sizes import format_size
from layerforge.plan.bundling import bundle
from layerforge.plan.feasibility import infeasible_functions
from layerforge.plan.instance import Instance, make_instance
from layerforge.plan.keeping import record_plan
from layerforge.plan.named import fix_layers
from layerforge.plan.problem import SCALE, Layer, bits, cost_of, union


@dataclass(frozen=True, kw_only=True, slots=True)
class TakenLayer:
    """A layer as one function sees it; bytes. `others`: functions that take it too."""

    layer: PlannedLayer
    needed_size: int
    needed: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def excess(self) -> int:
        """Bytes that the function carries in it and does not need."""
        return self.layer.unzipped_size - self.needed_size


@dataclass(frozen=True, kw_only=True, slots=True)
class Alternative:
    """What could be done instead: by how many bytes the plan's cost would rise.

    `stored` and `layers` are differences as well. `obstacle` is why it cannot be.
    """

    what: str
    cost: float
    stored: int
    layers: int
    obstacle: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """One function's part of a plan. `alternatives` are cheapest first, those that cannot be last."""

    function: FunctionPlan
    layers: tuple[TakenLayer, ...]
    alternatives: tuple[Alternative, ...]


def explain(function: str, plan: LayerPlan, demands: Sequence[Demand], settings: PlanSettings) -> Explanation:
    """Look at a function's layers, and price what else could be done for it with the rest as it is."""
    planned = next(one for one in plan.functions if one.function == function)
    demand = next(one for one in demands if one.function == function)
    by_name = {layer.name: layer for layer in plan.layers}
    layers = tuple(_taken(by_name[name], demand, plan) for name in planned.layers)
    found = () if planned.infeasible else _alternatives(function, plan, demands, settings)
    ordered = sorted(found, key=lambda one: (one.obstacle is not None, one.cost, one.what))
    return Explanation(function=planned, layers=layers, alternatives=tuple(ordered))


def _taken(layer: PlannedLayer, demand: Demand, plan: LayerPlan) -> TakenLayer:
    needed = [item for item in layer.items if item in demand.needs]
    return TakenLayer(
        layer=layer,
        needed_size=sum(item.unzipped_size for item in needed),
        needed=tuple(item.name for item in needed),
        others=tuple(
            one.function
            for one in plan.functions
            if layer.name in one.layers and one.function != demand.function
        ),
    )


def _alternatives(
    function: str, plan: LayerPlan, demands: Sequence[Demand], settings: PlanSettings
) -> list[Alternative]:
    bundled = {one.function: {item.name for item in one.bundled} for one in plan.functions}
    reasons = infeasible_functions(demands, settings)
    served = [
        bundle(demand, bundled[demand.function])
        for demand in sorted(demands, key=lambda demand: demand.function)
        if demand.function not in reasons
    ]
    fixed = fix_layers(served, settings)
    recorded = record_plan(plan, demands, settings, prefix="")
    instance = make_instance(served, settings, fixed=fixed, previous=recorded)
    position = next((n for n, one in enumerate(instance.demands) if one.function == function), None)
    if position is None:
        return []
    named = _named_layers(instance, plan, {(layer.items, layer.functions) for layer in fixed.layers})
    options = _Options(instance, named, position)
    # Of a layer that is what the function needs, its part in a layer of its own is the same layer.
    now = set(named.values())
    return [options.price(what, layers) for what, layers in options.all() if set(layers) != now]


def _named_layers(instance: Instance, plan: LayerPlan, fixed: set[tuple[object, object]]) -> dict[str, Layer]:
    """The layers of a plan that were free to choose, by index."""
    found = {}
    for layer in plan.layers:
        takers = tuple(one.function for one in plan.functions if layer.name in one.layers)
        if (layer.items, takers) in fixed:
            continue
        items = set(layer.items)
        atoms = union(1 << n for n, atom in enumerate(instance.atoms) if items.issuperset(atom.items))
        users = union(1 << n for n, demand in enumerate(instance.demands) if demand.function in takers)
        if atoms and users:
            found[layer.name] = Layer(atoms=atoms, users=users)
    return found


class _Options:
    """What could be done for the function at `position`; all else stays."""

    def __init__(self, instance: Instance, named: dict[str, Layer], position: int) -> None:
        self.instance = instance
        # What it costs to change is no part of the question.
        self.problem = replace(instance.problem, previous=None)
        self.named = named
        self.bit = 1 << position
        self.needs = self.problem.needs[position]
        self.mine = {name: layer for name, layer in named.items() if layer.users & self.bit}
        self.before = cost_of(self.problem, tuple(named.values()))

    def all(self) -> Iterator[tuple[str, list[Layer]]]:
        """Every option, in words, and the layers that there would be."""
        others = [self._left(layer) for layer in self.mine.values()]
        if len(self.mine) > 1 or any(layer.users != self.bit for layer in self.mine.values()):
            own = Layer(atoms=self.needs, users=self.bit)
            yield "all that it needs in a layer of its own", self._with(self.mine, [*others, own])
        for name, layer in self.mine.items():
            if layer.users != self.bit and len(self.mine) > 1:
                own = Layer(atoms=layer.atoms & self.needs, users=self.bit)
                yield (
                    f"what it needs of {name} in a layer of its own",
                    self._with([name], [self._left(layer), own]),
                )
            if rest := layer.atoms & ~self.needs:
                parts = [
                    self._for_whom_needs(layer.atoms & self.needs, layer),
                    self._for_whom_needs(rest, layer),
                ]
                yield f"{name} in two: what it needs, and the rest", self._with([name], parts)
        for (one, first), (other, second) in combinations(self.mine.items(), 2):
            both = Layer(atoms=first.atoms | second.atoms, users=first.users | second.users)
            yield f"{one} and {other} in one", self._with([one, other], [both])

    def _with(self, without: Iterable[str], added: Iterable[Layer]) -> list[Layer]:
        gone = set(without)
        users: dict[int, int] = {}
        for layer in [*(layer for name, layer in self.named.items() if name not in gone), *added]:
            if layer.atoms and layer.users:
                users[layer.atoms] = users.get(layer.atoms, 0) | layer.users
        return [Layer(atoms=atoms, users=takers) for atoms, takers in users.items()]

    def _left(self, layer: Layer) -> Layer:
        """A layer that the function leaves, and with it what nobody else needs from it."""
        users = layer.users & ~self.bit
        return Layer(atoms=layer.atoms & union(self.problem.needs[f] for f in bits(users)), users=users)

    def _for_whom_needs(self, atoms: int, layer: Layer) -> Layer:
        users = union(1 << f for f in bits(layer.users) if self.problem.needs[f] & atoms)
        return Layer(atoms=atoms, users=users)

    def price(self, what: str, layers: Sequence[Layer]) -> Alternative:
        """What it would cost, and why it cannot be if so."""
        after = cost_of(self.problem, layers)
        return Alternative(
            what=what,
            cost=(after.total - self.before.total) / SCALE,
            stored=(after.stored - self.before.stored) // SCALE,
            layers=len(layers) - len(self.named),
            obstacle=self._obstacle(layers),
        )

    def _obstacle(self, layers: Sequence[Layer]) -> str | None:
        counts, sizes = [0] * len(self.problem.needs), [0] * len(self.problem.needs)
        held = [0] * len(self.problem.needs)
        for layer in layers:
            size = self.problem.size(layer.atoms)
            if any(self.problem.apart[atom] & layer.atoms for atom in bits(layer.atoms)):
                return "plan.apart keeps them apart"
            for function in bits(layer.users):
                counts[function] += 1
                sizes[function] += size
                held[function] |= layer.atoms
        return next(
            (found for f in range(len(counts)) if (found := self._too_much(f, counts[f], sizes[f], held[f]))),
            None,
        )

    def _too_much(self, function: int, count: int, size: int, held: int) -> str | None:
        room, demand = self.problem.rooms[function], self.instance.demands[function]
        if count > room.slots:
            return f"{demand.function} would take {count} of them, and has {room.slots} places"
        if size > room.size:
            return f"{demand.function} would be {format_size(size - room.size)} over its limit"
        if any(not self.problem.carriers[atom] >> function & 1 for atom in bits(held)):
            return f"{demand.function} cannot take files of another target, or version"
        if any(self.problem.rivals[atom] & held for atom in bits(held)):
            return f"{demand.function} would take two versions of one distribution"
        return None
