"""What a search looks at: layers with their costs, and units by how often they are counted."""

from __future__ import annotations

from collections.abc import Sequence

from layerforge.plan.problem import Problem, bits, union
from layerforge.plan.units import Units

# Prices of sets of units that are remembered, at most: some 50 MB for 1,000 functions.
_REMEMBERED = 200_000


class Piece:
    """A layer while it is looked at: atoms, units, bytes, the price of a byte for its units, its cost.

    `useful` says how many of its bytes a unit needs, for units that asked (`Pricing.useful`).
    """

    __slots__ = ("atoms", "cost", "price", "size", "useful", "users")

    def __init__(
        self, atoms: int, users: int, size: int, price: int, cost: int, useful: dict[int, int]
    ) -> None:
        self.atoms = atoms
        self.users = users
        self.size = size
        self.price = price
        self.cost = cost
        self.useful = useful


class Pricing:
    """Sizes of sets of atoms and costs of layers, remembered."""

    def __init__(self, problem: Problem, units: Units) -> None:
        self.stored = problem.prices.stored
        self.layer = problem.prices.layer
        self.renewed = problem.prices.renewed
        self.attached = problem.prices.attached
        self.sizes: dict[int, int] = {0: 0}
        self.changing = problem.previous is not None
        self._problem = problem
        self._units = units
        self._sums = _sums_by_byte(problem.sizes)
        self._useful: dict[int, dict[int, int]] = {}
        self._atoms: dict[int, tuple[int, ...]] = {}
        # Per atom: the units that need it.
        self.needing = [0] * len(problem.sizes)
        for unit, needed in enumerate(units.needs):
            for atom in bits(needed):
                self.needing[atom] |= 1 << unit
        self._needers: dict[int, int] = {}
        self._excess: dict[int, int] = {}
        self._carriers: dict[int, int] = {}
        self._prices = _groups(units.price)
        self._known = _groups(units.known)
        self._members = _groups([len(members) for members in units.members])
        everybody = (1 << len(units.needs)) - 1
        self.open = not any(problem.apart) and all(not everybody & ~mask for mask in units.carriers)

    def size(self, atoms: int) -> int:
        """Bytes."""
        size = self.sizes.get(atoms)
        if size is None:
            # Eight atoms at once: less than half of the time of adding one by one.
            sums = self._sums
            several = enumerate(atoms.to_bytes(len(sums), "little"))
            size = self.sizes[atoms] = sum([sums[place][byte] for place, byte in several])
        return size

    def useful(self, piece: Piece, unit: int) -> int:
        """Bytes of a layer that a unit needs."""
        size = piece.useful.get(unit)
        if size is None:
            size = piece.useful[unit] = self.size(piece.atoms & self._units.needs[unit])
        return size

    def needers(self, atoms: int) -> int:
        """Units that need any of these atoms."""
        mask = self._needers.get(atoms)
        if mask is None:
            mask = self._needers[atoms] = union(self.needing[atom] for atom in self.atoms(atoms))
        return mask

    def atoms(self, mask: int) -> tuple[int, ...]:
        """The atoms of a mask, lowest first."""
        atoms = self._atoms.get(mask)
        if atoms is None:
            atoms = self._atoms[mask] = tuple(bits(mask))
        return atoms

    def excess(self, users: int) -> int:
        """Price of a byte that all these units carry."""
        price = self._excess.get(users)
        if price is None:
            if len(self._excess) > _REMEMBERED:
                self._excess.clear()
            price = self._excess[users] = _weigh(self._prices, users)
        return price

    def members(self, users: int) -> int:
        """How many functions there are in units."""
        return _weigh(self._members, users)

    def cost(self, atoms: int, users: int, size: int, price: int) -> int:
        """Of a layer, as if all that is in it were excess: what is needed costs the same in any plan."""
        cost = size * (self.stored + price) + self.layer
        if not self.changing:
            return cost
        added = users & ~self._units.before.get(atoms, 0)
        return cost + self.attached * _weigh(self._known, added) + self.renewal(atoms, size)

    def renewal(self, atoms: int, size: int) -> int:
        """What a layer costs more as its content is new."""
        return self.renewed * size if self.changing and atoms not in self._units.before else 0

    def piece(self, atoms: int, users: int) -> Piece:
        """A layer with its size and cost."""
        size, price = self.size(atoms), self.excess(users)
        useful = self._useful.get(atoms)
        if useful is None:
            useful = self._useful[atoms] = {}
        return Piece(atoms, users, size, price, self.cost(atoms, users, size, price), useful)

    def with_users(self, piece: Piece, users: int, price: int) -> Piece:
        """The same atoms for other units, who pay that price for a byte."""
        cost = self.cost(piece.atoms, users, piece.size, price)
        return Piece(piece.atoms, users, piece.size, price, cost, piece.useful)

    def carriers(self, atoms: int) -> int:
        """Units that may take a layer of these atoms: none if two of them are to be kept apart."""
        if self.open:
            return -1
        mask = self._carriers.get(atoms)
        if mask is None:
            mask = -1
            for atom in bits(atoms):
                mask &= 0 if self._problem.apart[atom] & atoms else self._units.carriers[atom]
            self._carriers[atoms] = mask
        return mask


def _groups(weights: Sequence[int]) -> tuple[tuple[int, int], ...]:
    groups: dict[int, int] = {}
    for unit, weight in enumerate(weights):
        groups[weight] = groups.get(weight, 0) | 1 << unit
    return tuple((weight, mask) for weight, mask in sorted(groups.items()) if weight)


def _weigh(groups: tuple[tuple[int, int], ...], users: int) -> int:
    total = 0
    for weight, mask in groups:
        total += weight * (users & mask).bit_count()
    return total


def _sums_by_byte(sizes: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Bytes of any set of eight neighbouring atoms, by the mask of them."""
    sums = []
    for start in range(0, len(sizes), 8):
        table = [0]
        for size in sizes[start : start + 8]:
            table += [size + other for other in table]
        sums.append(tuple(table))
    return tuple(sums)


class Levels:
    """Sets of units by how often they are counted: `at_least[k]` were counted k times or more."""

    def __init__(self, everybody: int) -> None:
        self.at_least = [everybody]

    def count(self, users: int) -> None:
        """Count units once more."""
        levels = self.at_least
        levels.append(0)
        for level in range(len(levels) - 1, 0, -1):
            levels[level] |= levels[level - 1] & users
        if not levels[-1]:
            levels.pop()

    def discount(self, users: int) -> None:
        """Count units once less."""
        levels = self.at_least
        for level in range(1, len(levels)):
            above = levels[level + 1] if level + 1 < len(levels) else 0
            levels[level] = levels[level] & ~users | above & users

    def exactly(self) -> list[int]:
        """Units that were counted so often and no more, by how often."""
        return [least & ~more for least, more in zip(self.at_least, [*self.at_least[1:], 0], strict=True)]

    def beyond(self, slots: Sequence[tuple[int, int]]) -> int:
        """Units that were counted more often than they have slots (`slots`: number, units)."""
        levels = self.at_least
        return union(mask & levels[number + 1] for number, mask in slots if number + 1 < len(levels))
