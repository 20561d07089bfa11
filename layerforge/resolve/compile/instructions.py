"""How each distribution is built: what the config asks for, and what recipes know."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from layerforge.model.container import ContainerSettings
from layerforge.model.recipe import Recipe
from layerforge.resolve.compile.order import Instructions


def make_instructions(
    settings: ContainerSettings, recipes: Mapping[str, Recipe]
) -> Callable[[str], Instructions]:
    """Instructions by the normalised name of a distribution ("" where nobody knows it).

    What the config says of a distribution takes the place of what its recipe says of the same thing.
    """
    named = {one.distribution: one.packages for one in settings.packages}

    def of(name: str) -> Instructions:
        recipe = recipes.get(name)
        own = named.get(name)
        return Instructions(
            packages=tuple(dict.fromkeys((*(own or ()), *named.get("*", ())))),
            packages_by_manager=recipe.packages if recipe is not None and own is None else (),
            environment=dict(recipe.environment) if recipe is not None else {},
            config_settings=recipe.config_settings if recipe is not None else (),
            strip=strips_built(name, settings, recipes),
        )

    return of


def strips_built(name: str, settings: ContainerSettings, recipes: Mapping[str, Recipe]) -> bool:
    """Whether a wheel of `name` built from source is stripped: as the config says, else as its recipe."""
    if settings.strip is not None:
        return strips_all(name, settings)
    return name in recipes and recipes[name].strip


def strips_all(name: str, settings: ContainerSettings) -> bool:
    """Whether every wheel of `name` is stripped, those of the index too: only the config asks for that."""
    return settings.strip is not None and not {name, "*"}.isdisjoint(settings.strip)
