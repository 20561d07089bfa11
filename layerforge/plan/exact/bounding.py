"""A lower bound for the cost of all plans, raised step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from layerforge.plan.exact.climbing import climb
from layerforge.plan.exact.master import Master
from layerforge.plan.exact.pricing import FEW_GROUPS, Duals, Priced, chosen, losses, price, proven_by
from layerforge.plan.exact.proving import Limits
from layerforge.plan.exact.relaxation import Counts, Cuts, Flags, Numbers, Relaxation
from layerforge.plan.floor import floor_of
from layerforge.plan.problem import Layer, Problem, union

# The box around the best duals: a step that brings most of what it promised lets it grow.
_FIRST_RADIUS = 0.3
_LEAST_RADIUS = 0.01
_GROWTH = 2.0
_SHRINKING = 0.8
_FULFILLED = 0.5
# One that falls so many times as far as it promised to rise lets it shrink. (When every one that failed did,
# the box was soon too small to get anywhere: 100 functions were bound 1304 MiB after 25 s, and 1325 so.)
_OVERSHOT = 5.0
# Where a step in a box as wide promises no more than this part of the cost, it is over.
_SETTLED = 1e-6
_WIDE = 10.0
# Where so many times on end no more than this part is promised in a box not narrower than this, cuts are
# looked for: the rest of the way takes most steps and gains next to nothing.
_OFTEN = 5
_SLOW = 1e-3
_NARROW = 0.1
# From so many needs on, all time goes into climbing, and below that in proportion; no less than this part of
# it is worth it.
_ONLY_CLIMBING = 3000
_LEAST_CLIMBING = 0.1
# How often cuts are looked for in a case.
_ROUNDS = 20
# A count is whole if it is no farther than this from a whole number.
_WHOLE = 0.01
# What it takes to write the program of a case down, in the unit of `Limits.work`.
_WORK_OF_CASE = 50_000_000


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
    tree = _Tree(relaxation, start, bound, cost=cost, limits=limits, progress=progress)
    tree.climb()
    tree.grow()
    return Bounded(
        bound=min(tree.bound, cost),
        steps=limits.steps - tree.steps,
        relaxation=relaxation,
        sets=tuple((tree.taken | tree.near).values()),
    )


class _Tree:
    """Plans in cases, by how many layers hold an atom, or there are: no plan is cheaper than each case is.

    A linear program has 1.2 layers that hold an atom, where a plan has one, or two and more. Each of these
    cases has a higher bound.
    """

    def __init__(
        self,
        relaxation: Relaxation,
        start: Sequence[Layer],
        bound: int,
        *,
        cost: int,
        limits: Limits,
        progress: Callable[[float], None],
    ) -> None:
        self.steps = limits.steps
        first = [relaxation.column_of(layer) for layer in start]
        # Sets of atoms that a plan could be made of: those that a program takes, and those that come near.
        self.taken = {atoms.tobytes(): atoms for atoms in first if atoms.any()}
        self.near: dict[bytes, Flags] = {}
        self._work = limits.work
        self._cost = cost
        self._progress = progress
        # What is proven of cases that cannot be divided, or are no better than the plan that is known.
        self._done = cost
        counts = Counts.any(len(relaxation.atoms))
        columns = tuple(_first_layers(relaxation, start))
        cuts = Cuts.none(len(relaxation.atoms))
        self._open = [_Case(bound=bound, counts=counts, columns=columns, cuts=cuts)]
        self._relaxation = relaxation

    @property
    def bound(self) -> int:
        """What no plan falls below, in any case."""
        return min([self._done, *(case.bound for case in self._open)])

    def climb(self) -> None:
        """Where there are many needs, begin with duals from an `Ascent`; with very many, that has to do."""
        budget = self._work * min(1.0, float(self._relaxation.needs.sum()) / _ONLY_CLIMBING)
        if budget < self._work * _LEAST_CLIMBING or self.bound >= self._done:
            return
        (case,) = self._open
        climbed, spent = climb(
            self._relaxation,
            (atoms for atoms, _ in case.columns),
            work=round(budget),
            # With a thousand cuts, pricing takes all the time that there is.
            cutting=budget < self._work,
            progress=lambda bound: self._progress(1 - bound / self._cost),
        )
        self._work -= spent
        self._open = [
            replace(
                case,
                bound=max(case.bound, climbed.bound),
                begun=climbed.duals,
                cuts=climbed.duals.cuts,
                columns=case.columns + climbed.layers,
            )
        ]

    def grow(self) -> None:
        """Bound the case with the least bound, and divide it, as long as that is a gain and work is left."""
        while self.steps > 0 and self._work > 0 and self.bound < self._done:
            case = self._open.pop(min(range(len(self._open)), key=lambda place: self._open[place].bound))
            search = _Bounding(self._relaxation, case)
            self._work -= _WORK_OF_CASE
            self._raise(search)
            self.taken |= search.taken_sets()
            self.near = self.near or search.near_sets()
            if search.over:
                self._open += search.over
            elif search.settled:
                self._done = min(self._done, search.bound)
            else:
                self._open.append(replace(case, bound=search.bound))

    def _raise(self, search: _Bounding) -> None:
        """Raise the bound of a case until it settles, or is better gone on with in others."""
        while self.steps > 0 and self._work > 0 and search.bound < self._cost:
            self.steps -= 1
            self._work -= search.step()
            self._progress(1 - min(self.bound, search.bound) / self._cost)
            if search.over or search.settled:
                return


@dataclass(frozen=True, kw_only=True, slots=True)
class _Case:
    """Plans with such counts, a bound of what they cost, and where to begin to raise it.

    `begun`: duals at which no layer gains, those of a case that this one is part of.
    """

    bound: int
    counts: Counts
    columns: tuple[tuple[Flags, Flags], ...]
    cuts: Cuts
    begun: Duals | None = None
    rounds: int = 0


class _Bounding:
    """The best bound, in thousandths of a byte, and the box around the duals that proved it.

    `settled`: nothing is left to gain. `over`: the cases that are better gone on with.
    """

    def __init__(self, relaxation: Relaxation, case: _Case) -> None:
        self.bound = case.bound
        self.settled = False
        self.over: tuple[_Case, ...] = ()
        self._slow = 0
        self._case = case
        self._relaxation = relaxation
        self._radius = _FIRST_RADIUS
        self._master = Master(relaxation, case.counts, case.cuts)
        self._master.add(case.columns)
        if case.begun is not None:
            self._master.begin_at(case.begun)
        # What the center proves, in MiB; it is feasible.
        self._proved = float(self._master.sides @ self._master.center)

    def _parts(self) -> tuple[_Case, ...]:
        """Return two cases that this one falls into; none where all counts are whole in the program."""
        relaxation, master = self._relaxation, self._master
        counted = np.zeros(len(relaxation.atoms) + 1)
        for key, share in master.shares.items():
            counted += share * np.append(np.frombuffer(key, dtype=bool), True)
        below = np.floor(counted)
        apart = np.minimum(counted - below, below + 1 - counted)
        place = int(np.argmax(apart * np.append(relaxation.stored, relaxation.layer)))
        if apart[place] < _WHOLE:
            return ()
        return tuple(
            replace(self._continued(), counts=counts)
            for counts in self._case.counts.split(place, int(below[place]))
        )

    def _with_cuts(self) -> tuple[_Case, ...]:
        """The case with more cuts; none where the program keeps to all. Few groups are priced without any."""
        if self._case.rounds >= _ROUNDS or len(self._relaxation.slots) <= FEW_GROUPS:
            return ()
        cuts = self._master.find_cuts()
        if not len(cuts):
            return ()
        return (replace(self._continued(), cuts=self._case.cuts + cuts, rounds=self._case.rounds + 1),)

    def _continued(self) -> _Case:
        """The case, with all that is known of it by now."""
        master = self._master
        return replace(
            self._case,
            bound=self.bound,
            columns=tuple(
                (np.frombuffer(atoms, dtype=bool), np.frombuffer(users, dtype=bool))
                for atoms, users in master.columns
            ),
            begun=master.duals(master.center),
        )

    def step(self) -> int:
        """Try the best duals in the box; return the work that took."""
        master = self._master
        values = master.solve(self._radius)
        if values is None:
            self.settled = True
            return 0
        duals = master.duals(values)
        priced = price(self._relaxation, duals)
        promised = master.value - self._proved
        reached = float(master.sides @ values) / (1 + priced.excess)
        self.bound = max(self.bound, proven_by(self._relaxation, duals, priced))
        found = master.add((offer.atoms, offer.users) for offer in chosen(priced.offers))
        # What is promised is concave: next to nothing in a wide box is next to nothing anywhere.
        self.settled = priced.complete and self._radius > _WIDE and promised <= _SETTLED * abs(master.value)
        slow = priced.complete and self._radius > _NARROW and promised <= _SLOW * abs(master.value)
        self._slow = self._slow + 1 if slow else 0
        self._move(values, priced, reached=reached, promised=promised, found=found)
        if self.settled or self._slow >= _OFTEN:
            self._slow = 0
            self.over = self._with_cuts()
        if self.settled and not self.over:
            self.over = self._parts()
        master.tidy()
        return self._work(priced)

    def taken_sets(self) -> dict[bytes, Flags]:
        """Return the sets of atoms that the program makes layers of, those most made first."""
        shares = self._master.shares
        return {
            key: np.frombuffer(key, dtype=bool) for key in sorted(shares, key=lambda key: (-shares[key], key))
        }

    def near_sets(self) -> dict[bytes, Flags]:
        """Return the sets of atoms that are known, those first that come nearest to gaining."""
        known = sorted({atoms for atoms, _ in self._master.columns})
        if not known:
            return {}
        sets = np.array([np.frombuffer(key, dtype=bool) for key in known])
        lost = losses(self._relaxation, self._master.duals(self._master.center), sets)
        return {known[place]: sets[place] for place in np.argsort(lost, kind="stable")}

    def _move(self, values: Numbers, priced: Priced, *, reached: float, promised: float, found: int) -> None:
        gained = reached - self._proved
        if gained > 0:
            self._proved = reached
            self._master.center = values / (1 + priced.excess)
        if not priced.complete or (found and gained <= -_OVERSHOT * promised):
            self._radius *= _SHRINKING
        elif gained > _FULFILLED * promised or not found:
            self._radius *= _GROWTH
        self._radius = min(max(self._radius, _LEAST_RADIUS), 1e6)

    def _work(self, priced: Priced) -> int:
        # As measured with 12 to 1,000 functions, to a factor of two.
        return priced.cells + self._master.iterations * (100_000 + 25 * len(self._master.sides)) + 5_000_000


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
