"""What a runtime brings for native code: shipped facts with their sources, and what was probed.

Two kinds of knowledge are kept apart. What is `MANAGED` is there for every function. What is of the
`IMAGE` is in AWS's container image of the runtime, from which the managed runtime is made; but
functions were seen to miss libraries that the image has, and to have older ones.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from importlib import resources
from typing import Any

from layerforge.model.target import Target

_FOLDER = "data"
_NUMBERED = re.compile(r"(?P<kind>.+)_(?P<number>\d+(?:\.\d+)*)")


class Presence(StrEnum):
    """How sure it is that something is there. `UNKNOWN`: nobody has looked."""

    MANAGED = "managed"
    IMAGE = "image"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Versions:
    """Symbol versions of a library: the highest of each kind and those without a number, or all (`exact`)."""

    managed: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    exact: frozenset[str] | None = None

    def presence(self, version: str) -> Presence:
        """Whether the library has `version`."""
        if version in self.also or _reached(version, self.managed):
            return Presence.MANAGED
        if self.exact is not None:
            return Presence.IMAGE if version in self.exact else Presence.ABSENT
        if _reached(version, self.image):
            return Presence.IMAGE
        kind = kind_of(version)
        known = any(kind_of(one) == kind for one in (*self.managed, *self.image))
        return Presence.ABSENT if known else Presence.UNKNOWN

    def highest(self, version: str) -> str | None:
        """The highest version of the kind of `version` that there is, for messages."""
        kind = kind_of(version)
        every = [one for one in (*self.managed, *self.image, *(self.exact or ())) if kind_of(one) == kind]
        numbered = [one for one in every if _NUMBERED.fullmatch(one)]
        return max(numbered, key=version_number) if numbered else None


def version_number(version: str) -> tuple[int, ...]:
    """The number of `GLIBC_2.34`, for comparing; () where there is none."""
    found = _NUMBERED.fullmatch(version)
    return tuple(int(part) for part in found["number"].split(".")) if found else ()


def kind_of(version: str) -> str:
    """`GLIBCXX` of `GLIBCXX_3.4.29`; `GLIBC` of `GLIBC_ABI_DT_RELR`."""
    return version.partition("_")[0]


def _reached(version: str, highest: Iterable[str]) -> bool:
    number = version_number(version)
    return bool(number) and any(
        kind_of(one) == kind_of(version) and number <= version_number(one) for one in highest
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class RuntimeFacts:
    """The libraries of one target's runtime. `absent` names the source that says that they are not there."""

    system: str
    managed: frozenset[str]
    image: frozenset[str]
    absent: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, Versions] = field(default_factory=dict)

    def library(self, name: str) -> Presence:
        """Whether the runtime has a library, by the name that DT_NEEDED gives it."""
        if name in self.managed:
            return Presence.MANAGED
        if name in self.absent or name not in self.image:
            return Presence.ABSENT
        return Presence.IMAGE

    def version(self, library: str, version: str) -> Presence:
        """Whether the runtime's `library` has the symbol version."""
        known = self.versions.get(library)
        return known.presence(version) if known else Presence.UNKNOWN


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbedRuntime:
    """What was read out of an image: symbol versions by library, distributions of the interpreter."""

    image: str
    libraries: Mapping[str, tuple[str, ...]]
    python: str = ""
    distributions: Mapping[str, str] = field(default_factory=dict)


def runtime_facts(target: Target, probed: ProbedRuntime | None = None) -> RuntimeFacts:
    """What is known of the target's runtime; what was probed takes the place of the shipped image's facts."""
    document = _read(_data_file(target.facts.os))
    managed = _libraries(document["managed"], target.architecture)
    absent: Mapping[str, str] = document["absent"]
    versions = {
        library: Versions(
            managed=tuple(one["managed"]), image=tuple(one.get("image", ())), also=tuple(one.get("also", ()))
        )
        for one in document["versions"]
        for library in one["libraries"]
    }
    image = _libraries(document["image"], target.architecture)
    # The interpreter's own library lies in /var/lang/lib, which is looked at first.
    image |= {f"lib{target.runtime}.so.1.0", "libpython3.so"}
    if probed is None:
        return RuntimeFacts(
            system=document["system"], managed=managed, image=image, absent=absent, versions=versions
        )
    known = {
        library: _with_exact(versions.get(library, Versions()), found)
        for library, found in probed.libraries.items()
    }
    return RuntimeFacts(
        system=document["system"],
        managed=managed,
        image=frozenset(probed.libraries),
        absent=absent,
        versions={**versions, **known},
    )


def _with_exact(shipped: Versions, found: Iterable[str]) -> Versions:
    return Versions(managed=shipped.managed, also=shipped.also, exact=frozenset(found))


def _libraries(table: Mapping[str, Any], architecture: str) -> frozenset[str]:
    return frozenset((*table["libraries"], *table.get(architecture, ())))


def stdlib_modules(python: tuple[int, int]) -> frozenset[str]:
    """Modules of the standard library that a module elsewhere on sys.path can take the place of."""
    document = _read("stdlib.toml")
    since = [names for version, names in document["since"].items() if _version(version) <= python]
    until = [names for version, names in document["until"].items() if _version(version) >= python]
    return frozenset((*document["always"], *(name for names in (*since, *until) for name in names)))


def _version(text: str) -> tuple[int, int]:
    major, minor = text.split(".")
    return int(major), int(minor)


def _data_file(system: str) -> str:
    return f"{system.lower().replace(' ', '-')}.toml"


@functools.lru_cache(maxsize=8)
def _read(name: str) -> Mapping[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(_FOLDER, name).read_text(encoding="utf-8"))
