"""Instances for `layerforge plan --what-if`: JSON in the format `layerplan-instance/1`, read strictly."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from fractions import Fraction
from math import isfinite
from pathlib import Path
from typing import Any

from layerforge.errors import ConfigError
from layerforge.model.given import GivenFunction, GivenInstance

FORMAT = "layerplan-instance/1"
_FUNCTION_KEYS = ("code", "max_layers", "needs", "weight")
# Far beyond what Lambda knows; below what sums of floats hold exactly.
_MOST_BYTES = 10**12
_MOST = 10**6
_BYTES = f"a whole number of bytes from 0 to {_MOST_BYTES:,}"
_COUNT = f"a whole number from 0 to {_MOST:,}"
_NUMBER = f"a number from 0 to {_MOST:,}"
_HINT = "docs/reference/files.md#instances shows the format"


class _Object(dict[str, Any]):
    """A JSON object that remembers a key given twice, which JSON's readers pass over."""

    twice: str | None = None


def read_instance(path: Path) -> GivenInstance:
    """Read an instance. Raises ConfigError if it cannot be read, or is not one; see `parse_instance`."""
    shown = str(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"not UTF-8: {error.reason} at byte {error.start}", where=shown, hint=_HINT
        ) from error
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror or error}", where=shown) from error
    return parse_instance(text, path=shown)


def parse_instance(text: str, *, path: str) -> GivenInstance:
    """Parse an instance. Keys at the top that the format does not know are passed over.

    Raises ConfigError with the place, what was found and what was expected, for whatever is wrong.
    """
    whole = _Value(_load(text, path), path)
    form = whole.member("format")
    if form.value != FORMAT:
        raise form.unexpected(repr(FORMAT))
    sizes = {name: value.whole(_MOST_BYTES, _BYTES) for name, value in whole.member("dists").named()}
    divisor = whole.member("lam_den").number()
    if not divisor:
        raise whole.member("lam_den").unexpected("a number above 0")
    return GivenInstance(
        sizes=sizes,
        functions={name: _function(value, sizes) for name, value in whole.member("functions").named()},
        limit=whole.member("cap").whole(_MOST_BYTES, _BYTES),
        excess_weight=whole.member("lam_num").number() / divisor,
        layer_cost=whole.member("mu").whole(_MOST_BYTES, _BYTES),
    )


def _function(value: _Value, sizes: Mapping[str, int]) -> GivenFunction:
    for key, member in value.named():
        if key not in _FUNCTION_KEYS:
            close = get_close_matches(key, _FUNCTION_KEYS, n=1)
            expected = f"did you mean {close[0]}?" if close else f"known are {', '.join(_FUNCTION_KEYS)}"
            raise ConfigError("unknown key", where=member.where, hint=expected)
    weight = value.member("weight").number() if "weight" in value.object() else Fraction(1)
    return GivenFunction(
        needs=frozenset(_needs(value.member("needs"), sizes)),
        code_size=value.member("code").whole(_MOST_BYTES, _BYTES),
        most_layers=value.member("max_layers").whole(_MOST, _COUNT),
        weight=weight,
    )


def _needs(value: _Value, sizes: Mapping[str, int]) -> Iterator[str]:
    for item in value.items():
        name = item.value
        if not isinstance(name, str):
            raise item.unexpected("the name of a distribution")
        if name not in sizes:
            close = get_close_matches(name, sizes, n=1)
            raise ConfigError(
                f"unexpected {name!r} (expected one of the {len(sizes)} names in dists)",
                where=item.where,
                hint=f"did you mean {close[0]}?" if close else "add it to dists, with its bytes unzipped",
            )
        yield name


class _Value:
    """A value of the document, and the keys that lead to it."""

    __slots__ = ("_keys", "_path", "value")

    def __init__(self, value: Any, path: str, keys: str = "") -> None:
        self.value = value
        self._path = path
        self._keys = keys

    @property
    def where(self) -> str:
        """`file.json: functions.web.code`; the file alone at the top."""
        return f"{self._path}: {self._keys}" if self._keys else self._path

    def unexpected(self, expected: str) -> ConfigError:
        """The error to raise where the value is not what it should be."""
        return ConfigError(
            f"unexpected {_show(self.value)} (expected {expected})", where=self.where, hint=_HINT
        )

    def object(self) -> _Object:
        """The value, an object in which no key is given twice."""
        if not isinstance(self.value, _Object):
            raise self.unexpected("an object")
        if self.value.twice is not None:
            raise ConfigError(
                f"the key {self.value.twice!r} is given twice (expected once)", where=self.where
            )
        return self.value

    def named(self) -> Iterator[tuple[str, _Value]]:
        """Each member of the object, by name."""
        for key, value in self.object().items():
            yield key, self._below(key, value)

    def member(self, key: str) -> _Value:
        """One member of the object, which has to be there."""
        held = self.object()
        if key not in held:
            raise ConfigError(
                f"the key {key!r} is missing (found {_keys(held)})", where=self.where, hint=_HINT
            )
        return self._below(key, held[key])

    def items(self) -> Iterator[_Value]:
        """Each item of the array."""
        if not isinstance(self.value, list):
            raise self.unexpected("an array")
        for index, value in enumerate(self.value):
            yield _Value(value, self._path, f"{self._keys}[{index}]")

    def whole(self, most: int, expected: str) -> int:
        """The value, a whole number from 0 to `most`."""
        value = self.value
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise self.unexpected(expected)
        return value

    def number(self) -> Fraction:
        """The value, a number from 0, as it is written: 0.1 is a tenth."""
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.unexpected(_NUMBER)
        if not isfinite(value) or not 0 <= value <= _MOST:
            raise self.unexpected(_NUMBER)
        return Fraction(repr(value))

    def _below(self, key: str, value: Any) -> _Value:
        return _Value(value, self._path, f"{self._keys}.{key}" if self._keys else key)


def _load(text: str, path: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"not JSON: {error.msg} (column {error.colno})", where=f"{path}:{error.lineno}", hint=_HINT
        ) from error
    except RecursionError as error:
        raise ConfigError("not an instance: nested too deeply", where=path, hint=_HINT) from error
    except ValueError as error:
        # A number of thousands of digits.
        raise ConfigError(f"not an instance: {error}", where=path, hint=_HINT) from error


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    made = _Object(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        made.twice = next(key for position, key in enumerate(keys) if key in keys[:position])
    return made


def _show(value: object) -> str:
    """A value as in JSON, cut; objects and arrays by what they are."""
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _keys(held: Mapping[str, Any]) -> str:
    return ", ".join(sorted(held)[:8]) or "none"
