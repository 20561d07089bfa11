"""The checker of plans sees what is wrong: else its silence would say nothing."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from tests.plan_checker import Asked, Given, check_document, faults, price
from tests.planning_instances import function, instance

GIVEN = Given(
    sizes={"a": 5, "b": 3, "b2": 3, "c": 1},
    functions={
        "f": Asked(needs=frozenset("ab"), room=9, slots=2),
        "g": Asked(needs=frozenset("a"), room=9, slots=1, never=frozenset("c"), weight=Fraction(2)),
        "big": Asked(needs=frozenset("a"), room=4, slots=1),
        "full": Asked(needs=frozenset("a"), room=9, slots=0),
        "idle": Asked(needs=frozenset(), room=0, slots=0),
    },
    kin={"b": frozenset({"b2"}), "b2": frozenset({"b"})},
)
REFUSED = frozenset({"big", "full"})
LAYERS = {"x": ["a"], "y": ["b"]}
SLOTS, TWICE = "idle takes 1 layers in 0 slots", "g takes a layer twice"
TAKEN: dict[str, list[str]] = {"f": ["x", "y"], "g": ["x"]}


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    assert faults(GIVEN, LAYERS, TAKEN, REFUSED) == []


@pytest.mark.parametrize(
    ("layers", "taken", "refused", "found"),
    [
        ({"x": ["a", "a"]}, {}, REFUSED, ["layer x holds something twice"]),
        ({"x": []}, {}, REFUSED, ["layer x is empty"]),
        ({"x": ["z"]}, {}, REFUSED, ["layer x holds ['z'], which nobody knows"]),
        (LAYERS | {"z": ["a"]}, TAKEN, REFUSED, ["nobody takes ['z']"]),
        (LAYERS, TAKEN | {"h": ["x"]}, REFUSED, ["there are no functions ['h']"]),
        (LAYERS, TAKEN, {"big"}, ["full is served, and should not be"]),
        (LAYERS, TAKEN, REFUSED | {"g"}, ["g is refused, and should not be"]),
        (LAYERS, TAKEN | {"big": ["x"]}, REFUSED, ["big is refused and takes layers"]),
        (LAYERS, TAKEN | {"g": ["q"]}, REFUSED, ["g takes ['q'], which do not exist"]),
        (LAYERS, TAKEN | {"g": ["y"]}, REFUSED, ["g lacks ['a']"]),
        (LAYERS, TAKEN | {"g": ["x", "y"]}, REFUSED, ["g takes 2 layers in 1 slots"]),
        (
            LAYERS,
            TAKEN | {"idle": ["x"]},
            REFUSED,
            ["idle takes 1 layers in 0 slots", "idle takes 5 bytes where 0 fit"],
        ),
        ({"x": ["a", "c"], "y": ["b"]}, TAKEN, REFUSED, ["g takes ['c'], which it never may"]),
        (
            {"x": ["a"], "y": ["b", "b2"]},
            TAKEN,
            REFUSED,
            ["f takes 11 bytes where 9 fit", "f takes two that exclude each other"],
        ),
        (
            LAYERS,
            TAKEN | {"g": ["x", "x"]},
            REFUSED,
            ["g takes 10 bytes where 9 fit", "g takes a layer twice", "g takes 2 layers in 1 slots"],
        ),
    ],
)
def test_what_is_wrong_is_found(
    layers: dict[str, list[str]], taken: dict[str, list[str]], refused: frozenset[str], found: list[str]
) -> None:
    assert sorted(faults(GIVEN, layers, taken, frozenset(refused))) == sorted(found)


def test_what_a_plan_costs() -> None:
    """Twelve bytes in all, of which g carries 3 that it does not need, twice as dear; and two layers."""
    layers = {"x": ["a", "b"], "y": ["b", "c"]}
    taken = {"f": ["x"], "g": ["x"], "idle": ["y"]}
    cost = price(GIVEN, layers, taken, excess_weight=Fraction(1, 10), layer_cost=7)
    assert cost == 12 + Fraction(2 * 3 + 4, 10) + 2 * 7


GOOD: dict[str, Any] = {
    "layers": {"x": ["a"]},
    "functions": {"f": ["x"]},
    "cost": 1_048_579,
    "lower_bound": 5,
    "infeasible": {},
}


def test_a_document_is_held_against_its_instance() -> None:
    made = instance({"a": 3}, {"f": function(["a"], 0, 1)})
    check_document(made, GOOD)
    changes: list[dict[str, Any]] = [
        {"cost": 1_048_580},
        {"lower_bound": 1_048_580},
        {"functions": {}},
        {"infeasible": {"f": ""}},
    ]
    for change in changes:
        with pytest.raises(AssertionError):
            check_document(made, GOOD | change)
