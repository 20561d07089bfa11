"""The one door to the engines that solve a `Problem`."""

from __future__ import annotations

from enum import StrEnum

from layerforge.plan.merging import merge_atoms
from layerforge.plan.problem import Layer, Problem


class Effort(StrEnum):
    """How long to look for a better plan. Counted in steps, never by a clock: the same on every machine."""

    FAST = "fast"
    NORMAL = "normal"
    BEST = "best"


def solve(problem: Problem, *, effort: Effort = Effort.NORMAL) -> tuple[Layer, ...]:
    """Return layers that serve every function, sorted; for the same problem and effort the same ones.

    Where `apart` or `most_layers` leave no such layers, or none are found, some are broken: ask `violations`.
    """
    del effort  # There is one engine so far.
    return merge_atoms(problem)
