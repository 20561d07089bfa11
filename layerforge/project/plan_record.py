"""`layerforge-plan.toml`: the layers as they were planned last, so that the next plan keeps them.

The user commits it: then everybody's plan, and CI's, starts from the same. It names distributions and
no versions, so that an upgrade leaves it as it is; each entry is a table of its own with its lists one
name a line, so that two branches that changed different functions merge.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, NoReturn

from layerforge.cache import write_atomically
from layerforge.errors import ConfigError
from layerforge.model.previous import PLAN_FILE, PreviousFunction, PreviousLayer, PreviousPlan

FORMAT = 1
_HEAD = """\
# Which distributions lie in which layers, and which function takes which: written by `layerforge lock` and
# `layerforge build`. Commit this file: the next plan starts from it. `--replan` starts afresh.
"""
_HINT = "restore it from version control; or delete it, and layers are planned afresh"
_CONFLICT = re.compile(r"^(?:<{7}|>{7})(?: |$)", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_DISTRIBUTION = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_TARGET = re.compile(r"python3\.[0-9]+-(?:x86_64|arm64)")
_DIGEST = re.compile(r"[0-9a-f]*")


def read_plan_record(root: Path) -> PreviousPlan | None:
    """The recorded plan, or None if there is no file.

    Raises ConfigError if it is not what `write_plan_record` writes.
    """
    try:
        text = (root / PLAN_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"it cannot be read ({error})", where=PLAN_FILE, hint=_HINT) from error
    return parse_plan_record(text)


def write_plan_record(root: Path, plan: PreviousPlan) -> bool:
    """Write the file, all or nothing. Returns whether it was not the same already."""
    path = root / PLAN_FILE
    data = format_plan_record(plan).encode()
    if path.is_file() and path.read_bytes() == data:
        return False
    write_atomically(path, data, durable=True)
    return True


def format_plan_record(plan: PreviousPlan) -> str:
    """Format the text of the file: same plan, same text."""
    parts = [f'{_HEAD}\nformat = {FORMAT}\nproject = "{plan.project}"\nsettings = "{plan.settings}"\n']
    parts += [_format_layer(layer) for layer in sorted(plan.layers, key=lambda layer: layer.name)]
    parts += [_format_function(name, plan.functions[name]) for name in sorted(plan.functions)]
    return "\n".join(parts)


def _format_layer(layer: PreviousLayer) -> str:
    targets, distributions = _format_names(layer.targets), _format_names(layer.distributions)
    return f"[layers.{layer.name}]\ntargets = {targets}\ndistributions = {distributions}\n"


def _format_function(name: str, function: PreviousFunction) -> str:
    bundled = f"bundled = {_format_names(function.bundled)}\n" if function.bundled else ""
    layers = _format_names(function.layers)
    return f'[functions.{name}]\nasked = "{function.asked}"\nlayers = {layers}\n{bundled}'


def _format_names(names: tuple[str, ...]) -> str:
    if len(names) < 2:
        return f'["{names[0]}"]' if names else "[]"
    rows = "".join(f'    "{name}",\n' for name in sorted(names))
    return f"[\n{rows}]"


def parse_plan_record(text: str) -> PreviousPlan:
    """Parse the text of the file. Raises ConfigError that names line or key."""
    if found := _CONFLICT.search(text):
        raise ConfigError(
            "it holds the conflict markers of an unfinished merge",
            where=f"{PLAN_FILE}:{text.count(chr(10), 0, found.start()) + 1}",
            hint="take either side, then run `layerforge lock`: it plans what is missing",
        )
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"it is not TOML ({error})", where=PLAN_FILE, hint=_HINT) from error
    known = data.get("format")
    if known != FORMAT:
        newer = isinstance(known, int) and known > FORMAT
        raise ConfigError(
            f"it has format {known}, this layerforge reads {FORMAT}",
            where=f"{PLAN_FILE}: format",
            hint="update layerforge" if newer else _HINT,
        )
    return PreviousPlan(
        layers=tuple(_parse_layer(name, table) for name, table in _tables(data, "layers")),
        functions={name: _parse_function(name, table) for name, table in _tables(data, "functions")},
        settings=_text(data, "settings", "", _DIGEST),
        project=_text(data, "project", "", _NAME),
        source=PLAN_FILE,
    )


def _tables(data: dict[str, Any], key: str) -> list[tuple[str, dict[str, Any]]]:
    held = data.get(key, {})
    if not isinstance(held, dict):
        _refuse(key, f"unexpected {held!r} (expected a table)")
    for name, table in held.items():
        if not isinstance(table, dict):
            _refuse(f"{key}.{name}", f"unexpected {table!r} (expected a table)")
        if not _NAME.fullmatch(name):
            _refuse(f"{key}.{name}", "unexpected name (expected letters, digits, - and _)")
    return sorted(held.items())


def _parse_layer(name: str, table: dict[str, Any]) -> PreviousLayer:
    at = f"layers.{name}."
    return PreviousLayer(
        name=name,
        targets=_names(table, "targets", at, _TARGET),
        distributions=_names(table, "distributions", at, _DISTRIBUTION),
    )


def _parse_function(name: str, table: dict[str, Any]) -> PreviousFunction:
    at = f"functions.{name}."
    return PreviousFunction(
        layers=_names(table, "layers", at, _NAME),
        bundled=_names({"bundled": [], **table}, "bundled", at, _DISTRIBUTION),
        asked=_text(table, "asked", at, _DIGEST),
    )


def _names(table: dict[str, Any], key: str, at: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
    value = _need(table, key, at)
    if not isinstance(value, list):
        _refuse(f"{at}{key}", f"unexpected {value!r} (expected an array of names)")
    for position, name in enumerate(value):
        if not isinstance(name, str) or not pattern.fullmatch(name):
            _refuse(f"{at}{key}[{position}]", f"unexpected {name!r} (expected a name)")
    return tuple(sorted(set(value)))


def _text(table: dict[str, Any], key: str, at: str, pattern: re.Pattern[str]) -> str:
    value = _need(table, key, at)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        _refuse(f"{at}{key}", f"unexpected {value!r} (expected a digest)")
    return value


def _need(table: dict[str, Any], key: str, at: str) -> Any:
    if key not in table:
        _refuse(f"{at}{key}", "the value is missing")
    return table[key]


def _refuse(key: str, sentence: str) -> NoReturn:
    raise ConfigError(sentence, where=f"{PLAN_FILE}: {key}", hint=_HINT)
