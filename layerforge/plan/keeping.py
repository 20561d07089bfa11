"""The plan that there was, held against what is asked now: kept to the letter, or where the next one starts.

A plan that was made for the same functions, needing the same distributions under the same settings, is
kept: new versions of these change no layer, as long as everybody still fits. So a plan is a fixed point,
`check` need not search for it, and everybody who starts from the same record has the same one.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from layerforge.model.codec import encode
from layerforge.model.plan import Demand, Item, LayerPlan, PlannedLayer
from layerforge.model.planning import PlanSettings
from layerforge.model.previous import PreviousFunction, PreviousLayer, PreviousPlan
from layerforge.plan.bundling import bundle

_DIGEST_LENGTH = 12


def record_plan(
    plan: LayerPlan, demands: Iterable[Demand], settings: PlanSettings, *, prefix: str
) -> PreviousPlan:
    """What is to be remembered of a plan. Functions that could not be served are not in it."""
    asked = {demand.function: digest_of(demand) for demand in demands}
    return PreviousPlan(
        settings=digest_of_settings(settings, prefix),
        project=prefix,
        layers=tuple(
            PreviousLayer(
                name=layer.name,
                targets=tuple(target.name for target in layer.targets),
                distributions=tuple(sorted({item.name for item in layer.items})),
            )
            for layer in plan.layers
        ),
        functions={
            function.function: PreviousFunction(
                layers=tuple(sorted(function.layers)),
                bundled=tuple(sorted(item.name for item in function.bundled)),
                asked=asked[function.function],
            )
            for function in plan.functions
            if function.infeasible is None
        },
    )


def digest_of(demand: Demand) -> str:
    """Name what a function asks of a plan, sizes and versions aside."""
    words = [
        demand.target.name,
        str(demand.external_layers),
        str(demand.reserved_layers),
        str(demand.limits.layers),
        f"{demand.weight:g}",
        f"{demand.may_bundle}",
        *(f"bundled {name}" for name in sorted(item.name for item in demand.bundled)),
        *sorted({item.name for item in demand.needs}),
    ]
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:_DIGEST_LENGTH]


def digest_of_settings(settings: PlanSettings, prefix: str) -> str:
    """Name what the config says of all plans of a project."""
    said = json.dumps([prefix, encode(replace(settings, place=""))], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:_DIGEST_LENGTH]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """Layers, and by function the names of those that it takes, and of what is bundled with its code."""

    layers: tuple[PlannedLayer, ...]
    took: Mapping[str, Sequence[str]]
    bundled: Mapping[str, Collection[str]]


def keep_plan(
    previous: PreviousPlan, demands: Sequence[Demand], settings: PlanSettings, *, prefix: str
) -> Kept | None:
    """The plan that there was, filled with what is locked now; None where it cannot be kept.

    `demands` are those of functions that can be served.
    """
    if previous.settings != digest_of_settings(settings, prefix):
        return None
    by_name = {demand.function: demand for demand in demands}
    if by_name.keys() != previous.functions.keys():
        return None
    if any(previous.functions[name].asked != digest_of(demand) for name, demand in by_name.items()):
        return None
    by_name = {
        name: bundle(demand, previous.functions[name].bundled) if demand.may_bundle else demand
        for name, demand in by_name.items()
    }
    users: dict[str, list[Demand]] = {layer.name: [] for layer in previous.layers}
    for name, function in previous.functions.items():
        for layer_name in function.layers:
            if layer_name not in users:
                return None
            users[layer_name].append(by_name[name])
    filled = [_fill(layer, users[layer.name]) for layer in previous.layers]
    kept = {layer.name: layer for layer in filled if layer is not None}
    if len(kept) != len(filled):
        return None
    for name, demand in by_name.items():
        if not _serves(demand, [kept[layer] for layer in previous.functions[name].layers]):
            return None
    return Kept(
        layers=tuple(kept[name] for name in sorted(kept)),
        took={name: function.layers for name, function in previous.functions.items()},
        bundled={name: function.bundled for name, function in previous.functions.items()},
    )


def _fill(layer: PreviousLayer, users: Sequence[Demand]) -> PlannedLayer | None:
    """The layer with what its functions need under its names; None if that is not one file for each name."""
    items = _items_by_name(users)
    found = [items.get(name, ()) for name in layer.distributions]
    if any(len(several) != 1 for several in found):
        return None
    return PlannedLayer(
        name=layer.name,
        targets=tuple(sorted({demand.target for demand in users})),
        items=tuple(sorted(several[0] for several in found)),
    )


def _items_by_name(demands: Iterable[Demand]) -> Mapping[str, Sequence[Item]]:
    items: dict[str, list[Item]] = {}
    for item in sorted(frozenset[Item]().union(*(demand.needs for demand in demands))):
        items.setdefault(item.name, []).append(item)
    return items


def _serves(demand: Demand, layers: Sequence[PlannedLayer]) -> bool:
    """Whether a function finds all that it needs in `layers`, may take them, and has room for them."""
    held = frozenset(item for layer in layers for item in layer.items)
    return (
        demand.needs <= held
        and len({item.name for item in held}) == len(held)
        and all(item.fits(demand.target) for item in held)
        and len(layers) <= demand.slots
        and (not layers or sum(layer.unzipped_size for layer in layers) <= demand.room)
    )


def starting_layers(
    previous: PreviousPlan, demands: Sequence[Demand]
) -> tuple[tuple[frozenset[Item], frozenset[str]], ...]:
    """The layers that there were, as sets of what is needed now and of functions that there still are.

    Where a name stands for several versions now, it is the one that most of the layer's functions need.
    """
    users: dict[str, list[Demand]] = {}
    for demand in demands:
        took = previous.functions.get(demand.function)
        for layer_name in took.layers if took else ():
            users.setdefault(layer_name, []).append(demand)
    of_targets: dict[tuple[str, ...], dict[str, Item]] = {}
    starts: dict[frozenset[Item], frozenset[str]] = {}
    for layer in previous.layers:
        ours = users.get(layer.name, [])
        if layer.targets not in of_targets:
            on_targets = [demand for demand in demands if demand.target.name in layer.targets]
            of_targets[layer.targets] = _most_needed(on_targets)
        known = {**of_targets[layer.targets], **_most_needed(ours)}
        items = frozenset(known[name] for name in layer.distributions if name in known)
        if items:
            still = frozenset(demand.function for demand in ours)
            starts[items] = starts.get(items, frozenset()) | still
    # What was bundled is no layer; but that it becomes one for a moment shall cost nothing.
    for demand in demands:
        took = previous.functions.get(demand.function)
        held = took.bundled if took and demand.may_bundle else ()
        if items := frozenset(item for item in demand.needs if item.name in held):
            starts[items] = starts.get(items, frozenset()) | {demand.function}
    return tuple(starts.items())


def _most_needed(demands: Iterable[Demand]) -> dict[str, Item]:
    """By name, the item that most of them need."""
    times = Counter(item for demand in demands for item in demand.needs)
    found: dict[str, Item] = {}
    for item in sorted(times, key=lambda item: (-times[item], item)):
        found.setdefault(item.name, item)
    return found
