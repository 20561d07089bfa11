"""How sizes in bytes are shown.

Units are powers of 1,024, because AWS counts so: its "250 MB" are 262,144,000 bytes
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
"""

from __future__ import annotations

_UNITS = ("KB", "MB", "GB", "TB")
_STEP = 1024


def format_size(size: int) -> str:
    """Show bytes for people: `262144000` is `250.0 MB`, `999` is `999 B`."""
    if abs(size) < _STEP:
        return f"{size} B"
    value = float(size)
    for unit in _UNITS:
        value /= _STEP
        # What would be shown as 1024.0 goes to the next unit.
        if abs(value) < _STEP - 0.05 or unit == _UNITS[-1]:
            return f"{value:.1f} {unit}"
    raise AssertionError("unreachable")
