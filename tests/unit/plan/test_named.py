"""Layers that the config names: what they hold, who takes them, and what they cannot be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from layerforge.errors import ConfigError
from layerforge.model.limits import Limits
from layerforge.model.plan import Demand, LayerPlan
from layerforge.model.planning import NamedLayer, PlanSettings
from layerforge.plan.planner import make_layer_plan
from tests.unit.plan.test_planner import (
    ARM,
    MB,
    NUMPY,
    PANDAS,
    PYDANTIC,
    X86,
    attached,
    contents,
    demand,
    item,
)

SIX = item("six", 0.1)
DATA = NamedLayer(name="data", distributions=("numpy", "pandas"))
TEAM = NamedLayer(name="team", functions=("pay-*",))


def plan(*demands: Demand, **asked: Any) -> LayerPlan:
    settings = PlanSettings(place="layerforge.toml: ", **asked)
    return make_layer_plan(demands, prefix="shop", settings=settings)


def test_pinned_distributions_lie_in_their_layer_for_whoever_needs_one() -> None:
    made = plan(demand("a", NUMPY, SIX), demand("b", PANDAS, PYDANTIC), demand("c", PYDANTIC), layers=(DATA,))
    assert contents(made) == {
        "shop-py313-x86-64-data": ("numpy", "pandas"),
        "shop-py313-x86-64-pydantic": ("pydantic",),
        "shop-py313-x86-64-six": ("six",),
    }
    assert attached(made) == {
        "a": ("shop-py313-x86-64-data", "shop-py313-x86-64-six"),
        "b": ("shop-py313-x86-64-data", "shop-py313-x86-64-pydantic"),
        "c": ("shop-py313-x86-64-pydantic",),
    }
    assert [function.carried_excess for function in made.functions] == [60 * MB, 70 * MB, 0]


def test_a_team_has_one_layer() -> None:
    made = plan(
        demand("pay-card", NUMPY, SIX),
        demand("pay-cash", PYDANTIC, SIX),
        demand("orders", NUMPY, PYDANTIC),
        layers=(TEAM,),
    )
    assert contents(made) == {
        "shop-py313-x86-64-numpy": ("numpy", "pydantic"),
        "shop-py313-x86-64-team": ("numpy", "pydantic", "six"),
    }
    assert attached(made) == {
        "orders": ("shop-py313-x86-64-numpy",),
        "pay-card": ("shop-py313-x86-64-team",),
        "pay-cash": ("shop-py313-x86-64-team",),
    }


def test_what_is_pinned_goes_there_and_the_rest_to_the_team() -> None:
    made = plan(demand("pay-card", NUMPY, SIX), demand("pay-cash", PYDANTIC), layers=(TEAM, DATA))
    assert contents(made) == {
        "shop-py313-x86-64-data": ("numpy",),
        "shop-py313-x86-64-team": ("pydantic", "six"),
    }
    assert attached(made)["pay-card"] == ("shop-py313-x86-64-data", "shop-py313-x86-64-team")


def test_what_fits_all_targets_has_one_layer_for_all_and_what_does_not_has_one_for_each() -> None:
    arm_numpy = replace(NUMPY, digest="arm", targets=(ARM,))
    x86_numpy = replace(NUMPY, targets=(X86,))
    demands = (demand("a", x86_numpy, SIX), demand("b", arm_numpy, SIX, target=ARM))
    layers = (NamedLayer(name="tools", distributions=("six",)), DATA)
    made = plan(*demands, layers=layers)
    assert {layer.name: layer.targets for layer in made.layers} == {
        "shop-any-tools": (ARM, X86),
        "shop-py312-arm64-data": (ARM,),
        "shop-py313-x86-64-data": (X86,),
    }


def test_a_version_that_a_named_layer_holds_meets_no_other_in_a_function() -> None:
    """`a` takes lib 1 from its layer; what it shares with the others may not bring lib 2."""
    old, new = item("lib", 5, version="1"), item("lib", 0.1, version="2")
    layer = NamedLayer(name="old", distributions=("lib",), functions=("a",))
    others = [demand(f"f{n}", new, PYDANTIC) for n in range(3)]
    made = plan(demand("a", old, PYDANTIC), *others, layers=(layer,))
    items = {one.name: one.items for one in made.layers}
    carried = {f.function: {i for name in f.layers for i in items[name]} for f in made.functions}
    assert carried == {"a": {old, PYDANTIC}, **{f"f{n}": {new, PYDANTIC} for n in range(3)}}


def test_a_function_that_cannot_be_served_has_no_say() -> None:
    made = plan(demand("pay-card", NUMPY), demand("pay-huge", item("torch", 300)), layers=(TEAM,))
    assert contents(made) == {"shop-py313-x86-64-team": ("numpy",)}


def test_a_name_that_is_given_is_not_taken_by_another() -> None:
    layer = NamedLayer(name="numpy", functions=("pay",))
    made = plan(demand("pay", SIX), demand("a", NUMPY, PYDANTIC), layers=(layer,))
    assert contents(made) == {
        "shop-py313-x86-64-numpy": ("six",),
        "shop-py313-x86-64-numpy-pydantic": ("numpy", "pydantic"),
    }


def test_no_more_layers_than_may_be() -> None:
    parts = [item(f"part{n}", 20) for n in range(4)]
    demands = [demand(f"f{n}", one) for n, one in enumerate(parts)]
    assert len(plan(*demands, most_layers=4).layers) == 4
    assert len(plan(*demands, most_layers=2).layers) == 2
    pinned = NamedLayer(name="mine", distributions=("part0",))
    assert len(plan(*demands, most_layers=2, layers=(pinned,)).layers) == 2


@pytest.mark.parametrize(
    ("demands", "asked", "headline", "hint"),
    [
        (
            [demand("pay-b", item("six", 1, version="2")), demand("pay-a", item("six", 1))],
            {"layers": (TEAM,)},
            (
                "plan.layers.team.functions: one layer cannot hold six 1.0, which pay-a needs, "
                "and 2, which pay-b needs"
            ),
            (
                "give them layers of their own (plan.layers.team.functions), "
                "or let them ask for the same version"
            ),
        ),
        (
            [demand("pay-a", NUMPY), demand("pay-b", PANDAS)],
            {"layers": (TEAM,), "apart": (("six", "lib"), ("pandas", "numpy"))},
            (
                "plan.apart[1]: pandas and numpy are to be kept apart, and the functions of "
                "plan.layers.team are to find both in one layer"
            ),
            "drop one of the two, or name a layer for one of the distributions",
        ),
        (
            [
                replace(demand("pay-a", SIX, code=190), limits=Limits(unzipped=200 * MB)),
                demand("pay-b", NUMPY),
            ],
            {"layers": (TEAM,)},
            (
                "plan.layers.team: pay-a would take 70.1 MB with plan.layers.team: "
                "limits.unzipped leaves 10.0 MB for layers"
            ),
            "let the layer hold less, or serve fewer functions",
        ),
        (
            [
                replace(
                    demand("a", SIX, PYDANTIC, code=60),
                    limits=Limits(unzipped=80 * MB),
                    limits_key="functions.a.limits",
                ),
                demand("b", item("tool", 10)),
            ],
            {"layers": (NamedLayer(name="tools", distributions=("six", "tool")),)},
            (
                "plan.layers.tools: a would take 10.1 MB with plan.layers.tools, and needs 15.0 MB beside: "
                "functions.a.limits.unzipped leaves 20.0 MB for layers"
            ),
            "let the layer hold less, or serve fewer functions",
        ),
        (
            [demand("a", NUMPY, SIX, PYDANTIC, external_layers=3)],
            {
                "layers": (
                    NamedLayer(name="x", distributions=("numpy",)),
                    NamedLayer(name="y", distributions=("six",)),
                )
            },
            (
                "plan.layers.x: a would take plan.layers.x and plan.layers.y and at least one more for all "
                "else: limits.layers leaves 2 places for layers"
            ),
            "name fewer layers, or let one hold more",
        ),
        (
            [demand(f"f{n}", item(f"big{n}", 200)) for n in range(2)],
            {"most_layers": 1},
            "plan.most-layers: no plan with at most 1 layer was found, and the best that was has 2",
            (
                "allow more; or let more distributions stay in the functions' own zips, and more functions "
                "carry what they do not need: fewer reserved places and wider limits help"
            ),
        ),
        (
            [demand("a", NUMPY, PANDAS), demand("b", SIX)],
            {"most_layers": 1, "layers": (DATA, TEAM)},
            "plan.most-layers: plan.layers asks for 1 layer, and others are needed beside",
            "allow more layers, or name fewer",
        ),
        (
            [demand("a", NUMPY), demand("pay-b", SIX)],
            {"most_layers": 1, "layers": (DATA, TEAM)},
            "plan.most-layers: plan.layers asks for 2 layers, more than that",
            "allow more layers, or name fewer",
        ),
    ],
)
def test_what_cannot_be(demands: list[Demand], asked: dict[str, Any], headline: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(*demands, **asked)
    assert (caught.value.headline, caught.value.hint) == (f"layerforge.toml: {headline}", hint)
