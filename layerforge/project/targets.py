"""Which target a function has, and what there is to say about it."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field

from layerforge.errors import ConfigError
from layerforge.model.counts import some_of
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import Function
from layerforge.model.requirement import Origin
from layerforge.model.target import ARCHITECTURES, RUNTIMES, Target
from layerforge.project.config import Config, FunctionConfig
from layerforge.project.intrinsics import Unknown
from layerforge.project.template import TemplateFunction

DEFAULT_ARCHITECTURE = "x86_64"


def places(members: Iterable[tuple[str, Origin]]) -> tuple[str, ...]:
    """One line for each function, with its place."""
    return tuple(f"{name} ({origin})" for name, origin in members)


@dataclass(kw_only=True)
class TargetChoice:
    """Chooses targets one function after the other, and collects what stands against it.

    `untold` and `wrong` make an error in the end, the others one remark per reason.
    """

    config: Config
    untold: list[tuple[str, Origin]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    assumed: dict[tuple[str, str, str], list[tuple[str, Origin]]] = field(default_factory=dict)
    conflicting: list[tuple[str, Origin]] = field(default_factory=list)

    def choose(
        self, name: str, own: FunctionConfig, template: TemplateFunction | None, origin: Origin
    ) -> Target | None:
        """Return the target: what the config says of the function, the template, the config's defaults."""
        runtime = own.runtime or self._runtime(name, template, origin)
        architecture = own.architecture or self._architecture(name, template, origin)
        return Target(runtime=runtime, architecture=architecture) if runtime and architecture else None

    def _runtime(self, name: str, template: TemplateFunction | None, origin: Origin) -> str | None:
        said = template.runtime if template else None
        if isinstance(said, str):
            return said
        if self.config.runtime is None:
            self.untold.append((name, origin))
        elif isinstance(said, Unknown):
            self._assume(name, origin, "runtime", said.words, self.config.runtime)
        return self.config.runtime

    def _architecture(self, name: str, template: TemplateFunction | None, origin: Origin) -> str | None:
        said = template.architecture if template else None
        default = self.config.architecture
        if isinstance(said, str):
            if said in ARCHITECTURES:
                return said
            self.wrong.append(
                f"{name} ({origin}): unexpected architecture {said!r} (expected 'x86_64' or 'arm64')"
            )
            return None
        if isinstance(said, Unknown):
            self._assume(name, origin, "architecture", said.words, default or DEFAULT_ARCHITECTURE)
        elif template and default not in {None, DEFAULT_ARCHITECTURE}:
            self.conflicting.append((name, origin))
        return default or DEFAULT_ARCHITECTURE

    def _assume(self, name: str, origin: Origin, key: str, words: str, value: str) -> None:
        self.assumed.setdefault((key, words, value), []).append((name, origin))

    def finish(self) -> list[Finding]:
        """Return the remarks.

        Raises ConfigError if a function has no runtime, or an architecture that does not exist.
        """
        if self.wrong:
            raise ConfigError(
                "the architecture of a function is not one that Lambda has",
                details=self.wrong,
                hint="correct the template, or set architecture under [functions.NAME] in layerforge.toml",
            )
        if self.untold:
            raise ConfigError(
                f"the runtime of {some_of([name for name, _ in self.untold])} cannot be known",
                where=str(self.untold[0][1]),
                details=places(self.untold) if len(self.untold) > 1 else (),
                hint='set runtime = "python3.13" at the top of layerforge.toml, '
                f"or under [functions.{self.untold[0][0]}]",
            )
        return [*self._assumptions(), *self._conflicts()]

    def _assumptions(self) -> list[Finding]:
        return [
            Finding(
                severity=Severity.NOTE,
                code=f"unknown-{key}",
                subject=some_of([name for name, _ in members]),
                sentence=f"the {key} of {some_of([name for name, _ in members])} is not known before "
                f"deployment ({words}): {value} is taken",
                where=str(members[0][1]),
                details=places(members) if len(members) > 1 else (),
                hint=f"set {key} under [functions.{members[0][0]}] in layerforge.toml if that is wrong",
            )
            for (key, words, value), members in self.assumed.items()
        ]

    def _conflicts(self) -> list[Finding]:
        if not self.conflicting:
            return []
        names = some_of([name for name, _ in self.conflicting])
        return [
            Finding(
                severity=Severity.WARNING,
                code="architecture-default",
                subject=names,
                sentence=f"the template gives {names} no Architectures, so Lambda takes x86_64, "
                f"but {self.config.path} says {self.config.architecture}",
                where=str(self.conflicting[0][1]),
                details=places(self.conflicting) if len(self.conflicting) > 1 else (),
                hint=f"write Architectures: [{self.config.architecture}] into Globals of the template",
            )
        ]


def find_runtime_remarks(functions: Iterable[Function], *, today: datetime.date) -> list[Finding]:
    """Warn of runtimes past their deprecation, and tell of those that AWS has not confirmed."""
    members: dict[str, list[tuple[str, Origin]]] = {}
    for function in functions:
        members.setdefault(function.target.runtime, []).append((function.name, function.origin))
    return [
        finding
        for name in sorted(members, key=lambda name: RUNTIMES[name].python)
        if (finding := _remark(name, members[name], today)) is not None
    ]


def _remark(runtime: str, members: list[tuple[str, Origin]], today: datetime.date) -> Finding | None:
    facts = RUNTIMES[runtime]
    if not facts.confirmed:
        return Finding(
            severity=Severity.NOTE,
            code="runtime-unconfirmed",
            subject=runtime,
            sentence=f"AWS has not confirmed what {runtime} runs on: {facts.os} is assumed",
            details=places(members),
        )
    if facts.deprecated is None or facts.deprecated > today:
        return None
    ended = facts.update_blocked is not None and facts.update_blocked <= today
    updates = "cannot be updated since" if ended else "can be updated until"
    blocked = f"; functions on it {updates} {facts.update_blocked}"
    newest = max((r for r in RUNTIMES.values() if r.confirmed), key=lambda r: r.python).name
    return Finding(
        severity=Severity.WARNING,
        code="runtime-deprecated",
        subject=runtime,
        sentence=f"{runtime} is deprecated since {facts.deprecated}{blocked}",
        details=places(members),
        hint=f"move {some_of([name for name, _ in members])} to a later runtime, such as {newest}",
    )
