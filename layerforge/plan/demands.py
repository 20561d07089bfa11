"""What each function needs from layers, read off the locks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from layerforge.errors import StaleLockError
from layerforge.model.function import Function
from layerforge.model.limits import Limits
from layerforge.model.lock import Distribution, Lock, closure
from layerforge.model.plan import Demand, Item
from layerforge.model.planning import PlanSettings
from layerforge.plan.bundling import bundled_items, can_bundle
from layerforge.plan.sharing import make_sharing
from layerforge.project.runtime_provided import SDK_FAMILY


def make_demands(
    functions: Iterable[Function],
    locks: Sequence[Lock],
    *,
    code_sizes: Mapping[str, int],
    runtime_provided: Collection[str] = (),
    share_across: str = "targets",
    limits: Limits = Limits(),
    plan: PlanSettings = PlanSettings(),
) -> tuple[Demand, ...]:
    """Return one demand per function, sorted by name.

    `code_sizes` holds bytes unzipped by function (absent: 0). What the runtime provides is left
    out, together with whatever only that would have brought in; it stays in the lock, so that
    everything else is resolved to fit it. An external layer of unknown size counts as 0 bytes.
    `share_across`: see `Sharing.across`.
    `limits`, and of `plan` what is about single functions, are for those that have none of their own.

    Raises StaleLockError if no lock serves a function.
    """
    provided = whole_families(runtime_provided)
    served = {roots.function: (lock, roots.roots) for lock in locks for roots in lock.functions}
    distributions = {lock.cohort: _without(lock, provided) for lock in locks}
    ordered = sorted(functions, key=lambda function: function.name)
    sharing = make_sharing(locks, {function.target for function in ordered}, across=share_across)
    items = {
        lock.cohort: {
            name: replace(item_of(one), targets=sharing.takers(one, lock.target))
            for name, one in distributions[lock.cohort].items()
        }
        for lock in locks
    }
    demands = []
    for function in ordered:
        if function.name not in served:
            raise StaleLockError(
                f"no lock serves {function.name} ({function.origin})", hint="run `layerforge lock`"
            )
        lock, roots = served[function.name]
        names = closure(distributions[lock.cohort], roots)
        own = function.planning
        needs = frozenset(items[lock.cohort][name] for name in names)
        bundling = own.bundle or plan.bundle
        bundled = bundled_items(function, needs, bundling, plan.layers)
        demands.append(
            Demand(
                function=function.name,
                target=function.target,
                needs=needs - bundled,
                bundled=bundled,
                may_bundle=bundling.mode == "auto" and can_bundle(function),
                code_size=code_sizes.get(function.name, 0),
                external_layers=len(function.external_layers),
                external_size=sum(layer.unzipped_size or 0 for layer in function.external_layers),
                reserved_layers=plan.reserve_layers if own.reserve_layers is None else own.reserve_layers,
                limits=own.limits or limits,
                limits_key=f"functions.{function.name}.limits" if own.limits else "limits",
                weight=own.weight,
            )
        )
    return tuple(demands)


def whole_families(names: Collection[str]) -> frozenset[str]:
    """Widen names to the whole families that they belong to: `boto3` brings botocore with it."""
    family = frozenset(SDK_FAMILY)
    return frozenset(names) | family if family.intersection(names) else frozenset(names)


def item_of(distribution: Distribution) -> Item:
    """Return a distribution as the planner sees it; the digest names the file that it comes from."""
    return Item(
        name=distribution.name,
        version=distribution.version,
        digest=_source_digest(distribution),
        unzipped_size=distribution.unzipped_size,
    )


def _source_digest(distribution: Distribution) -> str:
    archive = distribution.wheel or distribution.sdist
    if archive is not None:
        return archive.sha256
    if distribution.vcs is not None:
        vcs = distribution.vcs
        return f"{vcs.commit}#{vcs.subdirectory}" if vcs.subdirectory else vcs.commit
    return distribution.local.path if distribution.local is not None else ""


def _without(lock: Lock, provided: frozenset[str]) -> dict[str, Distribution]:
    """Distributions that may go into layers; a closure stops where one is missing."""
    return {d.name: d for d in lock.distributions if d.name not in provided}
