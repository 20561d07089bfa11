"""Looks for better layers: takes some apart, lays what they held out anew, and keeps what is cheaper.

Large-neighbourhood search. A step takes a few layers that have to do with each other, frees what they
hold (for all of their functions, for some of them, or for some atoms only), and merges the pieces
greedily, with a little noise. What comes out is taken where it costs less, and at first also where it
costs a little more (simulated annealing), as greedy merging ends where no single union helps.

The seed is fixed, and so is the work: it is counted in unions that are looked at, never by a clock. The
same problem gives the same layers on every machine.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush

from layerforge.plan.pieces import Levels, Piece, Pricing
from layerforge.plan.problem import Layer, Problem, bits, union

# A step that costs more is taken with the odds of exp(-cost / heat); the heat falls from this share of
# what a layer costs to nothing. At 0.2 plans of 100 functions cost up to 1 % more; 0.02 was alike.
_HEAT = 0.05
# How far chance may move a union in the order of merging.
_NOISE = 0.3
_NOISY = 0.7
_SEED = 1
# What a step costs beside its unions, in unions that are looked at (measured: 0.1 ms).
_STEP = 20
# Shares of the ways to take layers apart: whole, some atoms of them; else for some functions.
_WHOLE = 0.45
_SOME_ATOMS = 0.25
# A union: its cost, its atoms, its functions, and those that stay with a copy of either side.
_Found = tuple[float, int, int, int, int]


def improve(problem: Problem, layers: Sequence[Layer], *, work: int) -> tuple[Layer, ...]:
    """Return layers that serve every function at no more cost than `layers`, which serve them; sorted.

    `work` is about how many unions may be looked at: some 200,000 take a second.
    """
    if len(layers) < 2:
        return tuple(sorted(layers))
    return _Search(problem, layers).run(work)


class _Search:
    """Layers that are changed step by step."""

    def __init__(self, problem: Problem, layers: Sequence[Layer]) -> None:
        self.problem = problem
        self.pricing = Pricing(problem)
        self.chance = random.Random(_SEED).random  # noqa: S311 - the same on every machine is what is wanted
        slots: dict[int, int] = {}
        for function, room in enumerate(problem.rooms):
            slots[room.slots] = slots.get(room.slots, 0) | 1 << function
        self.slots = tuple(sorted(slots.items()))
        self.needing = [0] * len(problem.sizes)
        for function, needed in enumerate(problem.needs):
            for atom in bits(needed):
                self.needing[atom] |= 1 << function
        self.layers: dict[int, Piece] = {}
        self.holding: list[set[int]] = [set() for _ in problem.sizes]
        self.carried = [0] * len(problem.needs)
        self.total = 0
        self.done = 0
        self._next = 0
        for layer in sorted(layers):
            self._add(self.pricing.piece(layer.atoms, layer.users))

    def run(self, work: int) -> tuple[Layer, ...]:
        """Take steps until so much is done; return the best that was seen."""
        best, least = self._found(), self.total
        heat = _HEAT * self.problem.prices.layer
        while self.done < work:
            self.done += _STEP + len(self.layers)
            chosen, freed_atoms, freed_users = self._choose()
            new = self._lay_out(chosen, freed_atoms, freed_users)
            if new is None:
                continue
            change = sum(piece.cost for piece in new) - sum(self.layers[one].cost for one in chosen)
            warmth = heat * max(0.0, 1 - self.done / work)
            if change > 0 and not (warmth and self.chance() < math.exp(-change / warmth)):
                continue
            if not self._fits(chosen, new):
                continue
            for one in chosen:
                self._remove(one)
            for piece in new:
                self._add(piece)
            if self.total < least:
                best, least = self._found(), self.total
        return best

    def _found(self) -> tuple[Layer, ...]:
        return tuple(sorted(Layer(atoms=one.atoms, users=one.users) for one in self.layers.values()))

    def _add(self, piece: Piece) -> None:
        identity = self._next
        self._next += 1
        self.layers[identity] = piece
        self.total += piece.cost
        for atom in bits(piece.atoms):
            self.holding[atom].add(identity)
        for function in bits(piece.users):
            self.carried[function] += piece.size

    def _remove(self, identity: int) -> None:
        piece = self.layers.pop(identity)
        self.total -= piece.cost
        for atom in bits(piece.atoms):
            self.holding[atom].discard(identity)
        for function in bits(piece.users):
            self.carried[function] -= piece.size

    # Which layers to take apart.

    def _choose(self) -> tuple[list[int], int, int]:
        """Some layers, and what to free of them: some atoms, some functions, or everything (0, 0)."""
        ids = list(self.layers)
        first = self._any(ids)
        way = self.chance()
        if way < _WHOLE:
            return self._related(first, ids), 0, 0
        if way < _WHOLE + _SOME_ATOMS:
            return self._by_atom(first, ids)
        return self._by_function(first, ids)

    def _related(self, first: int, ids: list[int]) -> list[int]:
        piece = self.layers[first]
        way = self.chance()
        if way < 0.4:
            sharing = self._others_with(self._any(list(bits(piece.atoms))), first)
            if sharing:
                return [first, *self._some(sharing, 3)]
        if way < 0.7:
            return self._taken_by(self._any(list(bits(piece.users))), ids)
        scores = sorted(
            (-(1 + (self.layers[one].users & piece.users).bit_count()) * self.chance(), one)
            for one in ids
            if one != first
        )
        return [first, *(one for _, one in scores[: 1 + int(self.chance() * 4)])]

    def _by_atom(self, first: int, ids: list[int]) -> tuple[list[int], int, int]:
        piece = self.layers[first]
        atoms = list(bits(piece.atoms))
        atom = self._any(atoms)
        chosen = [first, *self._some(self._others_with(atom, first), 4)]
        taken = self._taken_by(self._any(list(bits(piece.users))), ids)
        chosen += [one for one in taken if one not in chosen]
        freed = 1 << atom
        while self.chance() < 0.5:
            freed |= 1 << self._any(atoms)
        return chosen, freed, 0

    def _by_function(self, first: int, ids: list[int]) -> tuple[list[int], int, int]:
        users = list(bits(self.layers[first].users))
        function = self._any(users)
        freed = 1 << function
        while self.chance() < 0.6:
            freed |= 1 << self._any(users)
        chosen = [one for one in ids if self.layers[one].users & freed]
        if len(chosen) > 6:
            chosen = [first, *(one for one in chosen if one != first and self.chance() < 5 / len(chosen))]
        # Layers that it could take: those that hold much of what it needs, and little else.
        needed = self.problem.needs[function]
        scores = []
        for one in ids:
            piece = self.layers[one]
            useful = self.pricing.size(piece.atoms & needed) if one not in chosen else 0
            if useful:
                scores.append((-useful / (piece.size + 1_000_000) * self.chance(), one))
        scores.sort()
        return [*chosen, *(one for _, one in scores[: 1 + int(self.chance() * 3)])], 0, freed

    def _any(self, things: Sequence[int]) -> int:
        return things[int(self.chance() * len(things))]

    def _some(self, things: list[int], most: int) -> list[int]:
        left = list(things)
        count = min(1 + int(self.chance() * most), len(left))
        return [left.pop(int(self.chance() * len(left))) for _ in range(count)]

    def _others_with(self, atom: int, first: int) -> list[int]:
        return sorted(one for one in self.holding[atom] if one != first)

    def _taken_by(self, function: int, ids: Iterable[int]) -> list[int]:
        bit = 1 << function
        return [one for one in ids if self.layers[one].users & bit]

    # Laying out anew.

    def _lay_out(self, chosen: Sequence[int], freed_atoms: int, freed_users: int) -> list[Piece] | None:
        """What could stand in place of the chosen layers; None where slots do not suffice."""
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
            if users:
                parts[atoms] = parts.get(atoms, 0) | users
        pieces = self._pieces(parts)
        affected = union(self.layers[one].users for one in chosen)
        return _Merging(self, pieces, self._free_slots(chosen, affected)).run(
            _NOISE if self.chance() < _NOISY else 0.0
        )

    def _pieces(self, parts: dict[int, int]) -> list[Piece]:
        """Parts as layers; what may not share one, as it is kept apart, becomes several."""
        split: dict[int, int] = {}
        for atoms, users in parts.items():
            may = not users & ~self.pricing.carriers(atoms)
            for held in (atoms,) if may else (1 << atom for atom in bits(atoms)):
                split[held] = split.get(held, 0) | users
        return [self.pricing.piece(atoms, users) for atoms, users in sorted(split.items()) if users]

    def _lacking(self, chosen: Sequence[int]) -> dict[int, int]:
        """Functions that have an atom (as a mask) from nowhere else, by atom."""
        affected = union(self.layers[one].users for one in chosen)
        lacking = {}
        for atom in bits(union(self.layers[one].atoms for one in chosen)):
            users = self.needing[atom] & affected
            for one in self.holding[atom]:
                if one not in chosen:
                    users &= ~self.layers[one].users
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
            piece = self.layers[one]
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
        """Sometimes give all that the same functions lack to them as one layer, taken from `together`."""
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

    def _free_slots(self, chosen: Sequence[int], affected: int) -> tuple[tuple[int, int], ...]:
        """Slots that other layers leave to the affected functions: number, functions."""
        held = Levels(affected)
        for one, piece in self.layers.items():
            if one not in chosen and piece.users & affected:
                held.count(piece.users & affected)
        free: dict[int, int] = {}
        levels = [*held.at_least, 0]
        for count, mask in enumerate(held.at_least):
            exactly = mask & ~levels[count + 1]
            for slots, functions in self.slots:
                if exactly & functions:
                    free[slots - count] = free.get(slots - count, 0) | exactly & functions
        return tuple(sorted(free.items()))

    def _fits(self, chosen: Sequence[int], new: Sequence[Piece]) -> bool:
        """Whether bytes, rivals and the number of layers hold once `new` stands in place of the chosen."""
        most = self.problem.most_layers
        if most is not None and len(new) > len(chosen) and len(self.layers) - len(chosen) + len(new) > most:
            return False
        change: dict[int, int] = {}
        for pieces, sign in ((new, 1), ([self.layers[one] for one in chosen], -1)):
            for piece in pieces:
                for function in bits(piece.users):
                    change[function] = change.get(function, 0) + sign * piece.size
        rooms = self.problem.rooms
        if any(more > 0 and self.carried[one] + more > rooms[one].size for one, more in change.items()):
            return False
        return not any(self.problem.rivals) or self._no_rivals_meet(chosen, new, change)

    def _no_rivals_meet(self, chosen: Sequence[int], new: Sequence[Piece], functions: Iterable[int]) -> bool:
        rest = [piece for one, piece in self.layers.items() if one not in chosen]
        for function in functions:
            held = union(piece.atoms for piece in (*rest, *new) if piece.users >> function & 1)
            if any(self.problem.rivals[atom] & held for atom in bits(held)):
                return False
        return True


class _Merging:
    """Unites pieces, cheapest first, while that is a gain or relieves functions that lack slots."""

    def __init__(self, search: _Search, pieces: list[Piece], free: tuple[tuple[int, int], ...]) -> None:
        self.search = search
        self.pricing = search.pricing
        self.free = free
        self.live = dict(enumerate(pieces))
        self.levels = Levels(union(mask for _, mask in free))
        for piece in pieces:
            self.levels.count(piece.users)
        self.over = self.levels.beyond(free)

    def run(self, noise: float) -> list[Piece] | None:
        """The layers that it ends with; None where some function has no slot left for one of its own."""
        chance, live = self.search.chance, self.live
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
                self.search.done += len(live)
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
            self.search.done += second
            for first in range(second):
                found = self._evaluate(self.live[first], self.live[second])
                if found is not None:
                    heap.append((found[0] * (1 + noise * self.search.chance()), first, second))
        heapify(heap)
        return heap

    def _evaluate(self, a: Piece, b: Piece) -> _Found | None:
        """What uniting two pieces costs, who takes the union, and who stays with a copy of either.

        Where it is no gain, the cost is for each function that it relieves.
        """
        pricing = self.pricing
        both = a.users & b.users
        relieved = (both & self.over).bit_count()
        atoms = a.atoms | b.atoms
        size = a.size + b.size if not a.atoms & b.atoms else pricing.size(atoms)
        carriers = pricing.carriers(atoms)
        if both & ~carriers:
            return None
        change = -a.cost - b.cost
        users = both
        kept = []
        for side in (a, b):
            alone = side.users & ~both
            copy = 0
            if alone:
                copy_cost = pricing.cost(side.atoms, alone, side.size)
                join_cost = pricing.excess(alone) * size
                if join_cost <= copy_cost and not alone & ~carriers:
                    users |= alone
                else:
                    change += copy_cost
                    copy = alone
            kept.append(copy)
        if not users:
            return None
        change += pricing.cost(atoms, users, size)
        if change >= 0:
            return (change / relieved, atoms, users, kept[0], kept[1]) if relieved else None
        return (float(change), atoms, users, kept[0], kept[1])

    def _unite(self, a: Piece, b: Piece, found: _Found) -> list[Piece]:
        _, atoms, users, left, right = found
        self.levels.discount(a.users & b.users)
        self.over = self.levels.beyond(self.free)
        made = [self.pricing.piece(atoms, users)]
        if left:
            made.append(self.pricing.piece(a.atoms, left))
        if right:
            made.append(self.pricing.piece(b.atoms, right))
        return made
