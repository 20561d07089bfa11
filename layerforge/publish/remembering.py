"""What a function had before, written into its own tags: the only place that is there for who rolls back.

`layerforge:previous = "shop-py313-x86-64-numpy:3 arn:aws:...:layer:other:7 alias=live@12 ."`. What is
longer than a tag's value goes on in `layerforge:previous-2` and so on, up to the full stop: keys behind
it are left from another time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from layerforge.model.layer_arn import LayerArn, parse_layer_arn
from layerforge.model.publishing import Tag

_KEY = "layerforge:previous"
_KEYS = re.compile(rf"{_KEY}(?:-(?P<number>\d+))?")
# botocore: TagValue is at most 256 characters.
_VALUE_LIMIT = 256
_END = "."
# A tag may not hold the $ of $LATEST.
_LATEST = "latest"
_ALIAS = re.compile(r"alias=(?P<alias>[a-zA-Z0-9_-]+)@(?P<version>\d+|latest)")
_SHORT = re.compile(r"(?P<name>[a-zA-Z0-9_-]+):(?P<version>\d+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Remembered:
    """Layers (ARNs, in order) and, where an alias was moved, the version that it pointed to."""

    layers: tuple[str, ...]
    alias: str | None = None
    version: str | None = None


def format_remembered(remembered: Remembered, *, function_arn: str) -> tuple[Tag, ...]:
    """The tags; layers in the function's own account and region by name and version alone."""
    words = [_shorten(arn, function_arn) for arn in remembered.layers]
    if remembered.alias and remembered.version:
        version = _LATEST if remembered.version == "$LATEST" else remembered.version
        words.append(f"alias={remembered.alias}@{version}")
    words.append(_END)
    values: list[str] = []
    for word in words:
        if values and len(values[-1]) + 1 + len(word) <= _VALUE_LIMIT:
            values[-1] += f" {word}"
        else:
            values.append(word)
    return tuple(
        Tag(key=_KEY if number == 1 else f"{_KEY}-{number}", value=value)
        for number, value in enumerate(values, 1)
    )


def parse_remembered(tags: Mapping[str, str], *, function_arn: str) -> Remembered | None:
    """What `format_remembered` wrote; None if it wrote nothing, or somebody else did."""
    words = [word for key in remembering_keys(tags) for word in tags[key].split()]
    if _END not in words:
        return None
    layers: list[str] = []
    alias = version = None
    for word in words[: words.index(_END)]:
        moved = _ALIAS.fullmatch(word)
        arn = _lengthen(word, function_arn)
        if moved:
            alias = moved["alias"]
            version = "$LATEST" if moved["version"] == _LATEST else moved["version"]
        elif arn is not None:
            layers.append(arn)
        else:
            return None
    return Remembered(layers=tuple(layers), alias=alias, version=version)


def remembering_keys(tags: Mapping[str, str]) -> tuple[str, ...]:
    """The keys of ours among tags, in order."""
    found = [(int(match["number"] or 1), key) for key in tags if (match := _KEYS.fullmatch(key))]
    return tuple(key for _, key in sorted(found))


def _shorten(arn: str, function_arn: str) -> str:
    parsed = parse_layer_arn(arn)
    _, partition, _, region, account, *_ = function_arn.split(":")
    if parsed and (parsed.partition, parsed.region, parsed.account) == (partition, region, account):
        return parsed.short
    return arn


def _lengthen(word: str, function_arn: str) -> str | None:
    if word.startswith("arn:"):
        return word
    short = _SHORT.fullmatch(word)
    if short is None:
        return None
    _, partition, _, region, account, *_ = function_arn.split(":")
    return str(
        LayerArn(
            partition=partition,
            region=region,
            account=account,
            name=short["name"],
            version=int(short["version"]),
        )
    )
