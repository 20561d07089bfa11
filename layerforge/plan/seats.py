"""Layers and who takes them, while a search changes both; what was changed last can be taken back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from layerforge.plan.pieces import Piece, Pricing
from layerforge.plan.problem import Problem, positions
from layerforge.plan.units import Units


class _Changed(NamedTuple):
    """A layer as it was (None: there was none), or else the seats of a unit as they were."""

    layer: int
    piece: Piece | None
    unit: int
    seats: tuple[int, ...]


class Seats:
    """Layers by number, the layers that each unit takes, and what follows from them."""

    def __init__(self, problem: Problem, units: Units, layers: Iterable[tuple[int, int]]) -> None:
        self.problem = problem
        self.units = units
        self.pricing = Pricing(problem, units)
        self.needing = [0] * len(problem.sizes)
        for unit, needed in enumerate(units.needs):
            for atom in self.pricing.atoms(needed):
                self.needing[atom] |= 1 << unit
        self.layers: dict[int, Piece] = {}
        # Per atom: the layers that hold it. Per unit: the layers it takes, and bytes of them.
        self.holding: list[set[int]] = [set() for _ in problem.sizes]
        self.seats: list[tuple[int, ...]] = [()] * len(units.needs)
        self.carried = [0] * len(units.needs)
        self.free = (1 << len(units.needs)) - 1
        self.total = 0
        self._next = 0
        self._journal: list[_Changed] = []
        for atoms, users in layers:
            if users:
                self.add(self.pricing.piece(atoms, users))

    def add(self, piece: Piece) -> int:
        """Add a layer, and seat its units in it; return its number."""
        identity = self.place(piece)
        for unit in positions(piece.users):
            self.seat(unit, (*self.seats[unit], identity))
        return identity

    def place(self, piece: Piece) -> int:
        """Add a layer whose units are still to be seated; return its number."""
        identity = self._next
        self._next += 1
        self.change(identity, piece)
        return identity

    def change(self, identity: int, piece: Piece | None) -> None:
        """Put a layer in the place of another, or of none."""
        self._journal.append(_Changed(identity, self.layers.get(identity), -1, ()))
        self._put(identity, piece)

    def seat(self, unit: int, seats: tuple[int, ...]) -> None:
        """Say which layers a unit takes."""
        self._journal.append(_Changed(-1, None, unit, self.seats[unit]))
        self._seat(unit, seats)

    def settle(self) -> None:
        """Let what was changed stand."""
        self._journal.clear()

    def take_back(self) -> None:
        """Undo what was changed since it was settled last."""
        for changed in reversed(self._journal):
            if changed.unit < 0:
                self._put(changed.layer, changed.piece)
            else:
                self._seat(changed.unit, changed.seats)
        self._journal.clear()

    def changed_units(self) -> list[int]:
        """Units whose seats, or what they hold, may have changed since it was settled last."""
        users = 0
        for changed in self._journal:
            if changed.unit >= 0:
                users |= 1 << changed.unit
            elif (piece := self.layers.get(changed.layer)) is not None:
                users |= piece.users
        return positions(users)

    def _seat(self, unit: int, seats: tuple[int, ...]) -> None:
        self.seats[unit] = seats
        bit = 1 << unit
        self.free = self.free | bit if len(seats) < self.units.slots[unit] else self.free & ~bit

    def _put(self, identity: int, new: Piece | None) -> None:
        old = self.layers.pop(identity, None) if new is None else self.layers.get(identity)
        if new is not None:
            self.layers[identity] = new
        self.total += (0 if new is None else new.cost) - (0 if old is None else old.cost)
        old_atoms, old_users, old_size = (0, 0, 0) if old is None else (old.atoms, old.users, old.size)
        atoms, users, size = (0, 0, 0) if new is None else (new.atoms, new.users, new.size)
        if atoms != old_atoms:
            for atom in self.pricing.atoms(old_atoms & ~atoms):
                self.holding[atom].discard(identity)
            for atom in self.pricing.atoms(atoms & ~old_atoms):
                self.holding[atom].add(identity)
        if size != old_size:
            self._carry(old_users & users, size - old_size)
        self._carry(users & ~old_users, size)
        self._carry(old_users & ~users, -old_size)

    def _carry(self, users: int, more: int) -> None:
        if users:
            carried = self.carried
            for unit in positions(users):
                carried[unit] += more

    # What is done with units and layers.

    def remove(self, unit: int, touched: dict[int, int]) -> None:
        """Take a unit out of its layers; `touched` says what it needed, by the layers that are left."""
        bit, price, needed = 1 << unit, self.units.price[unit], self.units.needs[unit]
        for identity in self.seats[unit]:
            piece = self.layers[identity]
            users = piece.users ^ bit
            if users:
                self.change(identity, self.pricing.with_users(piece, users, piece.price - price))
                touched[identity] = touched.get(identity, 0) | needed
            else:
                self.change(identity, None)
        self.seat(unit, ())

    def fits(self, piece: Piece, more: int) -> bool:
        """Whether all units of a layer have room for so many bytes more."""
        carried, room = self.carried, self.units.room
        return all(carried[unit] + more <= room[unit] for unit in positions(piece.users))

    def lacking(self, identity: int, atom: int) -> int:
        """Units of a layer that need an atom of it and take no other layer that holds it."""
        layers = self.layers
        users = layers[identity].users & self.needing[atom]
        if users:
            for other in self.holding[atom]:
                if other != identity:
                    users &= ~layers[other].users
                    if not users:
                        break
        return users

    def tidy(self, identity: int, looked_at: int) -> None:
        """Drop from a layer atoms that nobody takes it for, and then units that take it for nothing."""
        piece = self.layers[identity]
        atoms = piece.atoms
        for atom in self.pricing.atoms(atoms & looked_at):
            if not self.lacking(identity, atom):
                atoms ^= 1 << atom
        if atoms == piece.atoms:
            return
        users = 0
        for atom in self.pricing.atoms(atoms):
            users |= self.lacking(identity, atom)
        for unit in positions(piece.users & ~users):
            self.seat(unit, tuple(one for one in self.seats[unit] if one != identity))
        self.change(identity, self.pricing.piece(atoms, users) if users else None)

    # Taking a layer apart.

    def parts(self, piece: Piece, atoms: int) -> tuple[int, int]:
        """Units of a layer that need something of these of its atoms, and of the others."""
        first = second = 0
        for atom in self.pricing.atoms(atoms):
            first |= self.needing[atom]
        for atom in self.pricing.atoms(piece.atoms & ~atoms):
            second |= self.needing[atom]
        return piece.users & first, piece.users & second

    def split_cost(self, piece: Piece, atoms: int, size: int) -> int | None:
        """What it costs to take these of its atoms (bytes: `size`) out into a layer of their own.

        None where a unit that needs both parts has no slot left.
        """
        first, second = self.parts(piece, atoms)
        if first & second & ~self.free or not second:
            return None
        pricing = self.pricing
        cost = pricing.layer + pricing.renewal(atoms, size)
        cost += pricing.renewal(piece.atoms & ~atoms, piece.size - size) - pricing.renewal(
            piece.atoms, piece.size
        )
        without_first, without_second = piece.users & ~first, piece.users & ~second
        if without_first:
            cost -= size * pricing.excess(without_first)
        if without_second:
            cost -= (piece.size - size) * pricing.excess(without_second)
        return cost

    def split(self, identity: int, atoms: int) -> int:
        """Take these atoms out of a layer into one of their own; return the number of that one."""
        piece = self.layers[identity]
        first, second = self.parts(piece, atoms)
        taken = self.place(self.pricing.piece(atoms, first))
        self.change(identity, self.pricing.piece(piece.atoms & ~atoms, second))
        for unit in positions(first | piece.users & ~second):
            seats = [*self.seats[unit]]
            if not second >> unit & 1:
                seats.remove(identity)
            if first >> unit & 1:
                seats.append(taken)
            self.seat(unit, tuple(seats))
        return taken
