"""Names of layers: after what dominates them, never by position."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

from layerforge.model.plan import Item

# botocore: LayerName is 1 to 140 characters, [a-zA-Z0-9-_]+.
NAME_LIMIT = 140
_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_-]+")
_DIGEST_LENGTH = 8


def name_layers(contents: Sequence[Sequence[Item]], *, prefixes: Sequence[str]) -> tuple[str, ...]:
    """Name each layer `<its prefix>-<largest distribution>`; names are unique.

    Where two would be alike, more of their distributions are named, largest first. Where two
    layers hold the same distributions at different versions, a digest of these tells them apart.
    """
    ranked = [[item.name for item in sorted(items, key=_by_size)] for items in contents]
    shown = [1] * len(contents)
    while True:
        names = [
            _join(prefix, names[:count]) for prefix, names, count in zip(prefixes, ranked, shown, strict=True)
        ]
        alike = {name for name, times in Counter(names).items() if times > 1}
        if not alike:
            return tuple(names)
        grown = [
            min(count + (name in alike), len(all_names))
            for name, count, all_names in zip(names, shown, ranked, strict=True)
        ]
        if grown == shown:
            return tuple(
                _join(prefix, [*parts[:1], _digest(items)]) if name in alike else name
                for prefix, name, parts, items in zip(prefixes, names, ranked, contents, strict=True)
            )
        shown = grown


def _by_size(item: Item) -> tuple[int, str]:
    return -item.unzipped_size, item.name


def _join(prefix: str, parts: Sequence[str]) -> str:
    whole = _NOT_ALLOWED.sub("-", "-".join([prefix, *parts])).strip("-")
    if len(whole) <= NAME_LIMIT:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{whole[: NAME_LIMIT - _DIGEST_LENGTH - 1].rstrip('-')}-{digest}"


def _digest(items: Sequence[Item]) -> str:
    text = "\n".join(f"{item.name}=={item.version} {item.digest}" for item in items)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LENGTH]
