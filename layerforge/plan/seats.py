"""Layers and who takes them, while a search changes both; what was changed last can be taken back."""

from __future__ import annotations

from collections.abc import Iterable

from layerforge.plan.pieces import Piece, Pricing
from layerforge.plan.problem import Problem, positions, union
from layerforge.plan.units import Units


class Seats:
    """Layers by number, the layers that each unit takes, and what follows from them."""

    def __init__(self, problem: Problem, units: Units, layers: Iterable[tuple[int, int]]) -> None:
        self.problem = problem
        self.units = units
        self.pricing = Pricing(problem, units)
        self.layers: dict[int, Piece] = {}
        # Per atom: the layers that hold it. Per unit: the layers it takes.
        self.holding: list[set[int]] = [set() for _ in problem.sizes]
        self.seats: list[tuple[int, ...]] = [()] * len(units.needs)
        self.free = (1 << len(units.needs)) - 1
        self.total = 0
        self._next = 0
        # Layers (None: there was none), seats of units and the total as they were when all was settled.
        self._layers_were: dict[int, Piece | None] = {}
        self._seats_were: dict[int, tuple[int, ...]] = {}
        self._total_was = 0
        for atoms, users in layers:
            if users:
                self.add(self.pricing.piece(atoms, users))

    def add(self, piece: Piece) -> int:
        """Add a layer, and seat its units in it; return its number."""
        identity = self.place(piece)
        for unit in positions(piece.users):
            self.seat(unit, (*self.seats[unit], identity))
        return identity

    def begin_with(self, pieces: Iterable[Piece]) -> None:
        """Let these layers stand, and no others."""
        for identity in [*self.layers]:
            self.change(identity, None)
        for unit in range(len(self.seats)):
            self.seat(unit, ())
        for piece in pieces:
            self.add(piece)
        self.settle()

    def place(self, piece: Piece) -> int:
        """Add a layer whose units are still to be seated; return its number."""
        identity = self._next
        self._next += 1
        self.change(identity, piece)
        return identity

    def change(self, identity: int, piece: Piece | None) -> None:
        """Put a layer in the place of another, or of none."""
        old = self.layers.get(identity)
        self._layers_were.setdefault(identity, old)
        self.total += (0 if piece is None else piece.cost) - (0 if old is None else old.cost)
        self._put(identity, old, piece)

    def seat(self, unit: int, seats: tuple[int, ...]) -> None:
        """Say which layers a unit takes."""
        self._seats_were.setdefault(unit, self.seats[unit])
        self._seat(unit, seats)

    def settle(self) -> None:
        """Let what was changed stand."""
        self._layers_were.clear()
        self._seats_were.clear()
        self._total_was = self.total

    def take_back(self) -> None:
        """Undo what was changed since it was settled last."""
        for identity, piece in self._layers_were.items():
            self._put(identity, self.layers.get(identity), piece)
        for unit, seats in self._seats_were.items():
            self._seat(unit, seats)
        self.total = self._total_was
        self._layers_were.clear()
        self._seats_were.clear()

    def changed_units(self) -> list[int]:
        """Units whose seats, or what they hold, may have changed since it was settled last."""
        users = union(1 << unit for unit in self._seats_were)
        for identity in self._layers_were:
            if (piece := self.layers.get(identity)) is not None:
                users |= piece.users
        return positions(users)

    def carried(self, unit: int) -> int:
        """Bytes of all layers that a unit takes."""
        layers = self.layers
        return sum([layers[one].size for one in self.seats[unit]])

    def _seat(self, unit: int, seats: tuple[int, ...]) -> None:
        self.seats[unit] = seats
        bit = 1 << unit
        self.free = self.free | bit if len(seats) < self.units.slots[unit] else self.free & ~bit

    def _put(self, identity: int, old: Piece | None, new: Piece | None) -> None:
        if new is not None:
            self.layers[identity] = new
        elif old is not None:
            del self.layers[identity]
        before = 0 if old is None else old.atoms
        after = 0 if new is None else new.atoms
        if after != before:
            for atom in self.pricing.atoms(before & ~after):
                self.holding[atom].discard(identity)
            for atom in self.pricing.atoms(after & ~before):
                self.holding[atom].add(identity)

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
        room = self.units.room
        return all(self.carried(unit) + more <= room[unit] for unit in positions(piece.users))

    def lacking(self, identity: int, atom: int) -> int:
        """Units of a layer that need an atom of it and take no other layer that holds it."""
        layers = self.layers
        users = layers[identity].users & self.pricing.needing[atom]
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

    def tidy_all(self) -> None:
        """Tidy all layers, the largest first."""
        for identity in sorted(self.layers, key=lambda one: (-self.layers[one].size, one)):
            self.tidy(identity, self.layers[identity].atoms)

    # Taking a layer apart.

    def parts(self, piece: Piece, atoms: int) -> tuple[int, int]:
        """Units of a layer that need something of these of its atoms, and of the others."""
        needers = self.pricing.needers
        return piece.users & needers(atoms), piece.users & needers(piece.atoms & ~atoms)

    def split_cost(self, piece: Piece, atoms: int, size: int, busy: int = 0) -> int | None:
        """What it costs to take these of its atoms (bytes: `size`) out into a layer of their own.

        None where a unit that needs both parts has no slot left, or is `busy`.
        """
        first, second = self.parts(piece, atoms)
        if first & second & (~self.free | busy) or not second:
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
