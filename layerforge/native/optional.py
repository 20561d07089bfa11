"""Native modules that their own package does without."""

from __future__ import annotations

import fnmatch
import functools
import tomllib
from importlib import resources


def is_optional(module_path: str) -> bool:
    """Whether the file at this path, as sys.path sees it, is imported only where it can be."""
    return any(fnmatch.fnmatchcase(module_path, glob) for glob in _globs())


@functools.lru_cache(maxsize=1)
def _globs() -> tuple[str, ...]:
    text = resources.files(__package__).joinpath("data", "optional.toml").read_text(encoding="utf-8")
    return tuple(glob for globs in tomllib.loads(text).values() for glob in globs)
