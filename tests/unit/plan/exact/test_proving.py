import json
import math
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from layerforge.errors import EXIT_TOOL, ToolError
from layerforge.plan.exact import bounding, pricing
from layerforge.plan.exact.choosing import choose_layers
from layerforge.plan.exact.cutting import find_cuts
from layerforge.plan.exact.pricing import Duals, Offer, price
from layerforge.plan.exact.proving import Limits, Proof, prove
from layerforge.plan.exact.relaxation import Counts, Cuts, Relaxation
from layerforge.plan.problem import SCALE, Layer, Problem, Room, bits, cost_of, violations
from layerforge.plan.solving import Effort, solve
from layerforge.plan.whatif import state
from layerforge.project.instance_file import parse_instance
from tests.plan_checker import check_solution
from tests.planning_instances import Instance, near_cap, realistic, scattered

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
    check_solution(problem, proof.layers)
    assert proof.cost == cost_of(problem, proof.layers).total
    if proof.optimal:
        assert proof.cost - best <= best // 1_000_000


def test_what_each_needs_alone_is_optimal_as_a_layer_of_its_own() -> None:
    problem = make_problem([10 * MIB, 20 * MIB], [0b01, 0b10])
    plan = (Layer(atoms=0b01, users=0b01), Layer(atoms=0b10, users=0b10))
    proof = prove(problem, plan)
    assert (proof.layers, proof.cost, proof.lower_bound) == (plan, 32 * MIB * SCALE, 32 * MIB * SCALE)
    assert proof.optimal
    assert proof.gap == 0


