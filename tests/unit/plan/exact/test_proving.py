import sys
from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layerforge.errors import EXIT_TOOL, ToolError
from layerforge.plan.exact.proving import Limits, Proof, prove
from layerforge.plan.problem import SCALE, Layer, Problem, Room, bits, cost_of, violations
from layerforge.plan.solving import solve

MIB = 1_048_576
ROOM = 250 * MIB


def make_problem(
    sizes: Sequence[int],
    needs: Sequence[int],
    *,
    slots: Sequence[int] | None = None,
    rooms: Sequence[int] | None = None,
    carriers: Sequence[int] | None = None,
    excess: int = SCALE // 10,
) -> Problem:
    count = len(needs)
    everybody = (1 << count) - 1
    return Problem(
        sizes=tuple(sizes),
        needs=tuple(needs),
        rooms=tuple(
            Room(slots=slot, size=size)
            for slot, size in zip(slots or [5] * count, rooms or [ROOM] * count, strict=True)
        ),
        excess=(excess,) * count,
        rivals=(0,) * len(sizes),
        apart=(0,) * len(sizes),
        carriers=tuple(carriers or [everybody] * len(sizes)),
    )


def least_cost(problem: Problem) -> int:
    """Try every family of layers; in each, every function takes what costs it least."""
    sets = range(1, 1 << len(problem.sizes))
    best = None
    for count in range(len(sets) + 1):
        for family in combinations(sets, count):
            users = [_cheapest(problem, family, function) for function in range(len(problem.needs))]
            if None in users:
                continue
            layers = [
                Layer(
                    atoms=atoms,
                    users=sum(1 << f for f, taken in enumerate(users) if taken and place in taken),
                )
                for place, atoms in enumerate(family)
            ]
            layers = [layer for layer in layers if layer.users]
            if not violations(problem, layers):
                total = cost_of(problem, layers).total
                best = total if best is None else min(best, total)
    assert best is not None
    return best


def _cheapest(problem: Problem, family: Sequence[int], function: int) -> set[int] | None:
    needed, room = problem.needs[function], problem.rooms[function]
    found: tuple[int, set[int]] | None = None
    for count in range(min(room.slots, len(family)) + 1):
        for taken in combinations(range(len(family)), count):
            held = 0
            for place in taken:
                held |= family[place]
            size = sum(problem.size(family[place]) for place in taken)
            fits = size <= room.size and all(problem.carriers[a] >> function & 1 for a in bits(held))
            if not needed & ~held and fits and (found is None or size < found[0]):
                found = size, set(taken)
    return found[1] if found else None


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    count = draw(st.integers(1, 3))
    sizes = draw(st.lists(st.integers(1, 40_000).map(lambda n: n * 1024), min_size=count, max_size=count))
    needs = draw(st.lists(st.integers(1, (1 << count) - 1), min_size=1, max_size=4))
    slots = [draw(st.integers(1, 3)) for _ in needs]
    totals = [sum(sizes[a] for a in bits(needed)) for needed in needs]
    rooms = [total + draw(st.sampled_from([0, 1024, 20_000 * 1024, ROOM])) for total in totals]
    carriers = [
        sum(1 << f for f, needed in enumerate(needs) if needed >> a & 1 or draw(st.booleans()))
        for a in range(count)
    ]
    weight = draw(st.sampled_from([0, 1, 10, 50]))
    return make_problem(
        sizes, needs, slots=slots, rooms=rooms, carriers=carriers, excess=weight * SCALE // 10
    )


@given(problem=problems())
@settings(max_examples=150, deadline=None)
def test_no_plan_is_cheaper_than_the_bound(problem: Problem) -> None:
    best = least_cost(problem)
    proof = prove(problem, solve(problem), limits=Limits(steps=200))
    assert proof.lower_bound <= best <= proof.cost
    if proof.optimal:
        assert proof.cost - best <= best // 1_000_000


def test_what_each_needs_alone_is_optimal_as_a_layer_of_its_own() -> None:
    problem = make_problem([10 * MIB, 20 * MIB], [0b01, 0b10])
    plan = (Layer(atoms=0b01, users=0b01), Layer(atoms=0b10, users=0b10))
    proof = prove(problem, plan)
    assert (proof.layers, proof.cost, proof.lower_bound) == (plan, 32 * MIB * SCALE, 32 * MIB * SCALE)
    assert proof.optimal
    assert proof.gap == 0


def test_a_single_slot_costs_the_copy_that_the_bound_knows_of() -> None:
    """Both need 30 MiB, and one has a slot only: it needs a layer that holds both, 100 MiB + 1."""
    problem = make_problem([30 * MIB, 70 * MIB], [0b11, 0b01], slots=[1, 5])
    proof = prove(problem, solve(problem))
    assert proof.optimal
    assert proof.lower_bound > (100 + 1) * MIB * SCALE


def test_a_worse_plan_is_not_called_optimal() -> None:
    problem = make_problem([10 * MIB, 20 * MIB], [0b11, 0b11])
    plan = (Layer(atoms=0b01, users=0b11), Layer(atoms=0b10, users=0b11))
    proof = prove(problem, plan)
    assert (proof.cost, proof.lower_bound) == (32 * MIB * SCALE, 31 * MIB * SCALE)
    assert not proof.optimal
    assert proof.gap == pytest.approx(1 / 32)


def test_functions_that_need_nothing_cost_nothing() -> None:
    assert prove(make_problem([], [0, 0]), ()) == Proof(layers=(), cost=0, lower_bound=0, steps=0)


def test_prices_too_large_for_exact_sums_leave_what_is_stored_at_least() -> None:
    problem = make_problem([10 * MIB], [1], excess=10**12)
    proof = prove(problem, (Layer(atoms=1, users=1),))
    assert (proof.lower_bound, proof.steps) == (11 * MIB * SCALE, 0)


def test_the_same_bound_comes_out_again() -> None:
    problem = make_problem(
        [(place + 3) * 7 * MIB // 3 for place in range(9)],
        [0b111, 0b1100110, 0b110011, 0b111111111, 0b1010101] * 2,
    )
    plan = solve(problem)
    assert prove(problem, plan) == prove(problem, plan)


def test_progress_tells_a_gap_that_never_widens() -> None:
    problem = make_problem([30 * MIB, 70 * MIB], [0b11, 0b01], slots=[1, 5])
    gaps: list[float] = []
    prove(problem, solve(problem), progress=gaps.append)
    assert gaps
    assert gaps == sorted(gaps, reverse=True)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    problem = make_problem([10 * MIB, 20 * MIB], [0b11, 0b01])
    prove(problem, solve(problem))
    assert capfd.readouterr() == ("", "")


def test_without_the_extra_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highspy", None)
    with pytest.raises(ToolError) as caught:
        prove(make_problem([1], [1]), (Layer(atoms=1, users=1),))
    assert caught.value.sentence == "a proof needs HiGHS, which is not installed"
    assert caught.value.hint == "pip install 'layerforge[exact]'"
    assert caught.value.exit_code == EXIT_TOOL
