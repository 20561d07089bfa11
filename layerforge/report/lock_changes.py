"""What a new lock changed, one line for each distribution."""

from __future__ import annotations

from layerforge.model.lock import Lock


def describe_changes(before: Lock | None, after: Lock) -> list[str]:
    """Say which distributions were added, changed and removed; nothing for a lock that is new."""
    if before is None:
        return []
    old = {distribution.name: distribution.version for distribution in before.distributions}
    new = {distribution.name: distribution.version for distribution in after.distributions}
    lines = []
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was is None:
            lines.append(f"added {name} {now}")
        elif now is None:
            lines.append(f"removed {name} {was}")
        elif was != now:
            lines.append(f"changed {name} {was} -> {now}")
    return lines
