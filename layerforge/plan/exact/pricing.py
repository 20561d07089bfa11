"""Which layers would pay at given duals: every one of them, found by branching on atoms.

Duals say what it is worth that a group finds a needed atom in a layer, and what a slot costs. A layer
gains what it is worth to its users less what it costs; given its atoms, each group takes it exactly
where it gains from that. Where no layer gains, the duals prove a bound.

Atoms are decided on by falling size, all undecided sets side by side. Such a set is given up where
even all atoms that are left cannot make it gain. For that, what storing an atom costs is shared out among
the groups that may still take part, in proportion to its worth to them, and each counts what it gains by
itself. Any shares bound what they gain together, so groups that cannot gain give back what they were
charged beyond that, and the others bear it: half as many sets are looked at then. An atom that is worth
less than it costs, to all who may still take part, is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from layerforge.plan.exact.relaxation import EXACT, Counts, Flags, Numbers, Relaxation

_SAFETY = 1e-9
# What adding up some thousand numbers that are not whole may lose, as a part of the largest sum. (Where more
# was allowed for, no proof came to an end: it looked as if something was always left to gain.)
_ROUNDING = 1e-12
# Up to so many groups, all sets of them are looked at: 16,000 with 40 atoms take 15 ms, where branching on
# the atoms of 12 groups takes 700 ms and is not complete.
_FEW = 14
_NOTHING = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Duals:
    """Whole thousandths of a byte: `worth[g, a]` of a needed atom, `slot[g]` of a slot.

    `space[g]`: of a byte carried in excess, in thousandths of a byte, any number from 0. `copies[a]`: that
    one layer more holds an atom, and at last that there is one layer more; below 0 where there may be no
    more than `counts` says, 0 where it says nothing.
    """

    worth: Numbers
    slot: Numbers
    space: Numbers
    copies: Numbers
    counts: Counts

    def value(self, relaxation: Relaxation) -> float:
        """What they prove if no layer gains; exact but for space, which is rounded towards less."""
        free = ~relaxation.single
        space = np.ceil(self.space * relaxation.spare * (1 + _SAFETY))
        paid = float((self.slot * relaxation.slots)[free].sum() + space.sum())
        gained = float(self.worth.sum())
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

    `complete`: no set was passed over for there being too many. `nodes`: how many sets were looked at.
    """

    offers: tuple[Offer, ...]
    excess: float
    complete: bool
    nodes: int


@dataclass(slots=True)
class _Sets:
    """Sets of atoms, a row each: what each group gains so far, and who can take part no more."""

    chosen: Flags
    gains: Numbers
    closed: Flags
    costs: Numbers
    paid: Numbers
    """What it costs, less what it is worth that there is such a layer (`Duals.copies`)."""

    def only(self, rows: Flags) -> _Sets:
        return _Sets(
            self.chosen[rows], self.gains[rows], self.closed[rows], self.costs[rows], self.paid[rows]
        )


def price(relaxation: Relaxation, duals: Duals, *, width: int) -> Priced:
    """Return the layers that gain.

    No more than `width` undecided sets are kept; the most promising, if there are more. Duals so large
    that sums of them are not exact prove nothing: `excess` is infinite then.
    """
    gains = _gains(relaxation, duals)
    paid = float(duals.slot.sum() + relaxation.stored.sum() + relaxation.layer)
    largest = float(np.abs(gains).sum() + np.abs(duals.copies).sum()) + paid
    # Not `largest >= EXACT`: that is false of what is no number.
    if not largest < EXACT:
        return Priced(offers=(), excess=float("inf"), complete=False, nodes=0)
    if len(relaxation.slots) <= min(_FEW, len(relaxation.atoms)):
        return _price_by_groups(relaxation, duals, gains, largest)
    return _price_by_atoms(relaxation, duals, gains, largest, width)


def _price_by_atoms(
    relaxation: Relaxation, duals: Duals, gains: Numbers, largest: float, width: int
) -> Priced:
    """Branch on atoms."""
    required = relaxation.needs & relaxation.single[:, None]
    prices = relaxation.stored - duals.copies[:-1]
    sets = _nothing_decided(relaxation, duals)
    passed = 0.0
    nodes = 0
    for atom in range(len(relaxation.atoms)):
        nodes += len(sets.costs)
        worth = np.maximum(gains[:, atom:], 0.0)
        bounds, paying = _bounds(sets, worth, prices[atom:], required[:, atom])
        kept, dropped = _keep_best(sets.costs, bounds + _SAFETY * largest, width)
        passed = max(passed, dropped)
        without = sets.only(kept)
        added = _with_atom(without.only(paying[kept]), atom, gains[:, atom], relaxation, prices)
        without.closed |= required[:, atom]
        sets = _joined(added, without)
    offers = _offers(sets)
    # Another choice of users may gain less and yet more of its cost: so without what users carry in excess.
    parts = (float(np.nextafter(offer.gain / offer.cost, np.inf)) for offer in offers if offer.cost)
    excess = max([passed, *parts], default=0.0)
    if any(offer.gain > 0 and not offer.cost for offer in offers):
        excess = float("inf")
    return Priced(offers=offers, excess=max(0.0, excess), complete=not passed, nodes=nodes)


