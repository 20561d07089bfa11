"""What could go of the project's layers: every version with who uses it, and what deleting would free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from layerforge.publish.client import Account
from layerforge.publish.ownership import Ownership
from layerforge.publish.parallel import run_all
from layerforge.publish.retirement import find_unused
from layerforge.publish.uses import read_uses
from layerforge.publish.values import LayerUse, LayerVersion, LiveUses, Retire


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldVersion:
    """A version, who uses it, and whether it is one of the last that stay anyway.

    `size` in bytes, zipped, is known of those that could go.
    """

    region: str
    layer: str
    version: int
    arn: str
    created: str
    users: tuple[LayerUse, ...]
    size: int | None = None
    goes: bool = False


def read_versions(account: Account, ownership: Ownership, *, keep: int, jobs: int) -> tuple[HeldVersion, ...]:
    """Every version of the project's layers in all regions, by region, layer and version.

    Those go that nobody uses, but for the newest `keep` of each layer. Raises CallError.
    """
    regions = account.regions
    found = run_all(
        [partial(read_uses, account.functions(region), ownership, jobs=jobs) for region in regions], jobs=jobs
    )
    unused = {
        (region, version.arn): version
        for region, uses in zip(regions, found, strict=True)
        for version in find_unused(uses.versions, uses.uses, keep=keep)
    }
    sized = run_all(
        [
            partial(account.functions(region).layer_version, version.name, version.version)
            for (region, _), version in unused.items()
        ],
        jobs=jobs,
    )
    sizes = {key: version.size for key, version in zip(unused, sized, strict=True)}
    held = [
        _held(region, version, uses, sizes)
        for region, uses in zip(regions, found, strict=True)
        for version in uses.versions
    ]
    return tuple(sorted(held, key=lambda one: (one.region, one.layer, -one.version)))


def _held(
    region: str, version: LayerVersion, uses: LiveUses, sizes: dict[tuple[str, str], int | None]
) -> HeldVersion:
    key = (region, version.arn)
    return HeldVersion(
        region=region,
        layer=version.name,
        version=version.version,
        arn=version.arn,
        created=version.created,
        users=uses.uses.get(version.arn, ()),
        size=sizes.get(key),
        goes=key in sizes,
    )


def retirements(versions: Sequence[HeldVersion]) -> tuple[Retire, ...]:
    """The versions that go, as steps."""
    return tuple(
        Retire(region=one.region, layer=one.layer, version=one.version, arn=one.arn, size=one.size)
        for one in versions
        if one.goes
    )
