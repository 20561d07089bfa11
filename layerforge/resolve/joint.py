"""What the functions of one target ask for together, taken apart into what may contradict.

Functions that ask for the same form a class. What a class asks for are its elements: each
requirement and constraint that holds on the target, and the way it is looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from layerforge.model.function import Function
from layerforge.model.requirement import IndexOptions, Origin, Requirement
from layerforge.model.target import Target
from layerforge.resolve.digest import public_url, requirement_key
from layerforge.resolve.freshness import applies, display
from layerforge.resolve.index import Pin, ResolveRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class Element:
    """One thing that some functions ask for; `asked_by` holds functions and places, sorted.

    Exactly one of `requirement`, `constraint` and `options` is set.
    """

    requirement: Requirement | None = None
    constraint: Requirement | None = None
    options: IndexOptions | None = None
    asked_by: tuple[tuple[str, Origin], ...] = ()

    @property
    def name(self) -> str | None:
        """The distribution that it speaks of."""
        asked = self.requirement or self.constraint
        return asked.name if asked else None

    def sentence(self) -> str:
        """`orders (functions/orders/requirements.in:3) asks for pydantic<2`."""
        function, origin = self.asked_by[0]
        return f"{function} ({origin}) {self.wish()}"

    def wish(self) -> str:
        """`asks for pydantic<2`."""
        if self.requirement is not None:
            return f"asks for {display(self.requirement)}"
        if self.constraint is not None:
            return f"allows only {display(self.constraint)}"
        return f"is resolved with {_display_options(self.options or IndexOptions())}"


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionClass:
    """Functions that ask for the same, sorted by name; `elements` is a mask."""

    functions: tuple[Function, ...]
    elements: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Joint:
    """All classes of a target and all their elements; neither depends on the input's order."""

    target: Target
    elements: tuple[Element, ...]
    classes: tuple[FunctionClass, ...]

    def request(self, members: Iterable[int], *, root: Path, preferences: tuple[Pin, ...]) -> ResolveRequest:
        """Ask for the elements `members`. Options among them must go together."""
        chosen = [self.elements[index] for index in sorted(members)]
        return ResolveRequest(
            root=root,
            target=self.target,
            requirements=tuple(e.requirement for e in chosen if e.requirement is not None),
            constraints=tuple(e.constraint for e in chosen if e.constraint is not None),
            options=merge_options([e.options for e in chosen if e.options is not None]),
            preferences=preferences,
        )

    def option_conflicts(self) -> tuple[int, ...]:
        """Masks of two ways to look for distributions that cannot be merged."""
        choices = [(index, e.options) for index, e in enumerate(self.elements) if e.options is not None]
        return tuple(
            1 << first | 1 << second
            for position, (first, mine) in enumerate(choices)
            for second, other in choices[position + 1 :]
            if not _go_together(mine, other)
        )


def join_functions(functions: Iterable[Function], *, target: Target, options: IndexOptions) -> Joint:
    """Collect what functions ask for on `target`. `options` are those of the config.

    Requirements whose marker is false there are left out. A function without any takes neither
    its constraints nor its options along: they have nothing to apply to.
    """
    environment = target.marker_environment()
    asked: dict[tuple[str, str], Element] = {}
    keys_of: dict[str, frozenset[tuple[str, str]]] = {}
    ordered = sorted(functions, key=lambda function: function.name)
    for function in ordered:
        found = _elements(function, environment, options)
        keys_of[function.name] = frozenset(key for key, _ in found)
        for key, element in found:
            known = asked.get(key)
            asked[key] = element if known is None else _join(known, element)
    keys = sorted(asked)
    index = {key: position for position, key in enumerate(keys)}
    classes: dict[int, list[Function]] = {}
    for function in ordered:
        mask = sum(1 << index[key] for key in keys_of[function.name])
        classes.setdefault(mask, []).append(function)
    return Joint(
        target=target,
        elements=tuple(asked[key] for key in keys),
        classes=tuple(
            FunctionClass(functions=tuple(members), elements=mask)
            for mask, members in sorted(classes.items(), key=lambda item: item[1][0].name)
        ),
    )


def applying(function: Function) -> tuple[Requirement, ...]:
    """Return the requirements of a function that hold on its target."""
    environment = function.target.marker_environment()
    return tuple(r for r in function.requirements.requirements if applies(r, environment))


def merge_options(options: Sequence[IndexOptions]) -> IndexOptions:
    """Merge options that go together: places are united, in a fixed order.

    `--require-hashes` holds where all ask for it: the lock has every digest in any case.
    """
    if not options:
        return IndexOptions()
    return replace(
        options[0],
        index_url=next((o.index_url for o in options if o.index_url), None),
        extra_index_urls=_united(o.extra_index_urls for o in options),
        find_links=_united(o.find_links for o in options),
        trusted_hosts=_united(o.trusted_hosts for o in options),
        only_binary=_united(o.only_binary for o in options),
        no_binary=_united(o.no_binary for o in options),
        require_hashes=all(o.require_hashes for o in options),
    )


def _elements(
    function: Function, environment: dict[str, str], options: IndexOptions
) -> list[tuple[tuple[str, str], Element]]:
    held = function.requirements
    requirements = [r for r in held.requirements if applies(r, environment)]
    if not requirements:
        return []
    found: dict[tuple[str, str], Element] = {}
    for requirement in requirements:
        asked = Element(requirement=requirement, asked_by=((function.name, requirement.origin),))
        found.setdefault(("requirement", requirement_key(requirement)), asked)
    for constraint in held.constraints:
        if applies(constraint, environment):
            asked = Element(constraint=constraint, asked_by=((function.name, constraint.origin),))
            found.setdefault(("constraint", requirement_key(constraint)), asked)
    effective = _with_defaults(held.options, options)
    place = Origin(path=held.files[0]) if held.files else function.origin
    found["options", repr(effective)] = Element(options=effective, asked_by=((function.name, place),))
    return list(found.items())


def _join(known: Element, element: Element) -> Element:
    return replace(known, asked_by=tuple(sorted({*known.asked_by, *element.asked_by})))


def _with_defaults(own: IndexOptions, config: IndexOptions) -> IndexOptions:
    """Take what the config says and what a function's own files say, which go first."""
    return replace(
        merge_options([own, config]),
        index_url=own.index_url or config.index_url,
        no_index=own.no_index or config.no_index,
        pre=own.pre or config.pre,
        require_hashes=own.require_hashes or config.require_hashes,
    )


def _go_together(first: IndexOptions, second: IndexOptions) -> bool:
    same = (first.index_url, first.no_index, first.pre) == (second.index_url, second.no_index, second.pre)
    return same and not (
        _overlap(first.only_binary, second.no_binary) or _overlap(second.only_binary, first.no_binary)
    )


def _overlap(only: Sequence[str], none: Sequence[str]) -> bool:
    wheels, sdists = set(only) - {":none:"}, set(none) - {":none:"}
    return bool(wheels and sdists and (":all:" in wheels | sdists or wheels & sdists))


def _united(places: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(place for one in places for place in one))


def _display_options(options: IndexOptions) -> str:
    flags = [
        f"--index-url {public_url(options.index_url)}" if options.index_url else "",
        "--no-index" if options.no_index else "",
        "--pre" if options.pre else "",
        *(f"--only-binary {name}" for name in options.only_binary),
        *(f"--no-binary {name}" for name in options.no_binary),
    ]
    return " ".join(flag for flag in flags if flag) or "pip's own index settings"
