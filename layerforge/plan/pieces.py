"""What a search looks at: layers with their costs, and functions by how often they are counted."""

from __future__ import annotations

from collections.abc import Sequence

from layerforge.plan.problem import Problem, bits, union


class Piece:
    """A layer while it is looked at: atoms, functions, bytes, cost."""

    __slots__ = ("atoms", "cost", "size", "users")

    def __init__(self, atoms: int, users: int, size: int, cost: int) -> None:
        self.atoms = atoms
        self.users = users
        self.size = size
        self.cost = cost


class Pricing:
    """Sizes of sets of atoms and costs of layers, remembered."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._sizes: dict[int, int] = {}
        self._carriers: dict[int, int] = {}
        groups: dict[int, int] = {}
        for function, price in enumerate(problem.excess):
            groups[price] = groups.get(price, 0) | 1 << function
        self._groups = tuple(sorted((price, mask) for price, mask in groups.items()))
        self._one_price = problem.excess[0] if len(groups) == 1 else None
        self._before = {layer.atoms: layer.users for layer in problem.previous or ()}
        everybody = (1 << len(problem.needs)) - 1
        self._open = not any(problem.apart) and all(not everybody & ~mask for mask in problem.carriers)

    def size(self, atoms: int) -> int:
        """Bytes."""
        size = self._sizes.get(atoms)
        if size is None:
            size = self._sizes[atoms] = self.problem.size(atoms)
        return size

    def excess(self, users: int) -> int:
        """Price of a byte that all these functions carry."""
        if self._one_price is not None:
            return self._one_price * users.bit_count()
        return sum(price * (users & mask).bit_count() for price, mask in self._groups)

    def cost(self, atoms: int, users: int, size: int) -> int:
        """Of a layer, as if all that is in it were excess: what is needed costs the same in any plan."""
        prices = self.problem.prices
        cost = size * (prices.stored + self.excess(users)) + prices.layer
        if self.problem.previous is None:
            return cost
        before = self._before.get(atoms)
        added = users & ~(before or 0) & self.problem.known
        return cost + prices.attached * added.bit_count() + (prices.renewed * size if before is None else 0)

    def piece(self, atoms: int, users: int) -> Piece:
        """A layer with its size and cost."""
        size = self.size(atoms)
        return Piece(atoms, users, size, self.cost(atoms, users, size))

    def carriers(self, atoms: int) -> int:
        """Functions that may take a layer of these atoms: none if two of them are to be kept apart."""
        if self._open:
            return -1
        mask = self._carriers.get(atoms)
        if mask is None:
            mask = -1
            for atom in bits(atoms):
                mask &= 0 if self.problem.apart[atom] & atoms else self.problem.carriers[atom]
            self._carriers[atoms] = mask
        return mask


class Levels:
    """Sets of functions by how often they are counted: `at_least[k]` were counted k times or more."""

    def __init__(self, everybody: int) -> None:
        self.at_least = [everybody]

    def count(self, users: int) -> None:
        """Count functions once more."""
        levels = self.at_least
        levels.append(0)
        for level in range(len(levels) - 1, 0, -1):
            levels[level] |= levels[level - 1] & users
        if not levels[-1]:
            levels.pop()

    def discount(self, users: int) -> None:
        """Count functions once less."""
        levels = self.at_least
        for level in range(1, len(levels)):
            above = levels[level + 1] if level + 1 < len(levels) else 0
            levels[level] = levels[level] & ~users | above & users

    def beyond(self, slots: Sequence[tuple[int, int]]) -> int:
        """Functions that were counted more often than they have slots (`slots`: number, functions)."""
        levels = self.at_least
        return union(mask & levels[number + 1] for number, mask in slots if number + 1 < len(levels))
