"""Layers that the config names: what they hold and who takes them, before anything else is planned.

A layer with `distributions` holds these, for whichever of its functions need one of them; nowhere else
does such a function find them. A layer with `functions` alone holds all else that these functions need
together. Where every distribution of a layer fits all targets of its users there is one for all of
them, otherwise one for each target.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from layerforge.errors import ConfigError
from layerforge.model.counts import count, some_of
from layerforge.model.plan import Demand, Item
from layerforge.model.planning import NamedLayer, PlanSettings, matches
from layerforge.model.sizes import format_size
from layerforge.model.target import Target
from layerforge.plan.separation import foes_of, part


@dataclass(frozen=True, kw_only=True, slots=True)
class FixedLayer:
    """A layer whose contents the config decides. `functions` and `items` are sorted."""

    name: str
    targets: tuple[Target, ...]
    items: tuple[Item, ...]
    functions: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of all that it holds."""
        return sum(item.unzipped_size for item in self.items)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fixed:
    """The layers that the config names, and by function which of them it takes."""

    layers: tuple[FixedLayer, ...] = ()
    taken: Mapping[str, tuple[FixedLayer, ...]] = field(default_factory=dict)

    def of(self, demand: Demand) -> tuple[FixedLayer, ...]:
        """The layers that a function takes."""
        return self.taken.get(demand.function, ())

    def rest(self, demand: Demand) -> frozenset[Item]:
        """What is still to be found elsewhere."""
        return demand.needs.difference(*(layer.items for layer in self.of(demand)))

    def slots(self, demand: Demand) -> int:
        """How many more layers the function can take."""
        return demand.slots - len(self.of(demand))

    def room(self, demand: Demand) -> int:
        """How many more bytes these may hold."""
        return demand.room - sum(layer.size for layer in self.of(demand))

    def rivals(self, demand: Demand, item: Item) -> bool:
        """Whether `item` may not come to a function because its named layers hold another of that name."""
        layers = self.taken.get(demand.function, ())
        return any(held.name == item.name and held != item for layer in layers for held in layer.items)


def fix_layers(demands: Sequence[Demand], settings: PlanSettings) -> Fixed:
    """Fill the layers that `settings` name; each of `demands` can be served by itself.

    Raises ConfigError, naming the keys, where a layer cannot be what it is asked to be.
    """
    if not settings.layers:
        return Fixed()
    claims = _claim(demands, settings.layers)
    layers = tuple(
        one
        for layer in settings.layers
        if layer.name in claims
        for one in _fill(layer, claims[layer.name], settings)
    )
    fixed = Fixed(
        layers=layers,
        taken={
            demand.function: tuple(layer for layer in layers if demand.function in layer.functions)
            for demand in demands
        },
    )
    for demand in demands:
        _check_room(demand, fixed, settings)
    return fixed


_Claims = dict[str, dict[Demand, frozenset[Item]]]


def _claim(demands: Sequence[Demand], layers: Sequence[NamedLayer]) -> _Claims:
    """What each layer holds for each function: those with `distributions` choose first."""
    claims: _Claims = {}
    for demand in demands:
        left = demand.needs
        for layer in sorted(layers, key=lambda layer: not layer.distributions):
            if not matches(demand.function, layer.functions):
                continue
            claimed = frozenset(
                item for item in left if not layer.distributions or item.name in layer.distributions
            )
            if claimed:
                claims.setdefault(layer.name, {})[demand] = claimed
                left -= claimed
    return claims


def _fill(
    layer: NamedLayer, claims: Mapping[Demand, frozenset[Item]], settings: PlanSettings
) -> Iterable[FixedLayer]:
    targets = tuple(sorted({demand.target for demand in claims}))
    everything = frozenset[Item]().union(*claims.values())
    shared = len({item.name for item in everything}) == len(everything) and all(
        item.fits(target) for item in everything for target in targets
    )
    for group in [targets] if shared else [(target,) for target in targets]:
        ours = {demand: items for demand, items in claims.items() if demand.target in group}
        items = frozenset[Item]().union(*ours.values())
        _check_versions(layer, ours, settings)
        _check_apart(layer, items, settings)
        yield FixedLayer(
            name=layer.name,
            targets=group,
            items=tuple(sorted(items)),
            functions=tuple(sorted(demand.function for demand in ours)),
        )


def _check_versions(
    layer: NamedLayer, claims: Mapping[Demand, frozenset[Item]], settings: PlanSettings
) -> None:
    held: dict[str, tuple[Item, Demand]] = {}
    for demand in sorted(claims, key=lambda demand: demand.function):
        for item in sorted(claims[demand]):
            other, first = held.setdefault(item.name, (item, demand))
            if other == item:
                continue
            raise ConfigError(
                f"one layer cannot hold {item.name} {other.version}, which {first.function} needs, "
                f"and {item.version}, which {demand.function} needs",
                where=_key(layer, settings),
                hint=f"give them layers of their own (plan.layers.{layer.name}.functions), "
                "or let them ask for the same version",
            )


def _check_apart(layer: NamedLayer, items: Iterable[Item], settings: PlanSettings) -> None:
    names = {item.name for item in items}
    for position, apart in enumerate(settings.apart):
        meeting = [name for name in apart if name in names]
        if len(meeting) > 1:
            raise ConfigError(
                f"{meeting[0]} and {meeting[1]} are to be kept apart, and the functions of "
                f"plan.layers.{layer.name} are to find both in one layer",
                where=f"{settings.place}plan.apart[{position}]",
                hint="drop one of the two, or name a layer for one of the distributions",
            )


def _check_room(demand: Demand, fixed: Fixed, settings: PlanSettings) -> None:
    """Refuse named layers that leave a function without room for what it needs beside them."""
    taken = fixed.of(demand)
    if not taken:
        return
    rest = fixed.rest(demand)
    rest_size = sum(item.unzipped_size for item in rest)
    names = some_of([f"plan.layers.{layer.name}" for layer in taken])
    if rest_size > fixed.room(demand):
        held = sum(layer.size for layer in taken)
        beside = f", and needs {format_size(rest_size)} beside" if rest else ""
        raise ConfigError(
            f"{demand.function} would take {format_size(held)} with {names}{beside}: "
            f"{demand.limits_key}.unzipped leaves {format_size(demand.room)} for layers",
            where=f"{settings.place}plan.layers.{taken[0].name}",
            hint="let the layer hold less, or serve fewer functions",
        )
    foes = foes_of(settings.apart)
    if part([item.name for item in rest], foes, most=fixed.slots(demand)) is not None:
        return
    beside = " and at least one more for all else" if rest else ""
    raise ConfigError(
        f"{demand.function} would take {names}{beside}: "
        f"{demand.limits_key}.layers leaves {count(demand.slots, 'place')} for layers",
        where=f"{settings.place}plan.layers.{taken[0].name}",
        hint="name fewer layers, or let one hold more",
    )


def _key(layer: NamedLayer, settings: PlanSettings) -> str:
    key = "distributions" if layer.distributions else "functions"
    return f"{settings.place}plan.layers.{layer.name}.{key}"
