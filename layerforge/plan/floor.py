"""What every plan costs at least, told without a solver."""

from __future__ import annotations

from layerforge.plan.problem import Problem, union


def floor_of(problem: Problem) -> int:
    """Return what it costs to store each needed atom once, in one layer: no plan is cheaper."""
    needed = union(problem.needs)
    return problem.prices.stored * problem.size(needed) + problem.prices.layer * bool(needed)
