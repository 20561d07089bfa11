"""Read a TOML table strictly: every value typed, every key known, every message with the key's path."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from layerforge.errors import ConfigError

# What TOML calls the types that tomllib gives.
_TYPE_NAMES = {bool: "boolean", int: "integer", float: "float", str: "string", list: "array", dict: "table"}


def name_of_type(value: object) -> str:
    """Name the type of a TOML value as TOML names it; dates and times go by their class."""
    return _TYPE_NAMES.get(type(value), type(value).__name__)


class Table:
    """One table of a config file. `path` is the file's, `keys` leads from its top to the table."""

    def __init__(self, data: Mapping[str, Any], *, path: str, keys: tuple[str, ...] = ()) -> None:
        self.data = data
        self.path = path
        self.keys = keys

    def where(self, *keys: str) -> str:
        """Name the place of a key: `layerforge.toml: functions.orders.source`."""
        return f"{self.path}: {'.'.join((*self.keys, *keys))}"

    @property
    def prefix(self) -> str:
        """What leads the names of keys here: `layerforge.toml: functions.orders.`."""
        return f"{self.path}: {''.join(f'{key}.' for key in self.keys)}"

    def check_keys(self, known: Iterable[str]) -> None:
        """Raise ConfigError for the first key that is not known, with the nearest one that is."""
        names = list(known)
        for key in self.data:
            if key not in names:
                close = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
                place = f"[{'.'.join(self.keys)}]" if self.keys else "the top of the file"
                hint = (
                    f"did you mean {close[0]}?" if close else f"{place} may hold {', '.join(sorted(names))}"
                )
                raise ConfigError("unknown key", where=self.where(key), hint=hint)

    def string(self, key: str, *, choices: Iterable[str] = (), hint: str | None = None) -> str | None:
        """Read a string that is not empty, or one of `choices`."""
        value = self.data.get(key)
        if value is None:
            return None
        text = self._as_string(value, key)
        allowed = tuple(choices)
        if allowed and text not in allowed:
            raise ConfigError(
                f"unexpected value {text!r} (expected {_one_of(allowed)})", where=self.where(key), hint=hint
            )
        return text

    def strings(self, key: str) -> tuple[str, ...] | None:
        """Read an array of strings."""
        value = self.data.get(key)
        if value is None:
            return None
        if not isinstance(value, list):
            raise self._wrong_type(value, "array of strings", key)
        return tuple(self._as_string(item, f"{key}[{index}]") for index, item in enumerate(value))

    def string_or_strings(self, key: str) -> tuple[str, ...] | None:
        """Read a string or an array of them."""
        value = self.data.get(key)
        if isinstance(value, str):
            return (self._as_string(value, key),)
        if value is not None and not isinstance(value, list):
            raise self._wrong_type(value, "string or array of strings", key)
        return self.strings(key)

    def boolean(self, key: str) -> bool | None:
        """Read a boolean."""
        value = self.data.get(key)
        if value is not None and not isinstance(value, bool):
            raise self._wrong_type(value, "boolean", key)
        return value

    def integer(self, key: str) -> int | None:
        """Read a whole number."""
        value = self.data.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise self._wrong_type(value, "integer", key)
        return value

    def number(self, key: str) -> float | None:
        """Read a number, whole or not."""
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong_type(value, "number", key)
        return float(value)

    def size(self, key: str) -> int | None:
        """Read bytes: a number of them, or text such as `200 MB`."""
        from layerforge.project.byte_sizes import parse_size

        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise self._wrong_type(value, "integer of bytes or string such as '200 MB'", key)
        try:
            return parse_size(value)
        except ValueError as error:
            raise ConfigError(str(error), where=self.where(key)) from error

    def table(self, key: str) -> Table:
        """Read a table; an absent one is empty."""
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            raise self._wrong_type(value, "table", key)
        return Table(value, path=self.path, keys=(*self.keys, key))

    def _as_string(self, value: object, key: str) -> str:
        if not isinstance(value, str):
            raise self._wrong_type(value, "string", key)
        if not value.strip():
            raise ConfigError("unexpected empty string", where=self.where(key))
        return value

    def _wrong_type(self, value: object, expected: str, key: str) -> ConfigError:
        return ConfigError(
            f"unexpected type {name_of_type(value)} (expected {expected})", where=self.where(key)
        )


def _one_of(choices: tuple[str, ...]) -> str:
    quoted = [repr(choice) for choice in choices]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"
