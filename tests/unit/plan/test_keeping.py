"""What stays of the plan before, to the letter or nearly, and what its layers are called then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from layerforge.model.limits import Limits
from layerforge.model.plan import Demand, Item, LayerPlan
from layerforge.model.planning import NamedLayer, PlanSettings
from layerforge.model.previous import PreviousFunction, PreviousLayer, PreviousPlan
from layerforge.plan.inheritance import Heir, inherit_names
from layerforge.plan.keeping import record_plan
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

SETTINGS = PlanSettings()


def plan(
    demands: Sequence[Demand], previous: PreviousPlan | None = None, settings: PlanSettings = SETTINGS
) -> tuple[LayerPlan, PreviousPlan]:
    made = make_layer_plan(demands, prefix="shop", settings=settings, previous=previous)
    return made, record_plan(made, demands, settings, prefix="shop")


def bumped(one: Item, *, size: float | None = None) -> Item:
    megabytes = one.unzipped_size / MB if size is None else size
    return item(one.name, megabytes, version="9.9")


SMALL = item("small", 11)
# `small` is in a layer of its own: 11 MB of excess would count 1.1 MB, and an extra layer counts 1.
APART = [demand("a", NUMPY), demand("b", NUMPY, SMALL)]
LAYERS = {"shop-py313-x86-64-numpy": ("numpy",), "shop-py313-x86-64-small": ("small",)}


def test_an_upgrade_changes_no_layer() -> None:
    first, record = plan(APART)
    assert contents(first) == LAYERS
    # With 9 MB a fresh plan would put it beside numpy.
    upgraded = [demand("a", bumped(NUMPY)), demand("b", bumped(NUMPY), bumped(SMALL, size=9))]
    assert len(plan(upgraded)[0].layers) == 1
    second, again = plan(upgraded, record)
    assert (contents(second), attached(second)) == (LAYERS, attached(first))
    assert [one.version for layer in second.layers for one in layer.items] == ["9.9", "9.9"]
    assert again == record


def test_an_upgrade_that_no_longer_fits_is_planned_anew() -> None:
    tight = Limits(unzipped=80 * MB)
    before = [replace(demand("a", NUMPY, SMALL), limits=tight), demand("b", NUMPY), demand("c", NUMPY, SMALL)]
    merged = [replace(before[0], limits=Limits()), demand("b", NUMPY), demand("c", NUMPY, item("small", 9))]
    first, record = plan([demand("a", NUMPY, item("small", 9)), demand("b", NUMPY), merged[2]])
    assert contents(first) == {"shop-py313-x86-64-numpy": ("numpy", "small")}
    # `b` may hold 80 MB: numpy and small grow beyond that.
    grown = [
        demand("a", NUMPY, bumped(SMALL, size=30)),
        replace(demand("b", NUMPY), limits=tight),
        demand("c", NUMPY, bumped(SMALL, size=30)),
    ]
    second, _ = plan(grown, record)
    assert contents(second) == LAYERS


def test_what_would_not_earn_its_upload_stays() -> None:
    """A new function is a reason to plan, but none to turn over what there is for a few bytes."""
    _, record = plan([demand("a", NUMPY), demand("b", NUMPY, item("small", 9))])
    more = [demand("a", NUMPY), demand("b", NUMPY, SMALL), demand("c", PYDANTIC)]
    assert contents(plan(more)[0]) == {**LAYERS, "shop-py313-x86-64-pydantic": ("pydantic",)}
    assert contents(plan(more, record)[0]) == {
        "shop-py313-x86-64-numpy": ("numpy", "small"),
        "shop-py313-x86-64-pydantic": ("pydantic",),
    }
    # Unless the config says that changes cost nothing.
    free = PlanSettings(change_weight=0, attach_cost=0)
    assert contents(plan(more, record, free)[0]) == {**LAYERS, "shop-py313-x86-64-pydantic": ("pydantic",)}


@pytest.mark.parametrize(
    "changed",
    [
        [demand("a", NUMPY, SMALL), demand("b", NUMPY, SMALL)],
        [demand("a", NUMPY), demand("b", NUMPY, SMALL), demand("c", NUMPY)],
        [demand("b", NUMPY, SMALL)],
        [demand("a", NUMPY), replace(demand("b", NUMPY, SMALL), weight=2.0)],
        [demand("a", NUMPY), demand("b", NUMPY, SMALL, external_layers=4)],
        [demand("a", NUMPY), replace(demand("b", NUMPY, SMALL), reserved_layers=4)],
    ],
)
def test_whatever_matters_to_a_plan_makes_for_another_record(changed: list[Demand]) -> None:
    _, record = plan(APART)
    _, again = plan(changed, record)
    assert again != record
    # And that one is kept in its turn.
    assert plan(changed, again)[1] == again


@pytest.mark.parametrize(
    "settings",
    [
        PlanSettings(excess_weight=0.2),
        PlanSettings(apart=(("numpy", "small"),)),
        PlanSettings(layers=(NamedLayer(name="x", functions=("a",)),)),
    ],
)
def test_other_settings_make_for_another_record(settings: PlanSettings) -> None:
    _, record = plan(APART)
    _, again = plan(APART, record, settings)
    assert again.settings != record.settings
    assert plan(APART, again, settings)[1] == again


def test_where_the_config_lies_does_not_matter() -> None:
    _, record = plan(APART)
    assert plan(APART, record, PlanSettings(place="pyproject.toml: tool.layerforge."))[1] == record


def test_a_record_that_was_merged_by_hand_is_no_worse_than_none() -> None:
    _, record = plan(APART)
    no_layer = replace(record, layers=record.layers[:1])
    no_user = replace(
        record, layers=(*record.layers, PreviousLayer(name="z", targets=(), distributions=("gone",)))
    )
    twice = replace(record, functions={**record.functions, "gone": PreviousFunction(layers=("z",))})
    for damaged in (no_layer, no_user, twice):
        made, again = plan(APART, damaged)
        assert (contents(made), again) == (LAYERS, record)


def test_a_plan_that_was_built_and_not_recorded_is_where_the_next_one_starts() -> None:
    built = PreviousPlan(
        layers=(
            PreviousLayer(
                name="shop-py313-x86-64-all", targets=(X86.name,), distributions=("numpy", "small")
            ),
        ),
        functions={
            "a": PreviousFunction(layers=("shop-py313-x86-64-all",)),
            "b": PreviousFunction(layers=("shop-py313-x86-64-all",)),
        },
    )
    assert contents(plan(APART, built)[0]) == {"shop-py313-x86-64-all": ("numpy", "small")}


def test_a_function_that_cannot_be_served_is_not_in_the_record() -> None:
    _, record = plan([*APART, demand("huge", item("torch", 300))])
    assert sorted(record.functions) == ["a", "b"]


def test_versions_that_part_where_there_was_one() -> None:
    """Two cohorts now: the layer stays for most of its functions, the other gets one with its version."""
    _, record = plan([demand(name, NUMPY) for name in "abc"])
    new = bumped(NUMPY)
    made, _ = plan([demand("a", NUMPY), demand("b", new), demand("c", new)], record)
    assert attached(made) == {
        "a": ("shop-py313-x86-64-numpy-402c1429",),
        "b": ("shop-py313-x86-64-numpy",),
        "c": ("shop-py313-x86-64-numpy",),
    }


# Names


def heir(*items: Item, targets: Any = (X86,), functions: str = "a") -> Heir:
    return Heir(items=items, targets=targets, functions=frozenset(functions))


BIG = PreviousLayer(
    name="shop-py313-x86-64-numpy", targets=(X86.name,), distributions=("numpy", "pandas", "pydantic")
)
SHARED = PreviousLayer(name="shop-any-numpy", targets=(ARM.name, X86.name), distributions=("numpy",))


@pytest.mark.parametrize(
    ("layers", "before", "names"),
    [
        # numpy left, and what is most of the layer stays.
        ([heir(PANDAS, PYDANTIC)], [BIG], ["shop-py313-x86-64-numpy"]),
        # What is left of a layer is that layer, whatever is gone from the project.
        ([heir(PYDANTIC)], [BIG], ["shop-py313-x86-64-numpy"]),
        # But not what left it.
        ([heir(PYDANTIC), heir(NUMPY)], [BIG], [None, "shop-py313-x86-64-numpy"]),
        ([heir(NUMPY), heir(PANDAS, PYDANTIC)], [BIG], [None, "shop-py313-x86-64-numpy"]),
        # The name speaks of fewer targets than the layer has now.
        ([heir(NUMPY, PANDAS, targets=(ARM, X86))], [BIG], [None]),
        ([heir(NUMPY, targets=(X86,))], [SHARED], ["shop-any-numpy"]),
        # Of two that are alike, the one whose functions stayed.
        (
            [heir(NUMPY, functions="ab"), heir(bumped(NUMPY), functions="cd")],
            [
                replace(BIG, name="shop-py313-x86-64-1", distributions=("numpy",)),
                replace(BIG, name="shop-py313-x86-64-2", distributions=("numpy",)),
            ],
            ["shop-py313-x86-64-2", "shop-py313-x86-64-1"],
        ),
        ([heir(NUMPY, PANDAS)], [replace(BIG, name="other-py313-x86-64-numpy")], [None]),
    ],
)
def test_names_are_inherited(
    layers: list[Heir], before: list[PreviousLayer], names: list[str | None]
) -> None:
    functions = {
        "c": PreviousFunction(layers=("shop-py313-x86-64-1",)),
        "d": PreviousFunction(layers=("shop-py313-x86-64-1",)),
        "a": PreviousFunction(layers=("shop-py313-x86-64-2",)),
        "b": PreviousFunction(layers=("shop-py313-x86-64-2",)),
    }
    previous = PreviousPlan(layers=tuple(before), functions=functions)
    assert list(inherit_names(layers, previous, prefix="shop")) == names


def test_a_layer_keeps_its_name_whatever_dominates_it() -> None:
    _, record = plan([demand("a", PANDAS, PYDANTIC)])
    made, _ = plan([demand("a", PANDAS, PYDANTIC, NUMPY, external_layers=4)], record)
    assert contents(made) == {"shop-py313-x86-64-pandas": ("numpy", "pandas", "pydantic")}


def test_a_new_layer_takes_no_name_that_another_keeps() -> None:
    before = PreviousPlan(
        layers=(replace(BIG, distributions=("pandas", "pydantic")),),
        functions={"a": PreviousFunction(layers=(BIG.name,))},
    )
    made, _ = plan([demand("a", PANDAS, PYDANTIC), demand("b", NUMPY)], before)
    assert contents(made) == {
        "shop-py313-x86-64-numpy": ("pandas", "pydantic"),
        "shop-py313-x86-64-numpy-402c1429": ("numpy",),
    }


def test_what_everybody_takes_and_nothing_dominates_is_the_base() -> None:
    tools = [item(name, 4) for name in ("attrs", "click", "rich")]
    others = [demand(name, *tools, own) for name, own in zip("abc", (NUMPY, PANDAS, PYDANTIC), strict=True)]
    assert contents(plan(others)[0])["shop-py313-x86-64-base"] == ("attrs", "click", "rich")
    # Not where one of them is half of it, nor where some do without.
    dominated = [demand(one.function, *one.needs, item("django", 20)) for one in others]
    assert "shop-py313-x86-64-django" in contents(plan(dominated)[0])
    some = [*others, demand("d", item("torch", 200))]
    assert "shop-py313-x86-64-attrs" in contents(plan(some)[0])
