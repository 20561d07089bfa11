"""What a plan changes of the one before."""

from __future__ import annotations

from layerforge.model.previous import PreviousFunction, PreviousLayer, PreviousPlan
from layerforge.plan.changes import FunctionChange, LayerChange, PlanChanges, compare_plans
from layerforge.plan.planner import make_layer_plan
from tests.unit.plan.test_planner import MB, NUMPY, PANDAS, PYDANTIC, demand

NAME = "shop-py313-x86-64"


def layer(name: str, *distributions: str) -> PreviousLayer:
    return PreviousLayer(
        name=f"{NAME}-{name}", targets=("python3.13-x86_64",), distributions=tuple(sorted(distributions))
    )


def test_everything_that_can_change() -> None:
    plan = make_layer_plan(
        [demand("a", NUMPY), demand("b", NUMPY, PANDAS), demand("c", PYDANTIC), demand("d", PYDANTIC, NUMPY)],
        prefix="shop",
    )
    before = PreviousPlan(
        source="manifest.json",
        layers=(layer("numpy", "numpy"), layer("pydantic", "pydantic", "six"), layer("lxml", "lxml")),
        functions={
            "a": PreviousFunction(layers=(f"{NAME}-numpy",)),
            "b": PreviousFunction(layers=(f"{NAME}-lxml", f"{NAME}-numpy")),
            "c": PreviousFunction(layers=(f"{NAME}-pydantic",)),
            "e": PreviousFunction(layers=()),
        },
    )
    assert compare_plans(before, plan, {f"{NAME}-numpy": {"numpy": "0.9"}}) == PlanChanges(
        source="manifest.json",
        layers=(
            LayerChange(name=f"{NAME}-lxml", kind="gone", size=0, removed=("lxml",)),
            LayerChange(name=f"{NAME}-numpy", kind="upgraded", size=70 * MB, added=("numpy",)),
            LayerChange(name=f"{NAME}-pandas", kind="new", size=60 * MB, added=("pandas",)),
            LayerChange(name=f"{NAME}-pydantic", kind="changed", size=15 * MB, removed=("six",)),
        ),
        functions=(
            FunctionChange(
                function="b", kind="changed", added=(f"{NAME}-pandas",), removed=(f"{NAME}-lxml",)
            ),
            FunctionChange(function="d", kind="new", added=(f"{NAME}-numpy", f"{NAME}-pydantic")),
            FunctionChange(function="e", kind="gone"),
        ),
        unchanged=0,
    )


def test_versions_that_nobody_recorded_are_no_change() -> None:
    plan = make_layer_plan([demand("a", NUMPY)], prefix="shop")
    before = PreviousPlan(
        layers=(layer("numpy", "numpy"),), functions={"a": PreviousFunction(layers=(f"{NAME}-numpy",))}
    )
    assert compare_plans(before, plan, {}) == PlanChanges(source="", layers=(), functions=(), unchanged=1)
