"""Which functions of a target are resolved together: the fewest parts that have no contradiction.

Pure: what contradicts is learnt from an oracle. An *element* is one thing that functions ask for
(a requirement, a constraint, a choice of index), an index here; a *class* is a mask of elements
that some functions ask for; a *conflict* is a smallest mask of elements that exclude each other.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections import deque
from collections.abc import Callable, Sequence

# Enough to be exact for a dozen of classes in conflict; beyond, the greedy partition stands.
_SEARCH_STEPS = 50_000


def colour_classes(
    classes: Sequence[int], conflicts: Sequence[int], *, weights: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """Divide classes into the fewest parts of which none holds all elements of a conflict.

    Exact where that is found in a bounded number of steps (always the same), greedy beyond.
    Classes in many conflicts are placed first, then those of large weight; each goes to the first
    part that takes it, so that the first part becomes the largest. No class may hold a whole
    conflict by itself. Parts hold positions in `classes`, sorted.
    """
    if not classes:
        return ()
    involved = [[conflict for conflict in conflicts if conflict & mask] for mask in classes]
    order = sorted(range(len(classes)), key=lambda c: (-len(involved[c]), -weights[c], c))
    best = _greedy(classes, order, involved)
    budget = _SEARCH_STEPS
    for parts in range(1, len(best)):
        search = _Search(classes, order, involved, parts=parts, budget=budget)
        if search.run():
            best = search.parts
            break
        budget = search.budget
    return tuple(tuple(sorted(part)) for part in best if part)


def smallest_conflict(
    members: Sequence[int], contradicts: Callable[[frozenset[int]], bool]
) -> frozenset[int]:
    """Find a conflict within `members`, which contradict as a whole, with few questions (QuickXplain).

    Source: U. Junker, QUICKXPLAIN: Preferred Explanations and Relaxations for Over-Constrained
    Problems, AAAI 2004. Needs about k x log(n / k) questions for a conflict of k among n.
    """
    return _explain(frozenset(), changed=False, candidates=tuple(members), contradicts=contradicts)


def part_suffix(position: int) -> str:
    """Suffix of a cohort's name: none for the first part, then `-b`, `-c`, ... `-z`, `-aa`."""
    if position == 0:
        return ""
    letters = ""
    number = position + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return f"-{letters}"


def _explain(
    background: frozenset[int],
    *,
    changed: bool,
    candidates: tuple[int, ...],
    contradicts: Callable[[frozenset[int]], bool],
) -> frozenset[int]:
    if changed and contradicts(background):
        return frozenset()
    if len(candidates) <= 1:
        return frozenset(candidates)
    middle = len(candidates) // 2
    left, right = candidates[:middle], candidates[middle:]
    from_right = _explain(
        background | frozenset(left), changed=True, candidates=right, contradicts=contradicts
    )
    from_left = _explain(
        background | from_right, changed=bool(from_right), candidates=left, contradicts=contradicts
    )
    return from_left | from_right


def _fits(mask: int, conflicts: Sequence[int], held: int) -> bool:
    """Whether a class may join a part that holds these elements; `conflicts` are the class's."""
    return all(conflict & ~(held | mask) for conflict in conflicts)


def _greedy(
    classes: Sequence[int], order: Sequence[int], involved: Sequence[Sequence[int]]
) -> list[list[int]]:
    """Place the class with the fewest parts open to it first (DSATUR), each in the first that takes it.

    Classes that hold the same elements of conflicts are of one kind: what is open to one is to all.
    """
    in_conflicts = functools.reduce(operator.or_, itertools.chain.from_iterable(involved), 0)
    waiting: dict[int, deque[int]] = {}
    for place, c in enumerate(order):
        waiting.setdefault(classes[c] & in_conflicts, deque()).append(place)
    conflicts = {kind: involved[order[places[0]]] for kind, places in waiting.items()}
    parts: list[list[int]] = []
    held: list[int] = []
    while waiting:
        open_to = {
            kind: [p for p, mask in enumerate(held) if _fits(kind, conflicts[kind], mask)] for kind in waiting
        }
        # Classes without a conflict fit anywhere: they wait until the parts are known.
        kind = min(waiting, key=lambda kind: (not kind, len(open_to[kind]), waiting[kind][0]))
        chosen = order[waiting[kind].popleft()]
        if not open_to[kind]:
            parts.append([])
            held.append(0)
        part = open_to[kind][0] if open_to[kind] else len(parts) - 1
        parts[part].append(chosen)
        held[part] |= classes[chosen]
        if not waiting[kind]:
            del waiting[kind]
    return parts


class _Search:
    """Backtracking with a number of parts, as long as `budget` lasts."""

    def __init__(
        self,
        classes: Sequence[int],
        order: Sequence[int],
        involved: Sequence[Sequence[int]],
        *,
        parts: int,
        budget: int,
    ) -> None:
        self.classes = classes
        self.order = order
        self.involved = involved
        self.budget = budget
        self.parts: list[list[int]] = [[] for _ in range(parts)]
        # The elements of each part, before each of its members was added.
        self.held: list[list[int]] = [[0] for _ in range(parts)]

    def run(self) -> bool:
        # An explicit stack: a project may have more classes than Python has recursion.
        tried = [-1]
        while tried and self.budget > 0:
            self.budget -= 1
            position = len(tried) - 1
            if position == len(self.order):
                return True
            if tried[-1] >= 0:
                self.parts[tried[-1]].pop()
                self.held[tried[-1]].pop()
            part = self._next(self.order[position], tried[-1] + 1)
            if part is None:
                tried.pop()
                continue
            chosen = self.order[position]
            self.parts[part].append(chosen)
            self.held[part].append(self.held[part][-1] | self.classes[chosen])
            tried[-1] = part
            tried.append(-1)
        return False

    def _next(self, chosen: int, first: int) -> int | None:
        for part in range(first, len(self.parts)):
            # An empty part is like any other empty one: only the first of them is tried.
            if part and not self.parts[part - 1]:
                return None
            if _fits(self.classes[chosen], self.involved[chosen], self.held[part][-1]):
                return part
        return None
