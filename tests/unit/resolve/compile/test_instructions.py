from __future__ import annotations

import pytest

from layerforge.model.container import ContainerSettings, SystemPackages
from layerforge.model.recipe import Recipe
from layerforge.resolve.compile.instructions import make_instructions
from layerforge.resolve.compile.order import Instructions

RECIPES = {
    "psycopg2": Recipe(
        name="psycopg2",
        about="",
        packages=(("dnf", ("libpq-devel",)), ("apt", ("libpq-dev",))),
        environment=(("CFLAGS", "-O2"),),
        config_settings=(("a", "b"),),
        strip=True,
    )
}


def own(name: str, *packages: str) -> SystemPackages:
    return SystemPackages(distribution=name, packages=packages)


@pytest.mark.parametrize(
    ("settings", "name", "instructions"),
    [
        (ContainerSettings(), "requests", Instructions()),
        (
            ContainerSettings(),
            "psycopg2",
            Instructions(
                packages_by_manager=RECIPES["psycopg2"].packages,
                environment={"CFLAGS": "-O2"},
                config_settings=(("a", "b"),),
                strip=True,
            ),
        ),
        (
            ContainerSettings(packages=(own("psycopg2", "my-libpq"), own("*", "git")), strip=()),
            "psycopg2",
            Instructions(
                packages=("my-libpq", "git"),
                environment={"CFLAGS": "-O2"},
                config_settings=(("a", "b"),),
            ),
        ),
        (
            ContainerSettings(packages=(own("psycopg2"),), strip=("lxml",)),
            "psycopg2",
            Instructions(environment={"CFLAGS": "-O2"}, config_settings=(("a", "b"),)),
        ),
        (
            ContainerSettings(packages=(own("*", "git"),), strip=("*",)),
            "lxml",
            Instructions(packages=("git",), strip=True),
        ),
    ],
)
def test_the_config_goes_before_recipes(
    settings: ContainerSettings, name: str, instructions: Instructions
) -> None:
    assert make_instructions(settings, RECIPES)(name) == instructions
