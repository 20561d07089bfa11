"""What a plan changes of the one before: layers that are published anew, functions that are touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from layerforge.model.plan import LayerPlan
from layerforge.model.previous import PreviousPlan


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerChange:
    """A layer that is another one than before: `kind` is "new", "changed", "upgraded" or "gone".

    `size` is what is published, in bytes unzipped. `added` and `removed` are names of distributions;
    for an upgrade, `added` names those at another version.
    """

    name: str
    kind: str
    size: int
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionChange:
    """A function that takes other layers than before: `kind` is "new", "changed" or "gone"."""

    function: str
    kind: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanChanges:
    """All changes, sorted by name. `source` tells of the plan before; `unchanged` counts layers."""

    source: str
    layers: tuple[LayerChange, ...]
    functions: tuple[FunctionChange, ...]
    unchanged: int

    @property
    def published_size(self) -> int:
        """Bytes in layers that are published anew."""
        return sum(layer.size for layer in self.layers)


def compare_plans(
    previous: PreviousPlan, plan: LayerPlan, versions: Mapping[str, Mapping[str, str]]
) -> PlanChanges:
    """Compare by name. `versions` are those that layers held before, by layer, as far as they are known."""
    before = {layer.name: layer for layer in previous.layers}
    now = {layer.name: layer for layer in plan.layers}
    layers = [
        LayerChange(name=name, kind="gone", size=0, removed=before[name].distributions)
        for name in before.keys() - now.keys()
    ]
    for name, layer in now.items():
        held = {item.name: item.version for item in layer.items}
        old = before.get(name)
        if old is None:
            layers.append(
                LayerChange(name=name, kind="new", size=layer.unzipped_size, added=tuple(sorted(held)))
            )
            continue
        added = tuple(sorted(held.keys() - set(old.distributions)))
        removed = tuple(sorted(set(old.distributions) - held.keys()))
        were = versions.get(name, {})
        upgraded = tuple(sorted(one for one in held if one in were and were[one] != held[one]))
        if added or removed:
            layers.append(
                LayerChange(name=name, kind="changed", size=layer.unzipped_size, added=added, removed=removed)
            )
        elif upgraded:
            layers.append(LayerChange(name=name, kind="upgraded", size=layer.unzipped_size, added=upgraded))
    changed = {layer.name for layer in layers}
    return PlanChanges(
        source=previous.source,
        layers=tuple(sorted(layers, key=lambda layer: layer.name)),
        functions=_compare_functions(previous, plan),
        unchanged=len(now.keys() - changed),
    )


def _compare_functions(previous: PreviousPlan, plan: LayerPlan) -> tuple[FunctionChange, ...]:
    now = {one.function: set(one.layers) for one in plan.functions if one.infeasible is None}
    before = {name: set(one.layers) for name, one in previous.functions.items()}
    changes = []
    for name in sorted(now.keys() | before.keys()):
        new, old = now.get(name, set()), before.get(name, set())
        kind = "gone" if name not in now else "new" if name not in before else "changed"
        if kind != "changed" or new != old:
            changes.append(
                FunctionChange(
                    function=name, kind=kind, added=tuple(sorted(new - old)), removed=tuple(sorted(old - new))
                )
            )
    return tuple(changes)
