"""Every version of the project's layers in a region, and who uses each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from layerforge.publish.client import LambdaService
from layerforge.publish.ownership import Ownership
from layerforge.publish.parallel import run_all
from layerforge.publish.values import Alias, LayerUse, LiveFunction, LiveUses


def read_uses(service: LambdaService, ownership: Ownership, *, jobs: int) -> LiveUses:
    """Versions of all layers that are the project's, and the versions of functions that have them.

    Every version of every function counts, not only $LATEST. Raises CallError.
    """
    names = sorted(name for name in service.layer_names() if ownership.owns_name(name))
    lists = run_all([partial(service.layer_versions, name, everything=True) for name in names], jobs=jobs)
    versions = tuple(version for found in lists for version in found)
    arns = {version.arn for version in versions}
    functions = service.functions() if arns else ()
    users = [function for function in functions if not arns.isdisjoint(function.layer_arns)]
    named = sorted({function.name for function in users})
    found = run_all([partial(service.aliases, name) for name in named], jobs=jobs)
    aliases = dict(zip(named, found, strict=True))
    return LiveUses(versions=versions, uses=_by_layer(users, aliases, arns))


def _by_layer(
    functions: Sequence[LiveFunction], aliases: dict[str, tuple[Alias, ...]], arns: set[str]
) -> dict[str, tuple[LayerUse, ...]]:
    uses: dict[str, list[LayerUse]] = {}
    for function in functions:
        pointing = [alias.name for alias in aliases[function.name] if alias.version == function.version]
        use = LayerUse(function=function.name, version=function.version, aliases=tuple(sorted(pointing)))
        for arn in set(function.layer_arns) & arns:
            uses.setdefault(arn, []).append(use)
    return {arn: tuple(sorted(found, key=_order)) for arn, found in sorted(uses.items())}


def _order(use: LayerUse) -> tuple[str, int]:
    return use.function, int(use.version) if use.version.isdecimal() else 0
