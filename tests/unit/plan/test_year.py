"""A year of changes: how much of the layers stays, and what that costs against planning afresh."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from layerforge.model.planning import PlanSettings
from tests.plan_year import Week, Year, live

FAST = PlanSettings(effort="fast")


@dataclass(frozen=True)
class Sum:
    renewed: int
    touched: int
    renamed: int


def total(weeks: list[Week]) -> Sum:
    return Sum(
        renewed=sum(week.renewed for week in weeks),
        touched=sum(week.touched for week in weeks),
        renamed=sum(week.renamed for week in weeks),
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_layers_stay_for_little_more_than_afresh(seed: int) -> None:
    kept = list(live(Year(seed=seed, functions=30), keep=True, settings=FAST))
    afresh = list(live(Year(seed=seed, functions=30), keep=False, settings=FAST))
    assert [week.what for week in kept] == [week.what for week in afresh]
    assert total([week for week in kept if week.what == "upgrade"]) == Sum(renewed=0, touched=0, renamed=0)
    assert total(kept).renamed == 0
    assert total(kept).renewed * 4 < total(afresh).renewed
    assert total(kept).touched * 4 < total(afresh).touched
    # A change touches a function or two besides the one that it is about, at most.
    assert max(week.touched for week in kept) <= 10
    ratios = [one.cost / other.cost for one, other in zip(kept, afresh, strict=True)]
    assert sum(ratios) / len(ratios) < 1.03
    assert max(ratios) < 1.06


def test_a_year_is_the_same_every_time() -> None:
    one, other = (
        list(live(Year(seed=3, functions=15), keep=True, settings=FAST, weeks=24)) for _ in range(2)
    )
    assert one == other


def test_the_price_of_change_is_what_holds_layers() -> None:
    free = PlanSettings(effort="fast", change_weight=0, attach_cost=1)
    held = total(list(live(Year(seed=1, functions=30), keep=True, settings=FAST, weeks=24)))
    moving = total(list(live(Year(seed=1, functions=30), keep=True, settings=free, weeks=24)))
    assert held.renewed < moving.renewed
