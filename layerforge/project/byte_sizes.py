"""Sizes as people write them in a config: `200 MB`, `150 MiB`, `262144000`."""

from __future__ import annotations

import re

_SIZE = re.compile(r"(?P<number>[0-9][0-9_]*(?:\.[0-9]+)?)\s*(?P<unit>[A-Za-z]*)")
_POWERS = {
    "": 0,
    "b": 0,
    "bytes": 0,
    "k": 1,
    "kb": 1,
    "kib": 1,
    "m": 2,
    "mb": 2,
    "mib": 2,
    "g": 3,
    "gb": 3,
    "gib": 3,
}


def parse_size(value: int | str) -> int:
    """Return bytes. Units are powers of 1,024, as AWS counts and as sizes are shown: MB means MiB.

    Raises ValueError if it is not a size, or not more than nothing.
    """
    if isinstance(value, str):
        match = _SIZE.fullmatch(value.strip())
        if match is None or match["unit"].lower() not in _POWERS:
            raise ValueError(f"unexpected value {value!r} (expected a size such as '200 MB')")
        size = int(float(match["number"].replace("_", "")) * 1024 ** _POWERS[match["unit"].lower()])
    else:
        size = value
    if size <= 0:
        raise ValueError(f"unexpected value {value!r} (expected more than 0 bytes)")
    return size
