"""auditwheel as files for a container: it is pure Python, and images like Lambda's do not have it."""

from __future__ import annotations

import functools
from importlib import metadata
from pathlib import Path

from layerforge.containers.engine import FileIn

_DISTRIBUTIONS = ("auditwheel", "packaging", "pyelftools")
_NEEDED = (".py", ".json", "METADATA")


@functools.cache
def auditwheel_files(folder: str) -> tuple[FileIn, ...]:
    """The modules of auditwheel and of what it imports, below `folder`."""
    return tuple(
        FileIn(path=f"{folder}/{file.as_posix()}", data=Path(str(file.locate())))
        for name in _DISTRIBUTIONS
        for file in metadata.files(name) or ()
        if file.name.endswith(_NEEDED) and ".." not in file.parts
    )


@functools.cache
def auditwheel_version() -> str:
    """Part of what decides a wheel's bytes."""
    return metadata.version("auditwheel")
