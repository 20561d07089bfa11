"""Which atoms share a layer: greedy merging by cost, for the functions of one target.

An *atom* is a set of distributions that exactly the same functions need. At first every atom is a
layer of its own: nothing is stored twice, nobody carries what it does not need, but there are too
many layers. Then pairs of layers are united, cheapest first, while that lowers the cost or while
some function has more layers than slots. The cost is

    stored bytes + 0.1 x bytes carried in excess + 1 MiB x layers

in words: a second copy is stored only where that spares more than ten functions from carrying it,
and an extra layer must earn 1 MiB. All arithmetic is on integers (ten times the cost), sets are
bit masks, and ties are broken by content: the same input gives the same plan on every machine.

Uniting layers A and B never fails for the functions that take both: their bytes and their number
of layers only fall. Functions that take one of the two either join, and carry the other in
excess, or stay with a copy of what they had, whichever is cheaper and fits. So every function
whose needs fit at all ends within its slots and its bytes.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

STORED_WEIGHT = 10
EXCESS_WEIGHT = 1
LAYER_COST = 10 * 1_048_576


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """What a function leaves to layers: how many, and bytes unzipped."""

    slots: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Atoms by index: `sizes` in bytes, `needs[function]` a mask of atoms.

    `rivals[atom]` is the mask of atoms that hold the same distribution at another version: they
    may never meet in one function. Each function must fit by itself: its needs within its room.
    """

    sizes: tuple[int, ...]
    needs: tuple[int, ...]
    rooms: tuple[Room, ...]
    rivals: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layer:
    """A mask of atoms, a mask of the functions that take it, bytes."""

    atoms: int
    users: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Union:
    """What uniting two layers would give. Where a side does not join, it keeps its own layer."""

    delta: int
    union: _Layer
    kept: tuple[_Layer, ...]


def merge_atoms(problem: Problem) -> tuple[tuple[int, int], ...]:
    """Return layers as (mask of atoms, mask of functions), sorted."""
    state = _State(problem)
    state.unite_all()
    while state.tidy():
        state.unite_all()
    return tuple(sorted((layer.atoms, layer.users) for layer in state.layers.values()))


