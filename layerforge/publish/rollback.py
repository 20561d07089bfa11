"""Puts back what functions had before, as their own tags remember it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from layerforge.publish.attaching import AttachedFunction
from layerforge.publish.client import Account
from layerforge.publish.parallel import run_all
from layerforge.publish.remembering import Remembered, parse_remembered, remembering_keys
from layerforge.publish.values import LiveFunction, LiveRegion, MatchedFunction


@dataclass(frozen=True, kw_only=True, slots=True)
class Rollback:
    """A function and what it is to have again. `keys` are the tags that go once it has."""

    region: str
    function: str
    name: str
    arn: str
    now: tuple[str, ...]
    before: Remembered
    keys: tuple[str, ...]

    @property
    def undone(self) -> AttachedFunction:
        """The change that is to be undone, as attaching would have told of it."""
        return AttachedFunction(
            region=self.region,
            function=self.function,
            name=self.name,
            arn=self.arn,
            before=self.before.layers,
            layers=self.now,
            alias=self.before.alias,
            alias_before=self.before.version,
        )


def read_rollbacks(account: Account, live: Sequence[LiveRegion], *, jobs: int) -> tuple[Rollback, ...]:
    """What the tags of matched functions remember. Raises CallError."""
    functions = [
        (region.region, matched, matched.live)
        for region in live
        for matched in region.functions
        if matched.live is not None
    ]
    tags = run_all(
        [partial(account.functions(region).tags, found.arn) for region, _, found in functions], jobs=jobs
    )
    found = [
        _rollback(region, matched, function, held)
        for (region, matched, function), held in zip(functions, tags, strict=True)
    ]
    return tuple(_known(found))


def _rollback(
    region: str, matched: MatchedFunction, live: LiveFunction, tags: dict[str, str]
) -> Rollback | None:
    before = parse_remembered(tags, function_arn=live.arn)
    if before is None:
        return None
    return Rollback(
        region=region,
        function=matched.function,
        name=live.name,
        arn=live.arn,
        now=live.layer_arns,
        before=before,
        keys=remembering_keys(tags),
    )


def _known(found: Iterable[Rollback | None]) -> Iterable[Rollback]:
    return (one for one in found if one is not None)