@given(problem=problems(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_a_bound_holds_whatever_duals_the_solver_returns(problem: Problem, data: st.DataObject) -> None:
    relaxation = Relaxation.of(problem)
    assert relaxation is not None
    groups, atoms = relaxation.needs.shape
    high = float(problem.size((1 << atoms) - 1)) * SCALE
    amounts = st.floats(0, high).map(round).map(float) | st.sampled_from([0.0, high, 1e13, 1e16, 1e300])
    worth = data.draw(st.lists(amounts, min_size=groups * atoms, max_size=groups * atoms))
    below = data.draw(st.lists(st.booleans(), min_size=groups * atoms, max_size=groups * atoms))
    duals = Duals(
        worth=np.where(
            np.array(below).reshape(groups, atoms),
            -relaxation.twice,
            np.array(worth).reshape(groups, atoms) * relaxation.needs,
        ),
        slot=np.array(data.draw(st.lists(amounts, min_size=groups, max_size=groups))) * ~relaxation.single,
        space=np.array(data.draw(st.lists(st.floats(0, 5000), min_size=groups, max_size=groups))),
        copies=np.zeros(atoms + 1),
        counts=Counts.any(atoms),
        cuts=Cuts.none(atoms),
        pairs=np.zeros(0),
    )
    for priced in (price(relaxation, duals), price(relaxation, duals, least=0.1, patience=5)):
        assert pricing.proven_by(relaxation, duals, priced) <= least_cost(problem)


def gain_and_cost(relaxation: Relaxation, duals: Duals, atoms: list[int]) -> tuple[float, float]:
    """What a layer of these atoms gains with its best users, at least one, and what it costs to store."""
    gains = []
    for group in range(len(relaxation.slots)):
        lacking = any(relaxation.needs[group, a] and a not in atoms for a in range(len(relaxation.atoms)))
        if any(relaxation.barred[group, a] for a in atoms) or (relaxation.single[group] and lacking):
            continue
        price = [
            duals.worth[group, a] if relaxation.needs[group, a] else -relaxation.excess[group, a]
            for a in atoms
        ]
        paired = [
            pay
            for of, members, pay in zip(duals.cuts.groups, duals.cuts.atoms, duals.pairs, strict=True)
            if of == group and members[atoms].sum() >= 2
        ]
        gains.append(sum(price) + sum(paired) - (0.0 if relaxation.single[group] else duals.slot[group]))
    gain = sum(one for one in gains if one > 0) or max(gains, default=-math.inf)
    cost = sum(relaxation.stored[a] for a in atoms) + relaxation.layer
    return gain + sum(duals.copies[a] for a in atoms) + duals.copies[-1] - cost, cost


def scattered_duals(relaxation: Relaxation, chance: np.random.Generator, *, cut: bool) -> Duals:
    """Near to where layers begin to gain, where it matters what a bound of that takes for granted."""
    groups, atoms = relaxation.needs.shape
    worth = chance.random((groups, atoms)) ** 2 * relaxation.stored * chance.choice([0.5, 1.0, 2.0])
    counted = chance.choice([-0.5, 0.0, 0.0, 0.3, 1.2], atoms + 1)
    cuts = every_cut(relaxation) if cut else Cuts.none(atoms)
    cuts = cuts.only(chance.random(len(cuts)) < 0.3)
    worth = np.floor(worth * relaxation.needs)
    worth = np.where(chance.random((groups, atoms)) < 0.1, -relaxation.twice, worth)
    return Duals(
        worth=worth,
        slot=np.floor(chance.random(groups) ** 2 * worth.max() * 3) * ~relaxation.single,
        space=np.zeros(groups),
        copies=np.floor(counted * np.append(relaxation.stored, relaxation.layer)),
        counts=Counts(least=np.ones(atoms + 1), most=np.full(atoms + 1, 2.0)),
        cuts=cuts,
        pairs=2 * np.floor(chance.random(len(cuts)) * worth.max() / 2),
    )


def every_cut(relaxation: Relaxation) -> Cuts:
    """Of each group, all sets of one atom more than it has slots, among those that it needs."""
    groups, rows = [], []
    for group in np.flatnonzero(~relaxation.single):
        needed = np.flatnonzero(relaxation.needs[group])
        for some in combinations(needed.tolist(), int(relaxation.slots[group]) + 1):
            groups.append(int(group))
            rows.append(np.isin(np.arange(len(relaxation.atoms)), some))
    none = Cuts.none(len(relaxation.atoms))
    return Cuts(groups=np.array(groups, dtype=np.intp), atoms=np.array(rows)) if rows else none


@pytest.mark.parametrize("groups", [3, 4, 8, 12])
@pytest.mark.parametrize("batch", [1, 60_000])
@pytest.mark.parametrize("cut", [False, True])
def test_no_layer_gains_more_than_is_said_and_the_best_is_found(
    groups: int, batch: int, cut: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more groups than atoms as with fewer: these are looked at in other ways."""
    monkeypatch.setattr(pricing, "_BATCH", batch)
    monkeypatch.setattr(pricing, "_LEAST_BATCH", min(batch, 100))
    gaining = 0
    for seed in range(150):
        chance = np.random.default_rng(seed)
        needs = chance.integers(1, 64, groups).tolist()
        kept_out = [sum(int(chance.random() < 0.1) << f for f in range(groups)) for _ in range(6)]
        problem = make_problem(
            (chance.integers(1, 80, 6) * MIB).tolist(),
            needs,
            slots=chance.choice([1, 2, 3], groups).tolist(),
            carriers=[
                (1 << groups) - 1 & ~kept_out[a] | sum((need >> a & 1) << f for f, need in enumerate(needs))
                for a in range(6)
            ],
            excess=int(chance.choice([10, 100, 500])),
        )
        relaxation = Relaxation.of(problem)
        assert relaxation is not None
        duals = scattered_duals(relaxation, chance, cut=cut)
        atoms = range(len(relaxation.atoms))
        layers = [list(some) for count in atoms for some in combinations(atoms, count + 1)]
        gains = [gain_and_cost(relaxation, duals, layer) for layer in layers]
        for least, patience in ((0.0, 1), (0.0, 200), (0.05, 10**9), (0.0, 10**9)):
            found = price(relaxation, duals, least=least, patience=patience)
            assert all(gain <= found.excess * cost * (1 + 1e-12) for gain, cost in gains), (seed, least)
        best = max(gain for gain, _ in gains)
        gaining += best > 0
        assert found.complete
        offered = max((offer.gain for offer in found.offers if offer.users.any()), default=0.0)
        # Layers without users may be offered in place of others that gain by no user.
        assert offered == max(best, 0.0) or duals.copies.clip(0).any(), seed
    assert 30 < gaining < 145


def test_of_many_layers_that_gain_the_best_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = make_problem([(a + 10) * MIB for a in range(8)], [0xFF, *(0xFF ^ 1 << a for a in range(8))])
    relaxation = Relaxation.of(problem)
    assert relaxation is not None
    chance = np.random.default_rng(1)
    worth = np.floor(relaxation.stored * chance.uniform(0.1, 0.3, len(relaxation.atoms)))
    duals = Duals(
        worth=np.where(relaxation.needs, worth, 0.0),
        slot=np.zeros(9),
        space=np.zeros(9),
        copies=np.zeros(9),
        counts=Counts.any(8),
        cuts=Cuts.none(8),
        pairs=np.zeros(0),
    )
    monkeypatch.setattr(pricing, "_BATCH", 1)
    monkeypatch.setattr(pricing, "_LEAST_BATCH", 1)
    every = price(relaxation, duals)
    monkeypatch.setattr(pricing, "_ENOUGH", 5)
    some = price(relaxation, duals)
    assert 5 < len(some.offers) < len(every.offers)
    assert (some.excess, some.complete) == (every.excess, True)
    assert max(one.gain / one.cost for one in some.offers) == max(one.gain / one.cost for one in every.offers)


@pytest.mark.parametrize(
    ("sizes", "needs", "slots"),
    [
        ([40, 40, 40, 40, 10], [0b11010, 0b11010, 0b11111, 0b11101, 0b10110, 0b11001], [2, 3, 3, 2, 2, 2]),
        ([80, 10, 40, 10], [0b110, 0b11, 0b1110, 0b110, 0b1101, 0b1011], [2, 3, 2, 2, 2, 2]),
        ([10, 10, 10, 5, 80, 80], [0b100011, 0b101011, 0b10010, 0b1000, 0b111011], [2, 2, 2, 3, 2]),
    ],
)
def test_plans_are_told_apart_by_how_many_layers_hold_an_atom(
    sizes: Sequence[int], needs: Sequence[int], slots: Sequence[int]
) -> None:
    """The linear program alone leaves 1.5 to 2 % open: it has halves of layers."""
    problem = make_problem([size * MIB for size in sizes], needs, slots=slots)
    proof = prove(problem, solve(problem))
    assert proof.optimal


def test_a_proof_for_few_functions_comes_to_an_end() -> None:
    """What may be lost by rounding is less than what a program that has settled still promises."""
    stated = state(parse_instance(json.dumps(near_cap(10, seed=2)), path="x")).problem
    assert prove(stated, solve(stated), limits=Limits(steps=300)).gap < 0.001


def test_impatience_costs_little_of_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Layers are looked for that gain more than a part of their cost, until few enough are left."""
    made = realistic(40, seed=1)
    problem = state(parse_instance(json.dumps(made), path="x")).problem
    plan = solve(problem, effort=Effort.FAST)
    usual = prove(problem, plan, limits=Limits(steps=40))
    monkeypatch.setattr(bounding, "price", partial(price, patience=100_000))
    impatient = prove(problem, plan, limits=Limits(steps=40))
    assert impatient.lower_bound == pytest.approx(usual.lower_bound, rel=0.02)


@pytest.fixture
def climbing_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounding, "_LEAST_CLIMBING", 0.0)
    monkeypatch.setattr(bounding, "_ONLY_CLIMBING", 1)


@given(problem=problems())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_plan_is_cheaper_than_the_bound_that_is_climbed_to(climbing_only: None, problem: Problem) -> None:
    proof = prove(problem, solve(problem), limits=Limits(work=100_000_000))
    assert proof.lower_bound <= least_cost(problem) <= proof.cost


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("climbs", [False, True])
def test_where_all_is_free_a_proof_ends_at_once(climbs: bool, request: pytest.FixtureRequest) -> None:
    if climbs:
        request.getfixturevalue("climbing_only")
    problem = make_problem([0, 0], [0b11, 0b10, 0b01], slots=[1, 1, 1], excess=0)
    free = replace(problem, prices=replace(problem.prices, layer=0))
    proof = prove(free, solve(free), limits=Limits(work=100_000_000))
    assert (proof.cost, proof.lower_bound) == (0, 0)
    relaxation = Relaxation.of(free)
    assert relaxation is not None
    duals = scattered_duals(relaxation, np.random.default_rng(1), cut=False)
    duals = replace(duals, worth=np.where(relaxation.needs, 1000.0, 0.0))
    # What gains and costs nothing gains more than any part of its cost.
    assert price(relaxation, duals).excess == math.inf


@pytest.mark.filterwarnings("error")
def test_what_costs_nothing_is_climbed_over_as_well(climbing_only: None) -> None:
    """No price for a layer, none for excess, and an atom of no bytes."""
    problem = make_problem([30 * MIB, 0], [0b11, 0b10, 0b01], excess=0)
    free = replace(problem, prices=replace(problem.prices, layer=0))
    proof = prove(free, solve(free), limits=Limits(work=100_000_000))
    assert 0.9 * 30 * MIB * SCALE < proof.lower_bound <= 30 * MIB * SCALE


@pytest.mark.parametrize("made", [realistic(20, seed=1, few_slots=True), near_cap(8), scattered(8)])
def test_climbing_proves_nearly_what_the_linear_program_does(
    made: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = state(parse_instance(json.dumps(made), path="x")).problem
    plan = solve(problem, effort=Effort.FAST)
    usual = prove(problem, plan, limits=Limits(steps=60))
    monkeypatch.setattr(bounding, "_LEAST_CLIMBING", 0.0)
    monkeypatch.setattr(bounding, "_ONLY_CLIMBING", 1)
    climbed = prove(problem, plan, limits=Limits(work=3_000_000_000))
    assert climbed.lower_bound > 0.97 * usual.lower_bound


def test_the_linear_program_goes_on_from_where_climbing_came_to(monkeypatch: pytest.MonkeyPatch) -> None:
    made = realistic(20, seed=1, few_slots=True)
    problem = state(parse_instance(json.dumps(made), path="x")).problem
    plan = solve(problem, effort=Effort.FAST)
    monkeypatch.setattr(bounding, "_LEAST_CLIMBING", 0.0)
    monkeypatch.setattr(bounding, "_ONLY_CLIMBING", 10 * sum(map(int.bit_count, problem.needs)))
    begun = prove(problem, plan, limits=Limits(work=10_000_000_000, steps=3))
    monkeypatch.setattr(bounding, "_LEAST_CLIMBING", 1.0)
    usual = prove(problem, plan, limits=Limits(work=10_000_000_000, steps=3))
    assert begun.lower_bound > 1.05 * usual.lower_bound


def test_halves_of_layers_are_cut_off_and_no_plan_is() -> None:
    problem = make_problem([30 * MIB, 20 * MIB, 10 * MIB], [0b111, 0b011], slots=[2, 1])
    relaxation = Relaxation.of(problem)
    assert relaxation is not None
    none = Cuts.none(3)
    sets = np.array([[True, True, True], *np.eye(3, dtype=bool), [True, True, False]])
    halves = np.array([[0.5, 0.0], [0.5, 0.0], [0.5, 0.0], [0.5, 0.0], [0.0, 1.0]])
    found = find_cuts(relaxation, sets, halves, none)
    assert (found.groups.tolist(), found.atoms.tolist()) == ([0], [[True, True, True]])
    assert not len(find_cuts(relaxation, sets, halves, found))
    plan = np.array([[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    assert not len(find_cuts(relaxation, sets, plan, none))


def test_cuts_bring_a_bound_nearer(monkeypatch: pytest.MonkeyPatch) -> None:
    made = scattered(24, atoms=20, slots=(2, 3))
    problem = state(parse_instance(json.dumps(made), path="x")).problem
    plan = solve(problem, effort=Effort.FAST)
    cut = prove(problem, plan, limits=Limits(steps=100))
    monkeypatch.setattr(bounding, "_ROUNDS", 0)
    uncut = prove(problem, plan, limits=Limits(steps=100))
    assert uncut.lower_bound < cut.lower_bound <= cut.cost


def test_what_is_carried_twice_costs_as_much_as_excess() -> None:
    problem = make_problem([30 * MIB, 20 * MIB, 10 * MIB], [0b111, 0b011])
    relaxation = Relaxation.of(problem)
    assert relaxation is not None
    weight = problem.excess[0]
    assert relaxation.twice.tolist() == [
        [30 * MIB * weight, 20 * MIB * weight, 10 * MIB * weight],
        [30 * MIB * weight, 20 * MIB * weight, 0.0],
    ]
    single = Relaxation.of(make_problem([30 * MIB], [0b1], slots=[1]))
    assert single is not None
    assert not single.twice.any()


def test_each_group_is_offered_its_best_layer() -> None:
    """The best sixty are taken in, and below them the best for a group that they leave out."""
    groups = [[True, False]] * 60 + [[True, False], [False, True], [True, True]]
    offers = [
        Offer(atoms=np.array([True]), users=np.array(users), gain=float(100 - place), cost=1.0)
        for place, users in enumerate(groups)
    ]
    assert pricing.chosen(offers) == [*offers[:60], offers[61]]
    assert pricing.chosen(offers[:2]) == offers[:2]


def test_a_single_slot_costs_the_copy_that_the_bound_knows_of() -> None:
    """Both need 30 MiB, and one has a slot only: it needs a layer that holds both, 100 MiB + 1."""
    problem = make_problem([30 * MIB, 70 * MIB], [0b11, 0b01], slots=[1, 5])
    proof = prove(problem, solve(problem))
    assert proof.optimal
    assert proof.lower_bound > (100 + 1) * MIB * SCALE


def test_a_better_plan_is_found_and_proven() -> None:
    problem = make_problem([10 * MIB, 20 * MIB], [0b11, 0b11])
    apart = (Layer(atoms=0b01, users=0b11), Layer(atoms=0b10, users=0b11))
    proof = prove(problem, apart)
    assert cost_of(problem, apart).total == 32 * MIB * SCALE
    assert (proof.layers, proof.cost) == ((Layer(atoms=0b11, users=0b11),), 31 * MIB * SCALE)
    assert proof.lower_bound == proof.cost


def test_what_the_bound_leaves_out_is_kept_to_by_the_plan() -> None:
    """Together would be cheaper, and is forbidden: the bound does not know, the plan stays."""
    free = make_problem([10 * MIB, 20 * MIB], [0b11, 0b11])
    plan = (Layer(atoms=0b01, users=0b11), Layer(atoms=0b10, users=0b11))
    proof = prove(replace(free, apart=(0b10, 0b01)), plan)
    assert (proof.layers, proof.cost, proof.lower_bound) == (plan, 32 * MIB * SCALE, 31 * MIB * SCALE)
    assert not proof.optimal
    assert proof.gap == pytest.approx(1 / 32)


def test_what_change_costs_counts_for_the_plan() -> None:
    """One layer of both would cost 1 MiB less, and being new a quarter of its bytes more."""
    before = (Layer(atoms=0b01, users=0b11), Layer(atoms=0b10, users=0b11))
    problem = replace(make_problem([10 * MIB, 20 * MIB], [0b11, 0b11]), previous=before, known=0b11)
    proof = prove(problem, before)
    assert (proof.layers, proof.cost, proof.lower_bound) == (before, 32 * MIB * SCALE, 31 * MIB * SCALE)


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


def test_a_search_for_a_cheaper_plan_is_interrupted_at_once() -> None:
    """As Ctrl-C does: HiGHS works in C++, where no signal is looked at."""
    stated = state(parse_instance(json.dumps(scattered(60, atoms=60)), path="x")).problem
    relaxation = Relaxation.of(stated)
    assert relaxation is not None
    chance = np.random.default_rng(1)
    start = solve(stated, effort=Effort.FAST)
    # Left alone, this takes a minute and more.
    sets = [relaxation.column_of(layer) for layer in start] + [chance.random(60) < 0.3 for _ in range(400)]
    begun = time.monotonic()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 2.0)
    try:
        with pytest.raises(KeyboardInterrupt):
            choose_layers(stated, relaxation, sets, start)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - begun < 20
