from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from fractions import Fraction
from typing import Any

import pytest

from layerforge.model.given import GivenFunction, GivenInstance
from layerforge.plan.solving import Effort
from layerforge.plan.whatif import InstancePlan, plan_instance, state
from layerforge.project.instance_file import parse_instance
from layerforge.report.whatif import format_instance_plan, instance_document
from tests.plan_checker import check_document
from tests.planning_instances import (
    Instance,
    function,
    infeasible,
    instance,
    near_cap,
    realistic,
    scattered,
    shuffled,
)

MIB = 1_048_576


BY_HAND: tuple[dict[str, int], dict[str, Instance]] = (
    {"numpy": 40 * MIB, "pandas": 50 * MIB, "six": 1 * MIB},
    {
        "etl": function(["pandas", "numpy", "six"], 1000, 5),
        "web": function(["six"], 0, 1, weight=20),
        "job": function([], 10**6, 0),
        "big": function(["pandas"], 250 * MIB, 5),
        "full": function(["six"], 0, 0),
    },
)


OVER = (
    "needs 314,572,800 bytes unzipped, 52,428,800 over the cap of 262,144,000 "
    "(distributions 52,428,800, code 262,144,000)"
)
NO_SLOT = "has no slot for a layer (max_layers is 0), and 1,048,576 bytes of distributions need one"
BOUND = "no plan costs less than 96,468,992 (within 1.1 % of the optimum)"


def given(made: Instance) -> GivenInstance:
    return parse_instance(json.dumps(made), path="x.json")


def documented(made: Instance, effort: Effort = Effort.FAST, *, prove: bool = False) -> dict[str, Any]:
    document = instance_document(plan_instance(given(made), effort=effort, prove=prove))
    check_document(made, document)
    return document


@pytest.mark.parametrize(
    "made",
    [
        realistic(5),
        realistic(20, seed=1),
        realistic(100, few_slots=True),
        realistic(1000, seed=1),
        near_cap(20),
        scattered(12, slots=(2, 3, 4)),
        scattered(40, atoms=60),
        infeasible(40),
        instance({}, {}),
        instance({"a": 0}, {"f": function(["a"], 0, 1), "g": function([], 0, 0)}),
    ],
    ids=["5", "20", "few-slots", "1000", "near-cap", "many-atoms", "k1to5", "infeasible", "none", "no-bytes"],
)
def test_plans_of_generated_instances_pass_an_independent_check(made: Instance) -> None:
    documented(made)


@pytest.mark.parametrize("effort", list(Effort))
def test_every_effort_plans(effort: Effort) -> None:
    documented(realistic(8), effort)


def test_a_plan_is_told_by_name() -> None:
    assert plan_instance(given(instance(*BY_HAND))) == InstancePlan(
        layers={"layer-pandas": ("numpy", "pandas"), "layer-six": ("six",)},
        functions={
            "big": (),
            "etl": ("layer-pandas", "layer-six"),
            "full": (),
            "job": (),
            "web": ("layer-six",),
        },
        cost=93 * MIB,
        lower_bound=92 * MIB,
        infeasible={
            "big": OVER,
            "full": NO_SLOT,
        },
    )


def test_what_is_carried_counts_by_weight_and_not_at_all_where_it_is_nothing() -> None:
    """One slot each, and 3 bytes of room: a copy, or a byte that one carries."""
    sizes = {"a": 30, "b": 5}
    functions = {"f": function(["a"], 0, 1, weight=1.5), "g": function(["a", "b"], 0, 1)}
    made = instance(sizes, functions) | {"mu": 1}
    assert documented(made)["cost"] == round(35 + 0.1 * 1.5 * 5 + 1)
    assert documented(made | {"lam_num": 0})["cost"] == 36
    heavy = {"f": function(["a"], 0, 1, weight=10_000), "g": function(["a", "b"], 0, 1)}
    assert documented(made | {"functions": heavy})["cost"] == 67


@pytest.mark.parametrize(
    ("weight", "scale", "price"),
    [
        (Fraction(1), 1000, 100),
        (Fraction(5, 2), 1000, 250),
        (Fraction(1, 4096), 100_000, 2),
        (Fraction(1, 3), 3000, 100),
    ],
)
def test_prices_are_whole_and_never_above_what_they_stand_for(
    weight: Fraction, scale: int, price: int
) -> None:
    one = GivenFunction(needs=frozenset({"a"}), code_size=0, most_layers=1, weight=weight)
    stated = state(
        GivenInstance(
            sizes={"a": 1}, functions={"f": one}, limit=10, excess_weight=Fraction(1, 10), layer_cost=7
        )
    )
    assert (stated.scale, stated.problem.excess) == (scale, (price,))
    assert (stated.problem.prices.stored, stated.problem.prices.layer) == (scale, 7 * scale)


@pytest.mark.parametrize("made", [realistic(12, few_slots=True), infeasible(20), scattered(12)])
def test_the_order_of_keys_is_irrelevant(made: Instance) -> None:
    plans = [plan_instance(given(shuffled(made, seed=seed)), effort=Effort.FAST) for seed in range(3)]
    searched = [plan_instance(given(made)), plan_instance(given(shuffled(made, seed=9)))]
    assert plans[0] == plans[1] == plans[2]
    assert searched[0] == searched[1]


PROGRAM = """
import json, sys
from layerforge.plan.whatif import plan_instance
from layerforge.project.instance_file import parse_instance
from tests.planning_instances import infeasible
print(plan_instance(parse_instance(json.dumps(infeasible(20)), path="x")))
"""


def test_the_same_plan_comes_out_whatever_the_hash_seed() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_the_bound_is_proven_on_demand() -> None:
    made = realistic(5, seed=3)
    assert documented(made)["lower_bound"] < documented(made, prove=True)["lower_bound"]


def test_a_thousand_functions_are_stated_in_a_blink() -> None:
    made = given(realistic(1000))
    started = time.process_time()
    stated = state(made)
    assert time.process_time() - started < 0.5
    assert len(stated.problem.needs) == 1000


def test_a_short_table() -> None:
    made = given(instance(*BY_HAND))
    lines = format_instance_plan(plan_instance(made), made, width=100).splitlines()
    assert lines == [
        "layer         unzipped  distributions     functions",
        "------------  --------  ----------------  -----------",
        "layer-pandas   90.0 MB  2: pandas, numpy  1: etl",
        "layer-six       1.0 MB  1: six            2: etl, web",
        "",
        f"big cannot be served: it {OVER}",
        f"full cannot be served: it {NO_SLOT}",
        f"cost 97,517,568 bytes (93.0 MB) with 2 layers for 3 functions; {BOUND}",
    ]
    nothing = given(instance({}, {}))
    assert format_instance_plan(plan_instance(nothing), nothing, width=100) == (
        "cost 0 bytes (0 B) with 0 layers for 0 functions; no plan costs less"
    )
