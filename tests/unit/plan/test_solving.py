from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from layerforge.plan.problem import SCALE, Layer, Problem, Room
from layerforge.plan.solving import solve

MB = 1_048_576
WIDE = Room(slots=5, size=250 * MB)


def merge(sizes: list[int], needs: list[int], rooms: list[Room] | None = None) -> tuple[tuple[int, int], ...]:
    """Sizes in MB."""
    everyone = (1 << len(needs)) - 1
    problem = Problem(
        sizes=tuple(size * MB for size in sizes),
        needs=tuple(needs),
        rooms=tuple(rooms or [WIDE] * len(needs)),
        excess=(SCALE // 10,) * len(needs),
        rivals=(0,) * len(sizes),
        apart=(0,) * len(sizes),
        carriers=(everyone,) * len(sizes),
    )
    return tuple((layer.atoms, layer.users) for layer in solve(problem))


def test_an_extra_layer_must_earn_one_mib() -> None:
    # One function would carry 9 MB in excess (0.9 MiB of cost): dearer than nothing, cheaper than a layer.
    assert merge([50, 9], [0b01, 0b11]) == ((0b11, 0b11),)
    assert merge([50, 11], [0b01, 0b11]) == ((0b01, 0b11), (0b10, 0b10))


def test_a_second_copy_is_stored_where_it_spares_more_than_ten_from_carrying() -> None:
    one = Room(slots=1, size=250 * MB)
    # Functions 0 to n take atom 0 alone; the last one needs both and has one slot.
    few = merge([50, 40], [0b01] * 5 + [0b11], [WIDE] * 5 + [one])
    many = merge([50, 40], [0b01] * 20 + [0b11], [WIDE] * 20 + [one])
    assert few == ((0b11, 0b111111),)
    assert many == ((0b01, (1 << 20) - 1), (0b11, 1 << 20))


def test_a_function_that_may_not_carry_more_keeps_its_own() -> None:
    tight = Room(slots=1, size=50 * MB)
    assert merge([50, 9], [0b01, 0b11], [tight, Room(slots=1, size=59 * MB)]) == ((0b01, 0b01), (0b11, 0b10))


def problem(sizes: list[int], needs: list[int], **rest: Any) -> Problem:
    """Sizes in MB."""
    everyone = (1 << len(needs)) - 1
    return replace(
        Problem(
            sizes=tuple(size * MB for size in sizes),
            needs=tuple(needs),
            rooms=(WIDE,) * len(needs),
            excess=(SCALE // 10,) * len(needs),
            rivals=(0,) * len(sizes),
            apart=(0,) * len(sizes),
            carriers=(everyone,) * len(sizes),
        ),
        **rest,
    )


def solved(given: Problem) -> tuple[tuple[int, int], ...]:
    return tuple((layer.atoms, layer.users) for layer in solve(given))


@pytest.mark.parametrize(
    ("rest", "layers"),
    [
        ({}, ((0b11, 0b11),)),
        ({"apart": (0b10, 0b01)}, ((0b01, 0b11), (0b10, 0b10))),
        ({"carriers": (0b11, 0b10)}, ((0b01, 0b11), (0b10, 0b10))),
        ({"excess": (10 * SCALE, SCALE // 10)}, ((0b01, 0b11), (0b10, 0b10))),
    ],
)
def test_what_bars_atoms_from_one_layer(rest: dict[str, Any], layers: tuple[tuple[int, int], ...]) -> None:
    assert solved(problem([50, 9], [0b01, 0b11], **rest)) == layers


def test_no_more_layers_than_may_be() -> None:
    sizes, needs = [50, 60, 70], [0b001, 0b010, 0b100, 0b111]
    assert solved(problem(sizes, needs)) == ((0b001, 0b1001), (0b010, 0b1010), (0b100, 0b1100))
    assert solved(problem(sizes, needs, most_layers=2)) == ((0b011, 0b1011), (0b100, 0b1100))


def test_a_layer_that_there_was_stays_where_a_new_one_would_not_earn_its_upload() -> None:
    # By itself, 11 MB of excess earn a layer; but not one that is uploaded anew.
    before = (Layer(atoms=0b11, users=0b11),)
    assert solved(problem([50, 11], [0b01, 0b11], previous=before, known=0b11)) == ((0b11, 0b11),)
