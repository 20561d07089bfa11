"""The one door to a cost below which there is no plan.

Column generation. Layers are far too many to be written down, so a linear program knows some of them,
and its duals say which others would pay (`pricing`). That is answered exactly, in sums of whole
numbers: so a bound holds whatever the linear program rounds. Where layers still gain at some duals,
a small part of their cost, the duals are scaled down by that part, and prove as much less. Where there
are many functions, the first duals come from an `ascent`, and for hundreds these have to do. Where the
program has nothing left to gain, plans are told apart by how many layers hold an atom, or there are (one
and fewer, two and more), and each case is bounded by itself: branch and bound.

Work is counted in steps, not by a clock: the same bound comes out on a slow machine, only later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from layerforge.errors import ToolError
from layerforge.plan.problem import Layer, Problem, cost_of, violations

# What rounding leaves open: plans that differ by less than this part are one to us.
_TOLERANCE = 1_000_000
# Where a bound for more groups of functions than these leaves more open than this part of the cost, the best
# plan is made of layers other than those that the proof came upon: half a minute of looking found nothing.
_MANY_GROUPS = 50
_HOPELESS = 0.03


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """A plan, and below what no plan of the problem costs; both in thousandths of a byte.

    `optimal`: no plan costs less than this one by a millionth. `steps`: how many were taken.
    """

    layers: tuple[Layer, ...]
    cost: int
    lower_bound: int
    steps: int

    @property
    def optimal(self) -> bool:
        """Whether nothing is left to be gained but what rounding may hide."""
        return self.cost - self.lower_bound <= self.cost // _TOLERANCE

    @property
    def gap(self) -> float:
        """What part of the cost a better plan could save at most: 0.001 is a tenth of a percent."""
        return max(0.0, 1 - self.lower_bound / self.cost) if self.cost > 0 else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How long to look: `steps` of the linear program, and `work` (a billionth of a second or two each)."""

    steps: int = 5000
    work: int = 75_000_000_000

    @classmethod
    def of(cls, problem: Problem) -> Limits:
        """About twenty seconds for 20 functions, a minute for 100, and two at most from 260 on."""
        return cls(work=min(cls().work, 10_000_000_000 + 250_000_000 * len(problem.needs)))


def prove(
    problem: Problem,
    start: Sequence[Layer],
    *,
    limits: Limits | None = None,
    progress: Callable[[float], None] = lambda _gap: None,
) -> Proof:
    """Bound the cost of all plans from below, and look for one that is cheaper than the plan `start`.

    Another plan is returned only if it is cheaper and breaks nothing; it is the same where floats are
    rounded alike, and HiGHS takes the same steps (as one build of it does).

    The bound holds for the whole problem. What `relaxation` leaves out (prices of change, `apart`,
    `most_layers`) makes it weaker, never wrong. `progress` gets the gap, as a part of the cost.

    Raises ToolError if HiGHS is not installed.
    """
    require_solver()
    from layerforge.plan.exact.bounding import bound_cost
    from layerforge.plan.exact.choosing import choose_layers

    layers, cost = tuple(start), cost_of(problem, start).total
    bounded = bound_cost(problem, start, cost=cost, limits=limits or Limits.of(problem), progress=progress)
    relaxation = bounded.relaxation
    if relaxation is not None and _is_promising(len(relaxation.slots), bounded.bound, cost):
        found = choose_layers(problem, relaxation, bounded.sets, start)
        price = cost_of(problem, found).total
        if found and price < cost and not violations(problem, found):
            layers, cost = found, price
            progress(1 - bounded.bound / cost)
    return Proof(layers=layers, cost=cost, lower_bound=bounded.bound, steps=bounded.steps)


def _is_promising(groups: int, bound: int, cost: int) -> bool:
    return bound < cost and (groups <= _MANY_GROUPS or bound > (1 - _HOPELESS) * cost)


def bound_below(
    problem: Problem,
    known: Sequence[Layer],
    *,
    cost: int,
    limits: Limits | None = None,
    progress: Callable[[float], None] = lambda _gap: None,
) -> tuple[int, int]:
    """Return a bound and how many steps it took; what is beyond `cost`, that of some plan, is not looked for.

    `known` layers are worth looking at first. Raises ToolError if HiGHS is not installed.
    """
    require_solver()
    from layerforge.plan.exact.bounding import bound_cost

    bounded = bound_cost(problem, known, cost=cost, limits=limits or Limits.of(problem), progress=progress)
    return bounded.bound, bounded.steps


def require_solver() -> None:
    """Raise ToolError if HiGHS is not installed."""
    try:
        import highspy
    except ImportError as error:
        raise ToolError(
            "a proof needs HiGHS, which is not installed",
            details=(str(error),),
            hint="pip install 'layerforge[exact]'",
        ) from error
    del highspy
