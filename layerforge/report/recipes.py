"""Recipes as a table, as lines, and as documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from layerforge.model.counts import count
from layerforge.model.recipe import Recipe
from layerforge.report.columns import AnyColumn, Column, ListColumn, lay_out


def format_recipes(recipes: Sequence[Recipe], *, width: int | None) -> str:
    """A row for each; packages as Amazon Linux 2023 calls them."""
    columns: list[AnyColumn] = [
        Column("distribution", [one.name for one in recipes]),
        ListColumn("packages (dnf)", [dict(one.packages).get("dnf", ()) for one in recipes]),
        Column("stripped", ["yes" if one.strip else "no" for one in recipes]),
        Column("from", [one.origin for one in recipes]),
    ]
    lines = lay_out(columns, width, dispensable=("stripped", "from"))
    return "\n".join([*lines, "", f"{count(recipes, 'recipe')}; `layerforge recipes NAME` shows one"])


def format_recipe(recipe: Recipe) -> str:
    """All that one says."""
    lines = [recipe.name, f"  {' '.join(recipe.about.split())}", "", f"from      {recipe.origin}"]
    lines += [f"packages  {manager}: {', '.join(names)}" for manager, names in recipe.packages]
    lines += [f"variable  {name}={value}" for name, value in recipe.environment]
    lines += [f"setting   {name}={value}" for name, value in recipe.config_settings]
    lines.append(f"stripped  {'yes, once it is built from source' if recipe.strip else 'no'}")
    lines += [f"source    {source}" for source in recipe.sources]
    return "\n".join([*lines, f"digest    {recipe.digest}"])


def recipe_document(recipe: Recipe) -> dict[str, Any]:
    """As --json shows it."""
    return {
        "distribution": recipe.name,
        "about": " ".join(recipe.about.split()),
        "sources": list(recipe.sources),
        "packages": {manager: list(names) for manager, names in recipe.packages},
        "environment": dict(recipe.environment),
        "config_settings": dict(recipe.config_settings),
        "strip": recipe.strip,
        "from": recipe.origin,
        "digest": recipe.digest,
    }
