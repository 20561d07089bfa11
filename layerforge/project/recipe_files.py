"""Recipes as TOML: those that ship with layerforge, and the user's own, which go before them.

`recipes/<distribution>.toml` holds one recipe; `recipes/system/packages.toml` tells which package of
an image's system has a header, a library or a program. Both are read strictly.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from layerforge.errors import ConfigError
from layerforge.model.recipe import MANAGERS, Recipe, SystemPackage
from layerforge.project.tables import Table

_FORMAT = 1
_SUFFIX = ".toml"
_RECIPE_KEYS = ("format", "distribution", "about", "sources", "build", "strip")
_BUILD_KEYS = ("packages", "environment", "config-settings")
_PACKAGE_KEYS = (*MANAGERS, "headers", "libraries", "programs", "modules")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What every package manager takes as a name, and none as an option.
_PACKAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+:-]*")


def parse_recipe(text: str, *, path: str, origin: str = "layerforge") -> Recipe:
    """Parse one file. Raises ConfigError with the key's path for whatever is unknown or wrong."""
    table = _table(text, path)
    table.check_keys(_RECIPE_KEYS)
    if table.integer("format") != _FORMAT:
        raise ConfigError(
            f"unexpected value {table.data.get('format')!r} (expected {_FORMAT})", where=table.where("format")
        )
    build = table.table("build")
    build.check_keys(_BUILD_KEYS)
    name = canonicalize_name(_required(table, "distribution"))
    _hold_against_file(name, table)
    return Recipe(
        name=name,
        about=_required(table, "about"),
        sources=table.strings("sources") or (),
        packages=_packages(build.table("packages")),
        environment=_pairs(build.table("environment"), names=_VARIABLE),
        config_settings=_pairs(build.table("config-settings")),
        strip=table.boolean("strip") or False,
        origin=origin,
    )


def _table(text: str, path: str) -> Table:
    try:
        return Table(tomllib.loads(text), path=path)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"it is not TOML ({error})", where=path) from error


def _required(table: Table, key: str) -> str:
    value = table.string(key)
    if value is None:
        raise ConfigError("the key is missing", where=table.where(key))
    return value


def _hold_against_file(name: str, table: Table) -> None:
    stem = table.path.rpartition("/")[2].removesuffix(_SUFFIX)
    if canonicalize_name(stem) != name:
        raise ConfigError(
            f"unexpected value {name!r} (expected {stem!r}, as the file is called)",
            where=table.where("distribution"),
        )


def _packages(table: Table) -> tuple[tuple[str, tuple[str, ...]], ...]:
    table.check_keys(MANAGERS)
    named = {manager: table.string_or_strings(manager) or () for manager in MANAGERS if manager in table.data}
    for manager, packages in named.items():
        for package in packages:
            _check_package(package, table, manager)
    return tuple(named.items())


def _check_package(package: str, table: Table, key: str) -> None:
    if not _PACKAGE.fullmatch(package):
        raise ConfigError(f"unexpected value {package!r} (expected a package's name)", where=table.where(key))


def _pairs(table: Table, *, names: re.Pattern[str] | None = None) -> tuple[tuple[str, str], ...]:
    for name in table.data:
        if names is not None and not names.fullmatch(name):
            raise ConfigError("unexpected key (expected a variable's name)", where=table.where(name))
    return tuple((name, table.string(name) or "") for name in sorted(table.data))


def parse_system_packages(text: str, *, path: str) -> tuple[SystemPackage, ...]:
    """Parse the list of system packages. Raises ConfigError with the key's path."""
    table = _table(text, path)
    table.check_keys(("package",))
    rows = table.data.get("package", [])
    if not isinstance(rows, list):
        raise ConfigError("unexpected type (expected array of tables)", where=table.where("package"))
    return tuple(_system_package(row, path, f"package[{at}]") for at, row in enumerate(rows))


def _system_package(row: Any, path: str, key: str) -> SystemPackage:
    if not isinstance(row, dict):
        raise ConfigError("unexpected type (expected table)", where=f"{path}: {key}")
    table = Table(row, path=path, keys=(key,))
    table.check_keys(_PACKAGE_KEYS)
    names = tuple((manager, name) for manager in MANAGERS if (name := table.string(manager)))
    for manager, name in names:
        _check_package(name, table, manager)
    return SystemPackage(
        names=names,
        headers=table.strings("headers") or (),
        libraries=table.strings("libraries") or (),
        programs=table.strings("programs") or (),
        modules=table.strings("modules") or (),
    )


# --- files


def _shipped() -> Traversable:
    return resources.files("layerforge").joinpath("recipes")


@functools.cache
def read_system_packages() -> tuple[SystemPackage, ...]:
    """Those that ship with layerforge."""
    file = _shipped().joinpath("system", "packages.toml")
    return parse_system_packages(file.read_text(encoding="utf-8"), path="recipes/system/packages.toml")


@functools.cache
def read_shipped_recipes() -> dict[str, Recipe]:
    """Those that ship with layerforge, by name."""
    files = sorted((one for one in _shipped().iterdir() if one.name.endswith(_SUFFIX)), key=lambda f: f.name)
    texts = ((f"recipes/{one.name}", one.read_text(encoding="utf-8")) for one in files)
    return _by_name(parse_recipe(text, path=path) for path, text in texts)


def own_recipe_files(root: Path, folder: str | None) -> tuple[str, ...]:
    """The user's files in `folder` (None: there are none), relative to `root`, sorted."""
    if folder is None:
        return ()
    if not (root / folder).is_dir():
        raise ConfigError(
            f"[container] recipes names {folder}, which is no folder", hint="make it, or remove the key"
        )
    return tuple(sorted(f"{folder}/{path.name}" for path in (root / folder).glob(f"*{_SUFFIX}")))


def read_own_recipes(root: Path, folder: str | None) -> dict[str, Recipe]:
    """The user's own, by name. Raises ConfigError that names the file and the key."""
    return _by_name(_read_own(root, path) for path in own_recipe_files(root, folder))


def _read_own(root: Path, path: str) -> Recipe:
    try:
        text = (root / path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"it cannot be read ({error})", where=path) from error
    return parse_recipe(text, path=path, origin=path)


def read_recipes(root: Path, folder: str | None) -> dict[str, Recipe]:
    """All that hold in a project, by name: the user's own, and of the shipped ones those that they leave."""
    return {**read_shipped_recipes(), **read_own_recipes(root, folder)}


def _by_name(recipes: Iterable[Recipe]) -> dict[str, Recipe]:
    return {recipe.name: recipe for recipe in recipes}
