"""What of the lock goes into which layers and functions, and what of it may be asked about. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from packaging.version import InvalidVersion, Version

from layerforge.audit.advisories import Pin
from layerforge.model.lock import Distribution, Lock
from layerforge.model.plan import Demand, LayerPlan


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposed:
    """A distribution with those that have it.

    `functions` need it, `carriers` have it in a layer for the sake of others; `layers` are those that
    hold it (none: it is in functions' own zips).
    """

    distribution: Distribution
    functions: tuple[str, ...]
    carriers: tuple[str, ...]
    layers: tuple[str, ...]

    @property
    def label(self) -> str:
        """`numpy 2.3.1`."""
        return f"{self.distribution.name} {self.distribution.version}"

    @property
    def pin(self) -> Pin | None:
        """How a service is asked about it; None where its version is none.

        A local version (`2.9+cpu`) is a build of the public one, which is what services know.
        """
        try:
            return self.distribution.name, Version(self.distribution.version).public
        except InvalidVersion:
            return None


def find_exposed(plan: LayerPlan, demands: Iterable[Demand], locks: Iterable[Lock]) -> tuple[Exposed, ...]:
    """All that is shipped, by name and version. What the runtime provides is not."""
    needed: dict[Pin, set[str]] = {}
    for demand in demands:
        for item in (*demand.needs, *demand.bundled):
            needed.setdefault((item.name, item.version), set()).add(demand.function)
    held: dict[Pin, set[str]] = {}
    for layer in plan.layers:
        for item in layer.items:
            held.setdefault((item.name, item.version), set()).add(layer.name)
    takers = {
        layer.name: {one.function for one in plan.functions if layer.name in one.layers}
        for layer in plan.layers
    }
    found: dict[Pin, Exposed] = {}
    for one in (one for lock in locks for one in lock.distributions):
        key = (one.name, one.version)
        if key in needed and key not in found:
            layers = held.get(key, set())
            carriers = {name for layer in layers for name in takers[layer]} - needed[key]
            found[key] = Exposed(
                distribution=one,
                functions=tuple(sorted(needed[key])),
                carriers=tuple(sorted(carriers)),
                layers=tuple(sorted(layers)),
            )
    return tuple(found[key] for key in sorted(found))


def reason_not_to_ask(one: Exposed, private: Sequence[str]) -> str | None:
    """Why no service is told its name; None if one may be."""
    if any(fnmatchcase(one.distribution.name, pattern) for pattern in private):
        return "private"
    if one.distribution.wheel is None and one.distribution.sdist is None:
        return "from no index"
    if one.pin is None:
        return "version that services do not know"
    return None
