"""What `layerforge plan` says, word for word."""

from __future__ import annotations

import pytest

from layerforge.model.planning import PlanSettings
from layerforge.model.previous import PreviousFunction, PreviousLayer, PreviousPlan
from layerforge.plan.alternatives import explain
from layerforge.plan.bound import Bound
from layerforge.plan.changes import compare_plans
from layerforge.plan.costs import price_baselines, price_plan
from layerforge.plan.planner import make_layer_plan
from layerforge.report.plan import (
    changes_document,
    cost_document,
    explanation_document,
    format_changes,
    format_cost,
    format_explanation,
)
from tests.unit.plan.test_planner import MB, NUMPY, demand, item

SETTINGS = PlanSettings()
SMALL = item("small", 9)
DEMANDS = [demand("a", NUMPY, code=1), demand("b", NUMPY, SMALL)]
PLAN = make_layer_plan(DEMANDS, prefix="shop")
NAME = "shop-py313-x86-64-numpy"
TARGETS = ("python3.13-x86_64",)
BEFORE = PreviousPlan(
    source="layerforge-plan.toml",
    layers=(
        PreviousLayer(name=NAME, targets=TARGETS, distributions=("numpy", "six")),
        PreviousLayer(name="shop-any-lxml", targets=TARGETS, distributions=("lxml",)),
    ),
    functions={
        "a": PreviousFunction(layers=(NAME, "shop-any-lxml")),
        "z": PreviousFunction(layers=()),
    },
)


def test_cost() -> None:
    cost, baselines = price_plan(PLAN, DEMANDS, SETTINGS, BEFORE), price_baselines(DEMANDS, SETTINGS)
    assert format_cost(cost, baselines).splitlines() == [
        (
            "cost 100.7 MB: 79.0 MB stored, 921.6 KB for 9.0 MB that functions carry and do not need, "
            "1.0 MB for 1 layer, 19.8 MB for what is other than before (no bound was asked for)"
        ),
        (
            "one layer per function would cost 151.0 MB (46% saved); "
            "one shared layer and the rest apart 81.0 MB (0% saved)"
        ),
    ]
    document = cost_document(cost, baselines)
    assert document["cost"]["stored"] == 79 * MB
    assert document["baselines"]["one_layer_per_function"]["layer_count"] == 2


@pytest.mark.parametrize(
    ("lower", "told"),
    [
        (100 * MB, "proven: no plan costs less"),
        (99.95 * MB, "within 0.1 % of the optimum: no plan costs less than 99.9 MB"),
        (96.12 * MB, "within 3.9 % of the optimum: no plan costs less than 96.1 MB"),
        (0, "within 100.0 % of the optimum: no plan costs less than 0 B"),
    ],
)
def test_how_good_a_plan_is_known_to_be(lower: float, told: str) -> None:
    cost, baselines = price_plan(PLAN, DEMANDS, SETTINGS, BEFORE), price_baselines(DEMANDS, SETTINGS)
    first = format_cost(cost, baselines, Bound(lower=lower, cost=100 * MB)).splitlines()[0]
    assert first.endswith(f"19.8 MB for what is other than before ({told})")


def test_a_plan_without_layers_saves_nothing() -> None:
    cost = price_plan(make_layer_plan([], prefix="shop"), [], SETTINGS, None)
    assert format_cost(cost, price_baselines([], SETTINGS)) == (
        "cost 0 B: 0 B stored, 0 B for 0 layers (no bound was asked for)"
    )


def test_changes() -> None:
    changes = compare_plans(BEFORE, PLAN, {})
    assert format_changes(changes, width=80).splitlines() == [
        (
            "against layerforge-plan.toml: 1 layer published anew (79.0 MB unzipped), 0 unchanged, "
            "3 functions touched"
        ),
        "  - shop-any-lxml: is no more",
        "  ~ shop-py313-x86-64-numpy 79.0 MB: gains small, loses six",
        "  ~ a: leaves shop-any-lxml",
        "  + b: is new, takes shop-py313-x86-64-numpy",
        "  - z: is no more",
    ]
    assert changes_document(changes)["layers"][1] == {
        "name": NAME,
        "kind": "changed",
        "size": 79 * MB,
        "added": ("small",),
        "removed": ("six",),
    }
    same = PreviousPlan(
        source="manifest.json",
        layers=(PreviousLayer(name=NAME, targets=TARGETS, distributions=("numpy", "small")),),
        functions={name: PreviousFunction(layers=(NAME,)) for name in "ab"},
    )
    assert format_changes(compare_plans(same, PLAN, {}), width=80) == "nothing changes against manifest.json"


def test_explanation() -> None:
    explanation = explain("a", PLAN, DEMANDS, SETTINGS)
    assert format_explanation(explanation, width=120).splitlines() == [
        (
            "a (python3.13-x86_64) takes 1 layer, 79.0 MB, of which it does not need 9.0 MB; "
            "its own zip has 1.0 MB: 80.0 MB of 250.0 MB in all"
        ),
        "layer                    unzipped  not needed  needs     with",
        "-----------------------  --------  ----------  --------  ----",
        "shop-py313-x86-64-numpy   79.0 MB      9.0 MB  1: numpy  1: b",
        "",
        "Instead, with all else as it is, the cost would be",
        "  102.4 KB more: shop-py313-x86-64-numpy in two: what it needs, and the rest",
        "  70.1 MB more: all that it needs in a layer of its own",
    ]
    assert explanation_document(explanation)["layers"] == [
        {
            "name": NAME,
            "unzipped_size": 79 * MB,
            "needed_size": 70 * MB,
            "excess": 9 * MB,
            "needed": ["numpy"],
            "others": ["b"],
        }
    ]


def test_explanation_of_who_takes_nothing_or_cannot_be_served() -> None:
    demands = [demand("bare", code=2), demand("huge", item("torch", 300))]
    plan = make_layer_plan(demands, prefix="shop")
    said = [format_explanation(explain(name, plan, demands, SETTINGS), width=80) for name in ("bare", "huge")]
    assert said == [
        "bare (python3.13-x86_64) takes no layer: its own zip has 2.0 MB: 2.0 MB of 250.0 MB in all",
        (
            "huge (python3.13-x86_64) needs 300.0 MB unzipped, 50.0 MB over Lambda's 250 MB "
            "(distributions 300.0 MB, code 0 B)"
        ),
    ]
