from __future__ import annotations

import pytest

from layerforge.model.lock import Root
from layerforge.model.requirement import Origin


@pytest.mark.parametrize(
    ("origin", "shown"),
    [
        (Origin(path="functions/orders/requirements.in", line=4), "functions/orders/requirements.in:4"),
        (Origin(path="pyproject.toml"), "pyproject.toml"),
    ],
)
def test_a_place_is_shown_as_editors_open_it(origin: Origin, shown: str) -> None:
    assert str(origin) == shown


def test_places_sort_by_file_and_line() -> None:
    places = [Origin(path="b", line=1), Origin(path="a", line=10), Origin(path="a", line=9)]
    assert [str(place) for place in sorted(places)] == ["a:9", "a:10", "b:1"]


def test_a_file_comes_before_its_lines() -> None:
    places = [Origin(path="b"), Origin(path="a", line=2), Origin(path="a"), Origin(path="a", line=1)]
    assert [str(place) for place in sorted(places)] == ["a", "a:1", "a:2", "b"]
    assert Origin(path="a", line=1) >= Origin(path="a")


def test_roots_of_one_name_sort_wherever_they_stand() -> None:
    roots = [Root(name="a", origin=Origin(path="p", line=2)), Root(name="a", origin=Origin(path="p"))]
    assert [str(root.origin) for root in sorted(roots)] == ["p", "p:2"]
