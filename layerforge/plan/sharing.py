"""Which targets may share a distribution: those for which its wheel is the same file.

A wheel for any machine and any Python 3 (`py3-none-any`) fits every target whose version its
Requires-Python admits. Any other (abi3, or tied to nothing but a machine) is shared by the targets
whose locks hold that very file: their resolution found it to fit. What is built from a source is
built for one target, and serves that one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from layerforge.model.lock import Distribution, Lock
from layerforge.model.target import Target

_PURE = "-none-any.whl"
# What nearly every Requires-Python consists of: judged without the import that the rest needs.
_AT_LEAST = re.compile(r">=\s*(?:2(?:\.\d+)*|3(?:\.(?P<minor>\d+)(?:\.0)?)?)")
_BELOW_4 = re.compile(r"<\s*4(?:\.0)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sharing:
    """Who may take a wheel. `holders` are the targets whose locks hold it, by its sha256.

    `across`: "targets" (all of them), "architectures" (of one runtime, as where bytecode counts from the
    start, which is for one of them), or "nothing": then each target has layers of its own.
    """

    targets: tuple[Target, ...]
    holders: Mapping[str, tuple[Target, ...]]
    across: str = "targets"

    def takers(self, distribution: Distribution, target: Target) -> tuple[Target, ...]:
        """The targets whose functions may take the distribution that is locked for `target`; sorted."""
        wheel = distribution.wheel
        if wheel is None or self.across == "nothing":
            return (target,)
        fitting = self.holders[wheel.sha256]
        if is_pure(wheel.filename):
            fitting = tuple(
                one
                for one in self.targets
                if one in fitting or admits_python(distribution.requires_python, one)
            )
        if self.across == "architectures":
            fitting = tuple(one for one in fitting if one.runtime == target.runtime)
        return fitting


def make_sharing(locks: Sequence[Lock], targets: Collection[Target], *, across: str = "targets") -> Sharing:
    """Read off the locks who holds what; `targets` are those of the project's functions."""
    holders: dict[str, set[Target]] = {}
    for lock in locks:
        for distribution in lock.distributions:
            if distribution.wheel is not None:
                holders.setdefault(distribution.wheel.sha256, set()).add(lock.target)
    return Sharing(
        targets=tuple(sorted(targets)),
        holders={sha256: tuple(sorted(held)) for sha256, held in holders.items()},
        across=across,
    )


def is_pure(filename: str) -> bool:
    """Whether a wheel is for every Python 3 on every machine (PEP 427: the tag ends its name)."""
    if not filename.endswith(_PURE):
        return False
    python = filename.removesuffix(_PURE).rpartition("-")[2]
    return "py3" in python.split(".")


def admits_python(requires_python: str | None, target: Target) -> bool:
    """Whether a Requires-Python admits the runtime's interpreter (its first patch release)."""
    clauses = [clause.strip() for clause in (requires_python or "").split(",") if clause.strip()]
    verdicts = [_plain_verdict(clause, target.python[1]) for clause in clauses]
    if None not in verdicts:
        return all(verdicts)
    from packaging.specifiers import SpecifierSet

    version = target.marker_environment()["python_full_version"]
    return SpecifierSet(requires_python or "").contains(version, prereleases=True)


def _plain_verdict(clause: str, minor: int) -> bool | None:
    if _BELOW_4.fullmatch(clause):
        return True
    found = _AT_LEAST.fullmatch(clause)
    return int(found["minor"] or 0) <= minor if found else None
