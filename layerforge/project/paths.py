"""Paths as a project shows them: relative to its root, with `/`, through `../` where they leave it."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path


def relative_path(root: Path, path: Path) -> str:
    """Return `path` as seen from `root`, without resolving symbolic links."""
    return os.path.relpath(path, root).replace(os.sep, "/")


def join_path(folder: str, path: str) -> str:
    """Return `path`, which is relative to `folder`, relative to what `folder` is relative to."""
    return posixpath.normpath(posixpath.join(folder, path))
