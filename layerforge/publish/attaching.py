"""Gives one function other layers: only if it is still as it was looked at, and waits until it has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from layerforge.publish.client import Account, CallError, Failure, LambdaService
from layerforge.publish.plan import resolve
from layerforge.publish.remembering import Remembered, format_remembered
from layerforge.publish.values import Attach, LiveFunction, MoveAlias

_ATTEMPTS = 6
# Seconds between looks at an update, and how long one may take: in a VPC it is about a minute.
_FIRST_LOOK = 0.3
_LONGEST_LOOK = 5.0
_PATIENCE = 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachedFunction:
    """What was done to a function: its layers now and before, and where its alias was and is.

    `version` is that of the function that was published, None if none was.
    """

    region: str
    function: str
    name: str
    arn: str
    before: tuple[str, ...]
    layers: tuple[str, ...]
    alias: str | None = None
    alias_before: str | None = None
    version: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attacher:
    """Attaches layers, and puts them back. `sleep` waits for seconds."""

    account: Account
    sleep: Callable[[float], None]

    def attach(self, step: Attach, arns: Mapping[str, str]) -> AttachedFunction:
        """Carry a step out; `arns` are the versions of our layers in its region.

        Doing it again changes nothing. Raises CallError, with CHANGED if the function's layers, or its
        alias, are neither as they were when the plan was made nor as they should be.
        """
        after = resolve(step.after, arns)
        if after is None:
            raise CallError(f"{step.name} cannot take its layers, as not all of them were published")
        service = self.account.functions(step.region)
        live = self._settled(service, step.name)
        if live.layer_arns != after:
            if live.layer_arns != step.before:
                raise _changed(step, live)
            self._remember(service, step)
            live = self._update(service, step, live, after)
        done = AttachedFunction(
            region=step.region,
            function=step.function,
            name=step.name,
            arn=step.arn,
            before=step.before,
            layers=after,
        )
        return self._move_alias(service, step.alias, live, done) if step.alias else done

    def restore(self, done: AttachedFunction) -> None:
        """Put a function back as it was before `attach`. Raises CallError as that does."""
        service = self.account.functions(done.region)
        if done.alias is not None and done.alias_before is not None:
            alias = service.alias(done.name, done.alias)
            if alias.version != done.alias_before:
                service.move_alias(done.name, done.alias, done.alias_before, revision=alias.revision)
        if done.layers != done.before:
            back = Attach(
                region=done.region,
                function=done.function,
                name=done.name,
                arn=done.arn,
                before=done.layers,
                after=done.before,
                revision=None,
                remember=False,
            )
            self.attach(back, {})

    def _remember(self, service: LambdaService, step: Attach) -> None:
        if not step.remember:
            return
        alias = step.alias if step.alias and step.alias.name else None
        remembered = Remembered(
            layers=step.before,
            alias=alias.name if alias else None,
            version=alias.from_version if alias else None,
        )
        service.tag(step.arn, format_remembered(remembered, function_arn=step.arn))

    def _update(
        self, service: LambdaService, step: Attach, live: LiveFunction, after: tuple[str, ...]
    ) -> LiveFunction:
        for attempt in range(1, _ATTEMPTS + 1):
            if live.layer_arns == after:
                break
            if live.layer_arns != step.before:
                raise _changed(step, live)
            try:
                service.update_layers(step.name, after, revision=live.revision)
            except CallError as error:
                # Someone else changed something, or our own attempt got through without an answer. The
                # layers tell: only these are set, so that any other change stays.
                if error.failure not in {Failure.CHANGED, Failure.CONFLICT} or attempt == _ATTEMPTS:
                    raise
                self.sleep(_FIRST_LOOK * attempt)
            live = self._settled(service, step.name)
        if live.failed:
            raise CallError(
                f"{step.name} could not be updated in {step.region}: {live.failed}",
                hint="the function runs as before; correct that, then run the same command again",
            )
        return live

    def _settled(self, service: LambdaService, name: str) -> LiveFunction:
        """The function once no change to it is under way."""
        pause, waited = _FIRST_LOOK, 0.0
        while True:
            live = service.function(name)
            if not live.updating:
                return live
            if waited >= _PATIENCE:
                raise CallError(
                    f"{name} has been changing for {_PATIENCE:.0f} seconds",
                    hint="run the same command again once it is done",
                )
            self.sleep(pause)
            waited += pause
            pause = min(pause * 1.5, _LONGEST_LOOK)

    def _move_alias(
        self, service: LambdaService, move: MoveAlias, live: LiveFunction, done: AttachedFunction
    ) -> AttachedFunction:
        version = self._publish_version(service, live, done)
        if move.name is None:
            return replace(done, version=version)
        for attempt in range(1, _ATTEMPTS + 1):
            alias = service.alias(done.name, move.name)
            if alias.version == version:
                break
            if alias.version != move.from_version:
                raise CallError(
                    f"the alias {move.name} of {done.name} was moved to {alias.version} by someone else",
                    failure=Failure.CHANGED,
                    hint="run the same command again: it looks at what is there now",
                )
            try:
                service.move_alias(done.name, move.name, version, revision=alias.revision)
            except CallError as error:
                if error.failure not in {Failure.CHANGED, Failure.CONFLICT} or attempt == _ATTEMPTS:
                    raise
                self.sleep(_FIRST_LOOK * attempt)
        return replace(done, alias=move.name, alias_before=move.from_version, version=version)

    def _publish_version(self, service: LambdaService, live: LiveFunction, done: AttachedFunction) -> str:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return service.publish_version(done.name, revision=live.revision)
            except CallError as error:
                if error.failure not in {Failure.CHANGED, Failure.CONFLICT} or attempt == _ATTEMPTS:
                    raise
                self.sleep(_FIRST_LOOK * attempt)
            live = self._settled(service, done.name)
            if live.layer_arns != done.layers:
                raise CallError(
                    f"the layers of {done.name} were changed by someone else in between",
                    failure=Failure.CHANGED,
                    hint="run the same command again: it looks at what is there now",
                )
        raise AssertionError("unreachable")


def _changed(step: Attach, live: LiveFunction) -> CallError:
    return CallError(
        f"the layers of {step.name} were changed by someone else in between",
        failure=Failure.CHANGED,
        details=[f"now {arn}" for arn in live.layer_arns] or ["now it has none"],
        hint="run the same command again: it looks at what is there now",
    )
