"""Which versions a resolution should stay at where it can: its own pins, then those of other targets.

Targets that hold the same version of a distribution can share its file, if it fits them all, and a
function that moves to another runtime keeps what it was tested with. None is held back for nothing:
a preference gives way to what is required, and to a version that has a file for the target.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from layerforge.model.function import Function
from layerforge.model.lock import Distribution, Lock
from layerforge.model.target import Target
from layerforge.resolve.index import Pin


def make_preferences(
    target: Target,
    functions: Iterable[Function],
    *,
    previous: Sequence[Lock],
    made: Sequence[Lock],
    dropped: Collection[str],
) -> tuple[Pin, ...]:
    """One pin per name, the first that is found; sorted by name.

    1. What was pinned for the target (`previous`), first by the lock that served most of `functions`.
    2. What was pinned in this run (`made`), for the same runtime or in a file that fits the target: of
       another file, each target takes the newest.
    3. What was pinned for other targets, the nearest first: where it fits, nothing moves unasked.

    Names in `dropped` are to be upgraded: of these, only what was pinned in this run counts.
    """
    names = {function.name for function in functions}

    def own_first(lock: Lock) -> tuple[int, str]:
        return -sum(roots.function in names for roots in lock.functions), lock.cohort

    def nearest_first(lock: Lock) -> tuple[bool, bool, tuple[int, bool, str], str]:
        other = lock.target
        return (
            other.runtime != target.runtime,
            other.architecture != target.architecture,
            target_order(other),
            lock.cohort,
        )

    own = [lock for lock in previous if lock.target == target]
    others = [lock for lock in previous if lock.target != target]
    pins: dict[str, str] = {}

    def add(distributions: Iterable[Distribution]) -> None:
        for one in distributions:
            pins.setdefault(one.name, one.version)

    for lock in sorted(own, key=own_first):
        add(one for one in lock.distributions if one.name not in dropped)
    for lock in made:
        add(one for one in lock.distributions if lock.target.runtime == target.runtime or _fits(one, target))
    for lock in sorted(others, key=nearest_first):
        add(one for one in lock.distributions if one.name not in dropped)
    return tuple(Pin(name=name, version=version) for name, version in sorted(pins.items()))


def target_order(target: Target) -> tuple[int, bool, str]:
    """Newest Python first: what fits it is not held back by what an older one needs."""
    return (-target.python[1], target.architecture != "x86_64", target.name)


def _fits(distribution: Distribution, target: Target) -> bool:
    """Whether its file can serve the target as it is (pure wheels, abi3)."""
    from packaging.utils import parse_wheel_filename

    if distribution.wheel is None:
        return False
    if distribution.wheel.filename.endswith("-none-any.whl"):
        return True
    return not parse_wheel_filename(distribution.wheel.filename)[3].isdisjoint(target.tags())
