"""What `[plan]` asks for that cannot be had, whatever is locked: told before anything is resolved."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from itertools import combinations

from layerforge.errors import ConfigError
from layerforge.model.counts import some_of
from layerforge.model.function import Function
from layerforge.model.limits import Limits
from layerforge.model.planning import NamedLayer, PlanSettings, matches

_WILDCARDS = frozenset("*?[")


def check_plan_settings(settings: PlanSettings, limits: Limits, functions: Sequence[Function]) -> None:
    """Raise ConfigError, naming both keys, for the first two that exclude each other.

    A layer that is asked for by name is refused too if it names a function that there is not.
    """
    check = _Check(settings, functions)
    for layer in settings.layers:
        check.functions_exist(layer)
    for one, other in combinations(settings.layers, 2):
        check.share_nothing(one, other)
    for layer in settings.layers:
        check.holds_nothing_apart(layer)
        check.holds_nothing_bundled(layer)
    check.has_code_to_bundle_with()
    check.leaves_places(limits)


class _Check:
    def __init__(self, settings: PlanSettings, functions: Sequence[Function]) -> None:
        self.settings = settings
        self.functions = functions

    def functions_exist(self, layer: NamedLayer) -> None:
        names = [function.name for function in self.functions]
        for position, pattern in enumerate(layer.functions):
            if any(matches(name, (pattern,)) for name in names):
                continue
            close = difflib.get_close_matches(pattern, names, n=1)
            raise ConfigError(
                f"no function's name fits {pattern!r}"
                if _WILDCARDS & set(pattern)
                else f"there is no function {pattern!r}",
                where=self._at(f"plan.layers.{layer.name}.functions[{position}]"),
                hint=f"did you mean {close[0]}?" if close else f"there are {some_of(sorted(names))}",
            )

    def share_nothing(self, one: NamedLayer, other: NamedLayer) -> None:
        """Two layers that both are to hold the same for the same function: it can lie in one alone."""
        both = [f.name for f in self._served(one) if f in self._served(other)]
        if not both:
            return
        shared = sorted(set(one.distributions) & set(other.distributions))
        if shared:
            raise ConfigError(
                f"{some_of(shared)} cannot lie in two layers, and plan.layers.{other.name}.distributions "
                f"{'names it' if len(shared) == 1 else 'names them'} too",
                where=self._at(f"plan.layers.{one.name}.distributions"),
                hint="name it once; or give both layers functions of their own",
            )
        if not one.distributions and not other.distributions:
            raise ConfigError(
                f"{some_of(both)} cannot find everything in one layer, as plan.layers.{other.name}.functions "
                "asks for the same",
                where=self._at(f"plan.layers.{one.name}.functions"),
                hint="put each function into one of them",
            )

    def holds_nothing_apart(self, layer: NamedLayer) -> None:
        for position, names in enumerate(self.settings.apart):
            meeting = [name for name in names if name in layer.distributions]
            if len(meeting) > 1:
                raise ConfigError(
                    f"{' and '.join(meeting[:2])} are to be kept apart, and "
                    f"plan.layers.{layer.name}.distributions puts both into one layer",
                    where=self._at(f"plan.apart[{position}]"),
                    hint="drop one of the two",
                )

    def holds_nothing_bundled(self, layer: NamedLayer) -> None:
        for function in self._served(layer):
            own = function.planning.bundle
            if own is None:
                continue
            meeting = [name for name in own.names if name in layer.distributions]
            if own.mode == "all" and layer.functions:
                meeting = ["everything"]
            if meeting:
                key = "distributions" if layer.distributions else "functions"
                raise ConfigError(
                    f"{meeting[0]} is to stay in the zip of {function.name}, and "
                    f"plan.layers.{layer.name}.{key} puts it into a layer",
                    where=self._at(f"functions.{function.name}.bundle"),
                    hint="drop one of the two",
                )

    def has_code_to_bundle_with(self) -> None:
        for function in self.functions:
            own, source = function.planning.bundle, function.source
            if own is None or not (own.names or own.mode == "all"):
                continue
            if source is None or source.endswith(".zip"):
                what = (
                    "its code does not lie here" if source is None else f"its code {source} is a zip already"
                )
                raise ConfigError(
                    f"nothing can be bundled with {function.name}: {what}",
                    where=self._at(f"functions.{function.name}.bundle"),
                    hint=f"set source under [functions.{function.name}], or let layers hold it",
                )

    def leaves_places(self, limits: Limits) -> None:
        default = self.settings.reserve_layers
        for function in self.functions:
            own = function.planning
            reserved = default if own.reserve_layers is None else own.reserve_layers
            allowed = (own.limits or limits).layers
            if not reserved or reserved < allowed:
                continue
            key = "plan" if own.reserve_layers is None else f"functions.{function.name}"
            other = f"functions.{function.name}.limits" if own.limits else "limits"
            raise ConfigError(
                f"{reserved} reserved of {allowed} ({other}.layers) leave no place for a layer",
                where=self._at(f"{key}.reserve-layers"),
                hint="reserve fewer",
            )

    def _served(self, layer: NamedLayer) -> list[Function]:
        return [function for function in self.functions if matches(function.name, layer.functions)]

    def _at(self, key: str) -> str:
        return f"{self.settings.place}{key}"
