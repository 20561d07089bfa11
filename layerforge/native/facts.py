"""What was found in a file that looks native, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an ELF file is for. `OTHER` is what no loader takes: objects, core dumps."""

    SHARED = "shared"
    PROGRAM = "program"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """Symbol versions (`GLIBC_2.34`) that a file asks of a library. Without `weak` ones, sorted."""

    library: str
    versions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ElfFile:
    """An ELF file as the loader sees it: by its segments, so that a stripped one tells the same.

    `machine` is spelled as AWS spells it (`x86_64`, `arm64`) where it is 64 bits and little endian, else
    in words. `rpath` and `runpath` are as written, with `$ORIGIN`. `defines` are the symbol versions
    that it has for others. `modules` are those of which it has the entry point (`PyInit_…`).
    """

    kind: Kind
    machine: str
    soname: str | None = None
    needed: tuple[str, ...] = ()
    rpath: str | None = None
    runpath: str | None = None
    requires: tuple[Needs, ...] = ()
    defines: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    executable_stack: bool = False
    text_relocations: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class DamagedFile:
    """An ELF file that no loader takes. `reason` is a clause: `it is cut short: …`."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignFile:
    """A file that is no ELF file. `what` it is (`a static archive`); `system` if it is for another one."""

    what: str
    system: str | None = None


NativeFacts = ElfFile | DamagedFile | ForeignFile
