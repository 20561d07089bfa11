"""Functions that are alike, as one: what a search seats in layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from layerforge.plan.problem import Layer, Problem, positions, union


@dataclass(frozen=True, kw_only=True, slots=True)
class Units:
    """Functions by unit, and what is asked of a unit, by its index; masks of units stand for its functions.

    Those of a unit need the same, have as many slots, may carry the same, and pay the same for excess. What
    is best for one of them is best for all, but for bytes, where the one with the least room decides.
    """

    members: tuple[tuple[int, ...], ...]
    needs: tuple[int, ...]
    slots: tuple[int, ...]
    by_slots: tuple[tuple[int, int], ...]
    """Masks of those with as many slots, each after the number of slots."""
    room: tuple[int, ...]
    price: tuple[int, ...]
    carriers: tuple[int, ...]
    known: tuple[int, ...]
    """How many functions of it there were in the plan before."""
    before: dict[int, int]
    """The plan before: units that took a layer, by its atoms."""

    def layers(self, layers: Iterable[tuple[int, int]]) -> tuple[Layer, ...]:
        """Return layers (atoms, units) as layers of functions, sorted."""
        masks = [sum(1 << function for function in members) for members in self.members]
        return tuple(
            sorted(
                Layer(atoms=atoms, users=union(masks[unit] for unit in positions(users)))
                for atoms, users in layers
            )
        )

    def seats(self, layers: Iterable[Layer]) -> list[tuple[int, int]]:
        """Return layers of functions as (atoms, units); the first function speaks for its unit."""
        firsts = [members[0] for members in self.members]
        return [(layer.atoms, _units_of(firsts, layer.users)) for layer in sorted(layers)]


def make_units(problem: Problem) -> Units:
    """Put functions together that are alike, those that need anything."""
    previous = sorted(problem.previous or ())
    barred = sorted(set(problem.carriers))
    groups: dict[tuple[int, ...], list[int]] = {}
    for function, needed in enumerate(problem.needs):
        if needed:
            may = sum((mask >> function & 1) << place for place, mask in enumerate(barred))
            took = sum((layer.users >> function & 1) << place for place, layer in enumerate(previous))
            known = problem.known >> function & 1
            slots = problem.rooms[function].slots
            key = (needed, slots, problem.excess[function], may, took, known)
            groups.setdefault(key, []).append(function)
    members = tuple(tuple(groups[key]) for key in sorted(groups))
    firsts = [functions[0] for functions in members]
    slots_of = tuple(problem.rooms[first].slots for first in firsts)
    by_slots: dict[int, int] = {}
    for unit, places in enumerate(slots_of):
        by_slots[places] = by_slots.get(places, 0) | 1 << unit

    return Units(
        members=members,
        needs=tuple(problem.needs[first] for first in firsts),
        slots=slots_of,
        by_slots=tuple(sorted(by_slots.items())),
        room=tuple(min(problem.rooms[one].size for one in functions) for functions in members),
        price=tuple(problem.excess[functions[0]] * len(functions) for functions in members),
        carriers=tuple(_units_of(firsts, mask) for mask in problem.carriers),
        known=tuple(len(functions) if problem.known >> functions[0] & 1 else 0 for functions in members),
        before={layer.atoms: _units_of(firsts, layer.users) for layer in previous},
    )


def _units_of(firsts: Sequence[int], functions: int) -> int:
    """The units whose first function is in the mask."""
    return sum(1 << unit for unit, first in enumerate(firsts) if functions >> first & 1)
