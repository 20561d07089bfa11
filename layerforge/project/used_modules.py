"""`layerforge-used.toml`: the modules that `layerforge verify` saw imported, by target.

The user commits it; `bytecode = "used"` compiles these modules and no others.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from layerforge.cache import write_atomically
from layerforge.errors import ConfigError

USED_FILE = "layerforge-used.toml"
_TARGET = re.compile(r"python3\.[0-9]+-(?:x86_64|arm64)")
_HEAD = (
    "# Modules that the functions import, seen by `layerforge verify`. "
    'Commit this file: bytecode = "used" compiles them.\n'
)
_HINT = "run `layerforge verify` to write it anew"


def read_used_modules(root: Path) -> dict[str, tuple[str, ...]] | None:
    """Paths of modules below `/opt/python`, sorted, by target name; None if there is no file.

    Raises ConfigError if it is not what `write_used_modules` writes.
    """
    try:
        text = (root / USED_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"it cannot be read ({error})", where=USED_FILE, hint=_HINT) from error
    return parse_used_modules(text)


def parse_used_modules(text: str) -> dict[str, tuple[str, ...]]:
    """Parse the text of the file. Raises ConfigError that names the key."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"it is not TOML ({error})", where=USED_FILE, hint=_HINT) from error
    return {target: _parse_target(target, table) for target, table in sorted(data.items())}


def _parse_target(target: str, table: Any) -> tuple[str, ...]:
    if not _TARGET.fullmatch(target):
        _refuse(target, "unexpected key (expected a target such as 'python3.13-x86_64')")
    if not isinstance(table, dict):
        _refuse(target, f"unexpected type {type(table).__name__} (expected a table)")
    for key in table:
        if key != "modules":
            _refuse(f"{target}.{key}", "unexpected key (expected 'modules')")
    modules = table.get("modules")
    if not isinstance(modules, list):
        _refuse(f"{target}.modules", f"unexpected type {type(modules).__name__} (expected list)")
    for position, path in enumerate(modules):
        if not isinstance(path, str) or not _is_module(path):
            _refuse(
                f"{target}.modules[{position}]",
                f"unexpected value {path!r} (expected a path below /opt/python such as 'numpy/__init__.py')",
            )
    return tuple(sorted(set(modules)))


def _refuse(key: str, sentence: str) -> NoReturn:
    raise ConfigError(sentence, where=f"{USED_FILE}: {key}", hint=_HINT)


def _is_module(path: str) -> bool:
    parts = path.split("/")
    return path.endswith(".py") and path.isprintable() and not {"", ".", ".."} & set(parts)


def format_used_modules(modules: Mapping[str, Iterable[str]]) -> str:
    """Format the text of the file: same modules, same text."""
    tables = []
    for target, paths in sorted(modules.items()):
        rows = "".join(f"    {_quote(path)},\n" for path in sorted(set(paths)))
        tables.append(f'\n["{target}"]\nmodules = [\n{rows}]\n')
    return _HEAD + "".join(tables)


def _quote(path: str) -> str:
    escaped = path.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def write_used_modules(root: Path, modules: Mapping[str, Iterable[str]]) -> Path:
    """Write the file, all or nothing; a file that holds the same already is left alone. Returns its path."""
    path = root / USED_FILE
    data = format_used_modules(modules).encode()
    if not path.is_file() or path.read_bytes() != data:
        write_atomically(path, data, durable=True)
    return path
