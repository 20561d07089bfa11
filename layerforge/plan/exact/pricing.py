"""Which layers would pay at given duals: every one of them, found by branching on atoms.

Duals say what it is worth that a group finds a needed atom in a layer, and what a slot costs. A layer
gains what it is worth to its users less what it costs; given its atoms, each group takes it exactly
where it gains from that. Where no layer gains, the duals prove a bound.

Atoms are decided on by falling size, all undecided sets side by side. Such a set is given up where
even all atoms that are left cannot make it gain: each group counts what they are worth to it, less its
share of what storing them costs, in proportion to their worth to the groups that may still take part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from layerforge.plan.exact.relaxation import EXACT, Flags, Numbers, Relaxation

_SAFETY = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Duals:
    """Whole thousandths of a byte: `worth[g, a]` of a needed atom, `slot[g]` of a slot.

    `space[g]`: of a byte carried in excess, in thousandths of a byte, any number from 0.
    """

    worth: Numbers
    slot: Numbers
    space: Numbers

    def value(self, relaxation: Relaxation) -> float:
        """What they prove if no layer gains; exact but for space, which is rounded towards less."""
        free = ~relaxation.single
        space = np.ceil(self.space * relaxation.spare * (1 + _SAFETY))
        paid = float((self.slot * relaxation.slots)[free].sum() + space.sum())
        # Sums that are not exact prove nothing.
        return float(self.worth.sum()) - paid if paid < EXACT else 0.0


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

    def only(self, rows: Flags) -> _Sets:
        return _Sets(self.chosen[rows], self.gains[rows], self.closed[rows], self.costs[rows])


def price(relaxation: Relaxation, duals: Duals, *, at_least: float = 0.0, width: int) -> Priced:
    """Return the layers that gain more than `at_least` (below 0: that lose less than that).

    No more than `width` undecided sets are kept; the most promising, if there are more. Duals so large
    that sums of them are not exact prove nothing: `excess` is infinite then.
    """
    gains = _gains(relaxation, duals)
    largest = float(np.abs(gains).sum() + duals.slot.sum() + relaxation.stored.sum() + relaxation.layer)
    # Not `largest >= EXACT`: that is false of what is no number.
    if not largest < EXACT:
        return Priced(offers=(), excess=float("inf"), complete=False, nodes=0)
    margin = _SAFETY * largest
    count = len(relaxation.atoms)
    required = relaxation.needs & relaxation.single[:, None]
    groups = len(relaxation.slots)
    sets = _Sets(
        chosen=np.zeros((1, count), dtype=bool),
        gains=-np.where(relaxation.single, 0.0, duals.slot)[None, :],
        closed=np.zeros((1, groups), dtype=bool),
        costs=np.array([relaxation.layer]),
    )
    passed = 0.0
    nodes = 0
    for atom in range(count):
        nodes += len(sets.costs)
        bounds = _bounds(relaxation, sets, np.maximum(gains[:, atom:], 0.0), atom)
        sets, dropped = _keep_best(sets, bounds + margin, at_least, width)
        passed = max(passed, dropped)
        sets = _branch(sets, atom, gains[:, atom], relaxation, required[:, atom])
    totals = np.where(sets.closed, 0.0, np.maximum(sets.gains, 0.0)).sum(axis=1) - sets.costs
    rows = (totals > at_least) & sets.chosen.any(axis=1)
    offers = [
        Offer(atoms=chosen, users=(gained > 0) & ~closed, gain=float(total), cost=float(cost))
        for chosen, gained, closed, total, cost in zip(
            sets.chosen[rows],
            sets.gains[rows],
            sets.closed[rows],
            totals[rows],
            sets.costs[rows],
            strict=True,
        )
    ]
    offers.sort(key=lambda offer: (-offer.gain, offer.atoms.tolist()))
    # Another choice of users may gain less and yet more of its cost: so without what users carry in excess.
    parts = (float(np.nextafter(offer.gain / offer.cost, np.inf)) for offer in offers if offer.cost)
    excess = max([passed, *parts], default=0.0)
    if any(offer.gain > 0 and not offer.cost for offer in offers):
        excess = float("inf")
    return Priced(offers=tuple(offers), excess=max(0.0, excess), complete=not passed, nodes=nodes)


def losses(relaxation: Relaxation, duals: Duals, sets: Flags) -> Numbers:
    """Return how far each set of atoms, a row, is from gaining as a layer."""
    required = relaxation.needs & relaxation.single[:, None]
    closed = (sets @ relaxation.barred.T) | (~sets @ required.T)
    gains = sets @ _gains(relaxation, duals).T - np.where(relaxation.single, 0.0, duals.slot)
    lost: Numbers = sets @ relaxation.stored + relaxation.layer
    lost -= np.where(closed, 0.0, np.maximum(gains, 0.0)).sum(axis=1)
    return lost


def _gains(relaxation: Relaxation, duals: Duals) -> Numbers:
    """What each group gains from each atom in a layer that it takes; never too little."""
    carried = relaxation.excess + np.floor(duals.space[:, None] * relaxation.foreign * (1 - _SAFETY))
    return np.where(relaxation.needs, duals.worth, -carried)


def _bounds(relaxation: Relaxation, sets: _Sets, worth: Numbers, atom: int) -> Numbers:
    """What each set can gain at most, with any of the atoms from `atom` on."""
    alive = (sets.gains + worth.sum(axis=1) > 0) & ~sets.closed
    total = alive @ worth
    left = np.maximum(0.0, 1.0 - relaxation.stored[atom:] / np.maximum(total, 1e-9))
    best = sets.gains + left @ worth.T
    bounds: Numbers = np.where(alive, np.maximum(best, 0.0), 0.0).sum(axis=1) - sets.costs
    return bounds


def _keep_best(sets: _Sets, bounds: Numbers, at_least: float, width: int) -> tuple[_Sets, float]:
    """Return the sets that may gain enough, and what part of its cost one that is passed over could gain."""
    rows = bounds > at_least
    if rows.sum() <= width:
        return sets.only(rows), 0.0
    kept = np.zeros(len(rows), dtype=bool)
    kept[np.argsort(-bounds, kind="stable")[:width]] = True
    dropped = rows & ~kept
    with np.errstate(divide="ignore"):
        parts = np.maximum(bounds[dropped], 1.0) / sets.costs[dropped]
    return sets.only(kept), float(np.nextafter(parts.max(), np.inf))


def _branch(sets: _Sets, atom: int, gains: Numbers, relaxation: Relaxation, required: Flags) -> _Sets:
    """Return each set with the atom, and each without it."""
    chosen = sets.chosen.copy()
    chosen[:, atom] = True
    return _Sets(
        chosen=np.vstack([chosen, sets.chosen]),
        gains=np.vstack([sets.gains + gains, sets.gains]),
        closed=np.vstack([sets.closed | relaxation.barred[:, atom], sets.closed | required]),
        costs=np.concatenate([sets.costs + relaxation.stored[atom], sets.costs]),
    )
