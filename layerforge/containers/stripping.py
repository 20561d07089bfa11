"""What scripts/strip_files.py said: which files lost their debug symbols, and which kept them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, NamedTuple


class StrippedFile(NamedTuple):
    """A file that is smaller now; sizes in bytes."""

    name: str
    before: int
    after: int


class KeptFile(NamedTuple):
    """A file that stayed as it was, and why."""

    name: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Stripping:
    """What came of one tree. `put_back` no longer loaded when stripped, `untried` did not before."""

    stripped: tuple[StrippedFile, ...] = ()
    put_back: tuple[KeptFile, ...] = ()
    untried: tuple[KeptFile, ...] = ()

    @property
    def saved(self) -> int:
        """Bytes that the files are smaller."""
        return sum(one.before - one.after for one in self.stripped)


def parse_stripping(value: Mapping[str, Any]) -> Stripping:
    """Read one tree of the program's answer."""
    return Stripping(
        stripped=tuple(
            StrippedFile(str(n), int(before), int(after)) for n, before, after in value["stripped"]
        ),
        put_back=tuple(KeptFile(str(name), str(why)) for name, why in value["put_back"]),
        untried=tuple(KeptFile(str(name), str(why)) for name, why in value["untried"]),
    )


def strip_program() -> bytes:
    """The text of the program."""
    return (resources.files("layerforge.containers.scripts") / "strip_files.py").read_bytes()
