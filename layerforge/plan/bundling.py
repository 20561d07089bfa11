"""Which distributions stay in a function's own zip rather than in a layer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from layerforge.model.function import Function
from layerforge.model.limits import DIRECT_UPLOAD_LIMIT
from layerforge.model.plan import Demand, Item
from layerforge.model.planning import Bundling, NamedLayer, matches


def can_bundle(function: Function) -> bool:
    """Whether the function has code here that is zipped, so that distributions can lie beside it."""
    return function.source is not None and not function.source.endswith(".zip")


def bundled_items(
    function: Function, items: Iterable[Item], bundling: Bundling, layers: Sequence[NamedLayer]
) -> frozenset[Item]:
    """What of a function's items the config wants in its own zip.

    Where it wants all, that is all but what a layer that it names is to hold for the function.
    """
    if not can_bundle(function):
        return frozenset()
    claiming = [layer for layer in layers if matches(function.name, layer.functions)]

    def is_claimed(item: Item) -> bool:
        return any(not layer.distributions or item.name in layer.distributions for layer in claiming)

    return frozenset(
        item
        for item in items
        if item.name in bundling.names or (bundling.mode == "all" and not is_claimed(item))
    )


def bundle(demand: Demand, names: Collection[str]) -> Demand:
    """Move what has one of these names from what is asked of layers into the function's own zip."""
    moved = frozenset(item for item in demand.needs if item.name in names)
    return replace(demand, needs=demand.needs - moved, bundled=demand.bundled | moved) if moved else demand


def better_bundled(demand: Demand, alone: Iterable[Sequence[Item]]) -> tuple[bool, ...]:
    """Which of the layers that a function takes alone are better dissolved into its own zip.

    A layer that nobody shares spares nothing and costs a place and the price of a layer. But a zip that
    is sent with each change of the code is to stay below what AWS takes directly.
    """
    size = demand.own_size
    better = []
    for items in alone:
        added = sum(item.unzipped_size for item in items)
        fits = demand.may_bundle and size + added <= DIRECT_UPLOAD_LIMIT
        size += added if fits else 0
        better.append(fits)
    return tuple(better)
