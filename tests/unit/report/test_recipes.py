from __future__ import annotations

from layerforge.model.recipe import Recipe
from layerforge.report.recipes import format_recipe, format_recipes, recipe_document

RECIPE = Recipe(
    name="psycopg2",
    about="It is linked\nwith libpq.",
    sources=("https://psycopg.example",),
    packages=(("dnf", ("libpq-devel",)),),
    environment=(("CFLAGS", "-O2"),),
    config_settings=(("a", "b"),),
    strip=True,
)
PLAIN = Recipe(name="xmlsec", about="", origin="build/xmlsec.toml")


def test_table() -> None:
    assert format_recipes([RECIPE, PLAIN], width=120) == (
        "distribution  packages (dnf)  stripped  from\n"
        "------------  --------------  --------  -----------------\n"
        "psycopg2      1: libpq-devel  yes       layerforge\n"
        "xmlsec        0               no        build/xmlsec.toml\n"
        "\n"
        "2 recipes; `layerforge recipes NAME` shows one"
    )


def test_one() -> None:
    assert format_recipe(RECIPE) == (
        "psycopg2\n"
        "  It is linked with libpq.\n"
        "\n"
        "from      layerforge\n"
        "packages  dnf: libpq-devel\n"
        "variable  CFLAGS=-O2\n"
        "setting   a=b\n"
        "stripped  yes, once it is built from source\n"
        "source    https://psycopg.example\n"
        f"digest    {RECIPE.digest}"
    )
    assert recipe_document(RECIPE)["about"] == "It is linked with libpq."
