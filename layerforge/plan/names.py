"""Names of layers: after what dominates them, never by position."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Sequence

from layerforge.model.plan import Item

# botocore: LayerName is 1 to 140 characters, [a-zA-Z0-9-_]+.
NAME_LIMIT = 140
# Fewer functions than this have nothing that one would call their base.
LEAST_FOR_BASE = 3
_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_-]+")
_DIGEST_LENGTH = 8


def name_layers(
    contents: Sequence[Sequence[Item]],
    *,
    prefixes: Sequence[str],
    kept: Sequence[str | None] | None = None,
    bases: Collection[int] = (),
    taken: Collection[str] = (),
) -> tuple[str, ...]:
    """Name each layer `<its prefix>-<largest distribution>`; names are unique, and none is in `taken`.

    A layer with a name in `kept` has that one. The layers whose positions are in `bases` are called
    `base`, unless a distribution makes up half of one. Where two would be alike, more of their
    distributions are named, largest first. Where two layers hold the same distributions at different
    versions, a digest of these tells them apart.
    """
    kept = kept or [None] * len(contents)
    ranked = [
        _parts(items, is_base=position in bases) if kept[position] is None else []
        for position, items in enumerate(contents)
    ]
    in_use = frozenset(taken).union(name for name in kept if name is not None)
    shown = [1] * len(contents)
    while True:
        names = [
            name or name_layer(prefix, parts[:count])
            for name, prefix, parts, count in zip(kept, prefixes, ranked, shown, strict=True)
        ]
        times = Counter(names)
        alike = [
            old is None and (times[name] > 1 or name in in_use) for old, name in zip(kept, names, strict=True)
        ]
        if not any(alike):
            return tuple(names)
        grown = [
            min(count + same, len(parts)) for same, count, parts in zip(alike, shown, ranked, strict=True)
        ]
        if grown == shown:
            return tuple(
                name_layer(prefix, [*parts[:1], _digest(items)]) if same else name
                for prefix, name, parts, items, same in zip(
                    prefixes, names, ranked, contents, alike, strict=True
                )
            )
        shown = grown


def _parts(items: Sequence[Item], *, is_base: bool) -> list[str]:
    """What a layer may be named after, what comes first before all else."""
    ordered = sorted(items, key=_by_size)
    names = [item.name for item in ordered]
    dominated = 2 * ordered[0].unzipped_size >= sum(item.unzipped_size for item in items)
    return names if dominated or not is_base else ["base", *names]


def _by_size(item: Item) -> tuple[int, str]:
    return -item.unzipped_size, item.name


def name_layer(prefix: str, parts: Sequence[str]) -> str:
    """Join what a layer is named after; a name that is too long is cut, and ends with a digest."""
    whole = _NOT_ALLOWED.sub("-", "-".join([prefix, *parts])).strip("-")
    if len(whole) <= NAME_LIMIT:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{whole[: NAME_LIMIT - _DIGEST_LENGTH - 1].rstrip('-')}-{digest}"


def _digest(items: Sequence[Item]) -> str:
    text = "\n".join(f"{item.name}=={item.version} {item.digest}" for item in items)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]
