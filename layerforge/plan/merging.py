"""Which atoms share a layer: greedy merging by cost, for the functions of one target.

An *atom* is a set of distributions that exactly the same functions need. At first every atom is a
layer of its own: nothing is stored twice, nobody carries what it does not need, but there are too
many layers. Then pairs of layers are united, cheapest first, while that lowers the cost or while
some function has more layers than slots, or there are more than may be. The cost is that of
`layerforge.plan.problem`. Ties are broken by content: the same input gives the same plan on every
machine.

Uniting layers A and B never fails for the functions that take both: their bytes and their number
of layers only fall. Functions that take one of the two either join, and carry the other in
excess, or stay with a copy of what they had, whichever is cheaper and fits. So every function
whose needs fit at all ends within its slots and its bytes.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from layerforge.plan.problem import Layer, Problem, bits, union


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layer:
    """A mask of atoms, a mask of the functions that take it, bytes; what bars atoms and functions from it."""

    atoms: int
    users: int
    size: int
    apart: int
    carriers: int


@dataclass(frozen=True, kw_only=True, slots=True)
class _Union:
    """What uniting two layers would give. Where a side does not join, it keeps its own layer."""

    delta: int
    union: _Layer
    kept: tuple[_Layer, ...]


def merge_atoms(problem: Problem) -> tuple[Layer, ...]:
    """Return layers, sorted. Where `most_layers` cannot be held by merging, there are more."""
    atoms = enumerate(_users_of_atoms(problem))
    return merge_layers(problem, [Layer(atoms=1 << atom, users=users) for atom, users in atoms if users])


def merge_layers(problem: Problem, layers: Iterable[Layer]) -> tuple[Layer, ...]:
    """Unite layers that serve every function, as `merge_atoms` does from the smallest that there are."""
    state = _State(problem, layers)
    seen = set()
    state.unite_all()
    # Where a layer of the plan before is cheaper than what tidying leaves of it, it would be united again.
    while state.tidy() and (found := state.found()) not in seen:
        seen.add(found)
        state.unite_all()
    return state.found()


class _State:
    """Layers that change, and what each function carries."""

    def __init__(self, problem: Problem, layers: Iterable[Layer]) -> None:
        self.problem = problem
        self.layers: dict[int, _Layer] = {}
        self.counts = [0] * len(problem.needs)
        self.carried = [0] * len(problem.needs)
        self.over = 0
        self._next = 0
        self._contested = sum(1 << atom for atom, mask in enumerate(problem.rivals) if mask)
        self._before = {layer.atoms: layer.users for layer in problem.previous or ()}
        self._prices_of_excess = _group_by_price(problem.excess)
        for layer in sorted(layers):
            self._add(self._make(layer.atoms, layer.users))

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

    def found(self) -> tuple[Layer, ...]:
        """The layers as they are, sorted."""
        return tuple(sorted(Layer(atoms=layer.atoms, users=layer.users) for layer in self.layers.values()))

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
                trimmed = self._make(needed_atoms, needed_by)
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
        # Without a function to relieve or a layer too many, only a gain counts.
        crowded = self._is_crowded()
        union = self._unite(a, b, at_most=None if relieved or crowded else -1)
        if union is None:
            return None
        if union.delta < 0:
            return float(union.delta), union
        relieved += crowded and not union.kept
        return (union.delta / relieved, union) if relieved else None

    def _is_crowded(self) -> bool:
        most = self.problem.most_layers
        return most is not None and len(self.layers) > most

    def _unite(self, a: _Layer, b: _Layer, *, at_most: int | None) -> _Union | None:
        prices = self.problem.prices
        both = a.users & b.users
        atoms = a.atoms | b.atoms
        if a.apart & b.atoms:
            return None
        size = a.size + b.size if not a.atoms & b.atoms else self._size(atoms)
        doubled = a.size + b.size - size
        delta = -prices.layer - (prices.stored + self._excess(both)) * doubled
        delta -= self._change(a.atoms, a.size, a.users) + self._change(b.atoms, b.size, b.users)
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
            join_cost = self._excess(alone) * (size - side.size)
            keep_cost = prices.stored * side.size + prices.layer + self._change(side.atoms, side.size, alone)
            if at_most is not None and delta + min(join_cost, keep_cost) > at_most:
                return None
            carriers = a.carriers & b.carriers
            if (
                join_cost <= keep_cost
                and not alone & ~carriers
                and self._may_join(alone, atoms, size - side.size)
            ):
                users |= alone
                delta += join_cost
            else:
                kept.append(replace(side, users=alone))
                delta += keep_cost
        delta += self._change(atoms, size, users)
        if (at_most is not None and delta > at_most) or not users:
            return None
        united = _Layer(
            atoms=atoms, users=users, size=size, apart=a.apart | b.apart, carriers=a.carriers & b.carriers
        )
        return _Union(delta=delta, union=united, kept=tuple(kept))

    def _excess(self, functions: int) -> int:
        """Price of a byte that all these functions carry in excess."""
        return sum(price * (functions & mask).bit_count() for mask, price in self._prices_of_excess)

    def _change(self, atoms: int, size: int, users: int) -> int:
        """Price of what a layer changes of the previous plan."""
        if self.problem.previous is None:
            return 0
        before = self._before.get(atoms)
        added = users & ~(before or 0) & self.problem.known
        renewed = self.problem.prices.renewed * size if before is None else 0
        return renewed + self.problem.prices.attached * added.bit_count()

    def _make(self, atoms: int, users: int) -> _Layer:
        carriers = -1
        for atom in bits(atoms):
            carriers &= self.problem.carriers[atom]
        return _Layer(
            atoms=atoms,
            users=users,
            size=self._size(atoms),
            apart=union(self.problem.apart[atom] for atom in bits(atoms)),
            carriers=carriers,
        )

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


def _group_by_price(prices: Sequence[int]) -> tuple[tuple[int, int], ...]:
    groups: dict[int, int] = {}
    for function, price in enumerate(prices):
        groups[price] = groups.get(price, 0) | 1 << function
    return tuple((mask, price) for price, mask in sorted(groups.items()))
