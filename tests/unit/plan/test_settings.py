"""What the config says of a plan is what is planned."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layerforge.model.limits import Limits
from layerforge.model.plan import Demand, Item, LayerPlan
from layerforge.model.planning import PlanSettings
from layerforge.plan.planner import make_layer_plan
from layerforge.plan.separation import part
from tests.unit.plan.test_planner import MB, NUMPY, PANDAS, PYDANTIC, attached, contents, demand, item


def plan(*demands: Demand, **asked: Any) -> LayerPlan:
    return make_layer_plan(demands, prefix="shop", settings=PlanSettings(**asked))


SMALL = item("small", 9)
ONE = {"shop-py313-x86-64-numpy": ("numpy", "small")}
TWO = {"shop-py313-x86-64-numpy": ("numpy",), "shop-py313-x86-64-small": ("small",)}


@pytest.mark.parametrize(
    ("asked", "layers"),
    [
        # 9 MB of excess count 0.9 MB: a layer more would cost 1 MB.
        ({}, ONE),
        ({"excess_weight": 0.2}, TWO),
        ({"layer_cost": MB // 2}, TWO),
        ({"excess_weight": 0.2, "layer_cost": 2 * MB}, ONE),
        ({"apart": (("small", "numpy"),)}, TWO),
        ({"apart": (("small", "pandas"),)}, ONE),
    ],
)
def test_prices_and_what_is_kept_apart(asked: dict[str, Any], layers: dict[str, tuple[str, ...]]) -> None:
    assert contents(plan(demand("a", NUMPY), demand("b", NUMPY, SMALL), **asked)) == layers


def test_a_function_of_weight_is_spared() -> None:
    light = demand("a", NUMPY)
    assert contents(plan(light, demand("b", NUMPY, SMALL))) == ONE
    assert contents(plan(replace(light, weight=2.0), demand("b", NUMPY, SMALL))) == TWO


def test_reserved_places_stay_free() -> None:
    parts = [item(f"part{n}", 20) for n in range(8)]
    others = [demand(f"only{n}", one) for n, one in enumerate(parts)]
    made = plan(replace(demand("all", *parts, external_layers=1), reserved_layers=2), *others)
    assert len(attached(made)["all"]) == 2
    assert not any(function.infeasible for function in made.functions)


@pytest.mark.parametrize(
    ("one", "asked", "reason"),
    [
        (
            replace(demand("f", PYDANTIC, external_layers=3), reserved_layers=2),
            {},
            (
                "has no room for a layer: 3 layers from elsewhere and 2 reserved take all of its 5, "
                "and 15.0 MB of distributions need one"
            ),
        ),
        (
            replace(demand("f", external_layers=1), reserved_layers=2, limits=Limits(layers=2)),
            {},
            "has 1 layer from elsewhere and 2 reserved, 1 more than the 2 allowed",
        ),
        (
            replace(demand("f", PYDANTIC, code=2), limits=Limits(unzipped=16 * MB)),
            {},
            "needs 17.0 MB unzipped, 1.0 MB over the budget of 16.0 MB (distributions 15.0 MB, code 2.0 MB)",
        ),
        (
            demand("f", NUMPY, PANDAS, PYDANTIC, external_layers=3),
            {"apart": (("numpy", "pandas", "pydantic"),)},
            "can take 2 layers, too few to keep numpy, pandas and pydantic apart (plan.apart)",
        ),
    ],
)
def test_what_no_plan_can_serve(one: Demand, asked: dict[str, Any], reason: str) -> None:
    assert [function.infeasible for function in plan(one, demand("g", SMALL), **asked).functions] == [
        reason,
        None,
    ]


def test_own_limits_of_a_function_hold_for_it_alone() -> None:
    tight = replace(demand("a", NUMPY), limits=Limits(unzipped=70 * MB))
    made = plan(tight, demand("b", NUMPY, SMALL))
    assert attached(made)["a"] == ("shop-py313-x86-64-numpy",)
    assert contents(made) == TWO
    assert [function.limit for function in made.functions] == [70 * MB, 250 * MB]


@pytest.mark.parametrize(
    ("names", "most", "parts"),
    [
        ("", 0, ()),
        ("xy", 1, ({"x", "y"},)),
        ("xy", 0, None),
        ("ab", 1, None),
        ("abxy", 2, ({"a", "x", "y"}, {"b"})),
        ("abcd", 2, ({"a", "c"}, {"b", "d"})),
        ("abcde", 2, None),
        ("abcde", 3, ({"a", "c"}, {"b", "d"}, {"e"})),
    ],
)
def test_parting(names: str, most: int, parts: tuple[set[str], ...] | None) -> None:
    ring = {"a": "be", "b": "ac", "c": "bd", "d": "ce", "e": "da"}
    foes = {name: frozenset(others) for name, others in ring.items()}
    assert part(names, foes, most=most) == parts


@st.composite
def asked_for(draw: st.DrawFn) -> tuple[list[Demand], tuple[tuple[str, ...], ...]]:
    items = [
        Item(name=f"d{n}", version="1", digest=f"{n}", unzipped_size=draw(st.integers(0, 60)) * MB)
        for n in range(draw(st.integers(2, 8)))
    ]
    demands = [
        replace(
            demand(f"f{n}", *draw(st.sets(st.sampled_from(items), min_size=1))),
            limits=Limits(layers=draw(st.integers(1, 5))),
            reserved_layers=draw(st.integers(0, 1)),
        )
        for n in range(draw(st.integers(1, 10)))
    ]
    names = st.sampled_from([one.name for one in items])
    sets = st.sets(names, min_size=2, max_size=3).map(lambda chosen: tuple(sorted(chosen)))
    return demands, tuple(draw(st.lists(sets, max_size=4)))


@given(asked_for())
@settings(max_examples=150, deadline=None)
def test_whoever_can_be_served_is_and_what_is_apart_stays_so(
    asked: tuple[list[Demand], tuple[tuple[str, ...], ...]],
) -> None:
    demands, apart = asked
    made = plan(*demands, apart=apart)
    layers = {layer.name: layer for layer in made.layers}
    asking = {one.function: one for one in demands}
    for layer in made.layers:
        held = {one.name for one in layer.items}
        assert all(len(held & set(names)) < 2 for names in apart)
    for function in made.functions:
        one = asking[function.function]
        foes = {
            name: frozenset(o for s in apart if name in s for o in s) - {name} for s in apart for name in s
        }
        fits = (
            one.smallest_size <= one.limits.unzipped
            and part([need.name for need in one.needs], foes, most=one.slots) is not None
        )
        assert (function.infeasible is None) == fits
        if fits:
            assert len(function.layers) <= one.slots
            assert function.unzipped_size <= one.limits.unzipped
            assert one.needs <= {need for name in function.layers for need in layers[name].items}
