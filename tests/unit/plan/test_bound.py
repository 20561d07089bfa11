"""The bound for a whole plan: named layers, bundled distributions and all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from layerforge.model.plan import Demand
from layerforge.model.planning import NamedLayer, PlanSettings
from layerforge.model.target import Target
from layerforge.plan.bound import Bound, bound_plan
from layerforge.plan.costs import price_plan
from layerforge.plan.exact.proving import Limits
from layerforge.plan.keeping import record_plan
from layerforge.plan.planner import make_layer_plan
from tests.plan_year import Year
from tests.unit.plan.test_planner import ARM, MB, NUMPY, PANDAS, PYDANTIC, demand, item

SMALL = item("small", 9)
DATA = NamedLayer(name="data", distributions=("numpy",))
LIMITS = Limits(steps=15)


def bound(demands: list[Demand], settings: PlanSettings = PlanSettings(), *, factor: float = 1.0) -> Bound:
    """Bound a plan; with a `factor` as if it cost more, so that its cost does not hold the bound back."""
    plan = make_layer_plan(demands, prefix="shop", settings=settings)
    cost = price_plan(plan, demands, settings, None)
    bounded = bound_plan(
        plan, demands, settings, replace(cost, stored=round(cost.stored * factor)), limits=LIMITS
    )
    return Bound(lower=bounded.lower, cost=cost.total)


def test_a_plan_that_nothing_can_better() -> None:
    assert bound([demand("a", NUMPY), demand("b", PANDAS)]) == Bound(lower=132 * MB, cost=132 * MB)
    assert bound([]) == Bound(lower=0, cost=0)
    assert Bound(lower=0, cost=0).gap == 0


def test_named_layers_are_part_of_every_plan() -> None:
    # numpy's layer is fixed; b carries nothing of it, and small is shared.
    settings = PlanSettings(layers=(DATA,))
    made = bound([demand("a", NUMPY, SMALL), demand("b", SMALL)], settings, factor=2)
    assert made == Bound(lower=81 * MB, cost=81 * MB)


def test_what_a_named_layer_makes_its_functions_carry_counts() -> None:
    settings = PlanSettings(layers=(NamedLayer(name="data", distributions=("numpy", "pandas")),))
    # a carries 60 MB of pandas, b 70 MB of numpy.
    made = bound([demand("a", NUMPY), demand("b", PANDAS)], settings, factor=2)
    assert made == Bound(lower=(131 + 13) * MB, cost=(131 + 13) * MB)


def test_what_may_be_bundled_is_stored_once_at_least() -> None:
    """`a` has all in its own zip, without a layer: the plan costs what it stores."""
    alone = replace(demand("a", PYDANTIC, SMALL), may_bundle=True)
    assert bound([alone], factor=2) == Bound(lower=24 * MB, cost=24 * MB)
    # What b needs as well is asked for anyway: it counts once, and b has a layer.
    assert bound([alone, demand("b", PYDANTIC)], factor=2).lower == 25 * MB


def test_what_is_bundled_anyway_is_part_of_every_plan() -> None:
    asking = replace(demand("a", NUMPY), bundled=frozenset({SMALL}))
    assert bound([asking], factor=2) == Bound(lower=80 * MB, cost=80 * MB)


def test_functions_that_cannot_be_served_are_left_out() -> None:
    huge = demand("b", item("huge", 300))
    assert bound([demand("a", NUMPY), huge], factor=2) == Bound(lower=71 * MB, cost=71 * MB)


@pytest.mark.parametrize(
    "settings",
    [
        PlanSettings(),
        PlanSettings(layers=(NamedLayer(name="base", distributions=("lib00", "lib01", "lxml")),)),
        PlanSettings(layers=(NamedLayer(name="mine", functions=("f003",)),)),
        PlanSettings(apart=(("numpy", "lxml"), ("lib00", "lib01", "lib02"))),
        PlanSettings(most_layers=9),
        PlanSettings(excess_weight=0.01, layer_cost=3 * MB),
    ],
)
@pytest.mark.parametrize("bundle", [False, True])
def test_no_plan_costs_less_than_its_bound(settings: PlanSettings, bundle: bool) -> None:
    demands = [replace(one, may_bundle=bundle) for one in Year(seed=5, functions=9).demands()]
    targets: tuple[Target, Target] = (demands[0].target, ARM)
    demands = [replace(one, target=targets[number % 2]) for number, one in enumerate(demands)]
    made = bound(demands, settings, factor=3)
    assert 0 < made.lower <= made.cost + 1


def test_the_price_of_change_leaves_the_bound_as_it_is() -> None:
    demands = [demand("a", NUMPY, SMALL), demand("b", NUMPY), demand("c", PYDANTIC)]
    first = make_layer_plan(demands, prefix="shop")
    record = record_plan(first, demands, PlanSettings(), prefix="shop")
    more = [*demands, demand("d", PANDAS)]
    plan = make_layer_plan(more, prefix="shop", previous=record)
    cost = price_plan(plan, more, PlanSettings(), record)
    bounded = bound_plan(plan, more, PlanSettings(), cost, limits=LIMITS)
    assert cost.change == 15 * MB
    assert bounded.lower == cost.total - cost.change
