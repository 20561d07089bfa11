"""Which functions of a target are resolved together: the fewest parts that have no contradiction.

Pure: what contradicts is learnt from an oracle. A *class* is a set of functions that ask for the
same, here an index. A *conflict* is a set of classes that cannot be resolved together, while
every smaller choice of them could be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

Conflict = frozenset[int]
# Enough to be exact for a dozen of classes in conflict; beyond, the first partition found stands.
_SEARCH_STEPS = 50_000


def colour_classes(
    count: int, conflicts: Iterable[Conflict], weights: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """Divide classes 0 to `count` - 1 into the fewest parts of which none holds a whole conflict.

    Exact where that is found in a bounded number of steps (always the same), greedy beyond. Classes
    in many conflicts are placed first, then those of large weight; each goes to the first part
    that takes it, so that the first part becomes the largest. No conflict may have one class only.
    """
    if not count:
        return ()
    involved: list[list[Conflict]] = [[] for _ in range(count)]
    for conflict in sorted(set(conflicts), key=sorted):
        for member in conflict:
            involved[member].append(conflict)
    order = sorted(range(count), key=lambda c: (-len(involved[c]), -weights[c], c))
    best = _greedy(order, involved)
    budget = _SEARCH_STEPS
    for parts in range(1, max(best) + 1):
        search = _Search(order, involved, parts, budget)
        if search.run():
            best = [search.colours[c] for c in range(count)]
            break
        budget = search.budget
        if budget <= 0:
            break
    return tuple(tuple(c for c in range(count) if best[c] == part) for part in range(max(best) + 1))


def smallest_conflict(members: Sequence[int], contradicts: Callable[[frozenset[int]], bool]) -> Conflict:
    """Find a conflict within `members`, which contradict as a whole, with few questions (QuickXplain).

    Source: U. Junker, QUICKXPLAIN: Preferred Explanations and Relaxations for Over-Constrained
    Problems, AAAI 2004. Needs about k x log(n / k) questions for a conflict of k among n.
    """
    if len(members) <= 1:
        return frozenset(members)
    return _explain(frozenset(), changed=False, candidates=tuple(members), contradicts=contradicts)


def _explain(
    background: frozenset[int],
    *,
    changed: bool,
    candidates: tuple[int, ...],
    contradicts: Callable[[frozenset[int]], bool],
) -> Conflict:
    if changed and contradicts(background):
        return frozenset()
    if len(candidates) == 1:
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


def _fits(member: int, colour: int, colours: dict[int, int], involved: list[list[Conflict]]) -> bool:
    return not any(
        all(colours.get(other) == colour for other in conflict if other != member)
        for conflict in involved[member]
    )


def _greedy(order: Sequence[int], involved: list[list[Conflict]]) -> list[int]:
    """Place the class with the fewest parts left to it first (DSATUR), each in the first part that fits."""
    colours: dict[int, int] = {}
    rank = {member: position for position, member in enumerate(order)}
    waiting = set(order)
    while waiting:
        used = max(colours.values(), default=-1) + 1
        open_to = {m: [c for c in range(used) if _fits(m, c, colours, involved)] for m in waiting}
        member = min(waiting, key=lambda m: (len(open_to[m]) if involved[m] else used + 1, rank[m]))
        colours[member] = open_to[member][0] if open_to[member] else used
        waiting.remove(member)
    return [colours[member] for member in range(len(order))]


class _Search:
    """Backtracking with at most `parts` parts, as long as `budget` lasts."""

    def __init__(self, order: Sequence[int], involved: list[list[Conflict]], parts: int, budget: int) -> None:
        self.order = order
        self.involved = involved
        self.parts = parts
        self.budget = budget
        self.colours: dict[int, int] = {}

    def run(self) -> bool:
        # An explicit stack: a project may have more classes than Python has recursion.
        tried = [0]
        while tried:
            position = len(tried) - 1
            if position == len(self.order):
                return True
            member = self.order[position]
            self.colours.pop(member, None)
            colour = self._next(member, tried[position])
            self.budget -= 1
            if self.budget <= 0:
                return False
            if colour is None:
                tried.pop()
                continue
            self.colours[member] = colour
            tried[position] = colour + 1
            tried.append(0)
        return False

    def _next(self, member: int, first: int) -> int | None:
        # An unused part is like any other unused one: only the first of them is tried.
        used = max(self.colours.values(), default=-1) + 1
        for colour in range(first, min(self.parts, used + 1)):
            if _fits(member, colour, self.colours, self.involved):
                return colour
        return None


def part_suffix(position: int) -> str:
    """Suffix of a cohort's name: none for the first part, then `-b`, `-c`, … `-z`, `-aa`."""
    if position == 0:
        return ""
    letters = ""
    number = position + 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("a") + rest) + letters
    return f"-{letters}"
