"""`layerforge recipes`: what is known of distributions that need more than their source to be built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from layerforge.commands.options import Options, common_options
from layerforge.errors import UsageError

if TYPE_CHECKING:
    from layerforge.model.recipe import Recipe


@click.command("recipes")
@click.argument("name", required=False)
@common_options
def command(options: Options, *, name: str | None) -> None:
    """List the recipes that hold here, or show the one of a distribution.

    The project's own ([container] recipes in the config) go before those that ship with layerforge.
    """
    from layerforge.project.config_file import read_config
    from layerforge.project.recipe_files import read_recipes
    from layerforge.report.recipes import format_recipe, format_recipes, recipe_document

    config, _ = read_config(options.root, config=options.config)
    recipes = read_recipes(options.root, config.container.recipes)
    if name is not None:
        recipe = _find(name, recipes)
        options.output.result(lambda: recipe_document(recipe), lambda: format_recipe(recipe))
        return
    listed = [recipes[key] for key in sorted(recipes)]

    def document() -> dict[str, Any]:
        return {"recipes": [recipe_document(one) for one in listed]}

    options.output.result(document, lambda: format_recipes(listed, width=options.output.width))


def _find(name: str, recipes: Mapping[str, Recipe]) -> Recipe:
    from packaging.utils import canonicalize_name

    recipe = recipes.get(canonicalize_name(name))
    if recipe is not None:
        return recipe
    from difflib import get_close_matches

    near = get_close_matches(name, recipes, n=1)
    raise UsageError(
        f"there is no recipe for {name}",
        hint=f"did you mean {near[0]}?" if near else "`layerforge recipes` lists them",
    )
