"""What a plan costs in bytes, and what it saves."""

from __future__ import annotations

from dataclasses import replace

from layerforge.model.plan import Demand, LayerPlan
from layerforge.model.planning import PlanSettings
from layerforge.model.previous import PreviousPlan
from layerforge.plan.costs import Baselines, PlanCost, price_baselines, price_plan
from layerforge.plan.instance import make_instance
from layerforge.plan.keeping import record_plan
from layerforge.plan.named import Fixed
from layerforge.plan.planner import make_layer_plan, solve_instance
from layerforge.plan.problem import SCALE, cost_of
from tests.plan_year import Year
from tests.unit.plan.test_planner import ARM, MB, NUMPY, PANDAS, PYDANTIC, demand, item

SETTINGS = PlanSettings()
SMALL = item("small", 9)
DEMANDS = [demand("a", NUMPY), demand("b", NUMPY, SMALL), demand("c", PYDANTIC)]


def plan(demands: list[Demand], previous: PreviousPlan | None = None) -> LayerPlan:
    return make_layer_plan(demands, prefix="shop", previous=previous)


def cost(**parts: float) -> PlanCost:
    whole = {"stored": 0, "excess": 0, "layers": 0, "change": 0, "carried": 0, "count": 0, **parts}
    return PlanCost(**whole)  # type: ignore[arg-type]


def test_the_parts_of_a_cost() -> None:
    # numpy and small in one layer, which `a` carries 9 MB of, and pydantic.
    made = price_plan(plan(DEMANDS), DEMANDS, SETTINGS, None)
    assert made == cost(stored=94 * MB, excess=0.9 * MB, layers=2 * MB, carried=9 * MB, count=2)
    assert made.total == 96.9 * MB
    heavy = [replace(DEMANDS[0], weight=0.5), *DEMANDS[1:]]
    assert price_plan(plan(heavy), heavy, SETTINGS, None).excess == 0.45 * MB
    dear = PlanSettings(excess_weight=0.01, layer_cost=3 * MB)
    assert price_plan(plan(DEMANDS), DEMANDS, dear, None) == cost(
        stored=94 * MB, excess=0.09 * MB, layers=6 * MB, carried=9 * MB, count=2
    )


def test_what_change_costs() -> None:
    record = record_plan(plan(DEMANDS), DEMANDS, SETTINGS, prefix="shop")
    assert price_plan(plan(DEMANDS, record), DEMANDS, SETTINGS, record).change == 0
    # `d` is new: its layer is, and so it pays for 60 MB; that it takes it costs nothing.
    more = [*DEMANDS, demand("d", PANDAS)]
    assert price_plan(plan(more, record), more, SETTINGS, record).change == 15 * MB
    # `c` takes it too now: one attachment, and 60 MB that were not there.
    other = [*DEMANDS[:2], demand("c", PANDAS)]
    assert price_plan(plan(other, record), other, SETTINGS, record).change == 15 * MB + 65_536


def test_the_cost_of_a_plan_is_that_of_its_problem() -> None:
    demands = sorted(Year(seed=7, functions=25).demands(), key=lambda one: one.function)
    instance, layers = solve_instance(demands, SETTINGS, fixed=Fixed(), previous=None)
    priced = price_plan(make_layer_plan(demands, prefix="shop"), demands, SETTINGS, None)
    assert priced.total * SCALE == cost_of(instance.problem, layers).total
    assert instance == make_instance(demands, SETTINGS, fixed=Fixed())


def test_what_one_does_without_a_planner() -> None:
    demands = [
        demand("a", NUMPY, SMALL),
        demand("b", NUMPY, PYDANTIC),
        demand("c", NUMPY),
        demand("d", PANDAS, target=ARM),
        demand("bare"),
    ]
    # Shared: numpy for three, and pandas for the one function of its target; the rest of two apart.
    assert price_baselines(demands, SETTINGS) == Baselines(
        own_layers=cost(stored=294 * MB, layers=4 * MB, count=4),
        shared_layer=cost(stored=154 * MB, layers=4 * MB, count=4),
    )
