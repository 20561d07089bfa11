"""`[plan]` of the config, and what `[functions.NAME]` says of the plan: TOML to values, strictly."""

from __future__ import annotations

import re

from packaging.utils import InvalidName, canonicalize_name

from layerforge.errors import ConfigError
from layerforge.model.limits import LAYERS_PER_FUNCTION, Limits
from layerforge.model.planning import (
    BUNDLE_MODES,
    EFFORTS,
    SHARED_ACROSS,
    Bundling,
    FunctionPlanning,
    NamedLayer,
    PlanSettings,
)
from layerforge.project.tables import Table

PLAN_KEYS = (
    "effort", "excess-weight", "layer-cost", "change-weight", "attach-cost", "most-layers", "reserve-layers",
    "bundle", "share-across", "layers", "apart",
)  # fmt: skip
LAYER_KEYS = ("distributions", "functions")
_LAYER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_LONGEST_LAYER_NAME = 64
# More than this is a slip of the pen, and no plan would tell it from infinity.
_LARGEST_WEIGHT = 1000


def parse_plan(table: Table) -> PlanSettings:
    """Turn `[plan]` into settings. Raises ConfigError with the path of the key."""
    table.check_keys(PLAN_KEYS)
    defaults = PlanSettings()
    return PlanSettings(
        effort=table.string("effort", choices=EFFORTS) or defaults.effort,
        excess_weight=_weight(table, "excess-weight", defaults.excess_weight),
        layer_cost=table.size("layer-cost") or defaults.layer_cost,
        change_weight=_weight(table, "change-weight", defaults.change_weight),
        attach_cost=table.size("attach-cost") or defaults.attach_cost,
        most_layers=_most_layers(table),
        reserve_layers=_reserve_layers(table) or 0,
        share_across=table.string("share-across", choices=SHARED_ACROSS) or defaults.share_across,
        bundle=_bundle(table, modes=BUNDLE_MODES, may_name=False) or defaults.bundle,
        layers=_layers(table.table("layers")),
        apart=_apart(table),
        place=Table(table.data, path=table.path, keys=table.keys[:-1]).prefix,
    )


def parse_function_plan(table: Table, limits: Limits | None) -> FunctionPlanning:
    """What a function's table says of the plan; `limits` are its own, if it has some."""
    return FunctionPlanning(
        weight=_weight(table, "weight", 1.0),
        bundle=_bundle(table, modes=BUNDLE_MODES, may_name=True),
        reserve_layers=_reserve_layers(table),
        limits=limits,
    )


def _weight(table: Table, key: str, default: float) -> float:
    value = table.number(key)
    if value is None:
        return default
    if not 0 <= value <= _LARGEST_WEIGHT:
        raise ConfigError(
            f"unexpected value {value:g} (expected a number from 0 to {_LARGEST_WEIGHT})",
            where=table.where(key),
        )
    return value


def _most_layers(table: Table) -> int | None:
    most = table.integer("most-layers")
    if most is not None and most < 1:
        raise ConfigError(
            f"unexpected value {most} (expected at least 1)",
            where=table.where("most-layers"),
            hint='without layers at all, everything would lie in the functions\' own zips: bundle = "all"',
        )
    return most


def _reserve_layers(table: Table) -> int | None:
    reserved = table.integer("reserve-layers")
    if reserved is not None and not 0 <= reserved <= LAYERS_PER_FUNCTION:
        raise ConfigError(
            f"unexpected value {reserved} (Lambda allows at most {LAYERS_PER_FUNCTION} layers per function)",
            where=table.where("reserve-layers"),
        )
    return reserved


def _bundle(table: Table, *, modes: tuple[str, ...], may_name: bool) -> Bundling | None:
    value = table.data.get("bundle")
    if isinstance(value, list) and may_name:
        return Bundling(names=_distributions(table, "bundle"))
    mode = table.string("bundle", choices=modes)
    return Bundling(mode=mode) if mode else None


def _layers(table: Table) -> tuple[NamedLayer, ...]:
    return tuple(_layer(table, name) for name in table.data)


def _layer(layers: Table, name: str) -> NamedLayer:
    if not _LAYER_NAME.fullmatch(name) or len(name) > _LONGEST_LAYER_NAME:
        raise ConfigError(
            f"unexpected layer name (expected letters, digits, - and _, at most {_LONGEST_LAYER_NAME})",
            where=layers.where(name),
        )
    table = layers.table(name)
    table.check_keys(LAYER_KEYS)
    layer = NamedLayer(
        name=name, distributions=_distributions(table, "distributions"), functions=_functions(table)
    )
    if not layer.distributions and not layer.functions:
        raise ConfigError(
            "nothing says what this layer holds, or whom it serves",
            where=layers.where(name),
            hint='give distributions = ["numpy"], or functions = ["pay-*"], or both',
        )
    return layer


def _functions(table: Table) -> tuple[str, ...]:
    return tuple(dict.fromkeys(table.string_or_strings("functions") or ()))


def _apart(table: Table) -> tuple[tuple[str, ...], ...]:
    value = table.data.get("apart", [])
    sets = Table(
        {f"apart[{position}]": names for position, names in enumerate(value)}
        if isinstance(value, list)
        else {"apart": value},
        path=table.path,
        keys=table.keys,
    )
    found = tuple(_distributions(sets, key) for key in sets.data)
    for key, names in zip(sets.data, found, strict=True):
        if len(names) < 2:
            raise ConfigError(
                "one distribution alone cannot be kept apart (expected an array of two or more)",
                where=sets.where(key),
                hint='write sets of names: apart = [["torch", "tensorflow"]]',
            )
    return found


def _distributions(table: Table, key: str) -> tuple[str, ...]:
    """Read names of distributions, normalised, each once."""
    names = []
    for position, text in enumerate(table.strings(key) or ()):
        try:
            names.append(str(canonicalize_name(text, validate=True)))
        except InvalidName as error:
            raise ConfigError(
                f"unexpected value {text!r} (expected the name of a distribution, without a version)",
                where=table.where(f"{key}[{position}]"),
            ) from error
    return tuple(dict.fromkeys(names))
