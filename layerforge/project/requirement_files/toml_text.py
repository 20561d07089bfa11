"""A TOML file with its text, so that errors can name lines (tomllib tells none of its values)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from layerforge.errors import ConfigError
from layerforge.model.requirement import Origin
from layerforge.project.requirement_files.places import Places, read_bytes, stamp

_PLACE = re.compile(r"\s*\(at line (?P<line>\d+), column \d+\)$|\s*\(at end of document\)$")


@dataclass(frozen=True, kw_only=True, eq=False)
class TomlFile:
    """A parsed file; `shown` is its path relative to the project root."""

    path: Path
    shown: str
    text: str
    data: Mapping[str, Any]

    def table(self, *keys: str) -> Mapping[str, Any]:
        """The table under `keys`, empty if there is none. Raises ConfigError if it is no table."""
        found: Any = self.data
        for depth, key in enumerate(keys, 1):
            found = found.get(key, {})
            if not isinstance(found, Mapping):
                raise self.error(".".join(keys[:depth]), f"a table was expected, not {found!r}")
        return found  # type: ignore[no-any-return]

    def error(self, key: str, sentence: str, *, hint: str | None = None) -> ConfigError:
        """An error at a key."""
        return ConfigError(sentence, where=f"{self.shown}: {key}", hint=hint)

    def origin(self, table: str, key: str = "", value: str = "") -> Origin:
        """The line of `value` behind `key` in `[table]`; as near to it as it can be found."""
        position = 0
        line = None
        for pattern in (rf"^\s*\[+\s*{re.escape(table)}\s*\]+", _key_pattern(key), _value_pattern(value)):
            found = re.compile(pattern, re.MULTILINE).search(self.text, position) if pattern else None
            if found:
                # Not its end: the next thing may stand on the same line, never before it.
                position = found.end()
                line = self.text.count("\n", 0, position) + 1
        return Origin(path=self.shown, line=line)


def _key_pattern(key: str) -> str:
    return rf"^\s*[\"']?{re.escape(key)}[\"']?\s*[=.]" if key else ""


def _value_pattern(value: str) -> str:
    if not value:
        return ""
    escaped = re.escape(value.replace("\\", "\\\\").replace('"', '\\"'))
    return rf"\"{escaped}\"|'{re.escape(value)}'"


def read_toml(path: Path, places: Places) -> TomlFile:
    """Read a TOML file once per process as long as it does not change. Raises ConfigError."""
    shown = places.relative(path)
    mark = stamp(path)
    if mark is None:
        read_bytes(path, shown=shown)
        raise ConfigError("this file does not exist", where=shown)
    return _read(mark, shown)


@lru_cache(maxsize=1024)
def _read(mark: tuple[str, int, int], shown: str) -> TomlFile:
    path = Path(mark[0])
    try:
        text = read_bytes(path, shown=shown).decode("utf-8-sig")
        data = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise ConfigError("TOML must be UTF-8, and this file is not", where=shown) from error
    except tomllib.TOMLDecodeError as error:
        match = _PLACE.search(str(error))
        where = f"{shown}:{match['line']}" if match and match["line"] else shown
        raise ConfigError(f"this is not TOML: {_PLACE.sub('', str(error))}", where=where) from error
    return TomlFile(path=path, shown=shown, text=text.replace("\r\n", "\n"), data=data)
