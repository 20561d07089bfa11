"""Whatever was planned before and has changed since: everybody is served, and the plan is kept next time."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from layerforge.model.limits import Limits
from layerforge.model.plan import Demand, Item, LayerPlan
from layerforge.model.planning import PlanSettings
from layerforge.model.target import Target
from layerforge.plan.feasibility import infeasible_functions
from layerforge.plan.keeping import record_plan
from layerforge.plan.planner import make_layer_plan

TARGETS = (
    Target(runtime="python3.13", architecture="x86_64"),
    Target(runtime="python3.12", architecture="arm64"),
)
MB = 1_048_576


@st.composite
def projects(draw: st.DrawFn) -> tuple[list[Demand], list[Demand], PlanSettings]:
    """A project before and after some changes: of sizes, versions, needs, places and functions."""
    count = draw(st.integers(1, 9))
    apart = draw(st.lists(st.sets(st.integers(0, count), min_size=2, max_size=2), max_size=2))
    asked = PlanSettings(
        effort="fast",
        apart=tuple(tuple(f"d{n}" for n in sorted(pair)) for pair in apart),
    )
    return draw(demand_lists(count)), draw(demand_lists(count)), asked


@st.composite
def demand_lists(draw: st.DrawFn, count: int) -> list[Demand]:
    sizes = [draw(st.integers(0, 90)) * MB for _ in range(count)]
    demands = []
    for number in draw(st.sets(st.integers(0, 9), max_size=9)):
        target = draw(st.sampled_from(TARGETS))
        needs = []
        for index in draw(st.sets(st.integers(0, count - 1), max_size=6)):
            version = draw(st.sampled_from(["1", "1", "2"]))
            # Odd ones are the same file for all targets.
            pure = index % 2 == 1
            needs.append(
                Item(
                    name=f"d{index}",
                    version=version,
                    digest=f"{index}-{version}-{'' if pure else target.name}",
                    unzipped_size=sizes[index],
                    targets=() if pure else (target,),
                )
            )
        demands.append(
            Demand(
                function=f"f{number}",
                target=target,
                needs=frozenset(needs),
                code_size=draw(st.integers(0, 40)) * MB,
                limits=Limits(layers=draw(st.integers(1, 5))),
                may_bundle=draw(st.booleans()),
            )
        )
    return demands


@given(projects())
@settings(max_examples=150, deadline=None)
def test_everybody_is_served_whatever_there_was(
    project: tuple[list[Demand], list[Demand], PlanSettings],
) -> None:
    before, after, asked = project
    first = make_layer_plan(before, prefix="p", settings=asked)
    record = record_plan(first, before, asked, prefix="p")
    second = make_layer_plan(after, prefix="p", settings=asked, previous=record)
    check(second, after, asked)
    kept = record_plan(second, after, asked, prefix="p")
    if not infeasible_functions(after, asked):
        assert make_layer_plan(after, prefix="p", settings=asked, previous=kept) == second


def check(plan: LayerPlan, demands: list[Demand], asked: PlanSettings) -> None:
    layers = {layer.name: layer for layer in plan.layers}
    assert len(layers) == len(plan.layers)
    reasons = infeasible_functions(demands, asked)
    asking = {demand.function: demand for demand in demands}
    for layer in plan.layers:
        names = {item.name for item in layer.items}
        assert all(len(names & set(pair)) < 2 for pair in asked.apart)
    for function in plan.functions:
        demand = asking[function.function]
        assert function.infeasible == reasons.get(function.function)
        if function.infeasible:
            continue
        held = [item for name in function.layers for item in layers[name].items]
        assert demand.needs <= {*held, *function.bundled}
        assert len({item.name for item in (*held, *function.bundled)}) == len({*held, *function.bundled})
        assert all(item.fits(demand.target) for item in held)
        assert len(function.layers) <= demand.slots
        assert function.unzipped_size <= demand.limits.unzipped
