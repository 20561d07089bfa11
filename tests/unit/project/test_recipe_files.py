from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.errors import ConfigError
from layerforge.model.recipe import MANAGERS, Recipe, SystemPackage
from layerforge.project.recipe_files import (
    parse_recipe,
    parse_system_packages,
    read_recipes,
    read_shipped_recipes,
    read_system_packages,
)

WHOLE = """
format = 1
distribution = "Geo.Coder"
about = "It is linked with GEOS."
sources = ["https://geocoder.example/install"]
strip = true
[build.packages]
apt = ["libgeos-dev"]
dnf = "geos-devel"
[build.environment]
GEOS_CONFIG = "/usr/bin/geos-config"
[build.config-settings]
setup-args = "-Dfast=true"
"""


def test_every_key() -> None:
    assert parse_recipe(WHOLE, path="build/geo-coder.toml", origin="build/geo-coder.toml") == Recipe(
        name="geo-coder",
        about="It is linked with GEOS.",
        sources=("https://geocoder.example/install",),
        packages=(("dnf", ("geos-devel",)), ("apt", ("libgeos-dev",))),
        environment=(("GEOS_CONFIG", "/usr/bin/geos-config"),),
        config_settings=(("setup-args", "-Dfast=true"),),
        strip=True,
        origin="build/geo-coder.toml",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("format = 1", "format = 2"), "format: unexpected value 2 (expected 1)"),
        (("format = 1", ""), "format: unexpected value None (expected 1)"),
        (("about", "abuot"), "abuot: unknown key"),
        (("about = ", "# "), "about: the key is missing"),
        (
            ('"Geo.Coder"', '"geos"'),
            "distribution: unexpected value 'geos' (expected 'geo-coder', as the file is called)",
        ),
        (("dnf", "pacman"), "build.packages.pacman: unknown key"),
        (
            ('"geos-devel"', '"--nogpgcheck"'),
            "build.packages.dnf: unexpected value '--nogpgcheck' (expected a package's name)",
        ),
        (
            ('"geos-devel"', "3"),
            "build.packages.dnf: unexpected type integer (expected string or array of strings)",
        ),
        (
            ("GEOS_CONFIG", '"GEOS CONFIG"'),
            "build.environment.GEOS CONFIG: unexpected key (expected a variable's name)",
        ),
        (("strip = true", "strip = 'all'"), "strip: unexpected type string (expected boolean)"),
        (("[build.packages]", "[build.package]"), "build.package: unknown key"),
    ],
)
def test_what_is_refused(change: tuple[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_recipe(WHOLE.replace(*change), path="build/geo-coder.toml")
    assert caught.value.headline == f"build/geo-coder.toml: {message}"


def test_what_is_no_toml() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_recipe("format =", path="build/x.toml")
    assert caught.value.headline.startswith("build/x.toml: it is not TOML (")


def test_digest_changes_with_what_is_built_and_not_with_words() -> None:
    recipe = parse_recipe(WHOLE, path="geo-coder.toml")
    words = parse_recipe(WHOLE.replace("It is", "It was"), path="geo-coder.toml", origin="elsewhere")
    other = parse_recipe(WHOLE.replace("-Dfast", "-Dslow"), path="geo-coder.toml")
    assert recipe.digest == words.digest != other.digest


def test_own_recipes_go_before_those_that_ship(tmp_path: Path) -> None:
    (tmp_path / "build").mkdir()
    own = WHOLE.replace("Geo.Coder", "psycopg2")
    (tmp_path / "build/psycopg2.toml").write_text(own)
    (tmp_path / "build/README.md").write_text("no recipe")
    recipes = read_recipes(tmp_path, "build")
    assert recipes["psycopg2"].origin == "build/psycopg2.toml"
    assert recipes["lxml"].origin == "layerforge"
    assert read_recipes(tmp_path, None)["psycopg2"].origin == "layerforge"


def test_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_recipes(tmp_path, "build")
    assert caught.value.headline == "[container] recipes names build, which is no folder"


def test_shipped_recipes_say_where_they_know_it_from() -> None:
    recipes = read_shipped_recipes()
    assert {"psycopg2", "mysqlclient", "lxml"} <= recipes.keys()
    for recipe in recipes.values():
        assert recipe.sources, recipe.name
        assert [manager for manager, _ in recipe.packages] == list(MANAGERS), recipe.name


def test_system_packages() -> None:
    text = (
        '[[package]]\ndnf = "libpq-devel"\napt = "libpq-dev"\nheaders = ["libpq-fe.h"]\nmodules = ["libpq"]\n'
    )
    assert parse_system_packages(text, path="packages.toml") == (
        SystemPackage(
            names=(("dnf", "libpq-devel"), ("apt", "libpq-dev")),
            headers=("libpq-fe.h",),
            modules=("libpq",),
        ),
    )
    with pytest.raises(ConfigError) as caught:
        parse_system_packages(text.replace("headers", "header"), path="packages.toml")
    assert caught.value.headline == "packages.toml: package[0].header: unknown key"


def test_shipped_system_packages_are_told_apart() -> None:
    packages = read_system_packages()
    for kind in ("headers", "libraries", "programs", "modules"):
        named = [name for one in packages for name in getattr(one, kind)]
        assert len(named) == len(set(named)), kind
