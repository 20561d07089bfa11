"""Frozen values to plain JSON and back, for the cache: quicker to read than what they were parsed from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any

_TAG = "$"
# No class is named in small letters.
_MAPPING = "mapping"


def encode(value: Any) -> Any:
    """Turn a frozen value into JSON values, its class named under `$`. Keys of mappings are strings."""
    if isinstance(value, StrEnum):
        return {_TAG: type(value).__name__, "value": value.value}
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {_TAG: _MAPPING, "items": {key: encode(item) for key, item in value.items()}}
    # What equals its default is left out: most of a project's requirements are mostly defaults.
    held = {f.name: getattr(value, f.name) for f in fields(value)}
    kept = {f.name: encode(held[f.name]) for f in fields(value) if held[f.name] != f.default}
    return {_TAG: type(value).__name__, **kept}


def decode(document: Any, classes: Iterable[type]) -> Any:
    """Turn what `encode` gave back into values of `classes`.

    Raises KeyError or TypeError if the document was written for other classes.
    """
    return _decode(document, {cls.__name__: cls for cls in classes})


def _decode(document: Any, classes: dict[str, type]) -> Any:
    if isinstance(document, list):
        return tuple([_decode(item, classes) for item in document])
    if isinstance(document, dict):
        if document[_TAG] == _MAPPING:
            return {key: _decode(item, classes) for key, item in document["items"].items()}
        cls = classes[document[_TAG]]
        if issubclass(cls, StrEnum):
            return cls(document["value"])
        return cls(**{key: _decode(value, classes) for key, value in document.items() if key != _TAG})
    return document
