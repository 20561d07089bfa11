"""Why a function takes its layers: what else it could take, at what price, and what it could not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from layerforge.model.limits import Limits
from layerforge.model.plan import Demand
from layerforge.model.planning import NamedLayer, PlanSettings
from layerforge.plan.alternatives import Alternative, Explanation, explain
from layerforge.plan.planner import make_layer_plan
from tests.unit.plan.test_planner import MB, NUMPY, PANDAS, PYDANTIC, demand, item

NAME = "shop-py313-x86-64"
SMALL = item("small", 9)


def explained(function: str, *demands: Demand, **asked: Any) -> Explanation:
    settings = PlanSettings(**asked)
    plan = make_layer_plan(demands, prefix="shop", settings=settings)
    return explain(function, plan, demands, settings)


def test_alternatives_are_priced_with_all_else_as_it_is() -> None:
    found = explained("a", demand("a", NUMPY), demand("b", NUMPY, SMALL), demand("c", PYDANTIC))
    (taken,) = found.layers
    assert (taken.layer.name, taken.needed, taken.excess, taken.others) == (
        f"{NAME}-numpy",
        ("numpy",),
        9 * MB,
        ("b",),
    )
    assert found.alternatives == (
        # A layer more, and 9 MB that `a` need not carry.
        Alternative(
            what=f"{NAME}-numpy in two: what it needs, and the rest", cost=104857.6, stored=0, layers=1
        ),
        Alternative(
            what="all that it needs in a layer of its own", cost=73505177.6, stored=70 * MB, layers=1
        ),
    )


def test_what_cannot_be_says_why() -> None:
    tight = [
        replace(demand("a", NUMPY, PANDAS), limits=Limits(unzipped=130 * MB)),
        replace(demand("b", NUMPY), limits=Limits(unzipped=70 * MB)),
        demand("c", PANDAS),
    ]
    found = explained("a", *tight)
    assert [(one.what, one.obstacle) for one in found.alternatives if one.obstacle] == [
        (f"{NAME}-numpy and {NAME}-pandas in one", "b would be 60.0 MB over its limit")
    ]
    assert [round(one.cost / MB) for one in found.alternatives if not one.obstacle] == [131]
    apart = explained("a", *tight, apart=(("numpy", "pandas"),))
    assert {one.obstacle for one in apart.alternatives if one.obstacle} == {"plan.apart keeps them apart"}


def test_what_the_config_decided_is_not_open() -> None:
    pinned = NamedLayer(name="data", distributions=("numpy",))
    found = explained("a", demand("a", NUMPY), demand("b", NUMPY), layers=(pinned,))
    assert [one.layer.name for one in found.layers] == [f"{NAME}-data"]
    assert found.alternatives == ()


def test_a_function_that_cannot_be_served_has_none() -> None:
    found = explained("a", demand("a", item("torch", 300)), demand("b", NUMPY))
    assert (found.layers, found.alternatives) == ((), ())
