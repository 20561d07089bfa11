"""Duals that no known layer gains at, as good as there are near the best duals so far.

A linear program chooses fractions of known layers so that every group finds each of its needs, in its
slots and its space, at the least cost; its duals are what is looked for. Left to itself it leaps
between extremes, and needs thousands of layers to settle. So duals are kept in a box around the best
known ones (the *center*): in the program, a need may be left open, or met twice, at a price.

The worth of what a group needs may move along with what its slots cost without leaving the box: that
alone changes nothing for a group that fills its slots.

Costs in the program are in MiB, as sizes are: HiGHS wants numbers near 1.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from layerforge.plan.exact.cutting import find_cuts
from layerforge.plan.exact.highs import INFINITY, Solver
from layerforge.plan.exact.pricing import Duals
from layerforge.plan.exact.relaxation import Counts, Cuts, Flags, Numbers, Places, Relaxation
from layerforge.plan.problem import SCALE

MIB = float(2**20)
COST = MIB * SCALE
# How many layers are known at most, and how many are kept then: those nearest to gaining.
_MOST_COLUMNS = 3000
_KEPT_COLUMNS = 1500
# How far duals of slots and of space move, where those of needs move as far as an atom costs each user.
_SLOT_STEP = 1.0
_SPACE_STEP = 0.05
_PAIR_STEP = 1.0

# HiGHS may go round in circles where many duals are as good: then any of them will do. As a rule it takes 12
# iterations for each row at most, and some hundred in all.
_STEPS_OF_ROW, _STEPS = 20, 5000
# Less of a layer is none.
_TRACE = 1e-6


class Master:
    """The program. `center` and all duals here are in MiB, one for each row."""

    def __init__(self, relaxation: Relaxation, counts: Counts, cuts: Cuts) -> None:
        self.relaxation = relaxation
        self.counts = counts
        self.cuts = cuts
        self.columns: list[tuple[bytes, bytes]] = []
        self._known: set[tuple[bytes, bytes]] = set()
        self._rows_of(relaxation)
        self._solver = Solver()
        self._solver.setOptionValue("simplex_strategy", 4)  # primal: new layers leave the basis feasible
        self.center = self._first_center()
        self._add_rows()
        self._solver.setOptionValue("simplex_iteration_limit", _STEPS_OF_ROW * self._count + _STEPS)
        self.iterations = 0
        self.value = 0.0
        self.shares: dict[bytes, float] = {}
        self._taken: Numbers = np.zeros(0)

    def duals(self, values: Numbers) -> Duals:
        """Return a row's values as whole prices, rounded so that no layer gains more by it."""
        relaxation = self.relaxation
        worth = np.zeros(relaxation.needs.shape)
        worth[self._need_groups, self._need_atoms] = np.maximum(
            np.floor(values[: self._slot_row] * COST), -self._twice
        )
        singles = values[self._single_row : self._least_row] * COST
        worth[relaxation.single] = np.floor(singles[:, None] * self._parts[relaxation.single])
        slot = np.zeros(len(relaxation.slots))
        slot[~relaxation.single] = np.ceil(values[self._slot_row : self._space_row] * COST)
        copies = np.zeros(len(relaxation.atoms) + 1)
        copies[self._at_least] += np.floor(values[self._least_row : self._most_row] * COST)
        copies[self._at_most] -= np.floor(values[self._most_row : self._cut_row] * COST)
        return Duals(
            worth=worth,
            slot=slot,
            space=values[self._space_row : self._single_row] * SCALE,
            copies=copies,
            counts=self.counts,
            cuts=self.cuts,
            pairs=2 * np.floor(values[self._cut_row :] * COST / 2),
        )

    def begin_at(self, duals: Duals) -> None:
        """Make duals the center: those of a program with other counts, or with the first of the cuts only."""
        self.center = np.concatenate(
            [
                duals.worth[self._need_groups, self._need_atoms] / COST,
                duals.slot[~self.relaxation.single] / COST,
                duals.space / SCALE,
                duals.worth[self.relaxation.single].sum(axis=1) / COST,
                np.maximum(duals.copies[self._at_least], 0.0) / COST,
                np.maximum(-duals.copies[self._at_most], 0.0) / COST,
                duals.pairs / COST,
                np.zeros(len(self.cuts) - len(duals.cuts)),
            ]
        )

    def add(self, layers: Iterable[tuple[Flags, Flags]]) -> int:
        """Take layers into the program, as (atoms, groups); return how many were unknown."""
        costs, starts, places, entries = [], [], [], []
        filled = 0
        for atoms, users in layers:
            key = atoms.tobytes(), users.tobytes()
            if key in self._known or not users.any():
                continue
            self._known.add(key)
            self.columns.append(key)
            cost, where, what = self._column(atoms, users)
            costs.append(cost)
            starts.append(filled)
            places.append(where)
            entries.append(what)
            filled += len(where)
        if costs:
            self._add_columns(np.array(costs), starts, np.concatenate(places), np.concatenate(entries))
        return len(costs)

    def solve(self, radius: float) -> Numbers | None:
        """Return the best duals in the box, or none if HiGHS has none; what they would prove is in `value`.

        `shares` tells of which sets of atoms there are layers then, and how much of them.
        """
        shifted = self._shifted(self.center)
        upper = shifted + radius * self._steps
        lower = shifted - radius * self._steps
        lower[self._slot_row :] = np.maximum(lower[self._slot_row :], 0.0)
        places = np.arange(2 * self._count, dtype=np.int32)
        self._solver.changeColsCost(len(places), places, np.concatenate([upper, -lower]))
        self._solver.run()
        info = self._solver.getInfo()
        solution = self._solver.getSolution()
        self.iterations = max(0, info.simplex_iteration_count)
        self.value = info.objective_function_value
        taken = np.array(solution.col_value, dtype=float)[self._beside :]
        self._taken = taken
        self.shares = {}
        for place in np.flatnonzero(taken > _TRACE):
            atoms = self.columns[place][0]
            self.shares[atoms] = self.shares.get(atoms, 0.0) + float(taken[place])
        values: Numbers = np.array(solution.row_dual)
        if len(values) != self._count or not np.isfinite(values).all():
            return None
        values[self._slot_row :] = np.maximum(values[self._slot_row :], 0.0)
        values[: self._slot_row] = np.maximum(values[: self._slot_row], -self._twice / COST)
        return values

    def find_cuts(self) -> Cuts:
        """Return cuts that the layers in the program fall short of."""
        places = np.flatnonzero(self._taken > _TRACE)
        atoms = [self.columns[place][0] for place in places]
        users = [self.columns[place][1] for place in places]
        if not atoms:
            return Cuts.none(len(self.relaxation.atoms))
        sets = np.array([np.frombuffer(one, dtype=bool) for one in atoms])
        shares = np.array([np.frombuffer(one, dtype=bool) for one in users]) * self._taken[places][:, None]
        return find_cuts(self.relaxation, sets, shares, self.cuts)

    def tidy(self) -> None:
        """Forget the layers that are farthest from gaining, where many are known."""
        if len(self.columns) <= _MOST_COLUMNS:
            return
        reduced = np.array(self._solver.getSolution().col_dual)[self._beside :]
        reduced = np.concatenate([reduced, np.zeros(len(self.columns) - len(reduced))])
        dropped = np.sort(np.argsort(reduced, kind="stable")[_KEPT_COLUMNS:])
        self._solver.deleteCols(len(dropped), (dropped + self._beside).astype(np.int32))
        gone = set(dropped.tolist())
        self.columns = [key for position, key in enumerate(self.columns) if position not in gone]
        self._known = set(self.columns)

    def _rows_of(self, relaxation: Relaxation) -> None:
        """Number the rows: needs, slots, space, groups of one slot as a whole, counts, cuts."""
        free = ~relaxation.single
        self._need_groups, self._need_atoms = np.nonzero(relaxation.needs & free[:, None])
        self._twice = relaxation.twice[self._need_groups, self._need_atoms]
        self._need_row = np.full(relaxation.needs.shape, -1, dtype=np.intp)
        self._need_row[self._need_groups, self._need_atoms] = np.arange(len(self._need_groups))
        groups = len(relaxation.slots)
        self._slot_row = len(self._need_groups)
        self._space_row = self._slot_row + int(free.sum())
        self._single_row = self._space_row + groups
        self._least_row = self._single_row + int(relaxation.single.sum())
        self._at_least = np.flatnonzero(self.counts.least)
        self._at_most = np.flatnonzero(np.isfinite(self.counts.most))
        self._most_row = self._least_row + len(self._at_least)
        self._cut_row = self._most_row + len(self._at_most)
        self._count = self._cut_row + len(self.cuts)
        self._slot_rows = np.full(groups, -1, dtype=np.intp)
        self._slot_rows[free] = np.arange(self._slot_row, self._space_row)
        self._single_rows = np.full(groups, -1, dtype=np.intp)
        self._single_rows[relaxation.single] = np.arange(self._single_row, self._least_row)
        needed = relaxation.needs * np.maximum(relaxation.sizes, 1.0)
        self._parts = needed / needed.sum(axis=1, keepdims=True)
        along = self._parts * relaxation.slots[:, None]
        self._along = along[self._need_groups, self._need_atoms]
        self._slot_of_need = self._slot_rows[self._need_groups]

    def _first_center(self) -> Numbers:
        """Let every atom be paid for once, in equal parts by those that need it."""
        relaxation = self.relaxation
        part = relaxation.needs * relaxation.stored / relaxation.needs.sum(axis=0) / COST
        center = np.zeros(self._count)
        center[: self._slot_row] = part[self._need_groups, self._need_atoms]
        center[self._single_row : self._least_row] = part.sum(axis=1)[relaxation.single]
        steps = np.zeros(self._count)
        steps[: self._slot_row] = center[: self._slot_row]
        steps[self._slot_row : self._space_row] = _SLOT_STEP
        steps[self._space_row : self._single_row] = _SPACE_STEP
        steps[self._single_row : self._least_row] = np.maximum(
            1.0, center[self._single_row : self._least_row]
        )
        sizes = np.append(relaxation.stored, relaxation.layer) / COST
        counted = np.concatenate([self._at_least, self._at_most])
        steps[self._least_row : self._cut_row] = np.maximum(1.0, sizes[counted])
        steps[self._cut_row :] = _PAIR_STEP
        self._steps = steps
        return center

    def _shifted(self, values: Numbers) -> Numbers:
        shifted = values.copy()
        shifted[: self._slot_row] -= self._along * values[self._slot_of_need]
        return shifted

    def _add_rows(self) -> None:
        relaxation = self.relaxation
        sides = np.ones(self._count)
        sides[self._slot_row : self._space_row] = -relaxation.slots[~relaxation.single]
        sides[self._space_row : self._single_row] = -relaxation.spare / MIB
        sides[self._least_row : self._most_row] = self.counts.least[self._at_least]
        sides[self._most_row : self._cut_row] = -self.counts.most[self._at_most]
        nothing = np.array([], dtype=np.int32)
        most = np.full(self._count, INFINITY)
        most[: self._slot_row] = 1.0
        self._solver.addRows(self._count, sides, most, 0, nothing, nothing, np.array([], dtype=float))
        self.sides = sides
        needs = self._slot_row
        places = np.empty(self._count + needs, dtype=np.int32)
        entries = np.ones(self._count + needs)
        places[: 2 * needs : 2] = np.arange(needs)
        places[1 : 2 * needs : 2] = self._slot_of_need
        entries[1 : 2 * needs : 2] = -self._along
        places[2 * needs :] = np.arange(needs, self._count)
        starts = [*range(0, 2 * needs, 2), *range(2 * needs, self._count + needs)]
        for sign in (1.0, -1.0):
            self._add_columns(np.zeros(self._count), starts, places, sign * entries)
        # What is carried twice.
        self._add_columns(self._twice / COST, [*range(needs)], np.arange(needs), -np.ones(needs))
        self._beside = 2 * self._count + needs

    def _add_columns(
        self, costs: Numbers, starts: list[int], places: npt.NDArray[np.integer], entries: Numbers
    ) -> None:
        count = len(costs)
        self._solver.addCols(
            count,
            costs,
            np.zeros(count),
            np.full(count, INFINITY),
            len(places),
            np.array(starts, dtype=np.int32),
            places.astype(np.int32),
            entries,
        )

    def _column(self, atoms: Flags, users: Flags) -> tuple[float, Places, Numbers]:
        """Cost, rows and entries of a layer."""
        relaxation = self.relaxation
        groups = np.flatnonzero(users)
        chosen = np.flatnonzero(atoms)
        excess = relaxation.excess[np.ix_(groups, chosen)].sum()
        cost = (relaxation.stored[chosen].sum() + relaxation.layer + excess) / COST
        rows = self._need_row[np.ix_(groups, chosen)]
        met = rows[rows >= 0]
        slots = self._slot_rows[groups]
        slots = slots[slots >= 0]
        singles = self._single_rows[groups]
        singles = singles[singles >= 0]
        foreign = relaxation.foreign[np.ix_(groups, chosen)].sum(axis=1) / MIB
        heavy = foreign > 0
        held = np.append(atoms, True)
        least = self._least_row + np.flatnonzero(held[self._at_least])
        most = self._most_row + np.flatnonzero(held[self._at_most])
        kept_to = users[self.cuts.groups] & ((self.cuts.atoms & atoms).sum(axis=1) >= 2)
        cut = self._cut_row + np.flatnonzero(kept_to)
        where = np.concatenate([met, slots, self._space_row + groups[heavy], singles, least, cut, most])
        what = np.concatenate(
            [
                np.ones(len(met)),
                -np.ones(len(slots)),
                -foreign[heavy],
                np.ones(len(singles) + len(least) + len(cut)),
                -np.ones(len(most)),
            ]
        )
        return float(cost), where, what
