"""Good duals for many groups: uphill on a smooth function of them.

The linear program of `master` has a row for each need: 8,000 for 1,000 functions, where a step of it takes
a second, and hundreds of them get nowhere. A step here takes 5 ms, and 6,000 of them suffice.

What is climbed is what the duals would prove, less a penalty for every known layer that gains: its cost times
t * t / (2 m), where it gains the part t of its cost. That is concave, and has slopes. At the top, no known
layer gains much more than the part m, so no more than that is lost when the duals are scaled down to where
none does. Steps are those of Adam (Kingma and Ba, 2015): as long for every dual, whatever its slope. They
grow shorter on the way, and m smaller.

Nothing here has to be exact: any duals prove a bound once they are priced. So all is in MiB and 32 bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layerforge.plan.exact.cutting import find_cuts
from layerforge.plan.exact.master import COST, MIB
from layerforge.plan.exact.pricing import Duals
from layerforge.plan.exact.relaxation import Counts, Cuts, Flags, Places, Relaxation
from layerforge.plan.problem import SCALE

Smalls = npt.NDArray[np.float32]

# How long a step is, as a part of what a dual is at first, and what part of that is left at the end. (0.06
# climbs too slowly for a minute; with 0.3, 1,000 functions take half a minute to recover from it.)
_STEP = 0.15
_LAST = 0.05
# m: what part of its cost a layer may gain, at first and at the end.
_FIRST_GAIN, _LAST_GAIN = 0.05, 0.003
# Adam's memory of slopes and of their squares.
_SLOPES, _SQUARES = 0.9, 0.99
_NOTHING = 1e-6
# A slot is worth about a MiB at first, a byte of space next to nothing.
_SLOT_STEP, _SPACE_STEP = 1.0, 0.05
_LEAST_WORTH = 1e-3
_LEAST_WEIGHT = 0.1
# Layers may be free, but nothing is divided by nothing.
_LEAST_COST = np.float32(1e-6)
_PAIR_STEP = 0.5
# Over how many steps layers are averaged before cuts are looked for.
_AVERAGED = 200
# After so many steps, all known sets of atoms are looked at again, and sets near the best of them; until then
# only those that are not too far from gaining.
_SWEEP = 10
_NEAR = -0.1
_BEST = 60
_FLIPS = 2
_WORTH_KNOWING = -0.1
_MOST_SETS = 2500
_KEPT_SETS = 1900
# Work, in the unit of `Limits.work`: so many cells (a set, a group, an atom) make one, a cell of a flip is as
# good as so many, and this is what a step takes beside.
_CELLS = 25
_CELLS_OF_FLIP = 30
_WORK_OF_STEP = 300_000
_MOST_LAYERS = 1500
_CLOSED = np.float32(-1e9)


@dataclass(slots=True)
class _Known:
    """Sets of atoms, a row each, what they cost as layers, and which groups take none such."""

    sets: Flags
    members: Smalls
    costs: Smalls
    closed: Flags | None
    paired: Smalls
    """Which cuts a layer of them keeps to, if their groups take it."""

    def only(self, rows: Flags | Places) -> _Known:
        closed = None if self.closed is None else self.closed[rows]
        return _Known(self.sets[rows], self.members[rows], self.costs[rows], closed, self.paired[rows])


class _Adam:
    """One array of duals, none below its floor, and its steps."""

    def __init__(self, values: Smalls, scale: Smalls, floor: Smalls | float = 0.0) -> None:
        self.values = values
        self._floor = floor
        self._scale = scale
        self._slopes = np.zeros_like(values)
        self._squares = np.zeros_like(values)
        self._count = 0

    def change(self, kept: Flags, more: Smalls) -> None:
        """Keep some of the duals, and take in more, of this scale, from 0."""
        nothing = np.zeros_like(more)
        self.values = np.append(self.values[kept], nothing)
        self._slopes = np.append(self._slopes[kept], nothing)
        self._squares = np.append(self._squares[kept], nothing)
        self._scale = np.append(self._scale[kept], more)

    def step(self, slopes: Smalls, length: float) -> None:
        """Go `length` uphill, as a part of the scale."""
        scaled = slopes * self._scale
        self._count += 1
        self._slopes += (1 - _SLOPES) * (scaled - self._slopes)
        self._squares += (1 - _SQUARES) * (scaled * scaled - self._squares)
        mean = self._slopes / np.float32(1 - _SLOPES**self._count)
        square = self._squares / np.float32(1 - _SQUARES**self._count)
        self.values += np.float32(length) * self._scale * mean / (np.sqrt(square) + np.float32(_NOTHING))
        np.maximum(self.values, self._floor, out=self.values)


class Ascent:
    """Duals, and the sets of atoms that they have to do with."""

    def __init__(self, relaxation: Relaxation, sets: Iterable[Flags]) -> None:
        self.relaxation = relaxation
        self.work = 0
        self._needs = relaxation.needs
        self._stored = _small(relaxation.stored / COST)
        self._layer = np.float32(relaxation.layer / COST)
        self._excess = _small(relaxation.excess / COST)
        self._foreign = _small(relaxation.foreign / MIB)
        self._slots = _small(relaxation.slots)
        self._spare = _small(relaxation.spare / MIB)
        self._barred = _small(relaxation.barred)
        self._required = _small(relaxation.needs & relaxation.single[:, None])
        self._closing = bool(self._barred.any() or self._required.any())
        groups = len(relaxation.slots)
        # Every atom is paid for once, in equal parts by those that need it.
        worth = _small(relaxation.needs * relaxation.stored / relaxation.needs.sum(axis=0) / COST)
        weight = relaxation.excess.sum(axis=1) / np.maximum(relaxation.foreign.sum(axis=1), 1.0)
        weight = _small(np.maximum(weight / max(weight.mean(), _NOTHING), _LEAST_WEIGHT))
        self._worth = _Adam(
            worth, np.maximum(worth, np.float32(_LEAST_WORTH)), -_small(relaxation.twice / COST)
        )
        self._slot = _Adam(np.zeros(groups, np.float32), np.float32(_SLOT_STEP) * weight)
        self._space = _Adam(np.zeros(groups, np.float32), np.full(groups, _SPACE_STEP, np.float32))
        self.cuts = Cuts.none(len(relaxation.atoms))
        self._pairs = _Adam(np.zeros(0, np.float32), np.zeros(0, np.float32))
        self._sets: dict[bytes, Flags] = {}
        self.add(sets)
        self._near = self._state(self._all())
        self._steps = 0

    def add(self, sets: Iterable[Flags]) -> None:
        """Take sets of atoms in."""
        for atoms in sets:
            self._sets.setdefault(atoms.tobytes(), atoms)

    def climb(self, share: float) -> None:
        """Take a step; `share` tells what part of the way is behind us."""
        if self._steps % _SWEEP == 0:
            self._sweep()
        self._steps += 1
        self._step(share)

    def cut(self, share: float) -> None:
        """Find cuts that forbid what is taken on average at such steps, and drop those that are in vain."""
        self._sweep()
        total = np.zeros((len(self._near.costs), len(self._slots)), np.float32)
        for _ in range(_AVERAGED):
            rows, taken = self._step(share)
            total[rows] += taken
        kept = self._pairs.values > 0
        cuts = find_cuts(self.relaxation, self._near.sets, total / _AVERAGED, self.cuts)
        self.cuts = self.cuts.only(kept) + cuts
        self._pairs.change(kept, np.full(len(cuts), _PAIR_STEP, np.float32))
        self._sweep()

    def _step(self, share: float) -> tuple[Places, Smalls]:
        """Take a step, and return which layers were taken, and how much of each by each group."""
        penalty = _FIRST_GAIN * (_LAST_GAIN / _FIRST_GAIN) ** share
        length = _STEP * _LAST**share
        near, needs = self._near, self._needs
        gains, parts = self._gains(near)
        rows = np.flatnonzero(parts > 0)
        taken = (gains[rows] > 0) * (parts[rows] / np.float32(penalty))[:, None]
        covered = taken.T @ near.members[rows]
        self._worth.step(np.where(needs, 1 - covered, 0), length)
        single = self.relaxation.single
        self._slot.step(np.where(single, 0, taken.sum(axis=0) - self._slots), length)
        self._space.step((covered * self._foreign).sum(axis=1) - self._spare, length)
        if len(self.cuts):
            kept_to = (near.paired[rows] * taken[:, self.cuts.groups]).sum(axis=0)
            self._pairs.step(1 - kept_to, length)
        self._count((len(near.costs) + len(rows)) * needs.size)
        return rows, taken

    def scale(self) -> float:
        """Return what the duals have to be divided by, so that no known layer gains."""
        _, parts = self._gains(self._state(self._all()))
        return max(1.0, 1 + float(parts.max()))

    def duals(self, scale: float) -> Duals:
        """Return the duals, divided by `scale`, as whole prices."""
        relaxation = self.relaxation
        worth, slot, space, pairs = (
            one.values.astype(float) / scale for one in (self._worth, self._slot, self._space, self._pairs)
        )
        return Duals(
            worth=np.maximum(np.floor(worth * COST), -relaxation.twice) * relaxation.needs,
            slot=np.ceil(slot * COST) * ~relaxation.single,
            space=space * SCALE,
            copies=np.zeros(len(relaxation.atoms) + 1),
            counts=Counts.any(len(relaxation.atoms)),
            cuts=self.cuts,
            pairs=2 * np.floor(pairs * COST / 2),
        )

    def layers(self, scale: float) -> list[tuple[Flags, Flags]]:
        """Return the known layers, as (atoms, groups), that are nearest to gaining at the scaled duals."""
        known = self._state(self._all())
        gains, parts = self._gains(known)
        parts = (1 + parts) / scale - 1
        best = np.argsort(-parts, kind="stable")
        return [
            (known.sets[row], gains[row] > 0) for row in best[:_MOST_LAYERS] if parts[row] > _WORTH_KNOWING
        ]

    def _count(self, cells: int) -> None:
        self.work += cells // _CELLS + _WORK_OF_STEP

    def _sweep(self) -> None:
        """Look at all known sets, and for more."""
        known = self._state(self._all())
        gains, parts = self._gains(known)
        best = np.argsort(-parts, kind="stable")
        if len(best) > _MOST_SETS:
            best = best[:_KEPT_SETS]
            self._sets = {known.sets[row].tobytes(): known.sets[row] for row in best}
        self._near = known.only(best[parts[best] > _NEAR])
        self._flip(known.only(best[:_BEST]), gains[best[:_BEST]], parts[best[:_BEST]])
        self._count(len(parts) * self._needs.size)

    def _flip(self, known: _Known, gains: Smalls, parts: Smalls) -> None:
        """Take one atom in or out where that gains most; and again."""
        prices = self._prices()
        for _ in range(_FLIPS):
            signs = np.where(known.sets, -1, 1).astype(np.float32)
            better = np.empty(known.sets.shape, np.float32)
            for atom in range(len(prices)):
                changed = gains + signs[:, atom, None] * prices[atom]
                if self._closing:
                    closed = np.where(
                        known.sets[:, atom, None], self._required[:, atom], self._barred[:, atom]
                    )
                    changed[closed > 0] = _CLOSED
                costs = np.maximum(known.costs + signs[:, atom] * self._stored[atom], _LEAST_COST)
                better[:, atom] = np.maximum(changed, 0).sum(axis=1) / costs - 1
            self._count(better.size * len(self._slots) * _CELLS_OF_FLIP)
            rows = np.flatnonzero(better.max(axis=1) > parts)
            sets = known.sets[rows]
            sets[np.arange(len(rows)), better[rows].argmax(axis=1)] ^= True
            rows = np.flatnonzero(sets.any(axis=1))
            if not len(rows):
                return
            known = self._state(sets[rows])
            gains, parts = self._gains(known)
            self.add(known.sets[parts > _WORTH_KNOWING])

    def _prices(self) -> Smalls:
        """What each group, a column, gains from each atom, a row, in a layer that it takes."""
        carried = self._excess + self._space.values[:, None] * self._foreign
        return np.ascontiguousarray(np.where(self._needs, self._worth.values, -carried).T)

    def _gains(self, known: _Known) -> tuple[Smalls, Smalls]:
        """What each group gains if it takes a layer of each set; and what part of its cost that gains."""
        gains: Smalls = known.members @ self._prices() - self._slot.values
        if len(self.cuts):
            to = np.zeros((len(self.cuts), len(self._slots)), np.float32)
            to[np.arange(len(to)), self.cuts.groups] = self._pairs.values
            gains += known.paired @ to
        if known.closed is not None:
            gains[known.closed] = _CLOSED
        return gains, np.maximum(gains, 0).sum(axis=1) / known.costs - 1

    def _state(self, sets: Flags) -> _Known:
        members = _small(sets)
        closed = None
        if self._closing:
            closed = (members @ self._barred.T + (1 - members) @ self._required.T) > 0
        paired = _small(members @ _small(self.cuts.atoms.T) >= 2)
        costs = np.maximum(members @ self._stored + self._layer, _LEAST_COST)
        return _Known(sets, members, costs, closed, paired)

    def _all(self) -> Flags:
        return np.array(list(self._sets.values()))


def _small(numbers: npt.NDArray[np.generic]) -> Smalls:
    return numbers.astype(np.float32)
