"""What stays in a function's own zip."""

from __future__ import annotations

from dataclasses import replace

import pytest

from layerforge.model.function import Function
from layerforge.model.plan import Demand, LayerPlan
from layerforge.model.planning import Bundling, NamedLayer, PlanSettings
from layerforge.model.requirement import Origin
from layerforge.plan.bundling import bundled_items
from layerforge.plan.keeping import record_plan
from layerforge.plan.planner import make_layer_plan
from tests.unit.plan.test_planner import MB, NUMPY, PYDANTIC, X86, attached, contents, demand, item

SIX, STRIPE = item("six", 1), item("stripe", 8)
PINNED = NamedLayer(name="data", distributions=("numpy",))
TEAM = NamedLayer(name="team", functions=("pay*",))


def function(source: str | None = "pay") -> Function:
    return Function(name="pay", target=X86, source=source, origin=Origin(path="template.yaml"))


@pytest.mark.parametrize(
    ("source", "bundling", "layers", "names"),
    [
        ("pay", Bundling(), (), set()),
        ("pay", Bundling(mode="auto"), (), set()),
        ("pay", Bundling(names=("six", "other")), (), {"six"}),
        ("pay", Bundling(mode="all"), (), {"six", "stripe", "numpy"}),
        ("pay", Bundling(mode="all"), (PINNED,), {"six", "stripe"}),
        ("pay", Bundling(mode="all"), (TEAM,), set()),
        ("pay", Bundling(names=("six",)), (TEAM,), {"six"}),
        ("pay.zip", Bundling(mode="all"), (), set()),
        (None, Bundling(mode="all"), (), set()),
    ],
)
def test_what_the_config_wants_there(
    source: str | None, bundling: Bundling, layers: tuple[NamedLayer, ...], names: set[str]
) -> None:
    found = bundled_items(function(source), {SIX, STRIPE, NUMPY}, bundling, layers)
    assert {one.name for one in found} == names


def plan(*demands: Demand) -> LayerPlan:
    return make_layer_plan(demands, prefix="shop")


def auto(one: Demand) -> Demand:
    return replace(one, may_bundle=True)


def bundled(made: LayerPlan) -> dict[str, tuple[str, ...]]:
    return {f.function: tuple(item.name for item in f.bundled) for f in made.functions}


SHARED = [demand("a", NUMPY, PYDANTIC), demand("b", NUMPY, PYDANTIC)]


def test_what_one_function_uses_alone_is_no_layer() -> None:
    made = plan(auto(demand("pay", NUMPY, PYDANTIC, STRIPE)), *SHARED)
    assert contents(made) == {"shop-py313-x86-64-numpy": ("numpy", "pydantic")}
    assert bundled(made) == {"a": (), "b": (), "pay": ("stripe",)}
    (pay,) = (f for f in made.functions if f.function == "pay")
    assert (pay.carried_excess, pay.unzipped_size) == (0, 93 * MB)
    # Without being asked, it stays one.
    assert "shop-py313-x86-64-stripe" in contents(plan(demand("pay", NUMPY, PYDANTIC, STRIPE), *SHARED))


def test_a_zip_that_is_sent_with_each_change_stays_below_what_aws_takes_directly() -> None:
    assert bundled(plan(auto(demand("pay", STRIPE, code=42)))) == {"pay": ("stripe",)}
    assert bundled(plan(auto(demand("pay", STRIPE, code=43)))) == {"pay": ()}


def test_what_was_bundled_stays_so() -> None:
    demands = [auto(demand("pay", NUMPY, PYDANTIC, STRIPE)), *SHARED]
    made = plan(*demands)
    record = record_plan(made, demands, PlanSettings(), prefix="shop")
    assert record.functions["pay"].bundled == ("stripe",)
    assert make_layer_plan(demands, prefix="shop", previous=record) == made
    # A change elsewhere is no reason to make a layer of it.
    more = [*demands, demand("c", SIX)]
    again = make_layer_plan(more, prefix="shop", previous=record)
    assert bundled(again) == {"a": (), "b": (), "c": (), "pay": ("stripe",)}
    # Who needs it too is.
    shared = make_layer_plan([*demands, demand("c", STRIPE)], prefix="shop", previous=record)
    assert bundled(shared)["pay"] == ()
    assert attached(shared)["c"] == ("shop-py313-x86-64-stripe",)


def test_what_is_wanted_there_makes_for_another_record() -> None:
    before = [demand("pay", NUMPY, SIX)]
    record = record_plan(plan(*before), before, PlanSettings(), prefix="shop")
    after = [replace(demand("pay", NUMPY), bundled=frozenset({SIX}))]
    made = make_layer_plan(after, prefix="shop", previous=record)
    assert contents(made) == {"shop-py313-x86-64-numpy": ("numpy",)}
    assert bundled(made) == {"pay": ("six",)}
