"""Why a function has a distribution, or has it not: read off the locks and the plan."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from layerforge.check.chains import ChainFinder, Chains
from layerforge.errors import UsageError
from layerforge.model.function import Function
from layerforge.model.lock import Distribution, FunctionRoots, Lock, Root
from layerforge.model.plan import Demand, FunctionPlan, LayerPlan
from layerforge.model.requirement import Requirement
from layerforge.model.target import Target

_NAMES_SHOWN = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """What would bring a distribution that is not there: an extra that is not asked for."""

    owner: str
    extra: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """What one function has to do with a distribution.

    `version` and `unzipped_size` (bytes) are of the function's lock, None where that has it not.
    `layers` hold it among those that the function takes (its own code zip, where it is bundled), needed
    or not; None where no plan tells.
    It is `needed` if requirements lead to it, and `provided` if the runtime brings it instead of a
    layer. `elsewhere` are the function's requirements of it whose markers do not hold on its target.
    """

    function: str
    target: Target
    version: str | None
    unzipped_size: int | None
    needed: bool
    provided: bool
    layers: tuple[str, ...] | None
    chains: Chains
    offers: tuple[Offer, ...] = ()
    elsewhere: tuple[Requirement, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Locked:
    """A project as far as its locks and its plan tell. `plan` is None where none could be made."""

    functions: Sequence[Function]
    locks: Sequence[Lock]
    demands: Sequence[Demand] = ()
    plan: LayerPlan | None = None

    def served(self) -> dict[str, tuple[Lock, FunctionRoots]]:
        """The lock and the roots of each function that a lock serves."""
        names = {function.name for function in self.functions}
        return {
            roots.function: (lock, roots)
            for lock in self.locks
            for roots in lock.functions
            if roots.function in names
        }


def explain(
    locked: Locked, name: str, *, functions: Iterable[str], limit: int, count: bool = True
) -> tuple[Reason, ...]:
    """Return one reason for each of `functions`, sorted; `limit` chains each. `name` is normalised."""
    served = locked.served()
    asked = sorted(set(functions))
    by_name = {lock.cohort: lock.by_name() for lock in locked.locks}
    finders = {cohort: ChainFinder(held, name) for cohort, held in by_name.items()}
    view = _View(locked)
    reasons = []
    for function in asked:
        lock, roots = served[function]
        held = by_name[lock.cohort]
        chains = finders[lock.cohort].find(roots.roots, limit=limit, count=count)
        pinned = held.get(name)
        needed = bool(chains.shown)
        reasons.append(
            Reason(
                function=function,
                target=lock.target,
                version=pinned.version if pinned else None,
                unzipped_size=pinned.unzipped_size if pinned else None,
                needed=needed,
                provided=needed and view.left_out(function, name),
                layers=view.layers(function, name),
                chains=chains,
                offers=() if needed else _offers(held, roots.roots, name, lock),
                elsewhere=() if needed else view.elsewhere(function, name),
            )
        )
    return tuple(reasons)


class _View:
    """Plan and project by the name of the function."""

    def __init__(self, locked: Locked) -> None:
        self._needs = {d.function: {item.name for item in (*d.needs, *d.bundled)} for d in locked.demands}
        self._functions = {function.name: function for function in locked.functions}
        plans = locked.plan.functions if locked.plan else ()
        self._plans: Mapping[str, FunctionPlan] = {plan.function: plan for plan in plans}
        zips = locked.plan.zips if locked.plan else ()
        self._held = {one.name: {item.name for item in one.items} for one in zips}

    def left_out(self, function: str, name: str) -> bool:
        return function in self._needs and name not in self._needs[function]

    def layers(self, function: str, name: str) -> tuple[str, ...] | None:
        plan = self._plans.get(function)
        if plan is None:
            return None
        taken = (*plan.layers, *((plan.bundle.name,) if plan.bundle else ()))
        return tuple(one for one in taken if name in self._held[one])

    def elsewhere(self, function: str, name: str) -> tuple[Requirement, ...]:
        asked = self._functions[function].requirements.requirements
        return tuple(one for one in asked if one.name == name and one.marker)


def _offers(held: dict[str, Distribution], roots: Sequence[Root], name: str, lock: Lock) -> tuple[Offer, ...]:
    """The extras of what the function has that ask for `name`."""
    reached = lock.closure(roots)
    return tuple(
        Offer(owner=owner, extra=edge.extra)
        for owner in sorted(reached)
        for edge in held[owner].edges
        if edge.name == name and edge.extra is not None
    )


def find_function(locked: Locked, asked: str, *, distribution: str) -> str:
    """Return the name of a function as it is given, if a lock serves it.

    Raises UsageError that says what may have been meant: another function, or the two names swapped.
    """
    served = locked.served()
    if asked in served:
        return asked
    sentence = f"there is no function {asked!r} in the lock"
    if distribution in served:
        raise UsageError(sentence, hint=f"the function comes first: layerforge why {distribution} {asked}")
    raise UsageError(sentence, hint=_nearest(asked, served, "functions"))


def find_distribution(locked: Locked, asked: str) -> str:
    """Return the normalised name of a distribution that is locked or asked for.

    Raises UsageError that names the nearest ones.
    """
    name = re.sub(r"[-_.]+", "-", asked).lower()
    known = {one.name for lock in locked.locks for one in lock.distributions}
    wanted = {one.name for function in locked.functions for one in function.requirements.requirements}
    if name in known or name in wanted:
        return name
    hint = _nearest(name, known, "distributions")
    if asked in locked.served():
        hint = f"{asked} is a function: layerforge why {asked} DISTRIBUTION"
    raise UsageError(f"there is no distribution {asked!r} in the lock", hint=hint)


def _nearest(name: str, known: Collection[str], what: str) -> str:
    spelled = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), spelled, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(spelled[one] for one in near)}?"
    some = sorted(known)[:_NAMES_SHOWN]
    more = len(known) - len(some)
    return f"{what} are {', '.join(some)}" + (f" and {more} more" if more else "")
