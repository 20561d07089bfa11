"""Find and read the config of a project."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from layerforge.errors import ConfigError
from layerforge.project.config import Config, parse_config
from layerforge.project.paths import relative_path

CONFIG_NAME = "layerforge.toml"
PYPROJECT_NAME = "pyproject.toml"
_TABLE_HEADER = re.compile(
    r"^[ \t]*\[[ \t]*(?:tool[ \t]*\.[ \t]*layerforge[ \t]*\.[ \t]*)?functions[ \t]*\.[ \t]*"
    r"(?P<quote>[\"']?)(?P<name>[A-Za-z0-9_-]+)(?P=quote)[ \t]*\]",
    re.MULTILINE,
)


def read_config(
    root: Path, *, config: Path | None = None, keep_unset: bool = False
) -> tuple[Config, tuple[str, ...]]:
    """Read `config`, or layerforge.toml, or `[tool.layerforge]` in pyproject.toml, whichever is there.

    Returns what it says (nothing at all where there is none) and the files that were read. With
    `keep_unset`, variables of [index] need not be set. Raises ConfigError if it cannot be read or
    says something unknown.
    """
    if config is not None:
        return _read_named(root, root / config, keep_unset=keep_unset)
    own, shared = root / CONFIG_NAME, root / PYPROJECT_NAME
    if own.is_file():
        return _read_own(root, own, keep_unset=keep_unset)
    if shared.is_file():
        found = _read_shared(root, shared, keep_unset=keep_unset)
        return found or Config(), (relative_path(root, shared),)
    return Config(), ()


def _read_named(root: Path, file: Path, *, keep_unset: bool) -> tuple[Config, tuple[str, ...]]:
    if file.name != PYPROJECT_NAME:
        return _read_own(root, file, keep_unset=keep_unset)
    found = _read_shared(root, file, keep_unset=keep_unset)
    shown = relative_path(root, file)
    if found is None:
        raise ConfigError("it has no table [tool.layerforge]", where=shown, hint="run `layerforge init`")
    return found, (shown,)


def _read_own(root: Path, file: Path, *, keep_unset: bool) -> tuple[Config, tuple[str, ...]]:
    shown = relative_path(root, file)
    data, text = _read_toml(file, shown)
    config = parse_config(data, path=shown, lines=_function_lines(text), keep_unset=keep_unset)
    return config, (shown,)


def _read_shared(root: Path, file: Path, *, keep_unset: bool) -> Config | None:
    shown = relative_path(root, file)
    data, text = _read_toml(file, shown)
    tool = data.get("tool")
    table = tool.get("layerforge") if isinstance(tool, dict) else None
    if table is None:
        return None
    if not isinstance(table, dict):
        raise ConfigError("[tool.layerforge] has to be a table", where=shown)
    return parse_config(
        table,
        path=shown,
        keys=("tool", "layerforge"),
        lines=_function_lines(text),
        keep_unset=keep_unset,
    )


def _read_toml(file: Path, shown: str) -> tuple[dict[str, Any], str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"it cannot be read ({error.strerror})", where=shown) from error
    except UnicodeDecodeError as error:
        raise ConfigError("it is not UTF-8", where=shown) from error
    try:
        return tomllib.loads(text), text
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(str(error), text, shown) from error
    except RecursionError as error:
        raise ConfigError("it is nested too deeply", where=shown) from error


def _syntax_error(message: str, text: str, shown: str) -> ConfigError:
    # tomllib tells the place in its sentence alone: "Invalid value (at line 3, column 8)".
    match = re.search(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$", message)
    if match is None:
        return ConfigError(f"it is not TOML: {message}", where=shown)
    line = match["line"] or str(text.count("\n") + 1)
    sentence = message[: match.start()]
    return ConfigError(f"it is not TOML: {sentence[:1].lower()}{sentence[1:]}", where=f"{shown}:{line}")


def _function_lines(text: str) -> dict[str, int]:
    return {match["name"]: text.count("\n", 0, match.start()) + 1 for match in _TABLE_HEADER.finditer(text)}
