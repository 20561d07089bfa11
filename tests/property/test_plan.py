"""Whatever is asked: every function is covered or told why not, slots and bytes hold, order is irrelevant."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from layerforge.model.limits import Limits
from layerforge.model.plan import Demand, Item
from layerforge.model.planning import PlanSettings
from layerforge.model.target import Target
from layerforge.plan.planner import make_layer_plan
from tests.plan_checker import check_layer_plan

TARGETS = (
    Target(runtime="python3.13", architecture="x86_64"),
    Target(runtime="python3.12", architecture="arm64"),
)
MB = 1_048_576
FAST = PlanSettings(effort="fast")


def item_for(index: int, version: str, size: int, target: Target, *, pure: bool) -> Item:
    """What a target's lock holds: a wheel for all targets, or one of its own."""
    digest = f"{index}-{version}" if pure else f"{index}-{version}-{target.slug}"
    targets = TARGETS if pure else (target,)
    return Item(name=f"d{index}", version=version, digest=digest, unzipped_size=size, targets=targets)


@st.composite
def demand_lists(draw: st.DrawFn) -> list[Demand]:
    sizes = draw(st.lists(st.integers(0, 120 * MB), min_size=1, max_size=12))
    pure = draw(st.lists(st.booleans(), min_size=len(sizes), max_size=len(sizes)))
    versions = st.sampled_from(["1.0", "2.0"])
    demands = []
    for number in range(draw(st.integers(0, 12))):
        chosen = draw(st.sets(st.integers(0, len(sizes) - 1), max_size=8))
        target = draw(st.sampled_from(TARGETS))
        needs = [
            item_for(index, version, sizes[index], target, pure=pure[index])
            for index in sorted(chosen)
            for version in [draw(versions)]
        ]
        external = draw(st.integers(0, 6))
        demands.append(
            Demand(
                function=f"f{number}",
                target=target,
                needs=frozenset(needs),
                code_size=draw(st.integers(0, 60 * MB)),
                external_layers=external,
                external_size=draw(st.integers(0, 30 * MB)) if external else 0,
            )
        )
    return demands


@given(demand_lists(), st.integers(1, 5))
@settings(max_examples=300, deadline=None)
def test_every_function_is_covered_or_infeasible_by_itself(demands: list[Demand], slots: int) -> None:
    limits = Limits(layers=slots)
    demands = [replace(one, limits=limits) for one in demands]
    plan = make_layer_plan(demands, prefix="p")
    assert [f.function for f in plan.functions] == sorted(demand.function for demand in demands)
    check_layer_plan(demands, plan)
    layers = {layer.name: layer for layer in plan.layers}
    for function in plan.functions:
        held = [item for name in function.layers for item in layers[name].items]
        assert function.layers_size == sum(item.unzipped_size for item in held)
        assert function.unzipped_size <= limits.unzipped or function.infeasible
        assert all(function.target in layers[name].targets for name in function.layers)
    takers = {name: {f.target for f in plan.functions if name in f.layers} for name in layers}
    assert {name: set(layer.targets) for name, layer in layers.items()} == takers


@given(demand_lists(), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_the_order_of_the_input_is_irrelevant(demands: list[Demand], random: object) -> None:
    shuffled = list(demands)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert make_layer_plan(demands, prefix="p") == make_layer_plan(shuffled, prefix="p")


@given(demand_lists())
@settings(max_examples=150, deadline=None)
def test_layer_names_are_unique_and_fit_aws(demands: list[Demand]) -> None:
    names = [layer.name for layer in make_layer_plan(demands, prefix="shop", settings=FAST).layers]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,140}", name) for name in names)


@given(demand_lists())
@settings(max_examples=150, deadline=None)
def test_no_layer_holds_what_none_of_its_functions_needs(demands: list[Demand]) -> None:
    plan = make_layer_plan(demands, prefix="p")
    needs = {demand.function: demand.needs for demand in demands}
    for layer in plan.layers:
        users = [f.function for f in plan.functions if layer.name in f.layers]
        assert set(layer.items) <= {item for user in users for item in needs[user]}
