"""Things that are to be kept apart: who shares no layer with whom, and how many layers that takes."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from layerforge.plan.problem import Layer, Problem, bits, union

_T = TypeVar("_T", bound=Hashable)


def foes_of(apart: Iterable[Collection[str]]) -> dict[str, frozenset[str]]:
    """For each name in the sets of `apart`: the names that may not share a layer with it."""
    foes: dict[str, frozenset[str]] = {}
    for names in apart:
        for name in names:
            foes[name] = foes.get(name, frozenset()) | frozenset(names) - {name}
    return foes


def part(
    things: Collection[_T], foes: Mapping[_T, frozenset[_T]], *, most: int
) -> tuple[frozenset[_T], ...] | None:
    """Put `things` into at most `most` parts, none of them with one of its foes; None where that cannot be.

    Whoever has no foe among them goes into the first part.
    """
    here = frozenset(things)
    nobody: frozenset[_T] = frozenset()
    concerned = [one for one in here if foes.get(one, nobody) & here]
    parts = _place(sorted(concerned, key=lambda one: (-len(foes[one]), str(one))), foes, most, ())
    if parts is None or (here and most < 1):
        return None
    free = here.difference(concerned)
    return (free | parts[0], *parts[1:]) if parts else ((free,) if free else ())


def _place(
    waiting: Sequence[_T],
    foes: Mapping[_T, frozenset[_T]],
    most: int,
    parts: tuple[frozenset[_T], ...],
) -> tuple[frozenset[_T], ...] | None:
    """Put the first one that waits wherever it may be, then the others."""
    if not waiting:
        return parts
    one, rest = waiting[0], waiting[1:]
    for position, held in enumerate(parts):
        if not held & foes[one]:
            grown = (*parts[:position], held | {one}, *parts[position + 1 :])
            if (found := _place(rest, foes, most, grown)) is not None:
                return found
    return _place(rest, foes, most, (*parts, frozenset({one}))) if len(parts) < most else None


def relieve(problem: Problem, layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Give functions that take more layers than they have slots layers of their own, which always do.

    What is kept apart bars layers from being united, so that an engine may leave such functions.
    """
    counts = [0] * len(problem.needs)
    for layer in layers:
        for function in bits(layer.users):
            counts[function] += 1
    crowded = [
        f for f, (held, room) in enumerate(zip(counts, problem.rooms, strict=True)) if held > room.slots
    ]
    if not crowded:
        return tuple(layers)
    alone = union(1 << function for function in crowded)
    users = {layer.atoms: layer.users & ~alone for layer in layers if layer.users & ~alone}
    for function in crowded:
        needed = [*bits(problem.needs[function])]
        foes = {atom: frozenset(bits(problem.apart[atom])) for atom in needed}
        for atoms in part(needed, foes, most=problem.rooms[function].slots) or (needed,):
            mask = union(1 << atom for atom in atoms)
            users[mask] = users.get(mask, 0) | 1 << function
    return tuple(sorted(_trim(problem, [Layer(atoms=a, users=u) for a, u in users.items()])))


def _trim(problem: Problem, layers: Iterable[Layer]) -> Iterable[Layer]:
    """Without atoms that no user of a layer needs any more."""
    users: dict[int, int] = {}
    for layer in layers:
        needed = layer.atoms & union(problem.needs[function] for function in bits(layer.users))
        users[needed] = users.get(needed, 0) | layer.users
    return (Layer(atoms=atoms, users=takers) for atoms, takers in users.items() if atoms)
