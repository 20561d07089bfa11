"""Lambda targets: runtime x architecture, and every fact that follows from one.

The one table of runtimes (`RUNTIMES`) and the one place that knows that AWS says `arm64` where
wheel tags say `aarch64`.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.tags import Tag

ARCHITECTURES = ("x86_64", "arm64")
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
# PEP 600: before manylinux_X_Y, these names stood for a glibc.
_LEGACY_PLATFORMS = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
# The oldest glibc for which manylinux ever defined a policy, per machine (PEP 513, PEP 599).
_OLDEST_GLIBC = {"x86_64": (2, 5), "aarch64": (2, 17)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Runtime:
    """A managed Python runtime of Lambda.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html (identifiers,
    operating systems, deprecation dates); glibc from the Amazon Linux 2 and 2023 package lists.
    """

    name: str
    python: tuple[int, int]
    os: str
    glibc: tuple[int, int]
    deprecated: datetime.date | None
    create_blocked: datetime.date | None
    update_blocked: datetime.date | None
    kernel: str
    confirmed: bool = True


def _date(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text)


_AL2 = ("Amazon Linux 2", (2, 26), "5.10")
_AL2023 = ("Amazon Linux 2023", (2, 34), "6.1")


def _runtime(
    minor: int,
    system: tuple[str, tuple[int, int], str],
    dates: tuple[str, str, str] | None,
) -> Runtime:
    deprecated, create_blocked, update_blocked = map(_date, dates) if dates else (None, None, None)
    os, glibc, kernel = system
    return Runtime(
        name=f"python3.{minor}",
        python=(3, minor),
        os=os,
        glibc=glibc,
        kernel=kernel,
        deprecated=deprecated,
        create_blocked=create_blocked,
        update_blocked=update_blocked,
        confirmed=dates is not None,
    )


RUNTIMES: dict[str, Runtime] = {
    runtime.name: runtime
    for runtime in (
        _runtime(10, _AL2, ("2026-10-31", "2026-11-30", "2027-01-15")),
        _runtime(11, _AL2, ("2027-06-30", "2027-07-31", "2027-08-31")),
        _runtime(12, _AL2023, ("2028-10-31", "2028-11-30", "2029-01-10")),
        _runtime(13, _AL2023, ("2029-06-30", "2029-07-31", "2029-08-31")),
        _runtime(14, _AL2023, ("2029-06-30", "2029-07-31", "2029-08-31")),
        # AWS has not published python3.15's system and dates; botocore 1.44.5 lists the name.
        _runtime(15, _AL2023, None),
    )
}


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Target:
    """What a function runs on. `runtime` and `architecture` are spelled as AWS spells them."""

    runtime: str
    architecture: str

    @property
    def name(self) -> str:
        """`python3.13-x86_64`: how manifests and messages call it."""
        return f"{self.runtime}-{self.architecture}"

    @property
    def slug(self) -> str:
        """`py313-x86-64`: as part of a layer's or a cohort's name (no dot, no underscore)."""
        return shared_slug((self,))

    @property
    def facts(self) -> Runtime:
        """The row of `RUNTIMES`."""
        return RUNTIMES[self.runtime]

    @property
    def machine(self) -> str:
        """The architecture as wheel tags and `platform_machine` spell it."""
        return _MACHINES[self.architecture]

    @property
    def python(self) -> tuple[int, int]:
        """Major and minor version of the interpreter."""
        return self.facts.python

    def platforms(self) -> tuple[str, ...]:
        """Platform tags that load here, best first: manylinux from the runtime's glibc downwards.

        Source: PEP 600 (any policy up to the system's glibc is accepted) with the legacy aliases.
        """
        machine = self.machine
        oldest = _OLDEST_GLIBC[machine]
        names: list[str] = []
        for minor in range(self.facts.glibc[1], oldest[1] - 1, -1):
            names.append(f"manylinux_2_{minor}_{machine}")
            if alias := _LEGACY_PLATFORMS.get((2, minor)):
                names.append(f"{alias}_{machine}")
        return (*names, f"linux_{machine}")

    def tags(self) -> tuple[Tag, ...]:
        """Every wheel tag that fits, best first (PEP 425 order, from `packaging.tags`)."""
        from packaging.tags import compatible_tags, cpython_tags

        platforms = self.platforms()
        interpreter = f"cp{self.python[0]}{self.python[1]}"
        return (
            *cpython_tags(self.python, [interpreter], platforms),
            *compatible_tags(self.python, interpreter, platforms),
        )

    def marker_environment(self) -> dict[str, str]:
        """The PEP 508 environment of the runtime, never of the host.

        The patch release is given as 0. Lambda moves it on without notice, so the lowest is the
        safe side: a backport too many is carried rather than one too few.
        """
        version = f"{self.python[0]}.{self.python[1]}"
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{version}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": self.facts.kernel,
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{version}.0",
            "python_version": version,
            "sys_platform": "linux",
        }


def shared_slug(targets: Iterable[Target]) -> str:
    """What targets have in common, as part of a layer's name.

    `py313-x86-64` of one target; `py313` of both architectures, `x86-64` of several runtimes; `any`
    where neither is the same for all.
    """
    held = tuple(targets)
    runtimes = {target.runtime for target in held}
    architectures = {target.architecture for target in held}
    parts = []
    if len(runtimes) == 1:
        parts.append(f"py{runtimes.pop().removeprefix('python').replace('.', '')}")
    if len(architectures) == 1:
        parts.append(architectures.pop().replace("_", "-"))
    return "-".join(parts) or "any"


def runtime_of_tag(tag: str) -> str:
    """The runtime whose interpreter has this cache tag (PEP 3147): `python3.12` of `cpython-312`."""
    version = tag.removeprefix("cpython-")
    return f"python{version[0]}.{version[1:]}"
