"""Seats a unit: which layers it takes, which of them holds what is in none, or is split for it.

Layers are taken greedily, each time the one that covers most of what is still needed for the excess it
brings. After every one it is asked what it would cost to stop: to give the rest a layer of its own, or to
add it to a layer. The cheapest of all that is kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heapreplace
from typing import NamedTuple

from layerforge.plan.pieces import Piece
from layerforge.plan.problem import union
from layerforge.plan.seats import Seats

# How far chance may move the cost of a way to end, as a share of how far it may move all else.
_WAYS = 0.3
# Layers that are asked, on average, what it costs to split them for a unit (all, or none of them at a time):
# to ask all 100 of them each time took a fifth of all the time for 1,000 functions, and gained nothing.
_SPLITTING = 25
_NEW = -1


# A layer that may be taken: what it is worth (below 0: the less, the better), its number, whole or split.
# (Not a named tuple, which takes longer to make: 40 are made for each unit of 1,000.)
_Candidate = tuple[float, int, bool]


class _Taken(NamedTuple):
    """A layer that a unit takes, or the atoms that are split off from it."""

    layer: int
    atoms: int = 0


class _End(NamedTuple):
    """What a unit takes, and the layer (or a new one) that what is lacking is added to."""

    taken: tuple[_Taken, ...]
    layer: int
    lacking: int


@dataclass(slots=True)
class _Round:
    """A unit while it is being seated: what it has taken, what it lacks, and the best way to end yet."""

    unit: int
    needed: int
    price: int
    slots: int
    room: int
    worth: float
    """What it is worth that a byte that is needed need not be stored anew, for this unit."""
    noise: float
    blink: float
    barred: int
    """Atoms that rival what it needs."""
    lacking: int
    lacking_size: int
    taken: list[_Taken] = field(default_factory=list)
    busy: int = 0
    """Units that give a slot to a split that was taken: they may have no other."""
    size: int = 0
    cost: float = 0
    best: _End | None = None
    least: float = math.inf


class Seating:
    """Seats units in layers; `work` counts the layers that were looked at."""

    def __init__(self, seats: Seats, chance: Callable[[], float]) -> None:
        self.state = seats
        self.work = 0
        # Atoms that were added to layers: their other units may have no use for another layer now.
        self.grown: list[tuple[int, int]] = []
        self._chance = chance
        self._rivals = seats.problem.rivals if any(seats.problem.rivals) else ()

    def insert(self, unit: int, *, noise: float, blink: float) -> bool:
        """Seat a unit that has no seats; False if no way was found.

        `noise` is how far chance may move what layers are worth, `blink` the odds to overlook one.
        """
        units, pricing = self.state.units, self.state.pricing
        needed, price = units.needs[unit], units.price[unit]
        size = pricing.size(needed)
        trial = _Round(
            unit=unit,
            needed=needed,
            price=price,
            slots=units.slots[unit],
            room=units.room[unit],
            worth=pricing.stored * (1 - noise * self._chance()) + price,
            noise=noise * _WAYS,
            blink=blink,
            barred=self._barred(needed),
            lacking=needed,
            lacking_size=size,
        )
        candidates = self._candidates(trial)
        while trial.lacking:
            self._end_here(trial)
            if len(trial.taken) >= trial.slots:
                break
            picked = self._pick(trial, candidates)
            if picked is None or len(trial.taken) + 1 == trial.slots:
                self._end_with_another(trial, last=len(trial.taken) + 1 == trial.slots)
            if picked is None:
                break
            self._take(trial, picked)
        if not trial.lacking and trial.cost < trial.least:
            trial.best = _End(tuple(trial.taken), _NEW, 0)
        if trial.best is None:
            return False
        self._apply(trial, trial.best)
        return True

    def _candidates(self, trial: _Round) -> list[_Candidate]:
        """Layers that are worth it for all that is needed, as a heap."""
        state, unit = self.state, trial.unit
        price, new = trial.price, state.pricing.layer
        spares = trial.worth - price
        found: list[_Candidate] = []
        splitting = self._chance() * len(state.layers) < _SPLITTING
        # This loop is a third of all the time of a search, so what is remembered is read without calls.
        self.work += len(state.layers) + 40
        for identity, piece in state.layers.items():
            size = piece.useful.get(unit)
            if size is None:
                size = state.pricing.useful(piece, unit)
            if not size:
                continue
            wasted = price * (piece.size - size)
            spared = size * spares
            if splitting and wasted > new and spared > new:
                cost = state.split_cost(piece, piece.atoms & trial.needed, size)
                if cost is not None and cost < min(wasted, spared):
                    found.append((cost - spared, identity, True))
                    continue
            if wasted < spared:
                found.append((wasted - spared, identity, False))
        heapify(found)
        return found

    def _barred(self, needed: int) -> int:
        if not self._rivals:
            return 0
        return union(self._rivals[atom] for atom in self.state.pricing.atoms(needed))

    def _may_take(self, unit: int, atoms: int, barred: int = 0) -> bool:
        pricing = self.state.pricing
        return not barred & atoms and (pricing.open or bool(pricing.carriers(atoms) >> unit & 1))

    def _pick(self, trial: _Round, candidates: list[_Candidate]) -> _Candidate | None:
        """The candidate that is worth most for what is lacking; as that shrinks, worth only falls."""
        layers = self.state.layers
        while candidates:
            before, identity, split = candidates[0]
            value = self._worth_now(trial, layers[identity], split=split)
            if before < value < 0:
                heapreplace(candidates, (value, identity, split))
                continue
            heappop(candidates)
            # Only what would be taken need be overlooked.
            if value < 0 and not (trial.blink and self._chance() < trial.blink):
                return value, identity, split
        return None

    def _worth_now(self, trial: _Round, piece: Piece, *, split: bool) -> float:
        """What a layer is worth for what is lacking; 0 if it cannot be taken."""
        pricing = self.state.pricing
        atoms = piece.atoms & trial.lacking
        size = pricing.size(atoms)
        if split:
            cost = self.state.split_cost(piece, atoms, size, trial.busy) if atoms else None
            return 0 if cost is None else cost + size * (trial.price - trial.worth)
        if trial.size + piece.size + trial.lacking_size - size > trial.room:
            return 0
        if not self._may_take(trial.unit, piece.atoms, trial.barred):
            return 0
        return trial.price * piece.size - size * trial.worth

    def _take(self, trial: _Round, candidate: _Candidate) -> None:
        state, pricing = self.state, self.state.pricing
        value, identity, split = candidate
        piece = state.layers[identity]
        atoms = piece.atoms & trial.lacking
        if split:
            size = pricing.size(atoms)
            trial.taken.append(_Taken(identity, atoms))
            first, second = state.parts(piece, atoms)
            trial.busy |= first & second
            trial.size += size
            trial.cost += value + size * trial.worth
        else:
            trial.taken.append(_Taken(identity))
            trial.size += piece.size
            trial.cost += trial.price * piece.size
        trial.lacking &= ~atoms
        trial.lacking_size = pricing.size(trial.lacking)

    def _end_here(self, trial: _Round) -> None:
        """Give what is lacking a layer of its own, or add it to one that was taken."""
        pricing, layers = self.state.pricing, self.state.layers
        size, lacking = trial.lacking_size, trial.lacking
        if trial.size + size > trial.room:
            return
        if len(trial.taken) < trial.slots and self._may_take(trial.unit, lacking):
            cost = trial.cost + size * (pricing.stored + trial.price) + pricing.layer
            self._offer(trial, cost + pricing.renewal(lacking, size), _NEW, lacking)
        for taken in trial.taken:
            if not taken.atoms:
                self._offer_growing(trial, taken.layer, layers[taken.layer], lacking, size)

    def _end_with_another(self, trial: _Round, *, last: bool) -> None:
        """Take one layer more, and add to it what it lacks."""
        state = self.state
        pricing, sizes = state.pricing, state.pricing.sizes
        taken = {one.layer for one in trial.taken}
        whole, begun, price, bytewise = trial.lacking, trial.cost, trial.price, pricing.stored + trial.price
        self.work += len(state.layers) // 2
        for identity, piece in state.layers.items():
            cost = begun + price * piece.size
            if cost >= trial.least or identity in taken:
                continue
            lacking = whole & ~piece.atoms
            if lacking == whole and not last:
                continue
            size = sizes.get(lacking)
            if size is None:
                size = pricing.size(lacking)
            if cost + size * (bytewise + piece.price) >= trial.least:
                continue
            if trial.size + piece.size + size <= trial.room and self._may_take(trial.unit, piece.atoms):
                self._offer_growing(trial, identity, piece, lacking, size, another=True)

    def _offer_growing(
        self, trial: _Round, identity: int, piece: Piece, lacking: int, size: int, *, another: bool = False
    ) -> None:
        pricing = self.state.pricing
        cost = trial.cost + size * (pricing.stored + piece.price + trial.price)
        if another:
            cost += trial.price * piece.size
        if lacking and pricing.changing:
            atoms = piece.atoms | lacking
            cost += pricing.renewal(atoms, piece.size + size) - pricing.renewal(piece.atoms, piece.size)
        if cost >= trial.least:
            return
        if lacking:
            if not self.state.fits(piece, size):
                return
            if not pricing.open and (piece.users | 1 << trial.unit) & ~pricing.carriers(
                piece.atoms | lacking
            ):
                return
        self._offer(trial, cost, identity, lacking, another=another)

    def _offer(self, trial: _Round, cost: float, layer: int, lacking: int, *, another: bool = False) -> None:
        if trial.noise:
            cost *= 1 + trial.noise * (self._chance() - 0.3)
        if cost < trial.least:
            trial.least = cost
            taken = (*trial.taken, _Taken(layer)) if another else tuple(trial.taken)
            trial.best = _End(taken, layer, lacking)

    def _apply(self, trial: _Round, end: _End) -> None:
        state, pricing = self.state, self.state.pricing
        unit, bit = trial.unit, 1 << trial.unit
        numbers = [state.split(one.layer, one.atoms) if one.atoms else one.layer for one in end.taken]
        numbers = self._useful(trial.needed, numbers, end)
        if end.lacking and end.layer != _NEW:
            piece = state.layers[end.layer]
            state.change(end.layer, pricing.piece(piece.atoms | end.lacking, piece.users))
            self.grown.append((end.layer, end.lacking))
        for number in numbers:
            piece = state.layers[number]
            state.change(number, pricing.with_users(piece, piece.users | bit, piece.price + trial.price))
        if end.lacking and end.layer == _NEW:
            numbers.append(state.place(pricing.piece(end.lacking, bit)))
        state.seat(unit, tuple(numbers))

    def _useful(self, needed: int, numbers: list[int], end: _End) -> list[int]:
        """Leave out layers that are covered by the others, the largest first."""
        layers = self.state.layers
        kept = list(numbers)
        for number in sorted(numbers, key=lambda one: -layers[one].size):
            held = end.lacking
            for other in kept:
                if other != number:
                    held |= layers[other].atoms
            if not needed & ~held and not (end.lacking and number == end.layer):
                kept.remove(number)
        return kept
