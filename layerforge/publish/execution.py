"""Carries a plan out: publish, permit, attach, retire, each stage only once the one before is whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from layerforge.model.counts import count
from layerforge.model.progress import Progress
from layerforge.model.publishing import PublishedLayer, StorageSettings
from layerforge.publish.attaching import AttachedFunction, Attacher
from layerforge.publish.client import Account, CallError
from layerforge.publish.parallel import settle_all
from layerforge.publish.publishing import Publisher, check_zips
from layerforge.publish.rollback import Rollback
from layerforge.publish.values import Attach, Permit, PublishPlan, Retire

_Done = TypeVar("_Done")
# What was done, what failed, and how many steps were not begun.
_Settled = tuple[tuple[_Done, ...], tuple["StepFailure", ...], int]


@dataclass(frozen=True, kw_only=True, slots=True)
class StepFailure:
    """A step that was not carried out: which one, in words, and why."""

    step: str
    error: CallError


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of a plan. `layers` are all versions that are there now, published or taken.

    `skipped` counts steps that were not begun, because others failed before.
    """

    layers: tuple[PublishedLayer, ...] = ()
    permitted: tuple[Permit, ...] = ()
    attached: tuple[AttachedFunction, ...] = ()
    restored: tuple[AttachedFunction, ...] = ()
    retired: tuple[Retire, ...] = ()
    failures: tuple[StepFailure, ...] = ()
    skipped: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Execution:
    """Where and how a plan is carried out. `folder` is that of the manifest.

    `roll_back`: if a function cannot take its layers, those that did get their former ones back.
    """

    account: Account
    folder: Path
    storage: StorageSettings
    progress: Progress
    jobs: int = 1
    roll_back: bool = False
    sleep: Callable[[float], None] = field(default=time.sleep)

    def run(self, plan: PublishPlan) -> Outcome:
        """Carry a plan out. What fails is part of the outcome; running it all again does the rest.

        Raises BuildError, before anything is sent, if a zip is not the one that was planned.
        """
        check_zips((step.layer for step in plan.publish), self.folder)
        published, failures, skipped = self._publish(plan)
        layers = (*published, *(_taken(plan)))
        arns = {(layer.region, layer.name): layer for layer in layers}
        permitted, more, left = self._permit(plan.permit, arns)
        failures, skipped = (*failures, *more), skipped + left
        if failures or skipped:
            waiting = len(plan.attach) + len(plan.retire)
            return Outcome(layers=layers, permitted=permitted, failures=failures, skipped=skipped + waiting)
        attached, restored, failures, skipped = self._attach(plan.attach, arns)
        retired: tuple[Retire, ...] = ()
        if failures or skipped:
            skipped += len(plan.retire)
        else:
            retired, failures, skipped = self.retire(plan.retire)
        return Outcome(
            layers=layers,
            permitted=permitted,
            attached=attached,
            restored=restored,
            retired=retired,
            failures=failures,
            skipped=skipped,
        )

    def retire(self, steps: Sequence[Retire]) -> _Settled[Retire]:
        """Delete versions; which are gone, what failed, and how many were not begun."""

        def delete(step: Retire) -> Retire:
            self.account.functions(step.region).delete_layer_version(step.layer, step.version)
            return step

        return self._settle(
            f"deleting {count(steps, 'layer version')}",
            [(f"{step.region}: {step.layer}:{step.version}", partial(delete, step)) for step in steps],
        )

    def _publish(self, plan: PublishPlan) -> _Settled[PublishedLayer]:
        if not plan.publish:
            return (), (), 0
        label = f"publishing {count(plan.publish, 'layer version')}"
        with self.progress.task(label, total=plan.upload_size, unit="bytes") as advance:
            publisher = Publisher(
                account=self.account,
                folder=self.folder,
                storage=self.storage,
                sleep=self.sleep,
                advance=advance,
            )
            # The largest first, so that none is left for the end alone.
            steps = sorted(plan.publish, key=lambda step: -step.layer.zipped_size)
            return _sorted_out(
                [f"{step.region}: {step.layer.name}" for step in steps],
                settle_all([partial(publisher.publish, step) for step in steps], jobs=self.jobs),
            )

    def _permit(
        self, steps: Sequence[Permit], arns: dict[tuple[str, str], PublishedLayer]
    ) -> _Settled[Permit]:
        def permit(step: Permit) -> Permit:
            service = self.account.functions(step.region)
            version = arns[step.region, step.layer].version
            for grant in step.add:
                service.permit(step.layer, version, grant)
            for statement in step.remove:
                service.forbid(step.layer, version, statement.id)
            return step

        there = [step for step in steps if (step.region, step.layer) in arns]
        done, failures, skipped = self._settle(
            f"changing who may use {count(there, 'layer version')}",
            [(f"{step.region}: who may use {step.layer}", partial(permit, step)) for step in there],
        )
        return done, failures, skipped + len(steps) - len(there)

    def _attach(
        self, steps: Sequence[Attach], arns: dict[tuple[str, str], PublishedLayer]
    ) -> tuple[tuple[AttachedFunction, ...], tuple[AttachedFunction, ...], tuple[StepFailure, ...], int]:
        attacher = Attacher(account=self.account, sleep=self.sleep)
        by_region = {
            region: {name: layer.arn for (where, name), layer in arns.items() if where == region}
            for region in {step.region for step in steps}
        }
        attached, failures, skipped = self._settle(
            f"attaching layers to {count(steps, 'function')}",
            [
                (f"{step.region}: {step.name}", partial(attacher.attach, step, by_region[step.region]))
                for step in steps
            ],
        )
        if not (failures and self.roll_back):
            return attached, (), failures, skipped
        restored, more = self.restore(attached)
        left = tuple(done for done in attached if done not in restored)
        return left, restored, (*failures, *more), skipped

    def restore(
        self, attached: Iterable[AttachedFunction]
    ) -> tuple[tuple[AttachedFunction, ...], tuple[StepFailure, ...]]:
        """Put functions back as they were; which are, and what failed."""
        attacher = Attacher(account=self.account, sleep=self.sleep)

        def restore(done: AttachedFunction) -> AttachedFunction:
            attacher.restore(done)
            return done

        steps = tuple(attached)
        restored, failures, _ = self._settle(
            f"putting {count(steps, 'function')} back as before",
            [(f"{done.region}: {done.name} as before", partial(restore, done)) for done in steps],
        )
        return restored, failures

    def roll_back_to(self, steps: Sequence[Rollback]) -> tuple[tuple[Rollback, ...], tuple[StepFailure, ...]]:
        """Put functions back as their tags remember, and remove the tags; which are, and what failed."""
        attacher = Attacher(account=self.account, sleep=self.sleep)

        def restore(step: Rollback) -> Rollback:
            attacher.restore(step.undone)
            self.account.functions(step.region).untag(step.arn, step.keys)
            return step

        restored, failures, _ = self._settle(
            f"putting {count(steps, 'function')} back as before",
            [(f"{step.region}: {step.name} as before", partial(restore, step)) for step in steps],
        )
        return restored, failures

    def _settle(self, label: str, steps: Sequence[tuple[str, Callable[[], _Done]]]) -> _Settled[_Done]:
        if not steps:
            return (), (), 0
        with self.progress.task(label, total=len(steps), unit="items") as advance:

            def run(task: Callable[[], _Done]) -> _Done:
                done = task()
                advance(1)
                return done

            results = settle_all([partial(run, task) for _, task in steps], jobs=self.jobs)
        return _sorted_out([words for words, _ in steps], results)


def _sorted_out(words: Sequence[str], results: Sequence[_Done | CallError | None]) -> _Settled[_Done]:
    done: list[_Done] = []
    failures: list[StepFailure] = []
    skipped = 0
    for step, result in zip(words, results, strict=True):
        if result is None:
            skipped += 1
        elif isinstance(result, CallError):
            failures.append(StepFailure(step=step, error=result))
        else:
            done.append(result)
    return tuple(done), tuple(failures), skipped


def _taken(plan: PublishPlan) -> Iterable[PublishedLayer]:
    for step in plan.reuse:
        yield PublishedLayer(
            name=step.layer.name,
            region=step.region,
            version=step.version.version,
            arn=step.version.arn,
            code_sha256=step.layer.code_sha256,
        )
