"""How the client and the worker talk: frozen values and errors as JSON, one message per line."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from layerforge import errors
from layerforge.errors import LayerforgeError
from layerforge.model.target import Target
from layerforge.resolve.engine import ContradictionError, NoFittingFileError, Offer

Value = TypeVar("Value")

_PLAIN_ERRORS: dict[str, type[LayerforgeError]] = {
    kind.__name__: kind
    for kind in (
        errors.UsageError,
        errors.ConfigError,
        errors.ResolutionError,
        errors.PackageIndexError,
        errors.BuildError,
        errors.ToolError,
    )
}


def encode(value: Any) -> Any:
    """A value of the project as what `json` can write."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [encode(item) for item in value]
    return value


def decode(kind: Any, data: Any) -> Any:
    """The inverse of `encode`: `data` as a value of the type (or type hint) `kind`."""
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        if data is None:
            return None
        (kind,) = (part for part in typing.get_args(kind) if part is not type(None))
        return decode(kind, data)
    if origin is tuple:
        return _decode_tuple(typing.get_args(kind), data)
    if kind is Path:
        return Path(data)
    if dataclasses.is_dataclass(kind):
        hints = _hints(typing.cast("type", kind))
        return typing.cast("Callable[..., Any]", kind)(
            **{name: decode(hints[name], item) for name, item in data.items()}
        )
    return data


def _decode_tuple(parts: Sequence[Any], data: Sequence[Any]) -> tuple[Any, ...]:
    if len(parts) == 2 and parts[1] is Ellipsis:
        return tuple(decode(parts[0], item) for item in data)
    return tuple(decode(part, item) for part, item in zip(parts, data, strict=True))


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def encode_error(error: LayerforgeError) -> dict[str, Any]:
    """An error with all that is needed to raise it again in the other process."""
    if isinstance(error, ContradictionError):
        return {
            "class": "ContradictionError",
            "sides": encode(error.sides),
            "target": encode(error.target),
            "where": error.where,
        }
    if isinstance(error, NoFittingFileError):
        return {
            "class": "NoFittingFileError",
            "requirement": error.requirement,
            "target": encode(error.target),
            "offers": encode(error.offers),
            "required_by": error.required_by,
            "wheels_only": error.wheels_only,
        }
    return {
        "class": _nearest_plain(type(error)).__name__,
        "sentence": error.sentence,
        "where": error.where,
        "details": list(error.details),
        "hint": error.hint,
    }


def decode_error(data: Mapping[str, Any]) -> LayerforgeError:
    """The error that `encode_error` wrote."""
    if data["class"] == "ContradictionError":
        return ContradictionError(
            sides=[(text, parent) for text, parent in data["sides"]],
            target=decode(Target | None, data["target"]),
        )
    if data["class"] == "NoFittingFileError":
        return NoFittingFileError(
            requirement=data["requirement"],
            target=decode(Target, data["target"]),
            offers=decode(tuple[Offer, ...], data["offers"]),
            required_by=data["required_by"],
            wheels_only=data["wheels_only"],
        )
    return _PLAIN_ERRORS[data["class"]](
        data["sentence"], where=data["where"], details=data["details"], hint=data["hint"]
    )


def _nearest_plain(kind: type[LayerforgeError]) -> type[LayerforgeError]:
    for parent in kind.__mro__:
        if parent.__name__ in _PLAIN_ERRORS:
            return typing.cast("type[LayerforgeError]", parent)
    return errors.ResolutionError
