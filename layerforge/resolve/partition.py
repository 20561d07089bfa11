"""Resolve the functions of a target together, or in the fewest parts where they contradict."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from layerforge.errors import PackageIndexError, ResolutionError
from layerforge.model.function import Function
from layerforge.resolve.cohorts import colour_classes, smallest_conflict
from layerforge.resolve.engine import ContradictionError, requirement_name
from layerforge.resolve.index import Engine, Pin, Selected
from layerforge.resolve.joint import Joint

if TYPE_CHECKING:
    from packaging.version import Version

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """Elements that exclude each other (a mask), and what the engine said of them."""

    elements: int
    error: ResolutionError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Functions that are resolved together, sorted by name, and what they ask for (a mask)."""

    functions: tuple[Function, ...]
    elements: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Partition:
    """Parts, the one with most functions first, and the conflicts that made them."""

    parts: tuple[Part, ...]
    conflicts: tuple[Conflict, ...]


class Oracle:
    """Asks the engine whether elements go together, each question once."""

    def __init__(self, joint: Joint, *, engine: Engine, root: Path, preferences: tuple[Pin, ...]) -> None:
        self.joint = joint
        self.engine = engine
        self.root = root
        self.preferences = preferences
        self._answers: dict[int, tuple[Selected, ...] | ResolutionError] = {}

    def ask(self, elements: int) -> tuple[Selected, ...] | ResolutionError:
        """Return what was selected, or why nothing could be. An index that fails is raised."""
        if elements not in self._answers:
            self._answers[elements] = self._resolve(elements)
        return self._answers[elements]

    def _resolve(self, elements: int) -> tuple[Selected, ...] | ResolutionError:
        request = self.joint.request(_bits(elements), root=self.root, preferences=self.preferences)
        if not request.requirements:
            return ()
        try:
            return self.engine.resolve(request)
        except PackageIndexError:
            raise
        except ResolutionError as error:
            return error


def divide(oracle: Oracle) -> Partition:
    """Find the fewest parts that can each be resolved.

    Raises ResolutionError, naming function and places, if a requirement cannot be met by itself
    or the requirements of one function exclude each other.
    """
    joint = oracle.joint
    conflicts = [Conflict(elements=mask) for mask in joint.option_conflicts()]
    while True:
        parts = _colour(joint, conflicts)
        found = [_find_conflict(oracle, part) for part in parts]
        new = [conflict for conflict in found if conflict is not None]
        if not new:
            return Partition(parts=parts, conflicts=tuple(conflicts))
        for conflict in new:
            _refuse_if_alone(joint, conflict)
        conflicts += new


def _colour(joint: Joint, conflicts: list[Conflict]) -> tuple[Part, ...]:
    masks = [cls.elements for cls in joint.classes]
    weights = [len(cls.functions) for cls in joint.classes]
    coloured = colour_classes(masks, sorted({c.elements for c in conflicts}), weights=weights)
    parts = []
    for members in coloured:
        functions = [f for index in members for f in joint.classes[index].functions]
        elements = 0
        for index in members:
            elements |= masks[index]
        parts.append(Part(functions=tuple(sorted(functions, key=lambda f: f.name)), elements=elements))
    return tuple(sorted(parts, key=lambda part: (-len(part.functions), part.functions[0].name)))


def _find_conflict(oracle: Oracle, part: Part) -> Conflict | None:
    answer = oracle.ask(part.elements)
    if not isinstance(answer, ResolutionError):
        return None
    # The way of looking is no part of the contradiction: options that do not go together are known.
    options = sum(1 << i for i in _bits(part.elements) if oracle.joint.elements[i].options is not None)

    def contradicts(members: frozenset[int]) -> bool:
        asked = options | sum(1 << index for index in members)
        return isinstance(oracle.ask(asked), ResolutionError)

    candidates = list(_bits(part.elements & ~options))
    named = _named(oracle.joint, candidates, answer)
    if named and len(named) < len(candidates) and contradicts(frozenset(named)):
        candidates = named
    members = smallest_conflict(candidates, contradicts)
    elements = sum(1 << index for index in members)
    error = oracle.ask(elements | options)
    return Conflict(elements=elements, error=error if isinstance(error, ResolutionError) else answer)


def _named(joint: Joint, candidates: list[int], error: ResolutionError) -> list[int]:
    """Return the elements of which the error speaks: most often the contradiction is among them."""
    sides = error.sides if isinstance(error, ContradictionError) else ()
    texts = [error.sentence, *error.details, *(f"{text} {parent or ''}" for text, parent in sides)]
    words = {
        re.sub(r"[-_.]+", "-", word.rstrip("._-")).lower() for text in texts for word in _WORD.findall(text)
    }
    return [index for index in candidates if joint.elements[index].name in words]


def _refuse_if_alone(joint: Joint, conflict: Conflict) -> None:
    """Raise if splitting cannot help, as one function asks for all of the conflict."""
    for cls in joint.classes:
        if conflict.elements & ~cls.elements == 0 and conflict.error is not None:
            raise _alone(joint, conflict, conflict.error, cls.functions[0])


def _alone(joint: Joint, conflict: Conflict, error: ResolutionError, function: Function) -> ResolutionError:
    lines = []
    places = []
    for index in _bits(conflict.elements):
        element = joint.elements[index]
        place = next(origin for name, origin in element.asked_by if name == function.name)
        places.append(place)
        lines.append(f"{place} {element.wish()}")
    if len(lines) == 1:
        # One requirement that nothing can meet: what the engine says of it is all there is to say.
        error.where = error.where or str(places[0])
        return error
    details = (*lines, *reasons_within(error))
    raised = ContradictionError(
        sides=error.sides if isinstance(error, ContradictionError) else [], target=joint.target
    )
    raised.sentence = f"the requirements of {function.name} exclude each other for {joint.target.name}"
    raised.where = str(places[0])
    raised.details = details
    raised.hint = "loosen one of them"
    raised.args = (raised.headline,)
    return raised


def reasons_within(error: ResolutionError) -> tuple[str, ...]:
    """What distributions have to do with a contradiction; of many versions alike, the newest one.

    What the user asks for is left out: those who show the reasons know its place.
    """
    if not isinstance(error, ContradictionError):
        return (error.sentence, *error.details)
    alike: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for text, parent in error.sides:
        if parent is not None:
            project, _, version = parent.partition(" ")
            alike.setdefault((project, requirement_name(text)), []).append((version, text))
    lines = []
    for (project, _), sides in alike.items():
        version, text = max(sides, key=lambda side: _release(side[0]))
        others = len({version for version, _ in sides}) - 1
        more = f" ({others} other version{'s' if others > 1 else ''} likewise)" if others else ""
        lines.append(f"{project} {version} wants {text}{more}")
    return tuple(lines)


def _release(version: str) -> Version:
    from packaging.version import InvalidVersion, Version

    try:
        return Version(version)
    except InvalidVersion:
        return Version("0.dev0")


def _bits(mask: int) -> Iterator[int]:
    position = 0
    while mask:
        if mask & 1:
            yield position
        mask >>= 1
        position += 1
