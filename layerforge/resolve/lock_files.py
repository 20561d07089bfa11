"""Where locks lie: kept apart from reading them, which `check` can often do without."""

from __future__ import annotations

import contextlib
from pathlib import Path

_OURS = b"[tool.layerforge]"


def lock_file_name(cohort: str) -> str:
    """`pylock.<cohort>.toml`; a cohort's name has no dot, as PEP 751 demands."""
    return f"pylock.{cohort}.toml"


def lock_paths(root: Path) -> list[Path]:
    """Name the lock files of ours in `root`, sorted; other tools' pylock files are not among them."""
    found = []
    for path in sorted(root.glob("pylock.*.toml")):
        with contextlib.suppress(OSError):
            if _OURS in path.read_bytes():
                found.append(path)
    return found