def _nothing_decided(relaxation: Relaxation, duals: Duals) -> _Sets:
    return _Sets(
        chosen=np.zeros((1, len(relaxation.atoms)), dtype=bool),
        gains=-np.where(relaxation.single, 0.0, duals.slot)[None, :],
        closed=np.zeros((1, len(relaxation.slots)), dtype=bool),
        costs=np.array([relaxation.layer]),
        paid=np.array([relaxation.layer - duals.copies[-1]]),
    )


def _offers(sets: _Sets) -> tuple[Offer, ...]:
    """Sets that gain, with all groups that gain from them, best first."""
    totals = np.where(sets.closed, 0.0, np.maximum(sets.gains, 0.0)).sum(axis=1) - sets.paid
    rows = (totals > 0) & sets.chosen.any(axis=1)
    found = sets.only(rows)
    offers = [
        Offer(atoms=chosen, users=(gained > 0) & ~closed, gain=float(total), cost=float(cost))
        for chosen, gained, closed, total, cost in zip(
            found.chosen, found.gains, found.closed, totals[rows], found.costs, strict=True
        )
    ]
    return tuple(sorted(offers, key=lambda offer: (-offer.gain, offer.atoms.tolist())))


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
        excess = max(excess, float((found / np.maximum(costs, _NOTHING)).max()))
    if excess:
        least = relaxation.layer + relaxation.stored.min()
        lost = 2 * _ROUNDING * largest / least if least > 0 else float("inf")
        excess = float(np.nextafter(excess + lost, np.inf))
    return Priced(offers=offers, excess=excess, complete=True, nodes=len(users))


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


def _bounds(sets: _Sets, worth: Numbers, prices: Numbers, required: Flags) -> tuple[Numbers, Flags]:
    """What each set can gain at most, with any of the atoms that are left; and where the first may pay.

    `worth` and `prices` are of these atoms, `required` is of the first.
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
    rest = stored - (borne @ worth) * part
    rest_part = np.minimum(1.0, np.maximum(rest, 0.0) / np.maximum(gaining @ worth, _NOTHING))
    best = np.where(gaining, most - rest_part @ worth.T, 0.0)
    bounds: Numbers = np.maximum(best, 0.0).sum(axis=1) - sets.paid - np.minimum(prices, 0.0).sum()
    # Groups with one slot are lost without an atom that they need, whatever that one is worth.
    pays = (total[:, 0] * (1 + _SAFETY) > prices[0]) | (alive & required).any(axis=1)
    return bounds, pays


def _keep_best(costs: Numbers, bounds: Numbers, width: int) -> tuple[Flags, float]:
    """Return the sets that may gain enough, and what part of its cost one that is passed over could gain."""
    rows = bounds > 0
    if rows.sum() <= width:
        return rows, 0.0
    kept = np.zeros(len(rows), dtype=bool)
    kept[np.argsort(-bounds, kind="stable")[:width]] = True
    dropped = rows & ~kept
    with np.errstate(divide="ignore"):
        parts = np.maximum(bounds[dropped], 1.0) / costs[dropped]
    return kept, float(np.nextafter(parts.max(), np.inf))


def _with_atom(sets: _Sets, atom: int, gains: Numbers, relaxation: Relaxation, prices: Numbers) -> _Sets:
    chosen = sets.chosen.copy()
    chosen[:, atom] = True
    return _Sets(
        chosen=chosen,
        gains=sets.gains + gains,
        closed=sets.closed | relaxation.barred[:, atom],
        costs=sets.costs + relaxation.stored[atom],
        paid=sets.paid + prices[atom],
    )


def _joined(first: _Sets, second: _Sets) -> _Sets:
    return _Sets(
        chosen=np.vstack([first.chosen, second.chosen]),
        gains=np.vstack([first.gains, second.gains]),
        closed=np.vstack([first.closed, second.closed]),
        costs=np.concatenate([first.costs, second.costs]),
        paid=np.concatenate([first.paid, second.paid]),
    )
