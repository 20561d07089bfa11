"""Which requirement of the user brought a distribution in."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from layerforge.model.lock import Distribution, Root


def required_by(distributions: dict[str, Distribution], roots: Iterable[Root], name: str) -> str:
    """Say in words who asks for `name`, along the shortest chain from a requirement.

    `functions/orders/requirements.in:2`, or `awswrangler 3.14 (functions/orders/requirements.in:4)`.
    """
    found = _shortest_chain(distributions, roots, name)
    if found is None:
        return "nobody"
    root, parent = found
    return str(root.origin) if parent is None else f"{parent} {distributions[parent].version} ({root.origin})"


def _shortest_chain(
    distributions: dict[str, Distribution], roots: Iterable[Root], name: str
) -> tuple[Root, str | None] | None:
    """Return the requirement at the chain's start, and what asks for `name` at its end."""
    waiting: deque[tuple[str, str | None, Root, str | None]] = deque(
        (root.name, extra, root, None) for root in sorted(roots) for extra in (None, *root.extras)
    )
    seen: set[tuple[str, str | None]] = set()
    while waiting:
        current, opened, root, parent = waiting.popleft()
        if current == name:
            return root, parent
        if (current, opened) in seen or current not in distributions:
            continue
        seen.add((current, opened))
        for edge in distributions[current].edges:
            if edge.extra == opened:
                waiting += [(edge.name, extra, root, current) for extra in (None, *edge.extras)]
    return None
