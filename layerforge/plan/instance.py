"""Demands as a `Problem`, by index, and the way back from its layers to distributions and functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from layerforge.model.plan import Demand, Item
from layerforge.model.planning import PlanSettings
from layerforge.model.previous import PreviousPlan
from layerforge.model.target import Target
from layerforge.plan.keeping import starting_layers
from layerforge.plan.named import Fixed
from layerforge.plan.problem import SCALE, Layer, Prices, Problem, Room, bits, union
from layerforge.plan.separation import foes_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Atom:
    """Items that are alike to a plan: the same functions need them (`users`, a mask)."""

    items: tuple[Item, ...]
    users: int

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(item.unzipped_size for item in self.items)


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """A problem, with what its indices stand for: `demands[function]`, `atoms[atom]`."""

    demands: tuple[Demand, ...]
    atoms: tuple[Atom, ...]
    problem: Problem

    def items(self, layer: Layer) -> tuple[Item, ...]:
        """What a layer holds, sorted."""
        return tuple(sorted(item for atom in bits(layer.atoms) for item in self.atoms[atom].items))

    def users(self, layer: Layer) -> tuple[Demand, ...]:
        """Who takes it, sorted."""
        return tuple(self.demands[function] for function in bits(layer.users))


def make_instance(
    demands: Sequence[Demand],
    settings: PlanSettings,
    *,
    fixed: Fixed,
    previous: PreviousPlan | None = None,
) -> Instance:
    """State what is left to decide for functions that can be served, sorted by name.

    What `fixed` layers hold for a function is no longer asked for; their bytes and places are taken.
    `previous` is the plan to stay close to.
    """
    asking = [demand for demand in demands if fixed.rest(demand)]
    needs = [fixed.rest(demand) for demand in asking]
    foes = foes_of(settings.apart)
    before = starting_layers(previous, demands) if previous else ()
    atoms = _make_atoms(needs, foes, [items for items, _ in before])
    holders = _holders(atoms)
    most = settings.most_layers
    return Instance(
        demands=tuple(asking),
        atoms=tuple(atoms),
        problem=Problem(
            sizes=tuple(atom.size for atom in atoms),
            needs=_transpose([atom.users for atom in atoms], len(asking)),
            rooms=tuple(Room(slots=fixed.slots(demand), size=fixed.room(demand)) for demand in asking),
            excess=tuple(round(SCALE * settings.excess_weight * demand.weight) for demand in asking),
            rivals=_rivals(atoms, holders),
            apart=tuple(
                union(holders.get(foe, 0) for item in atom.items for foe in foes.get(item.name, ()))
                for atom in atoms
            ),
            carriers=_carriers(asking, atoms, fixed),
            prices=Prices(
                layer=SCALE * settings.layer_cost,
                renewed=round(SCALE * settings.change_weight),
                attached=SCALE * settings.attach_cost,
            ),
            previous=_previous_layers(before, asking, atoms) if previous else None,
            known=_mask(demand.function in previous.functions for demand in asking) if previous else 0,
            most_layers=None if most is None else max(most - len(fixed.layers), 0),
        ),
    )


def _make_atoms(
    needs: Sequence[frozenset[Item]],
    parted: Mapping[str, frozenset[str]],
    before: Sequence[frozenset[Item]],
) -> list[Atom]:
    """Group what the same functions need; and what was in the same layers, so that these can stay.

    What is kept apart from others stands alone: it may part from whatever it is needed with.
    """
    users: dict[Item, int] = {}
    for function, items in enumerate(needs):
        for item in items:
            users[item] = users.get(item, 0) | 1 << function
    homes: dict[Item, int] = {}
    for position, held in enumerate(before):
        for item in held:
            homes[item] = homes.get(item, 0) | 1 << position
    groups: dict[tuple[int, int, str], list[Item]] = {}
    for item in sorted(users):
        alone = item.name if item.name in parted else ""
        groups.setdefault((users[item], homes.get(item, 0), alone), []).append(item)
    atoms = (Atom(items=tuple(items), users=mask) for (mask, _, _), items in groups.items())
    return sorted(atoms, key=lambda atom: atom.items)


def _mask(chosen: Iterable[bool]) -> int:
    return union(1 << position for position, one in enumerate(chosen) if one)


def _transpose(users: Sequence[int], functions: int) -> tuple[int, ...]:
    needs = [0] * functions
    for atom, mask in enumerate(users):
        for function in bits(mask):
            needs[function] |= 1 << atom
    return tuple(needs)


def _holders(atoms: Sequence[Atom]) -> dict[str, int]:
    holders: dict[str, int] = {}
    for index, atom in enumerate(atoms):
        for item in atom.items:
            holders[item.name] = holders.get(item.name, 0) | 1 << index
    return holders


def _rivals(atoms: Sequence[Atom], holders: Mapping[str, int]) -> tuple[int, ...]:
    rivals = [0] * len(atoms)
    for mask in holders.values():
        for index in bits(mask):
            rivals[index] |= mask & ~(1 << index)
    return tuple(rivals)


def _carriers(demands: Sequence[Demand], atoms: Sequence[Atom], fixed: Fixed) -> tuple[int, ...]:
    """Which functions may take each atom: those on targets that every item of it fits.

    But none that finds another version of one in its own zip, or in its named layers.
    """
    on_target: dict[Target, int] = {}
    for function, demand in enumerate(demands):
        on_target[demand.target] = on_target.get(demand.target, 0) | 1 << function
    carriers = []
    for atom in atoms:
        fitting = union(
            functions
            for target, functions in on_target.items()
            if all(item.fits(target) for item in atom.items)
        )
        barred = _mask(
            any(demand.bundles_rival(item) or fixed.rivals(demand, item) for item in atom.items)
            for demand in demands
        )
        carriers.append(fitting & ~barred)
    return tuple(carriers)


def _previous_layers(
    before: Sequence[tuple[frozenset[Item], frozenset[str]]],
    demands: Sequence[Demand],
    atoms: Sequence[Atom],
) -> tuple[Layer, ...]:
    """The layers that there were, as far as what they held is still asked for."""
    position = {demand.function: function for function, demand in enumerate(demands)}
    layers: dict[int, int] = {}
    for items, functions in before:
        held = _mask(atom.items[0] in items for atom in atoms)
        took = union(1 << position[function] for function in functions if function in position)
        if held:
            layers[held] = layers.get(held, 0) | took
    return tuple(sorted(Layer(atoms=held, users=took) for held, took in layers.items()))
