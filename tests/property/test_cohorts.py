"""Partitions hold no conflict, need no part too many, and conflicts that are found are smallest."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from layerforge.resolve.cohorts import colour_classes, smallest_conflict

masks = st.integers(1, 2**6 - 1)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    classes = draw(st.lists(masks, max_size=6, unique=True))
    conflicts = draw(st.lists(masks, max_size=5, unique=True))
    alone = [conflict for conflict in conflicts if any(conflict & ~cls == 0 for cls in classes)]
    return classes, [conflict for conflict in conflicts if conflict not in alone]


def holds_conflict(classes: list[int], conflicts: list[int]) -> bool:
    held = 0
    for mask in classes:
        held |= mask
    return any(conflict & ~held == 0 for conflict in conflicts)


def fewest(classes: list[int], conflicts: list[int]) -> int:
    for parts in range(1, len(classes) + 1):
        for colours in itertools.product(range(parts), repeat=len(classes)):
            groups = [
                [c for c, colour in zip(classes, colours, strict=True) if colour == p] for p in range(parts)
            ]
            if not any(holds_conflict(group, conflicts) for group in groups):
                return parts
    return 0


@given(tables())
@settings(max_examples=200)
def test_the_fewest_parts_without_a_conflict(table: tuple[list[int], list[int]]) -> None:
    classes, conflicts = table
    parts = colour_classes(classes, conflicts, weights=[1] * len(classes))
    assert sorted(index for part in parts for index in part) == list(range(len(classes)))
    assert not any(holds_conflict([classes[index] for index in part], conflicts) for part in parts)
    assert len(parts) == fewest(classes, conflicts)


@given(st.sets(st.frozensets(st.integers(0, 9), min_size=1), min_size=1, max_size=5))
def test_a_conflict_is_one_and_nothing_in_it_is_idle(known: set[frozenset[int]]) -> None:
    def contradicts(members: frozenset[int]) -> bool:
        return any(conflict <= members for conflict in known)

    found = smallest_conflict(range(10), contradicts)
    assert contradicts(found)
    assert not any(contradicts(found - {member}) for member in found)
