"""What the zips of a build hold, as far as the checks ask: values, read by `reading.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from layerforge.check.module_tree import Module, make_module_tree
from layerforge.model.target import Target
from layerforge.native.facts import NativeFacts
from layerforge.native.loader import OPT, TASK_ROOT

# https://docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html: both are on sys.path.
_PACKAGES = re.compile(r"python/(?:lib/python3\.\d+/site-packages/)?")


class ListedFile(NamedTuple):
    """A file of a zip, by its directory: bytes unzipped, CRC-32, and where it leads if it is a link.

    Two files of the same size and CRC count as the same: enough to tell of accidents, and told without
    unpacking.
    """

    size: int
    crc: int
    link: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NativeFile:
    """A native file, or one that is named like one. `sha256` (hex) only of ELF files; bytes unzipped."""

    size: int
    sha256: str | None
    found: NativeFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class Installed:
    """A distribution with a RECORD.

    `name` is normalised; `files` are the zip's paths, with the digests that RECORD gives (empty where it
    gives none).
    """

    name: str
    version: str
    files: Mapping[str, str]

    @property
    def label(self) -> str:
        """`numpy 2.3.1`."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True, kw_only=True)
class ZipContents:
    """A layer's zip, or the code of `name`.

    `namespaces` are small `__init__.py` files that only extend their package's path. `contested` has the
    digest of what is there for paths that several distributions list differently. `pths` are texts.
    """

    name: str
    is_code: bool
    files: Mapping[str, ListedFile]
    installed: tuple[Installed, ...] = ()
    natives: Mapping[str, NativeFile] = field(default_factory=dict)
    namespaces: frozenset[str] = frozenset()
    contested: Mapping[str, str] = field(default_factory=dict)
    pths: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"the code of {self.name}" if self.is_code else f"layer {self.name}"

    @property
    def root(self) -> str:
        """Where it is unpacked."""
        return TASK_ROOT if self.is_code else OPT

    def module_path(self, path: str) -> str | None:
        """The path as sys.path sees it (`numpy/core.py`); None for what is not on it."""
        if self.is_code:
            return path
        found = _PACKAGES.match(path)
        return path[found.end() :] if found else None

    @cached_property
    def owners(self) -> Mapping[str, Installed]:
        """The distribution that brought each path: of several, the one whose file is there."""
        owners: dict[str, Installed] = {}
        for one in self.installed:
            for path, digest in one.files.items():
                if path not in owners or self.contested.get(path) == digest:
                    owners[path] = one
        return owners

    @cached_property
    def modules(self) -> Mapping[str, Module]:
        """What can be imported from it, by top-level name."""
        inside = ((path, self.module_path(path)) for path in self.files)
        return make_module_tree(((path, seen) for path, seen in inside if seen is not None), self.namespaces)


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltFunction:
    """A function and the zips that it mounts; layers in the order in which they are attached."""

    name: str
    target: Target
    layers: tuple[ZipContents, ...]
    code: ZipContents | None
    external_layers: tuple[str, ...] = ()

    @property
    def zips(self) -> tuple[ZipContents, ...]:
        """All of them, the code last."""
        return (*self.layers, *((self.code,) if self.code else ()))
