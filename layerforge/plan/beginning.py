"""Layers to begin a search with: merged, or merged for functions with many slots, and the others seated."""

from __future__ import annotations

from dataclasses import replace

from layerforge.plan.merging import merge_atoms
from layerforge.plan.problem import Layer, Problem, cost_of, violations
from layerforge.plan.seating import Seating
from layerforge.plan.seats import Seats
from layerforge.plan.units import make_units

# A function with fewer slots makes merging unite what others do better without: seated after it, plans of
# 1,000 functions with 1 to 5 slots cost 8,985 MiB at first rather than 10,262, in half the time.
_MANY = 3
# Up to so many functions both ways are tried.
_BOTH = 200


def begin_layers(problem: Problem) -> tuple[Layer, ...]:
    """Return layers, sorted; some are broken where `apart` or `most_layers` leave none, or none are found."""
    few = [
        room.slots < _MANY and bool(needed) for room, needed in zip(problem.rooms, problem.needs, strict=True)
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
    seating = Seating(state, lambda: 0.0)
    rest = [unit for unit, members in enumerate(units.members) if few[members[0]]]
    for unit in sorted(rest, key=lambda one: (state.pricing.size(units.needs[one]), one)):
        if not seating.insert(unit, noise=0.0, blink=0.0):
            return None
    return units.layers((piece.atoms, piece.users) for piece in state.layers.values())
