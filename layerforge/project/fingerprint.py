"""Whether a project is still as it was when it was last read, told from file and folder contents.

Reading templates and requirements takes a while; telling that nothing changed takes a millisecond per
hundred files. File times are not trusted: git and CI set them anew.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

# Their contents say nothing of functions, and they change all the time.
_PASSED_OVER = frozenset({".git", ".layerforge", ".venv", "__pycache__", "node_modules", ".aws-sam"})

Fingerprint = dict[str, str | None]


def take_fingerprint(root: Path, *, files: Iterable[str], folders: Iterable[str]) -> Fingerprint:
    """Digest each file's bytes, and each folder's list of names (keys end with `/`)."""
    marks: Fingerprint = {path: _file_mark(root / path) for path in sorted(set(files))}
    for folder in sorted(set(folders)):
        marks[f"{folder}/"] = _folder_mark(root / folder)
    return marks


def matches(root: Path, fingerprint: Fingerprint) -> bool:
    """Whether all is as it was."""
    return all(
        (_folder_mark(root / path) if path.endswith("/") else _file_mark(root / path)) == mark
        for path, mark in fingerprint.items()
    )


def folders_that_decide(root: Path, *, files: Iterable[str], sources: Iterable[str]) -> tuple[str, ...]:
    """Folders in which a new file could change what the project is.

    These are the root, and every folder from an input or a function's source up to it; and the
    two levels below the root in which templates and functions are discovered.
    """
    folders = {"."}
    for path in files:
        folders.update(_ancestors(PurePosixPath(path).parent))
    for source in sources:
        folders.update(_ancestors(PurePosixPath(source)))
    return tuple(sorted(folders | _two_levels(root)))


def _ancestors(folder: PurePosixPath) -> set[str]:
    return {str(folder), *(str(parent) for parent in folder.parents)}


def _two_levels(root: Path) -> set[str]:
    found = set()
    for name in _visible_folders(root):
        found.add(name)
        found.update(f"{name}/{inner}" for inner in _visible_folders(root / name))
    return found


def _visible_folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [
                e.name
                for e in entries
                if not e.name.startswith(".")
                and e.name not in _PASSED_OVER
                and e.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return []


def _file_mark(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _folder_mark(path: Path) -> str | None:
    try:
        names = sorted(name for name in os.listdir(path) if not _is_passed_over(name))  # noqa: PTH208 - quicker
    except OSError:
        return None
    return hashlib.sha256("\0".join(names).encode(errors="surrogateescape")).hexdigest()


def _is_passed_over(name: str) -> bool:
    # Locks of ours are results, not inputs: pylock.<cohort>.toml appears when a project is first locked.
    return name in _PASSED_OVER or (name.startswith("pylock.") and name != "pylock.toml")
