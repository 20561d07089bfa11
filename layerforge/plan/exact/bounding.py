"""A lower bound for the cost of all plans, raised step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, isinf

import numpy as np

from layerforge.plan.exact.master import Master
from layerforge.plan.exact.pricing import Duals, Priced, losses, price
from layerforge.plan.exact.proving import Limits
from layerforge.plan.exact.relaxation import Flags, Numbers, Relaxation
from layerforge.plan.floor import floor_of
from layerforge.plan.problem import Layer, Problem, union

# How many undecided sets of atoms are looked at side by side, and how many layers are taken in at each step.
_WIDTH = 2000
_OFFERS = 60
# The box around the best duals: a step that brings most of what it promised lets it grow.
_FIRST_RADIUS = 0.3
_LEAST_RADIUS = 0.01
_GROWTH = 2.0
_SHRINKING = 0.8
_FULFILLED = 0.5
_FAILED = 0.1
# Where a step in a box as wide promises no more than this part of the cost, it is over.
_SETTLED = 1e-6
_WIDE = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounded:
    """A bound, never above the cost that was given, the steps it took, and sets of atoms worth trying."""

    bound: int
    steps: int
    relaxation: Relaxation | None = None
    sets: tuple[Flags, ...] = ()


def bound_cost(
    problem: Problem,
    start: Sequence[Layer],
    *,
    cost: int,
    limits: Limits,
    progress: Callable[[float], None],
) -> Bounded:
    """Bound the cost of all plans from below; `cost` is that of the plan `start`, or of one like it."""
    bound = floor_of(problem)
    relaxation = Relaxation.of(problem) if union(problem.needs) else None
    if relaxation is None:
        return Bounded(bound=min(bound, cost), steps=0)
    search = _Bounding(relaxation, start, bound)
    steps = 0
    left = limits.work
    while steps < limits.steps and left > 0 and search.bound < cost:
        steps += 1
        spent, settled = search.step()
        left -= spent
        progress(1 - search.bound / cost)
        if settled:
            break
    return Bounded(
        bound=min(search.bound, cost),
        steps=steps,
        relaxation=relaxation,
        sets=search.promising_sets([relaxation.column_of(layer) for layer in start]),
    )


class _Bounding:
    """The best bound, in thousandths of a byte, and the box around the duals that proved it."""

    def __init__(self, relaxation: Relaxation, start: Sequence[Layer], bound: int) -> None:
        self.bound = bound
        self._relaxation = relaxation
        self._radius = _FIRST_RADIUS
        self._master = Master(relaxation)
        self._master.add(_first_layers(relaxation, start))
        # What the center proves, in MiB; it is feasible.
        self._proved = float(self._master.sides @ self._master.center)

    def step(self) -> tuple[int, bool]:
        """Try the best duals in the box; return the work that took, and whether nothing is left to gain."""
        master = self._master
        values = master.solve(self._radius)
        if values is None:
            return 0, True
        duals = master.duals(values)
        priced = price(self._relaxation, duals, width=_WIDTH)
        promised = master.value - self._proved
        reached = float(master.sides @ values) / (1 + priced.excess)
        self.bound = max(self.bound, proven_by(self._relaxation, duals, priced))
        found = master.add((offer.atoms, offer.users) for offer in priced.offers[:_OFFERS])
        # What is promised is concave: next to nothing in a wide box is next to nothing anywhere.
        settled = priced.complete and self._radius > _WIDE and promised <= _SETTLED * abs(master.value)
        self._move(values, priced, reached=reached, promised=promised, found=found)
        master.tidy()
        return self._work(priced), settled

    def promising_sets(self, first: Sequence[Flags]) -> tuple[Flags, ...]:
        """Return `first`, then what the program makes layers of, then what comes nearest to gaining."""
        seen = {atoms.tobytes(): atoms for atoms in first if atoms.any()}
        count = len(self._relaxation.atoms)
        known = sorted({atoms for atoms, _ in self._master.columns} - seen.keys())
        if not known:
            return tuple(seen.values())
        sets = np.array([np.frombuffer(key, dtype=bool) for key in known]).reshape(len(known), count)
        lost = losses(self._relaxation, self._master.duals(self._master.center), sets)
        shares = np.array([self._master.shares.get(key, 0.0) for key in known])
        return (*seen.values(), *(sets[place] for place in np.lexsort((lost, -shares))))

    def _move(self, values: Numbers, priced: Priced, *, reached: float, promised: float, found: int) -> None:
        gained = reached - self._proved
        if gained > 0:
            self._proved = reached
            self._master.center = values / (1 + priced.excess)
        if not priced.complete or gained <= 0 < found or 0 < gained < _FAILED * promised:
            self._radius *= _SHRINKING
        elif gained > _FULFILLED * promised or not found:
            self._radius *= _GROWTH
        self._radius = min(max(self._radius, _LEAST_RADIUS), 1e6)

    def _work(self, priced: Priced) -> int:
        groups, atoms = self._relaxation.needs.shape
        pricing = priced.nodes * int(groups) * int(atoms) // 4
        return pricing + self._master.iterations * len(self._master.sides) * 20 + 5_000_000


def proven_by(relaxation: Relaxation, duals: Duals, priced: Priced) -> int:
    """Return the bound that duals prove, whatever they are: scaled down to where no layer gains."""
    value = duals.value(relaxation)
    if isinf(priced.excess) or value <= 0:
        return 0
    # Every plan's cost is a multiple of the unit: rounding up is right, once the division is exact.
    proved = floor(Fraction(value) / (1 + Fraction(priced.excess)))
    return ceil(Fraction(proved, relaxation.unit)) * relaxation.unit


def _first_layers(relaxation: Relaxation, start: Sequence[Layer]) -> Iterator[tuple[Flags, Flags]]:
    """Yield the layers of a plan, and one for each group by itself."""
    for layer in start:
        atoms = relaxation.column_of(layer)
        users = np.array(
            [any(layer.users >> function & 1 for function in members) for members in relaxation.members]
        )
        required = relaxation.single & (relaxation.needs & ~atoms).any(axis=1)
        yield atoms, users & ~required
    for group in range(len(relaxation.slots)):
        yield relaxation.needs[group], np.arange(len(relaxation.slots)) == group
