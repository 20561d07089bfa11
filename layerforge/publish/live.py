"""Reads what AWS has of all that is wanted: many calls at a time, and none that decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from layerforge.model.limits import REQUEST_LIMIT
from layerforge.model.publishing import PublishSettings
from layerforge.publish.client import Account, CallError, Failure, LambdaService
from layerforge.publish.matching import find_candidates, read_match
from layerforge.publish.ownership import Ownership
from layerforge.publish.parallel import run_all
from layerforge.publish.plan import find_same, request_size
from layerforge.publish.uses import read_uses
from layerforge.publish.values import (
    AccountSettings,
    LayerVersion,
    LiveBucket,
    LiveLayer,
    LiveRegion,
    LiveUses,
    MatchedFunction,
    Wanted,
    WantedLayer,
)

# How many versions that say the same of themselves are asked for their digest. With {digest} in the
# description only one says the same.
_LOOKED_AT = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """What to read, and of whom. `attach`: functions too; `retire`: who uses which version too."""

    account: Account
    settings: PublishSettings
    wanted: Wanted
    attach: bool = False
    retire: bool = False
    jobs: int = 1

    def read(self) -> tuple[LiveRegion, ...]:
        """Everything, region by region. Raises CallError."""
        regions = self.account.regions
        layers = run_all(
            [partial(self._layer, region, layer) for region in regions for layer in self.wanted.layers],
            jobs=self.jobs,
        )
        count = len(self.wanted.layers)
        by_region = {
            region: dict(
                zip(
                    (layer.name for layer in self.wanted.layers),
                    layers[at * count : (at + 1) * count],
                    strict=True,
                )
            )
            for at, region in enumerate(regions)
        }
        functions = self._functions(regions)
        return tuple(
            run_all(
                [partial(self._region, region, by_region[region], functions[region]) for region in regions],
                jobs=self.jobs,
            )
        )

    def _layer(self, region: str, layer: WantedLayer) -> LiveLayer:
        service = self.account.functions(region)
        listed = service.layer_versions(layer.name)
        looked: list[LayerVersion] = []
        for version in listed:
            if version.metadata != layer.metadata or len(looked) == _LOOKED_AT:
                continue
            looked.append(service.layer_version(layer.name, version.version))
            if looked[-1].is_same(layer):
                break
        same = find_same(looked, layer)
        policy = None
        if same is not None and self.settings.permissions is not None:
            policy = service.layer_policy(layer.name, same.version)
        newest = max((version.version for version in listed), default=0)
        return LiveLayer(newest=newest, versions=tuple(looked), policy=policy)

    def _functions(self, regions: Sequence[str]) -> dict[str, tuple[MatchedFunction, ...]]:
        if not self.attach:
            return dict.fromkeys(regions, ())
        attach = self.settings.attach
        names = tuple(self.wanted.functions)
        found = run_all(
            [partial(find_candidates, names, attach, self.account.lookup(region)) for region in regions],
            jobs=self.jobs,
        )
        tasks: list[Callable[[], MatchedFunction]] = [
            partial(read_match, candidate, attach, self.account.functions(region))
            for region, candidates in zip(regions, found, strict=True)
            for candidate in candidates
        ]
        matches = iter(run_all(tasks, jobs=self.jobs))
        return {
            region: tuple(next(matches) for _ in candidates)
            for region, candidates in zip(regions, found, strict=True)
        }

    def _region(
        self, region: str, layers: dict[str, LiveLayer], functions: tuple[MatchedFunction, ...]
    ) -> LiveRegion:
        service = self.account.functions(region)
        new = [layer for layer in self.wanted.layers if find_same(layers[layer.name].versions, layer) is None]
        return LiveRegion(
            region=region,
            layers=layers,
            functions=functions,
            account=_account_settings(service) if new or functions else None,
            bucket=self._bucket(region, new),
            uses=self._uses(service) if self.retire else None,
        )

    def _bucket(self, region: str, new: Sequence[WantedLayer]) -> LiveBucket | None:
        """Look at the bucket if a zip goes through it."""
        storage = self.settings.storage
        if not storage.buckets or (self.settings.upload == "direct" and not storage.reference):
            return None
        through = self.settings.upload == "s3" or storage.reference
        if not any(through or request_size(layer) >= REQUEST_LIMIT for layer in new):
            return None
        number = self.account.number() if storage.needs_account else ""
        name = storage.bucket(region, number)
        if name is None:
            return None
        return self.account.storage(region).bucket(name, need_versions=storage.reference)

    def _uses(self, service: LambdaService) -> LiveUses:
        names = frozenset(self.wanted.by_name)
        return read_uses(service, Ownership(project=self.wanted.project, names=names), jobs=self.jobs)


def _account_settings(service: LambdaService) -> AccountSettings | None:
    """Limits and usage; None where one may not ask, or asks something that is not quite AWS."""
    try:
        return service.account_settings()
    except CallError as error:
        if error.failure in {Failure.DENIED, Failure.NOT_FOUND}:
            return None
        raise
