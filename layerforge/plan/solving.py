"""The one door to the engines that solve a `Problem`."""

from __future__ import annotations

from enum import StrEnum

from layerforge.plan.beginning import begin_layers
from layerforge.plan.problem import Layer, Problem, violations
from layerforge.plan.search import improve


class Effort(StrEnum):
    """How long to look for a better plan. Counted in steps, never by a clock: the same on every machine."""

    FAST = "fast"
    NORMAL = "normal"
    BEST = "best"


def solve(problem: Problem, *, effort: Effort = Effort.NORMAL) -> tuple[Layer, ...]:
    """Return layers that serve every function, sorted; for the same problem and effort the same ones.

    Where `apart` or `most_layers` leave no such layers, or none are found, some are broken: ask `violations`.
    """
    begun = begin_layers(problem)
    work = work_of(problem, effort)
    if not work or violations(problem, begun):
        return begun
    return improve(problem, begun, work=work)


def work_of(problem: Problem, effort: Effort) -> int:
    """Return how many layers may be looked at: grows faster than the number of functions, up to a bound.

    Measured on 2 cores, in seconds of CPU: 0.04 for 5 functions, 0.5 for 20, 2.9 for 100 and 5.9 for 1,000,
    half as much again on another machine; ten times as much for the best.
    """
    functions = len(problem.needs)
    work = min(240 * functions**3, max(480_000, 1_200 * functions**2), 2_600_000 + 1_200 * functions)
    return {Effort.FAST: 0, Effort.NORMAL: work, Effort.BEST: 10 * work}[effort]
