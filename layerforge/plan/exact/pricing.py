"""Which layers would pay at given duals: every one of them, found by branching on atoms.

Duals say what it is worth that a group finds a needed atom in a layer, and what a slot costs. A layer
gains what it is worth to its users less what it costs; given its atoms, each group takes it exactly
where it gains from that. Where no layer gains, the duals prove a bound.

Atoms are decided on by falling size, depth first, a batch of undecided sets at a time, each with the groups
only that may gain from any of them. A set is given up where even all atoms that are left cannot make it
gain enough. For that, what storing an atom costs is shared out among the groups that may still take part,
in proportion to its worth to them, and each counts what it gains by itself. Any shares bound what they gain
together, so groups that cannot gain give back what they were charged beyond that, and the others bear it:
half as many sets are looked at then.

A group that gains much will take the layer, and carry what it does not need of it. So an atom is charged
with that too, up to what it still gains, and the group is paid as much in case it does not take the layer:
-e x y <= t (1 - x - y) for x, y of 0 or 1 and t of 0 to e, where x is whether the atom is in the layer, and y
whether the group takes it. (A fifth to an eighth of the sets are left at 1,000 functions.) An atom that is
worth less than it costs, to all who may still take part, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor, isinf

import numpy as np
import numpy.typing as npt

from layerforge.plan.exact.relaxation import EXACT, Counts, Cuts, Flags, Numbers, Places, Relaxation

_SAFETY = 1e-9
# What adding up some thousand numbers that are not whole may lose, as a part of the largest sum. (Where more
# was allowed for, no proof came to an end: it looked as if something was always left to gain.)
_ROUNDING = 1e-12
# Up to so many groups, all sets of them are looked at: 16,000 with 40 atoms take 15 ms, where branching on
# the atoms of 12 groups takes 700 ms and is not complete.
FEW_GROUPS = 14
_NOTHING = 1e-9
# How many layers are taken in at each step, beside the best one for each group.
_OFFERS = 60
# How many groups of sets are looked at at a time, and at least how many sets. (With all sets of 719 groups
# side by side, 20 s instead of 8; with 1,000, 5 s instead of 3.)
_BATCH = 60_000
_LEAST_BATCH = 100
# Groups that gain from none of the sets are left out where this is what stays of them, or less.
_FEWER = 0.8
# What part of its gain a group stakes on taking the layer: 0.5 to 0.7 leave the fewest sets.
_OF_GAIN = 0.6
# Where more layers gain than this, only those are looked for that gain so much of what the best one does.
_ENOUGH = 1000
_ALIKE = 0.6
# After some three seconds, one becomes impatient; and content with this part of the cost, for a beginning.
_PATIENCE = 3_000_000_000
_FIRST_LEAST = 0.001


@dataclass(frozen=True, kw_only=True, slots=True)
class Duals:
    """Whole thousandths of a byte: `worth[g, a]` of a needed atom, `slot[g]` of a slot.

    What an atom is worth may be less than nothing, by what carrying it twice costs (`Relaxation.twice`).

    `space[g]`: of a byte carried in excess, in thousandths of a byte, any number from 0. `copies[a]`: that
    one layer more holds an atom, and at last that there is one layer more; below 0 where there may be no
    more than `counts` says, 0 where it says nothing. `pairs`: that a group keeps to one of `cuts`; even.
    """

    worth: Numbers
    slot: Numbers
    space: Numbers
    copies: Numbers
    counts: Counts
    cuts: Cuts
    pairs: Numbers

    def value(self, relaxation: Relaxation) -> float:
        """What they prove if no layer gains; exact but for space, which is rounded towards less."""
        free = ~relaxation.single
        space = np.ceil(self.space * relaxation.spare * (1 + _SAFETY))
        paid = float((self.slot * relaxation.slots)[free].sum() + space.sum())
        gained = float(np.maximum(self.worth, 0.0).sum() + self.pairs.sum())
        paid += float(np.maximum(-self.worth, 0.0).sum())
        for place in np.flatnonzero(self.copies):
            price = float(self.copies[place])
            side = self.counts.least[place] if price > 0 else self.counts.most[place]
            gained += max(price * side, 0.0)
            paid += max(-price * side, 0.0)
        # Sums that are not exact prove nothing.
        return gained - paid if max(gained, paid) < EXACT else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """Atoms that gain as a layer, the groups that take it, what it gains, and what it costs at least."""

    atoms: Flags
    users: Flags
    gain: float
    cost: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Priced:
    """`offers`, best first. `excess`: no layer gains more than this part of its cost.

    `complete`: nothing was passed over that gains more than what is offered. `cells`: how many groups of
    how many sets were looked at, times the atoms that were left.
    """

    offers: tuple[Offer, ...]
    excess: float
    complete: bool
    cells: int


@dataclass(slots=True, kw_only=True)
class _Sets:
    """Sets of atoms, a row each: what each group gains so far, and who can take part no more."""

    atom: int
    """The next one to be decided."""
    groups: Places
    """Those that the columns are of: all others gain from none of these sets."""
    chosen: Flags
    gains: Numbers
    closed: Flags
    met: npt.NDArray[np.int8]
    """How many atoms of each cut are chosen: one, and half of the cut's price is in `gains`, in case that
    another comes; two or more, and all of it is."""
    costs: Numbers
    paid: Numbers
    """What it costs, less what it is worth that there is such a layer (`Duals.copies`)."""

    def only(self, rows: Flags | Places | slice) -> _Sets:
        return replace(
            self,
            chosen=self.chosen[rows],
            gains=self.gains[rows],
            closed=self.closed[rows],
            met=self.met[rows],
            costs=self.costs[rows],
            paid=self.paid[rows],
        )

    def among(self, columns: Flags) -> _Sets:
        """The same, of some of the groups."""
        return replace(
            self,
            groups=self.groups[columns],
            gains=self.gains[:, columns],
            closed=self.closed[:, columns],
        )


def price(relaxation: Relaxation, duals: Duals, *, least: float = 0.0, patience: int = _PATIENCE) -> Priced:
    """Return layers that gain: all, unless there are many, and then those that gain most of their cost.

    What gains no more than the part `least` of its cost is not looked for. After `patience` cells that part
    rises, and again after as many. Duals so large that sums of them are not exact prove nothing: `excess` is
    infinite then.
    """
    gains = _gains(relaxation, duals)
    paid = float(duals.slot.sum() + relaxation.stored.sum() + relaxation.layer)
    largest = float(np.abs(gains).sum() + np.abs(duals.copies).sum() + duals.pairs.sum()) + paid
    # Not `largest >= EXACT`: that is false of what is no number.
    if not largest < EXACT:
        return Priced(offers=(), excess=float("inf"), complete=False, cells=0)
    if len(relaxation.slots) <= min(FEW_GROUPS, len(relaxation.atoms)) and not len(duals.cuts):
        return _price_by_groups(relaxation, duals, gains, largest)
    branching = _Branching(relaxation, duals, gains, largest, least=least, patience=patience)
    return branching.priced()


class _Branching:
    """Pricing by branching on atoms, and what it knows so far."""

    def __init__(
        self,
        relaxation: Relaxation,
        duals: Duals,
        gains: Numbers,
        largest: float,
        *,
        least: float,
        patience: int,
    ) -> None:
        self._relaxation = relaxation
        self._gains = gains
        self._cuts = duals.cuts
        self._halves = duals.pairs / 2
        # What each atom promises beside its worth: half of a cut's price, as a second one has to come.
        promised = np.zeros(gains.shape)
        np.add.at(promised, duals.cuts.groups, self._halves[:, None] * duals.cuts.atoms)
        self._worth = np.maximum(gains, 0.0) + promised
        self._promised = promised
        self._kept = np.zeros(len(gains))
        np.add.at(self._kept, duals.cuts.groups, self._halves)
        self._last = gains.shape[1] - 1 - np.argmax(duals.cuts.atoms[:, ::-1], axis=1)
        self._carried = np.maximum(-gains, 0.0)
        self._prices = relaxation.stored - duals.copies[:-1]
        self._required = relaxation.needs & relaxation.single[:, None]
        # Who may be lost by an atom that is to be decided yet, or by one that comes before.
        closing = relaxation.barred | self._required
        self._closes = np.flip(np.maximum.accumulate(np.flip(closing, axis=1), axis=1), axis=1)
        self._margin = _SAFETY * largest
        # No less than this part of its cost is looked for; it was raised, out of impatience, up to `_passed`.
        self._least = least
        self._passed = least
        self._patience = patience
        self._found: list[Offer] = []
        # What the best one found gains, as a part of its cost.
        self._best = 0.0
        self._cells = 0
        self._stack = [
            _Sets(
                atom=0,
                groups=np.arange(len(relaxation.slots)),
                chosen=np.zeros((1, len(relaxation.atoms)), dtype=bool),
                gains=-np.where(relaxation.single, 0.0, duals.slot)[None, :],
                closed=np.zeros((1, len(relaxation.slots)), dtype=bool),
                met=np.zeros((1, len(duals.cuts)), dtype=np.int8),
                costs=np.array([relaxation.layer]),
                paid=np.array([relaxation.layer - duals.copies[-1]]),
            )
        ]

    def priced(self) -> Priced:
        """Look at all sets."""
        while self._stack:
            sets = self._stack.pop()
            while len(sets.costs):
                if sets.atom == len(self._prices):
                    self._take(sets)
                    break
                most = max(_LEAST_BATCH, _BATCH // max(1, len(sets.groups)))
                if len(sets.costs) > most:
                    # Halves, so that those that have most decisions in common stay together.
                    half = len(sets.costs) // 2
                    self._stack.append(sets.only(slice(half, None)))
                    sets = sets.only(slice(half))
                sets = self._decided(sets)
        offers = tuple(sorted(self._found, key=lambda offer: (-offer.gain, offer.atoms.tolist())))
        # Another choice of users may gain less and yet more of its cost: so without what users carry.
        excess = max(self._best, self._passed)
        if any(offer.gain > 0 and not offer.cost for offer in offers):
            excess = float("inf")
        return Priced(offers=offers, excess=excess, complete=self._passed <= self._best, cells=self._cells)

    def _decided(self, sets: _Sets) -> _Sets:
        """Return the sets that may gain enough, with the next atom and without it, one after the other."""
        atom = sets.atom
        self._count(sets)
        worth = self._worth[sets.groups, atom:]
        alive = ((sets.gains + worth.sum(axis=1) > 0) & ~sets.closed).any(axis=0)
        if alive.sum() < _FEWER * len(alive):
            sets, worth = sets.among(alive), worth[alive]
        carried = self._carried[sets.groups, atom:]
        required = self._required[sets.groups, atom]
        bounds, paying = _bounds(
            sets,
            worth,
            carried,
            self._prices[atom:],
            required=required,
            lasting=~self._closes[sets.groups, atom],
            kept=self._kept[sets.groups],
            promised=self._promised[sets.groups, atom],
        )
        rows = np.flatnonzero(bounds + self._margin > self._least * sets.costs)
        paying = paying[rows]
        # Each set without the atom, behind the same set with it.
        doubled = np.repeat(rows, 1 + paying)
        added = np.zeros(len(doubled), dtype=bool)
        added[(np.cumsum(1 + paying) - 1 - paying)[paying]] = True
        sets = sets.only(doubled)
        barred = self._relaxation.barred[sets.groups, atom]
        sets.chosen[added, atom] = True
        sets.gains[added] += self._gains[sets.groups, atom]
        self._pair(sets, added)
        sets.costs[added] += self._relaxation.stored[atom]
        sets.paid[added] += self._prices[atom]
        sets.closed |= np.where(added[:, None], barred, required)
        sets.atom = atom + 1
        return sets

    def _pair(self, sets: _Sets, added: Flags) -> None:
        """Pay for cuts: half where another atom may come, all where it came, nothing where none did."""
        atom = sets.atom
        if not len(self._cuts):
            return
        column = np.full(len(self._gains), -1)
        column[sets.groups] = np.arange(len(sets.groups))
        places = np.flatnonzero(self._cuts.atoms[:, atom] & (column[self._cuts.groups] >= 0))
        if not len(places):
            return
        to = np.zeros((len(places), len(sets.groups)))
        to[np.arange(len(places)), column[self._cuts.groups[places]]] = self._halves[places]
        met = sets.met[:, places]
        paid = (added[:, None] & (met < 2)).astype(float)
        met += added[:, None]
        paid -= (self._last[places] == atom) & (met == 1)
        sets.met[:, places] = met
        sets.gains += paid @ to

    def _count(self, sets: _Sets) -> None:
        before = self._cells // self._patience
        self._cells += len(sets.costs) * len(sets.groups) * (len(self._prices) - sets.atom)
        if self._cells // self._patience > before:
            self._least = max(_FIRST_LEAST, 2 * self._least)
            self._passed = max(self._passed, self._least)

    def _take(self, sets: _Sets) -> None:
        """Offer sets that gain, with all groups that gain from them."""
        totals = np.where(sets.closed, 0.0, np.maximum(sets.gains, 0.0)).sum(axis=1) - sets.paid
        for row in np.flatnonzero((totals > self._least * sets.costs) & sets.chosen.any(axis=1)):
            gain, cost = float(totals[row]), float(sets.costs[row])
            users = np.zeros(len(self._relaxation.slots), dtype=bool)
            users[sets.groups[(sets.gains[row] > 0) & ~sets.closed[row]]] = True
            self._found.append(Offer(atoms=sets.chosen[row], users=users, gain=gain, cost=cost))
            if cost:
                self._best = max(self._best, float(np.nextafter(gain / cost, np.inf)))
        if len(self._found) > _ENOUGH:
            # Nothing is lost by that: the best that was found gains more.
            self._least = max(self._least, _ALIKE * self._best)


def _price_by_groups(relaxation: Relaxation, duals: Duals, gains: Numbers, largest: float) -> Priced:
    """Look at all sets of groups: given these, each atom stands for itself."""
    count = len(relaxation.slots)
    users = (np.arange(1, 1 << count)[:, None] >> np.arange(count) & 1).astype(bool)
    barred = users @ relaxation.barred
    required = users @ (relaxation.needs & relaxation.single[:, None])
    users, barred, required = (rows[~(barred & required).any(axis=1)] for rows in (users, barred, required))
    worth = users @ gains - (relaxation.stored - duals.copies[:-1])
    paid = users @ np.where(relaxation.single, 0.0, duals.slot) + relaxation.layer - duals.copies[-1]
    offers: tuple[Offer, ...] = ()
    excess = 0.0
    while True:
        # Layers that gain more than this part of their cost.
        beyond = worth - excess * relaxation.stored
        chosen = (beyond > 0) & ~barred | required
        totals = np.where(chosen, beyond, 0.0).sum(axis=1) - paid - excess * relaxation.layer
        rows = np.flatnonzero((totals > (_ROUNDING * largest if excess else 0.0)) & chosen.any(axis=1))
        if not len(rows):
            break
        costs = chosen[rows] @ relaxation.stored + relaxation.layer
        found = np.where(chosen[rows], worth[rows], 0.0).sum(axis=1) - paid[rows]
        if not offers:
            offers = tuple(
                Offer(
                    atoms=chosen[rows[place]],
                    users=users[rows[place]],
                    gain=float(found[place]),
                    cost=float(costs[place]),
                )
                for place in np.argsort(-found, kind="stable")
            )
        if not (costs > 0).all():
            return Priced(offers=offers, excess=float("inf"), complete=True, cells=users.size * len(worth[0]))
        before, excess = excess, max(excess, float((found / costs).max()))
        if excess == before:
            # What still seems to gain is rounding.
            break
    if excess:
        least = relaxation.layer + relaxation.stored.min()
        lost = 2 * _ROUNDING * largest / least if least > 0 else float("inf")
        excess = float(np.nextafter(excess + lost, np.inf))
    return Priced(offers=offers, excess=excess, complete=True, cells=users.size * len(worth[0]))


def chosen(offers: Sequence[Offer]) -> list[Offer]:
    """Return the best layers, and the best one for each group: the others may all be alike."""
    best = [*offers[:_OFFERS]]
    if len(offers) > _OFFERS:
        takes = np.array([offer.users for offer in offers])
        first = np.argmax(takes, axis=0)
        best += [offers[place] for place in np.unique(first[first >= _OFFERS])]
    return best


def proven_by(relaxation: Relaxation, duals: Duals, priced: Priced) -> int:
    """Return the bound that duals prove, whatever they are: scaled down to where no layer gains."""
    value = duals.value(relaxation)
    if isinf(priced.excess) or value <= 0:
        return 0
    # Every plan's cost is a multiple of the unit: rounding up is right, once the division is exact.
    proved = floor(Fraction(value) / (1 + Fraction(priced.excess)))
    return ceil(Fraction(proved, relaxation.unit)) * relaxation.unit


def losses(relaxation: Relaxation, duals: Duals, sets: Flags) -> Numbers:
    """Return how far each set of atoms, a row, is from gaining as a layer."""
    required = relaxation.needs & relaxation.single[:, None]
    closed = (sets @ relaxation.barred.T) | (~sets @ required.T)
    gains = sets @ _gains(relaxation, duals).T - np.where(relaxation.single, 0.0, duals.slot)
    lost: Numbers = sets @ (relaxation.stored - duals.copies[:-1]) + relaxation.layer - duals.copies[-1]
    lost -= np.where(closed, 0.0, np.maximum(gains, 0.0)).sum(axis=1)
    return lost


def _gains(relaxation: Relaxation, duals: Duals) -> Numbers:
    """What each group gains from each atom in a layer that it takes; never too little."""
    carried = relaxation.excess + np.floor(duals.space[:, None] * relaxation.foreign * (1 - _SAFETY))
    return np.where(relaxation.needs, duals.worth, -carried)


def _bounds(
    sets: _Sets,
    worth: Numbers,
    carried: Numbers,
    prices: Numbers,
    *,
    required: Flags,
    lasting: Flags,
    kept: Numbers,
    promised: Numbers,
) -> tuple[Numbers, Flags]:
    """What each set can gain at most, with any of the atoms that are left; and where the first may pay.

    `worth`, `carried` (what carrying it costs) and `prices` are of these atoms, `required` is of the first.
    `lasting` groups cannot be lost by any of them. `kept`: what of their gains may be for cuts that are not
    met yet; `promised`: what the first atom promises for these.
    """
    most = sets.gains + worth.sum(axis=1)
    alive = (most > 0) & ~sets.closed
    # What part of their worth the atoms that are left are charged with.
    total = alive @ worth
    stored = np.maximum(prices, 0.0)
    part = np.minimum(1.0, stored / np.maximum(total, _NOTHING))
    charged = part @ worth.T
    # Who would lose by that bears only as much as leaves no gain, and those who gain bear the rest.
    losing = alive & (charged >= most)
    borne = np.where(losing, most / np.maximum(charged, _NOTHING), 0.0)
    gaining = alive & ~losing
    rest = np.maximum(stored - (borne @ worth) * part, 0.0)
    gained = gaining @ worth
    best = _left(most, gaining, rest, gained, worth)
    beside = sets.paid + np.minimum(prices, 0.0).sum()
    bounds: Numbers = best.sum(axis=1) - beside
    rows = np.flatnonzero(bounds > 0)
    if len(rows):
        bonus, extra = _charged_for_excess(best[rows], gained[rows] - rest[rows], carried)
        left = _left(most[rows], gaining[rows], rest[rows] + extra, gained[rows], worth)
        closer = np.maximum(left, bonus).sum(axis=1) - beside[rows]
        bounds[rows] = np.minimum(bounds[rows], closer)
    # Who gains whatever comes will carry it.
    certain = (sets.gains > carried.sum(axis=1) + kept) & ~sets.closed & lasting
    costs = (prices[0] + certain @ carried[:, 0]) * (1 - _SAFETY)
    # Groups with one slot are lost without an atom that they need, whatever that one is worth.
    # An atom that comes second gets the other half as well.
    pays = (total[:, 0] + alive @ promised > costs) | (alive & required).any(axis=1)
    return bounds, pays


def _left(most: Numbers, gaining: Flags, rest: Numbers, gained: Numbers, worth: Numbers) -> Numbers:
    """What is left to each of the gaining groups once they have borne the rest."""
    part = np.minimum(1.0, rest / np.maximum(gained, _NOTHING))
    left: Numbers = np.where(gaining, np.maximum(most - part @ worth.T, 0.0), 0.0)
    return left


def _charged_for_excess(best: Numbers, surplus: Numbers, carried: Numbers) -> tuple[Numbers, Numbers]:
    """What groups are paid in case that they do not take a layer, and what its atoms are charged for that."""
    surplus = np.maximum(surplus, 0.0)
    could = (surplus > 0) @ carried.T
    part = np.minimum(1.0, _OF_GAIN * best / np.maximum(could, _NOTHING))
    charges = part @ carried
    taken = np.minimum(1.0, surplus / np.maximum(charges, _NOTHING))
    return part * (taken @ carried.T), taken * charges
