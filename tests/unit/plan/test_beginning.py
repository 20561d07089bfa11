"""Plans that a search begins with, merged by chance, serve everybody as the one that it is given does."""

import random

import pytest

from layerforge.plan.beginning import begin_anew
from layerforge.plan.laying import Laying
from layerforge.plan.problem import Problem, Room, cost_of, positions, violations
from layerforge.plan.search import improve
from layerforge.plan.seating import Seating
from layerforge.plan.seats import Seats
from layerforge.plan.units import Units, make_units
from tests.plan_checker import check_solution

MIB = 1_048_576


def tight_problem(seed: int) -> Problem:
    """Forty functions, some of which have hardly more room, or no more slots, than they need."""
    chance = random.Random(seed)
    sizes = [1 + int(chance.random() ** 3 * 60) for _ in range(25)]
    needs = [sum(1 << atom for atom in range(25) if chance.random() < 0.15) or 1 for _ in range(40)]
    rooms = []
    for needed in needs:
        least = sum(sizes[atom] for atom in positions(needed))
        size = least + chance.choice([0, 3, 30, 200])
        rooms.append(Room(slots=chance.choice([1, 2, 3, 5]), size=size * MIB))
    everybody = (1 << len(needs)) - 1
    return Problem(
        sizes=tuple(size * MIB for size in sizes),
        needs=tuple(needs),
        rooms=tuple(rooms),
        excess=(100,) * len(needs),
        rivals=(0,) * len(sizes),
        apart=(0,) * len(sizes),
        carriers=(everybody,) * len(sizes),
    )


def beginning(given: Problem, *, noise: float, seated_after: int = 0) -> tuple[Units, Seats]:
    units = make_units(given)
    state = Seats(given, units, [])
    chance = random.Random(5).random
    assert begin_anew(Laying(state, chance), Seating(state, chance), seated_after, noise=noise)
    return units, state


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("noise", [0.0, 0.6])
def test_everybody_is_served_within_slots_and_bytes(seed: int, noise: float) -> None:
    given = tight_problem(seed)
    units, state = beginning(given, noise=noise)
    layers = units.layers((piece.atoms, piece.users) for piece in state.layers.values())
    assert violations(given, layers) == ()
    check_solution(given, layers)


def test_those_with_few_slots_may_be_seated_after_the_others() -> None:
    given = tight_problem(1)
    few = sum(1 << unit for unit, slots in enumerate(make_units(given).slots) if slots < 3)
    units, state = beginning(given, noise=0.0, seated_after=few)
    layers = units.layers((piece.atoms, piece.users) for piece in state.layers.values())
    assert violations(given, layers) == ()
    _, together = beginning(given, noise=0.0)
    assert state.total < together.total


def test_chance_leads_to_other_plans() -> None:
    given = tight_problem(2)
    totals = {beginning(given, noise=noise)[1].total for noise in (0.0, 0.1, 0.2, 0.4, 0.6)}
    assert len(totals) > 2


def test_a_search_for_which_nothing_can_be_merged_comes_to_an_end() -> None:
    # One atom, two units: to merge it takes no work at all.
    given = tight_problem(3)
    alone = Problem(
        sizes=(MIB,),
        needs=(1, 1),
        rooms=(Room(slots=3, size=9 * MIB), Room(slots=5, size=9 * MIB)),
        excess=given.excess[:2],
        rivals=(0,),
        apart=(0,),
        carriers=(0b11,),
    )
    units, state = beginning(alone, noise=0.0)
    layers = units.layers((piece.atoms, piece.users) for piece in state.layers.values())
    assert improve(alone, layers, work=100_000) == layers
    assert cost_of(alone, layers).total == alone.prices.stored * MIB + alone.prices.layer
