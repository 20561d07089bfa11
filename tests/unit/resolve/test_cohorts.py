from __future__ import annotations

import pytest

from layerforge.resolve.cohorts import colour_classes, part_suffix, smallest_conflict


def colour(classes: list[int], conflicts: list[int]) -> tuple[tuple[int, ...], ...]:
    return colour_classes(classes, conflicts, weights=[1] * len(classes))


@pytest.mark.parametrize(
    ("classes", "conflicts", "parts"),
    [
        ([], [], ()),
        ([0b1, 0b10], [], ((0, 1),)),
        ([0b1, 0b10], [0b11], ((0,), (1,))),
        # A function without any requirement goes where it may.
        ([0b1, 0b10, 0b0], [0b11], ((0, 2), (1,))),
        # A triangle needs three parts.
        ([0b001, 0b010, 0b100], [0b011, 0b101, 0b110], ((0,), (1,), (2,))),
        # Three that only exclude each other together need two.
        ([0b001, 0b010, 0b100], [0b111], ((0, 1), (2,))),
        # A path of four classes: greedy in the wrong order would take three.
        ([0b0001, 0b0010, 0b0100, 0b1000], [0b0011, 0b0110, 0b1100], ((1, 3), (0, 2))),
        # Two elements of one class in conflicts with two others.
        ([0b0011, 0b0100, 0b1000], [0b0101, 0b1010], ((0,), (1, 2))),
    ],
)
def test_classes_are_divided_into_the_fewest_parts(
    classes: list[int], conflicts: list[int], parts: tuple[tuple[int, ...], ...]
) -> None:
    assert colour(classes, conflicts) == parts


def test_many_classes_in_conflict_are_divided_without_deep_recursion() -> None:
    classes = [1 << (index % 2) | 1 << (index + 2) for index in range(3000)]
    first, second = colour(classes, [0b11])
    assert {classes[index] & 0b11 for index in first} != {classes[index] & 0b11 for index in second}
    assert len(first) == len(second) == 1500


@pytest.mark.parametrize("conflict", [{3}, {0, 9}, {2, 4, 7}, set(range(10))])
def test_the_smallest_conflict_is_found(conflict: set[int]) -> None:
    assert smallest_conflict(range(10), lambda members: conflict <= members) == conflict


def test_few_questions_are_asked() -> None:
    asked: list[frozenset[int]] = []

    def contradicts(members: frozenset[int]) -> bool:
        asked.append(members)
        return {17, 170} <= members

    assert smallest_conflict(range(200), contradicts) == {17, 170}
    assert len(asked) <= 25


@pytest.mark.parametrize(
    ("position", "suffix"), [(0, ""), (1, "-b"), (2, "-c"), (25, "-z"), (26, "-aa"), (27, "-ab")]
)
def test_suffixes(position: int, suffix: str) -> None:
    assert part_suffix(position) == suffix