def bits(mask: int) -> Iterator[int]:
    """Return the positions that are set, lowest first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


class _State:
    """Layers that change, and what each function carries."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.layers: dict[int, _Layer] = {}
        self.counts = [0] * len(problem.needs)
        self.carried = [0] * len(problem.needs)
        self.over = 0
        self._next = 0
        self._contested = sum(1 << atom for atom, mask in enumerate(problem.rivals) if mask)
        users = _users_of_atoms(problem)
        for atom, size in enumerate(problem.sizes):
            if users[atom]:
                self._add(_Layer(atoms=1 << atom, users=users[atom], size=size))

    def unite_all(self) -> None:
        """Unite pairs, cheapest first, until nothing is over its slots and nothing more is gained."""
        identities = sorted(self.layers)
        heap: list[tuple[float, int, int]] = []
        for position, first in enumerate(identities):
            self._push_pairs(heap, first, identities[position + 1 :])
        heapq.heapify(heap)
        while heap:
            score, first, second = heapq.heappop(heap)
            if first not in self.layers or second not in self.layers:
                continue
            found = self._evaluate(first, second)
            if found is None:
                continue
            now, union = found
            if now > score:
                # It has become less urgent since it was pushed: look again when its turn comes.
                heapq.heappush(heap, (now, first, second))
                continue
            for identity in self._replace((first, second), (union.union, *union.kept)):
                self._push_pairs(
                    heap, identity, [other for other in self.layers if other != identity], push=True
                )

    def tidy(self) -> bool:
        """Detach layers that a function can do without, drop atoms that no user of a layer needs from it.

        Return whether anything changed.
        """
        changed = False
        for identity in sorted(self.layers, key=lambda i: (-self.layers[i].size, i)):
            layer = self.layers[identity]
            needed_by = 0
            needed_atoms = 0
            for function in bits(layer.users):
                missing = (
                    self.problem.needs[function] & layer.atoms & ~self._atoms_of(function, without=identity)
                )
                needed_atoms |= missing
                needed_by |= bool(missing) << function
            if needed_by != layer.users or needed_atoms != layer.atoms:
                trimmed = _Layer(atoms=needed_atoms, users=needed_by, size=self._size(needed_atoms))
                self._replace((identity,), (trimmed,) if needed_by else ())
                changed = True
        return changed

    def _push_pairs(
        self, heap: list[tuple[float, int, int]], first: int, others: Iterable[int], *, push: bool = False
    ) -> None:
        for second in others:
            pair = (first, second) if first < second else (second, first)
            found = self._evaluate(*pair)
            if found is None:
                continue
            entry = (found[0], *pair)
            if push:
                heapq.heappush(heap, entry)
            else:
                heap.append(entry)

    def _evaluate(self, first: int, second: int) -> tuple[float, _Union] | None:
        """Score of a union: its cost where that is a gain, else its cost per function relieved."""
        a, b = self.layers[first], self.layers[second]
        relieved = (a.users & b.users & self.over).bit_count()
        # Without a function to relieve, only a gain counts, and at most one layer can be spared.
        union = self._unite(a, b, at_most=None if relieved else -1)
        if union is None:
            return None
        if union.delta < 0:
            return float(union.delta), union
        return union.delta / relieved, union

    def _unite(self, a: _Layer, b: _Layer, *, at_most: int | None) -> _Union | None:
        both = a.users & b.users
        atoms = a.atoms | b.atoms
        size = a.size + b.size if not a.atoms & b.atoms else self._size(atoms)
        doubled = a.size + b.size - size
        delta = -LAYER_COST - STORED_WEIGHT * doubled - EXCESS_WEIGHT * both.bit_count() * doubled
        if at_most is not None and delta > at_most:
            return None
        if not both and self._clash(atoms):
            return None
        users = both
        kept = []
        for side in (a, b):
            alone = side.users & ~both
            if not alone:
                continue
            join_cost = EXCESS_WEIGHT * alone.bit_count() * (size - side.size)
            keep_cost = STORED_WEIGHT * side.size + LAYER_COST
            if at_most is not None and delta + min(join_cost, keep_cost) > at_most:
                return None
            if join_cost <= keep_cost and self._may_join(alone, atoms, size - side.size):
                users |= alone
                delta += join_cost
            else:
                kept.append(_Layer(atoms=side.atoms, users=alone, size=side.size))
                delta += keep_cost
        if (at_most is not None and delta > at_most) or not users:
            return None
        return _Union(delta=delta, union=_Layer(atoms=atoms, users=users, size=size), kept=tuple(kept))

    def _may_join(self, functions: int, atoms: int, added: int) -> bool:
        contested = atoms & self._contested
        for function in bits(functions):
            if self.carried[function] + added > self.problem.rooms[function].size:
                return False
            if contested and self._clash(self._atoms_of(function) | atoms):
                return False
        return True

    def _clash(self, atoms: int) -> bool:
        return any(self.problem.rivals[atom] & atoms for atom in bits(atoms & self._contested))

    def _atoms_of(self, function: int, *, without: int | None = None) -> int:
        bit = 1 << function
        atoms = 0
        for identity, layer in self.layers.items():
            if layer.users & bit and identity != without:
                atoms |= layer.atoms
        return atoms

    def _size(self, atoms: int) -> int:
        return sum(self.problem.sizes[atom] for atom in bits(atoms))

    def _replace(self, old: Sequence[int], new: Sequence[_Layer]) -> list[int]:
        for identity in old:
            layer = self.layers.pop(identity)
            self._count(layer, -1)
        return [self._add(layer) for layer in new]

    def _add(self, layer: _Layer) -> int:
        identity = self._next
        self._next += 1
        self.layers[identity] = layer
        self._count(layer, 1)
        return identity

    def _count(self, layer: _Layer, sign: int) -> None:
        for function in bits(layer.users):
            self.counts[function] += sign
            self.carried[function] += sign * layer.size
            if self.counts[function] > self.problem.rooms[function].slots:
                self.over |= 1 << function
            else:
                self.over &= ~(1 << function)


def _users_of_atoms(problem: Problem) -> list[int]:
    users = [0] * len(problem.sizes)
    for function, needs in enumerate(problem.needs):
        for atom in bits(needs):
            users[atom] |= 1 << function
    return users
