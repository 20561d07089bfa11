"""Lays out anew what some layers held, by merging the pieces that they fall into."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import heapify, heappop, heappush

from layerforge.plan.pieces import Levels, Piece
from layerforge.plan.problem import bits, positions, union
from layerforge.plan.seats import Seats

# How far chance may move a union in the order of merging.
_NOISE = 0.3
_NOISY = 0.7
# A union that is looked at takes as long as so many layers that are looked at in seating a unit.
_UNION = 3
# A union: its cost, its atoms, its units, and those that stay with a copy of either side.
_Found = tuple[float, int, int, int, int]


class Laying:
    """Takes layers apart and merges the parts; `work` counts what was looked at."""

    def __init__(self, seats: Seats, chance: Callable[[], float]) -> None:
        self.state = seats
        self.pricing = seats.pricing
        self.chance = chance
        self.work = 0

    def lay_out(self, chosen: Sequence[int], freed_atoms: int, freed_users: int) -> list[Piece] | None:
        """What could stand in place of the chosen layers; None where slots do not suffice.

        All that they hold is laid out anew, or only these atoms or units of it, where there are any.
        """
        lacking = self._lacking(chosen)
        parts: dict[int, int] = {}
        if freed_atoms or freed_users:
            self._keep(chosen, freed_atoms, freed_users, lacking, parts)
        together: dict[int, int] = {}
        for atom, users in lacking.items():
            if users:
                together[users] = together.get(users, 0) | atom
        for atoms, users in self._whole(together):
            parts[atoms] = parts.get(atoms, 0) | users
        for users, atoms in together.items():
            parts[atoms] = parts.get(atoms, 0) | users
        self.work += len(self.state.layers)
        free = self._free_slots(chosen)
        return _Merging(self, self._pieces(parts.items()), free).run(
            _NOISE if self.chance() < _NOISY else 0.0
        )

    def replace(self, chosen: Sequence[int], pieces: Sequence[Piece]) -> bool:
        """Put pieces in the place of layers; False where a unit has no room for what it then takes."""
        state = self.state
        affected = union(state.layers[one].users for one in chosen)
        for one in chosen:
            state.change(one, None)
        given: dict[int, list[int]] = {}
        for piece in pieces:
            number = state.place(piece)
            for unit in positions(piece.users):
                given.setdefault(unit, []).append(number)
        gone = set(chosen)
        for unit in positions(affected):
            kept = [one for one in state.seats[unit] if one not in gone]
            state.seat(unit, (*kept, *given.get(unit, ())))
            if state.carried(unit) > state.units.room[unit]:
                return False
        return True

    def merge(self, parts: Iterable[tuple[int, int]], *, noise: float) -> list[Piece] | None:
        """Unite layers (atoms, units) where there are no others; None where slots do not suffice."""
        units = self.state.units
        return _Merging(self, self._pieces(parts), units.by_slots, units.room).run(noise)

    def _pieces(self, parts: Iterable[tuple[int, int]]) -> list[Piece]:
        """Parts as layers; what may not share one, as it is kept apart, becomes several."""
        split: dict[int, int] = {}
        for atoms, users in parts:
            may = not users & ~self.pricing.carriers(atoms)
            for held in (atoms,) if may else (1 << atom for atom in bits(atoms)):
                split[held] = split.get(held, 0) | users
        return [self.pricing.piece(atoms, users) for atoms, users in sorted(split.items()) if users]

    def _lacking(self, chosen: Sequence[int]) -> dict[int, int]:
        """Units that have an atom (as a mask) from nowhere else, by atom."""
        state = self.state
        affected = union(state.layers[one].users for one in chosen)
        lacking = {}
        for atom in bits(union(state.layers[one].atoms for one in chosen)):
            users = self.pricing.needing[atom] & affected
            for one in state.holding[atom]:
                if one not in chosen:
                    users &= ~state.layers[one].users
            if users:
                lacking[1 << atom] = users
        return lacking

    def _keep(
        self,
        chosen: Sequence[int],
        freed_atoms: int,
        freed_users: int,
        lacking: dict[int, int],
        parts: dict[int, int],
    ) -> None:
        """Leave in their layers those that are not freed."""
        for one in sorted(chosen, key=lambda _: self.chance()):
            piece = self.state.layers[one]
            atoms = users = 0
            for atom in bits(piece.atoms & ~freed_atoms):
                served = lacking.get(1 << atom, 0) & piece.users & ~freed_users
                if served:
                    atoms |= 1 << atom
                    users |= served
                    lacking[1 << atom] &= ~served
            if atoms:
                parts[atoms] = parts.get(atoms, 0) | users

    def _whole(self, together: dict[int, int]) -> list[tuple[int, int]]:
        """Sometimes give all that the same units lack to them as one layer, taken from `together`."""
        odds = self.chance() if self.chance() < 0.5 else 0.0
        if not odds:
            return []
        found: list[tuple[int, int]] = [(union(together), 0)]
        for users, atoms in together.items():
            split = []
            for mask, held in found:
                inside = mask & users
                if inside:
                    split.append((inside, held | atoms))
                if mask & ~users:
                    split.append((mask & ~users, held))
            found = split
        taken = [(held, mask) for mask, held in found if held and self.chance() < odds]
        gone = union(mask for _, mask in taken)
        for users in list(together):
            atoms = together.pop(users)
            if users & ~gone:
                together[users & ~gone] = together.get(users & ~gone, 0) | atoms
        return taken

    def _free_slots(self, chosen: Sequence[int]) -> tuple[tuple[int, int], ...]:
        """Slots that other layers leave to the units of the chosen ones: number, units."""
        gone = set(chosen)
        affected = union(self.state.layers[one].users for one in chosen)
        taken = Levels(affected)
        for identity, piece in self.state.layers.items():
            if identity not in gone and piece.users & affected:
                taken.count(piece.users)
        free: dict[int, int] = {}
        for number, mask in enumerate(taken.exactly()):
            for slots, units in self.state.units.by_slots:
                if mask & units:
                    free[slots - number] = free.get(slots - number, 0) | mask & units
        return tuple(sorted(free.items()))


class _Merging:
    """Unites pieces, cheapest first, while that is a gain or relieves units that lack slots."""

    def __init__(
        self,
        laying: Laying,
        pieces: list[Piece],
        free: tuple[tuple[int, int], ...],
        room: Sequence[int] | None = None,
    ) -> None:
        self.laying = laying
        self.pricing = laying.pricing
        self.free = free
        self.live = dict(enumerate(pieces))
        self.levels = Levels(union(mask for _, mask in free))
        for piece in pieces:
            self.levels.count(piece.users)
        self.over = self.levels.beyond(free)
        self.room = None if room is None else [*room]
        for piece in pieces:
            self._carry(piece, 1)

    def run(self, noise: float) -> list[Piece] | None:
        """The layers that it ends with; None where some unit has no slot left for one of its own."""
        chance, live = self.laying.chance, self.live
        heap = self._pairs(noise)
        following = len(live)
        while heap:
            score, first, second = heappop(heap)
            if first not in live or second not in live:
                continue
            found = self._evaluate(live[first], live[second])
            if found is None:
                continue
            if found[0] > (score * (1 + noise) if score > 0 else score):
                # It has become less urgent since it was pushed: look again when its turn comes.
                heappush(heap, (found[0], first, second))
                continue
            for piece in self._unite(live.pop(first), live.pop(second), found):
                self.laying.work += _UNION * len(live)
                for other, one in live.items():
                    more = self._evaluate(one, piece)
                    if more is not None:
                        heappush(heap, (more[0] * (1 + noise * chance()), other, following))
                live[following] = piece
                following += 1
        return None if self.over else list(live.values())

    def _pairs(self, noise: float) -> list[tuple[float, int, int]]:
        heap = []
        for second in range(1, len(self.live)):
            self.laying.work += _UNION * second
            for first in range(second):
                found = self._evaluate(self.live[first], self.live[second])
                if found is not None:
                    heap.append((found[0] * (1 + noise * self.laying.chance()), first, second))
        heapify(heap)
        return heap

    def _evaluate(self, a: Piece, b: Piece) -> _Found | None:
        """What uniting two pieces costs, who takes the union, and who stays with a copy of either.

        Where it is no gain, the cost is for each function that it relieves.
        """
        pricing = self.pricing
        both = a.users & b.users
        relieved = both & self.over
        atoms = a.atoms | b.atoms
        size = a.size + b.size if not a.atoms & b.atoms else pricing.size(atoms)
        shared = pricing.excess(both) if both else 0
        if not relieved and not pricing.changing and self._least_change(a, b, size, shared) >= 0:
            return None
        carriers = pricing.carriers(atoms)
        if both & ~carriers:
            return None
        change = -a.cost - b.cost
        users, paid = both, shared
        kept = []
        for side in (a, b):
            alone = side.users & ~both
            copy = 0
            if alone:
                price = side.price - shared
                copy_cost = pricing.cost(side.atoms, alone, side.size, price)
                join_cost = price * size
                if (
                    join_cost <= copy_cost
                    and not alone & ~carriers
                    and self._has_room(alone, size - side.size)
                ):
                    users |= alone
                    paid += price
                else:
                    change += copy_cost
                    copy = alone
            kept.append(copy)
        if not users:
            return None
        change += pricing.cost(atoms, users, size, paid)
        if change >= 0:
            if not relieved:
                return None
            return (change / pricing.members(relieved), atoms, users, kept[0], kept[1])
        return (float(change), atoms, users, kept[0], kept[1])

    def _least_change(self, a: Piece, b: Piece, size: int, shared: int) -> int:
        """What uniting costs at least: each side joins or keeps a copy of its own, whichever is cheaper.

        Most pairs are no gain by it, and need not be priced: it halves the time of merging.
        """
        stored, layer = self.pricing.stored, self.pricing.layer
        change = (size - a.size - b.size) * (stored + shared) - layer
        for side in (a, b):
            if side.price > shared:
                change += min((side.price - shared) * (size - side.size), side.size * stored + layer)
        return change

    def _unite(self, a: Piece, b: Piece, found: _Found) -> list[Piece]:
        _, atoms, users, left, right = found
        self.levels.discount(a.users & b.users)
        self.over = self.levels.beyond(self.free)
        made = [self.pricing.piece(atoms, users)]
        if left:
            made.append(self.pricing.piece(a.atoms, left))
        if right:
            made.append(self.pricing.piece(b.atoms, right))
        for piece in (a, b):
            self._carry(piece, -1)
        for piece in made:
            self._carry(piece, 1)
        return made

    def _carry(self, piece: Piece, sign: int) -> None:
        """Take the bytes of a layer off the room of its units."""
        room = self.room
        if room is not None:
            size = sign * piece.size
            for unit in positions(piece.users):
                room[unit] -= size

    def _has_room(self, units: int, more: int) -> bool:
        """Whether units can carry so many bytes more, as far as that is looked at."""
        room = self.room
        return room is None or all(room[unit] >= more for unit in positions(units))
