"""Names of extension modules: which Python and which machine a file says that it is for. Pure.

Source: https://peps.python.org/pep-3149/ (the tags), importlib.machinery.EXTENSION_SUFFIXES.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from layerforge.model.target import Target

_NAME = re.compile(r"(?:(?P<folder>.*)/)?(?P<stem>[^/.]+)(?:\.(?P<tag>[^/]+))?\.(?P<suffix>so|pyd)$")
_TAGGED = re.compile(r"(?:abi3|cpython-|cp3|pypy|graalpy)")
_CPYTHON = re.compile(r"(?:cpython-|cp)(?P<major>3)(?P<minor>\d+)(?P<flags>[a-z]*)")


class ExtensionName(NamedTuple):
    """A file that may be an extension module; `tag` is None for `stem.so`."""

    folder: str
    stem: str
    tag: str | None
    suffix: str

    @property
    def is_tagged(self) -> bool:
        """Whether the name itself says that it is an extension module."""
        return self.suffix == "pyd" or (self.tag is not None and _TAGGED.match(self.tag) is not None)

    @property
    def made_for(self) -> str:
        """What the tag says, for messages: `Python 3.12`, `free-threaded Python 3.13`."""
        found = _CPYTHON.match(self.tag or "")
        if found is None:
            return self.tag or "any Python"
        threads = "free-threaded " if "t" in found["flags"] else ""
        return f"{threads}Python {found['major']}.{found['minor']}"


def parse_extension_name(path: str) -> ExtensionName | None:
    """The parts of a file's name, or None if no extension module is named so."""
    found = _NAME.match(path)
    return (
        ExtensionName(found["folder"] or "", found["stem"], found["tag"], found["suffix"]) if found else None
    )


def module_stem(file: str) -> str | None:
    """What a file of a package is imported as, `__init__` included; None for what is no module."""
    if file.endswith(".py"):
        return file[:-3]
    if file.endswith(".so") and (extension := parse_extension_name(file)):
        return extension.stem
    return None


def is_imported_by(name: ExtensionName, target: Target) -> bool:
    """Whether the target's Python looks for a module under such a name."""
    suffixes = {None, "abi3", f"cpython-{target.python[0]}{target.python[1]}-{target.machine}-linux-gnu"}
    return name.suffix == "so" and name.tag in suffixes
