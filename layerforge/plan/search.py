"""Looks for better layers: breaks a plan in places, mends it otherwise, and keeps what is cheaper.

Large-neighbourhood search with two kinds of steps. One takes some units (functions that are alike) out of
their layers and seats them again, one after the other (`layerforge.plan.seating`): "ruin and recreate", as
it is done for vehicle routes (Christiaens and Vanden Berghe, "Slack Induction by String Removals", 2020).
The other takes a few layers apart and merges the pieces (`layerforge.plan.laying`). What comes out is
taken where it costs less, and at first also where it costs a little more (simulated annealing), as no
single step leads out of a plan that is good in its surroundings. Where there is time, this is begun several
times, from plans merged by chance, and gone on with from the best plan that was found.

The seed is fixed, and so is the work: it is counted in what is looked at, never by a clock. The same
problem gives the same layers on every machine.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Sequence

from layerforge.plan.beginning import MANY_SLOTS, begin_anew
from layerforge.plan.laying import Laying
from layerforge.plan.pieces import Piece
from layerforge.plan.problem import Layer, Problem, cost_of, positions, union, violations
from layerforge.plan.seating import Seating
from layerforge.plan.seats import Seats
from layerforge.plan.units import make_units

# A step that costs more by the heat is taken about once in three times. The heat falls from the first of
# these shares of what a layer costs to the last: from `_HOT` where there is time to cool (`_HALF` when a plan
# has been cooled before), else from `_WARM`.
_HOT, _HALF, _WARM, _COLD = 4.0, 2.0, 1.0, 0.01
# There is, where so much may be looked at for each unit.
_ENOUGH = 20_000
# Then this part of the work goes into merging atoms again and again, with chance moving the order by up to
# `_WILD`: 20 to 50 plans of 100 functions, the best of which cost up to 6 % less than without chance.
_MERGING, _WILD = 0.15, 0.6
# The best of them are begun with, so many, each with so much of the work, and the best that comes out is gone
# on with: plans of 40 to 100 functions cost 0.5 % less than by going straight on from one, on average over
# seven instances and four seeds (0.1 % more to 1.0 % less).
_TRIES, _SHARE = 4, 0.12
# Share of the steps that lay layers out anew (at 0 plans cost 1 to 3 % more where slots are few).
_LAYING = 0.3
# How far chance moves what a layer is worth to a unit, at first, and how often it does.
_NOISE, _NOISY = 0.5, 0.7
# Odds to overlook a layer.
_BLINK = 0.05
# Units that are taken out in a step, at most (twice as many where they are all of one layer).
_MOST = 10
# Units, or layers, that are compared with one, at most.
_SAMPLE = 40
_SEED = 1


def improve(problem: Problem, layers: Sequence[Layer], *, work: int) -> tuple[Layer, ...]:
    """Return layers that serve every function at no more cost than `layers`, which serve them; sorted.

    `work` is about how many layers may be looked at: 500,000 (of 1,000 functions) to 800,000 take a second.
    """
    given = tuple(sorted(layers))
    found = _Search(problem, given).run(work)
    # As units, functions take what the first of them took: with little work, that may stay dearer. And a
    # mistake in the search costs money, not somebody's function.
    better = cost_of(problem, found).total < cost_of(problem, given).total and not violations(problem, found)
    return found if better else given


class _Search:
    """A plan that is changed step by step."""

    def __init__(self, problem: Problem, layers: tuple[Layer, ...]) -> None:
        self.problem = problem
        self.given = layers
        self.units = make_units(problem)
        self.state = Seats(problem, self.units, self.units.seats(layers))
        self.chance = random.Random(_SEED).random  # noqa: S311 - the same on every machine is what is wanted
        self.seating = Seating(self.state, self.chance)
        self.laying = Laying(self.state, self.chance)
        self.pricing = self.state.pricing
        # What a unit adds to the cost at the very least: the bytes that it needs.
        self.least = [
            self.pricing.size(needed) * price
            for needed, price in zip(self.units.needs, self.units.price, strict=True)
        ]
        self.rivals = problem.rivals if any(problem.rivals) else ()
        self.steps = 0

    def run(self, work: int) -> tuple[Layer, ...]:
        """Take steps until so much is done; return the best that was seen."""
        state = self.state
        if len(self.units.needs) < 2 or not self._settle_start():
            return self.given
        if work < _ENOUGH * len(self.units.needs):
            best, _ = self._anneal(work, _WARM)
        else:
            begun = self._beginnings(int(work * _MERGING))
            least, best = begun[0]
            for turn in range(_TRIES):
                state.begin_with(begun[min(turn, len(begun) - 1)][1])
                found, total = self._anneal(int(work * _SHARE), _HOT)
                if total < least:
                    best, least = found, total
            state.begin_with(best)
            best, _ = self._anneal(work - self._done(), _HALF)
        return self.units.layers((piece.atoms, piece.users) for piece in best)

    def _done(self) -> int:
        return self.steps * 10 + self.seating.work + self.laying.work

    def _anneal(self, work: int, hot: float) -> tuple[list[Piece], int]:
        """Take steps until so much is done, ever colder; return the best that was seen, and its cost."""
        state = self.state
        best, least = [*state.layers.values()], state.total
        begun = self._done()
        while (done := self._done() - begun) < work:
            self.steps += 1
            passed = done / work
            heat = self.pricing.layer * hot * (_COLD / hot) ** passed
            allowed = state.total - heat * math.log(1 - self.chance())
            step = self._lay_out if self.chance() < _LAYING else self._seat_again
            if step(allowed, 1 - passed) and self._may_stand():
                state.settle()
            else:
                state.take_back()
            if state.total < least:
                best, least = [*state.layers.values()], state.total
        return best, least

    def _beginnings(self, work: int) -> list[tuple[int, list[Piece]]]:
        """Plans after their costs, cheapest first: the one that is given, and others merged by chance."""
        state = self.state
        found = [(state.total, [*state.layers.values()])]
        # What is close to the plan before is not found by merging, nor are few layers.
        if self.problem.previous is not None or self.problem.most_layers is not None:
            return found
        few = union(mask for slots, mask in self.units.by_slots if slots < MANY_SLOTS)
        everybody = range(len(self.units.needs))
        seated_after = 0
        while self._done() < work:
            self.steps += 1
            noise = self.chance() * _WILD
            served = begin_anew(self.laying, self.seating, seated_after, noise=noise)
            if served and not (self.rivals and self._rivals_meet(everybody)):
                found.append((state.total, [*state.layers.values()]))
            seated_after ^= few
        return sorted(found, key=lambda one: one[0])

    def _settle_start(self) -> bool:
        """Whether the plan that is given holds for units as it does for functions."""
        state = self.state
        state.tidy_all()
        everybody = range(len(self.units.needs))
        state.settle()
        return all(state.carried(unit) <= self.units.room[unit] for unit in everybody)

    def _may_stand(self) -> bool:
        """Whether rivals and the number of layers hold; all else has been held to."""
        most = self.problem.most_layers
        if most is not None and len(self.state.layers) > most:
            return False
        return not (self.rivals and self._rivals_meet(self.state.changed_units()))

    def _rivals_meet(self, units: Iterable[int]) -> bool:
        """Whether one of the units holds what it may not hold together."""
        layers = self.state.layers
        for unit in units:
            held = union(layers[one].atoms for one in self.state.seats[unit])
            if any(self.rivals[atom] & held for atom in positions(held)):
                return True
        return False

    # Seating units again.

    def _seat_again(self, allowed: float, warmth: float) -> bool:
        state = self.state
        noise = _NOISE * warmth if self.chance() < _NOISY else 0.0
        self.seating.grown.clear()
        units = self._order(self._some_units())
        touched: dict[int, int] = {}
        for unit in units:
            state.remove(unit, touched)
        for identity, needed in touched.items():
            if identity in state.layers:
                state.tidy(identity, needed)
        ahead = sum(self.least[unit] for unit in units)
        for unit in units:
            ahead -= self.least[unit]
            if not self.seating.insert(unit, noise=noise, blink=_BLINK) or state.total + ahead > allowed:
                return False
        self._tidy_after_growth()
        return state.total <= allowed

    def _tidy_after_growth(self) -> None:
        """Units of a layer that has grown may not need another for what was added."""
        state = self.state
        for identity, added in self.seating.grown:
            if identity not in state.layers:
                continue
            near: set[int] = set()
            for atom in self.pricing.atoms(added & state.layers[identity].atoms):
                near |= state.holding[atom]
            for other in sorted(near - {identity}):
                # The grown one may vanish as well, where another has grown by the same.
                grown = state.layers.get(identity)
                if grown is not None and other in state.layers and state.layers[other].users & grown.users:
                    state.tidy(other, added)

    def _some_units(self) -> list[int]:
        """Units of a layer, or a unit and others like it."""
        count = 1 + int(self.chance() * _MOST)
        way = self.chance()
        if way < 0.4:
            users = positions(self.state.layers[self._any(list(self.state.layers))].users)
            return users if len(users) <= 2 * count else self._sample(users, 2 * count)
        first = int(self.chance() * len(self.units.needs))
        if way < 0.7:
            near = self.state.layers[self._any(self.state.seats[first])].users
        else:
            near = self.pricing.needing[self._any(self.pricing.atoms(self.units.needs[first]))]
        others = positions(near & ~(1 << first))
        if len(others) > _SAMPLE:
            others = self._sample(others, _SAMPLE)
        size, needs = self.pricing.size, self.units.needs
        needed = needs[first]
        likeness = {
            one: size(needs[one] & needed) / max(1, size(needs[one] | needed)) * (self.chance() + 0.3)
            for one in others
        }
        return [first, *sorted(others, key=lambda one: (-likeness[one], one))[:count]]

    def _order(self, units: list[int]) -> list[int]:
        """In which order they are seated: large ones first, those with few slots first, or by chance."""
        way = self.chance()
        if way < 0.4:
            size, needs = self.pricing.size, self.units.needs
            return sorted(units, key=lambda one: -size(needs[one]) * (0.5 + self.chance()))
        if way < 0.6:
            return sorted(units, key=lambda one: self.units.slots[one] + self.chance())
        return self._sample(units, len(units))

    # Laying layers out anew.

    def _lay_out(self, allowed: float, _warmth: float) -> bool:
        if len(self.state.layers) < 2:
            return False
        chosen, freed_atoms, freed_users = self._some_layers()
        pieces = self.laying.lay_out(chosen, freed_atoms, freed_users)
        if pieces is None:
            return False
        layers = self.state.layers
        change = sum(piece.cost for piece in pieces) - sum(layers[one].cost for one in chosen)
        return self.state.total + change <= allowed and self.laying.replace(chosen, pieces)

    def _some_layers(self) -> tuple[list[int], int, int]:
        """Some layers, and what to free of them: some atoms, some units, or everything (0, 0)."""
        ids = list(self.state.layers)
        first = self._any(ids)
        way = self.chance()
        # By seconds that they take, atoms gain most, up to ten times as much: plans of 100 to 1,000 functions
        # cost 0.2 to 0.5 % less than where all three are as frequent.
        if way < 0.8:
            return self._by_atom(first)
        if way < 0.95:
            return self._related(first, ids), 0, 0
        return self._by_unit(first, ids)

    def _related(self, first: int, ids: list[int]) -> list[int]:
        layers = self.state.layers
        piece = layers[first]
        way = self.chance()
        if way < 0.4:
            sharing = self._others_with(self._any(self.pricing.atoms(piece.atoms)), first)
            if sharing:
                return [first, *self._few(sharing, 3)]
        if way < 0.7:
            return [*self.state.seats[self._any(positions(piece.users))]]
        others = [one for one in self._sample(ids, _SAMPLE) if one != first]
        scores = sorted(
            (-(1 + (layers[one].users & piece.users).bit_count()) * self.chance(), one) for one in others
        )
        return [first, *(one for _, one in scores[: 1 + int(self.chance() * 4)])]

    def _by_atom(self, first: int) -> tuple[list[int], int, int]:
        piece = self.state.layers[first]
        atoms = self.pricing.atoms(piece.atoms)
        atom = self._any(atoms)
        chosen = [first, *self._few(self._others_with(atom, first), 4)]
        taken = self.state.seats[self._any(positions(piece.users))]
        chosen += [one for one in taken if one not in chosen]
        freed = 1 << atom
        while self.chance() < 0.5:
            freed |= 1 << self._any(atoms)
        return chosen, freed, 0

    def _by_unit(self, first: int, ids: Iterable[int]) -> tuple[list[int], int, int]:
        layers = self.state.layers
        users = positions(layers[first].users)
        unit = self._any(users)
        freed = 1 << unit
        while self.chance() < 0.6:
            freed |= 1 << self._any(users)
        chosen = sorted({one for user in positions(freed) for one in self.state.seats[user]})
        if len(chosen) > 6:
            chosen = [first, *(one for one in chosen if one != first and self.chance() < 5 / len(chosen))]
        # Layers that it could take: those that hold much of what it needs, and little else.
        needed = self.units.needs[unit]
        scores = []
        for one in ids:
            useful = self.pricing.size(layers[one].atoms & needed) if one not in chosen else 0
            if useful:
                scores.append((-useful / (layers[one].size + 1_000_000) * self.chance(), one))
        scores.sort()
        return [*chosen, *(one for _, one in scores[: 1 + int(self.chance() * 3)])], 0, freed

    def _others_with(self, atom: int, first: int) -> list[int]:
        return sorted(one for one in self.state.holding[atom] if one != first)

    # Chance.

    def _any(self, things: Sequence[int]) -> int:
        return things[int(self.chance() * len(things))]

    def _few(self, things: Sequence[int], most: int) -> list[int]:
        return self._sample(things, 1 + int(self.chance() * most))

    def _sample(self, things: Iterable[int], count: int) -> list[int]:
        left = list(things)
        found: list[int] = []
        while left and len(found) < count:
            place = int(self.chance() * len(left))
            left[place], left[-1] = left[-1], left[place]
            found.append(left.pop())
        return found
