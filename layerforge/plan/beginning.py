"""Layers to begin a search with: merged, or merged for functions with many slots, and the others seated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from layerforge.plan.laying import Laying
from layerforge.plan.merging import merge_atoms
from layerforge.plan.problem import Layer, Problem, cost_of, positions, violations
from layerforge.plan.seating import Seating
from layerforge.plan.seats import Seats
from layerforge.plan.units import make_units

# A function with fewer slots makes merging unite what others do better without: seated after it, plans of
# 1,000 functions with 1 to 5 slots cost 8,985 MiB at first rather than 10,262, in half the time.
MANY_SLOTS = 3
# Up to so many functions both ways are tried.
_BOTH = 200


def begin_layers(problem: Problem) -> tuple[Layer, ...]:
    """Return layers, sorted; some are broken where `apart` or `most_layers` leave none, or none are found."""
    few = [
        room.slots < MANY_SLOTS and bool(needed)
        for room, needed in zip(problem.rooms, problem.needs, strict=True)
    ]
    if not any(few) or problem.previous is not None or problem.most_layers is not None:
        return merge_atoms(problem)
    seated = _seat_few(problem, few)
    if seated is None or violations(problem, seated):
        return merge_atoms(problem)
    if len(problem.needs) > _BOTH:
        return seated
    return min(merge_atoms(problem), seated, key=lambda layers: cost_of(problem, layers).total)


def _seat_few(problem: Problem, few: list[bool]) -> tuple[Layer, ...] | None:
    """Merge for those with many slots, then seat the others, those that need least first."""
    needs = tuple(0 if alone else needed for alone, needed in zip(few, problem.needs, strict=True))
    merged = merge_atoms(replace(problem, needs=needs))
    units = make_units(problem)
    state = Seats(problem, units, units.seats(merged))
    rest = [unit for unit, members in enumerate(units.members) if few[members[0]]]
    if not _seat(Seating(state, lambda: 0.0), rest):
        return None
    return units.layers((piece.atoms, piece.users) for piece in state.layers.values())


def begin_anew(laying: Laying, seating: Seating, seated_after: int, *, noise: float) -> bool:
    """Let layers stand that are merged from atoms; False where that leaves somebody unserved.

    Chance moves the order of merging by `noise`. Units of the mask `seated_after` are left out, and seated
    at last. Costs of change and `most_layers` are not looked at, nor are rivals.
    """
    state = laying.state
    atoms = [(1 << atom, users & ~seated_after) for atom, users in enumerate(state.pricing.needing)]
    if not _merge(laying, atoms, noise):
        return False
    # Of what tidying leaves, some may be united again.
    total = state.total
    state.tidy_all()
    if state.total < total:
        if not _merge(laying, [(piece.atoms, piece.users) for piece in state.layers.values()], 0.0):
            return False
        state.tidy_all()
    served = _seat(seating, positions(seated_after))
    state.settle()
    return served


def _merge(laying: Laying, parts: Iterable[tuple[int, int]], noise: float) -> bool:
    merged = laying.merge(parts, noise=noise)
    if merged is not None:
        laying.state.begin_with(merged)
    return merged is not None


def _seat(seating: Seating, units: Iterable[int]) -> bool:
    """Seat units, those first that need least; whether all found a seat."""
    size, needs = seating.state.pricing.size, seating.state.units.needs
    ordered = sorted(units, key=lambda one: (size(needs[one]), one))
    return all(seating.insert(unit, noise=0.0, blink=0.0) for unit in ordered)
