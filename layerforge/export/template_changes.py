"""Changes of a template, and what they mean; `template_edits` makes them in its text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class New:
    """An item that was not in a list before; a call of an intrinsic function in its long form."""

    value: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class ListChange:
    """What a list becomes: items of it that stay, by their numbers and in their order, and new ones."""

    path: Path
    items: tuple[int | New, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class MappingChange:
    """What becomes of a mapping: keys go, others get a value.

    A key that is there already is put in its own place. New ones go before the key `before`, or after
    the key `after` (even if that goes), or to the end.
    """

    path: Path
    removed: tuple[str, ...] = ()
    put: tuple[tuple[str, Any], ...] = ()
    before: str | None = None
    after: str | None = None


Change = ListChange | MappingChange


def apply_changes(body: dict[str, Any], changes: Iterable[Change]) -> dict[str, Any]:
    """What a template means after the changes; the innermost are made first."""
    for change in sorted(changes, key=lambda one: -len(one.path)):
        body = _applied(body, change.path, change)
    return body


def _applied(value: Any, path: Path, change: Change) -> Any:
    if path:
        return {**value, path[0]: _applied(value[path[0]], path[1:], change)}
    if isinstance(change, ListChange):
        return [item.value if isinstance(item, New) else value[item] for item in change.items]
    return {key: one for key, one in {**value, **dict(change.put)}.items() if key not in change.removed}


def plain(value: Any) -> Any:
    """A decoded template without the places that its parts know."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, str) else value
