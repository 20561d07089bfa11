"""Which layer of a new plan is one of the plan before: it keeps its name, whatever dominates it now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from layerforge.model.plan import Item
from layerforge.model.previous import PreviousLayer, PreviousPlan
from layerforge.model.target import Target, shared_slug


@dataclass(frozen=True, kw_only=True, slots=True)
class Heir:
    """A layer that has no name yet: what it holds, the targets and names of the functions that take it."""

    items: tuple[Item, ...]
    targets: tuple[Target, ...]
    functions: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class _Match:
    """How alike a new layer and one that there was are: most alike first."""

    unlike: float
    strangers: int
    name: str
    position: int


def inherit_names(
    layers: Sequence[Heir], previous: PreviousPlan, *, prefix: str, taken: Collection[str] = ()
) -> tuple[str | None, ...]:
    """Give each layer the name of the one that it is the continuation of; None where there is none.

    That is so where more than half of what either holds, in bytes, is in both. Names in `taken`, those
    of another project, and those that speak of other targets are not given.
    """
    sizes = {item.name: item.unzipped_size for layer in layers for item in layer.items}
    takers: dict[str, set[str]] = {}
    for function, took in previous.functions.items():
        for name in took.layers:
            takers.setdefault(name, set()).add(function)
    matches = []
    for position, layer in enumerate(layers):
        names = {item.name for item in layer.items}
        for old in previous.layers:
            if old.name in taken or not _may_be_called(layer, old, prefix):
                continue
            alike = _alikeness(names, set(old.distributions), sizes)
            if alike > 0.5:
                strangers = len(layer.functions ^ takers.get(old.name, set()))
                matches.append(
                    _Match(unlike=1 - alike, strangers=strangers, name=old.name, position=position)
                )
    given: dict[int, str] = {}
    for match in sorted(matches):
        if match.position not in given and match.name not in given.values():
            given[match.position] = match.name
    return tuple(given.get(position) for position in range(len(layers)))


def _may_be_called(layer: Heir, old: PreviousLayer, prefix: str) -> bool:
    """Whether the old name, which tells project and targets, is true of the layer."""
    if not old.name.startswith(f"{prefix}-"):
        return False
    targets = {target.name for target in layer.targets}
    return targets <= set(old.targets) or old.name.startswith(f"{prefix}-{shared_slug(layer.targets)}-")


def _alikeness(new: set[str], old: set[str], sizes: dict[str, int]) -> float:
    """The share of bytes that are in both; 1 for the same names, even if they hold nothing."""
    if new == old:
        return 1.0
    whole = sum(sizes.get(name, 0) for name in new | old)
    return sum(sizes.get(name, 0) for name in new & old) / whole if whole else 0.0
