"""The functions of a project: what templates, folders and `[functions]` say, put together."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from layerforge.errors import ConfigError
from layerforge.model.counts import some_of
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import ExternalLayer
from layerforge.model.planning import FunctionPlanning
from layerforge.model.requirement import Origin
from layerforge.model.target import RUNTIMES, Target
from layerforge.project.config import Config, FunctionConfig
from layerforge.project.intrinsics import Unknown
from layerforge.project.paths import join_path
from layerforge.project.targets import TargetChoice, places
from layerforge.project.template import LayerUse, TemplateFunction
from layerforge.project.template_tree import LocatedFunction

Reason = Literal["image", "other-runtime", "built-elsewhere", "unsupported-python"]
# Measures a folder or zip (relative to the root) in bytes; None where it is not there.
MeasureLayer = Callable[[str], int | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionDraft:
    """A function before its requirements are read. `manifests` is None where they are still to be found."""

    name: str
    target: Target
    source: str | None
    handler: str | None
    manifests: tuple[str, ...] | None
    extras: tuple[str, ...]
    groups: tuple[str, ...]
    layers: tuple[ExternalLayer, ...]
    planning: FunctionPlanning = FunctionPlanning()
    origin: Origin


@dataclass(frozen=True, kw_only=True, slots=True)
class _Candidate:
    name: str
    origin: Origin
    own: FunctionConfig
    located: LocatedFunction | None = None
    source: str | None = None

    @property
    def template(self) -> TemplateFunction | None:
        return self.located.function if self.located else None


@dataclass(kw_only=True)
class _PassedOver:
    members: dict[tuple[Reason, str], list[tuple[str, Origin]]] = field(default_factory=dict)

    def add(self, reason: Reason, what: str, candidate: _Candidate) -> None:
        self.members.setdefault((reason, what), []).append((candidate.name, candidate.origin))

    def findings(self) -> list[Finding]:
        return [_passed_over(reason, what, members) for (reason, what), members in self.members.items()]


def draft_functions(
    config: Config,
    named: Sequence[tuple[str, LocatedFunction]],
    folders: Sequence[tuple[str, str]],
    *,
    measure_layer: MeasureLayer,
) -> tuple[list[FunctionDraft], list[Finding]]:
    """Put together what is known of each function, sorted by name, and what was passed over and why.

    `named` are the functions of templates, `folders` those that were found as folders. What
    `[functions.NAME]` says wins, key by key, over what a template says of NAME.
    Raises ConfigError if an entry of the config names nothing, or a runtime cannot be known.
    """
    passed_over, choice = _PassedOver(), TargetChoice(config=config)
    findings: list[Finding] = []
    drafts = []
    for candidate in sorted(_candidates(config, named, folders), key=lambda c: c.name):
        if _is_passed_over(candidate, passed_over):
            continue
        target = choice.choose(candidate.name, candidate.own, candidate.template, candidate.origin)
        if target is not None and target.runtime not in RUNTIMES:
            passed_over.add("unsupported-python", target.runtime, candidate)
        elif target is not None:
            layers = _external_layers(candidate, config, measure_layer)
            drafts.append(_draft(candidate, target, layers, findings))
    return drafts, [*passed_over.findings(), *choice.finish(), *findings]


def _candidates(
    config: Config, named: Sequence[tuple[str, LocatedFunction]], folders: Sequence[tuple[str, str]]
) -> list[_Candidate]:
    entries = {entry.name: entry for entry in config.functions}
    candidates = [
        _Candidate(
            name=name,
            origin=located.function.origin,
            own=entries.pop(name, FunctionConfig(name=name)),
            located=located,
        )
        for name, located in named
    ]
    candidates += [
        _Candidate(name=name, origin=Origin(path=folder), own=FunctionConfig(name=name), source=folder)
        for name, folder in folders
    ]
    for entry in entries.values():
        _check_entry(entry, config, named)
        origin = Origin(path=config.path or "", line=entry.line)
        candidates.append(_Candidate(name=entry.name, origin=origin, own=entry))
    _check_case(candidates)
    return candidates


def _check_entry(entry: FunctionConfig, config: Config, named: Sequence[tuple[str, LocatedFunction]]) -> None:
    """Refuse an entry that stands for nothing: most often the name of a template's function, misspelt."""
    if entry.source is not None or entry.requirements is not None:
        return
    same = sorted(name for name, located in named if located.function.logical_id == entry.name)
    if same:
        raise ConfigError(
            f"several templates have a function {entry.name}",
            where=f"{config.path}: functions.{entry.name}",
            hint=f"say which one: {some_of(same)}",
        )
    names = {name.lower(): name for name, _ in named}
    close = difflib.get_close_matches(entry.name.lower(), names, n=1)
    raise ConfigError(
        "no template has a function of this name, and neither source nor requirements is given",
        where=f"{config.path}: functions.{entry.name}",
        hint=f"did you mean {names[close[0]]}?"
        if close
        else 'say where its code lies: source = "functions/orders"',
    )


def _check_case(candidates: Iterable[_Candidate]) -> None:
    """Refuse names that differ in case alone: they name files, which not every disk tells apart."""
    seen: dict[str, _Candidate] = {}
    for candidate in candidates:
        other = seen.setdefault(candidate.name.lower(), candidate)
        if other is not candidate:
            raise ConfigError(
                f"the functions {candidate.name} and {other.name} ({other.origin}) differ in case alone",
                where=str(candidate.origin),
                hint="rename one of them",
            )


def _is_passed_over(candidate: _Candidate, passed_over: _PassedOver) -> bool:
    template, own = candidate.template, candidate.own
    if template is None:
        return False
    runtime = template.runtime
    if template.is_image:
        passed_over.add("image", "", candidate)
    elif own.runtime is None and isinstance(runtime, str) and not runtime.startswith("python"):
        passed_over.add("other-runtime", runtime, candidate)
    elif template.is_built_elsewhere and own.requirements is None and own.source is None:
        passed_over.add("built-elsewhere", "", candidate)
    else:
        return False
    return True


def _passed_over(reason: Reason, what: str, members: list[tuple[str, Origin]]) -> Finding:
    names = some_of([name for name, _ in members])
    are = "is" if len(members) == 1 else "are"
    sentences = {
        "image": f"{names} {are} passed over: container images take no layers",
        "other-runtime": f"{names} {are} passed over: {what} is not a Python runtime",
        "built-elsewhere": f"{names} {are} passed over: SkipBuild says that the code is built elsewhere",
        "unsupported-python": f"{names} {are} passed over: {what} is not a runtime that layers are built for",
    }
    unsupported = reason == "unsupported-python"
    return Finding(
        severity=Severity.WARNING if unsupported else Severity.NOTE,
        code="unsupported-runtime" if unsupported else "passed-over",
        subject=names,
        sentence=sentences[reason],
        where=str(members[0][1]),
        details=places(members) if len(members) > 1 else (),
        hint=f"supported are {', '.join(RUNTIMES)}" if unsupported else None,
    )


def _draft(
    candidate: _Candidate, target: Target, layers: tuple[ExternalLayer, ...], findings: list[Finding]
) -> FunctionDraft:
    own, template = candidate.own, candidate.template
    return FunctionDraft(
        name=candidate.name,
        target=target,
        source=_source(candidate, findings),
        handler=own.handler or (template.handler if template else None),
        manifests=own.requirements,
        extras=own.extras,
        groups=own.groups,
        layers=layers,
        planning=own.planning,
        origin=candidate.origin,
    )


def _source(candidate: _Candidate, findings: list[Finding]) -> str | None:
    if candidate.own.source is not None:
        return join_path("", candidate.own.source)
    said = candidate.template.source if candidate.template else candidate.source
    if not isinstance(said, Unknown):
        return said
    findings.append(
        Finding(
            severity=Severity.WARNING,
            code="unknown-code",
            subject=candidate.name,
            sentence=f"the code of {candidate.name} is not known before deployment ({said.words}): "
            "it counts as 0 bytes, and no requirements are looked for",
            where=str(candidate.origin),
            hint=f"set source under [functions.{candidate.name}] in layerforge.toml",
        )
    )
    return None


def _external_layers(
    candidate: _Candidate, config: Config, measure_layer: MeasureLayer
) -> tuple[ExternalLayer, ...]:
    template, located = candidate.template, candidate.located
    uses = template.layers if template else ()
    if candidate.own.layers is not None:
        uses = tuple(LayerUse(words=arn) for arn in dict.fromkeys(candidate.own.layers))
    sizes = {**config.layer_sizes, **candidate.own.layer_sizes}
    contents = {layer.logical_id: layer for layer in located.template.layers} if located else {}

    def size(use: LayerUse) -> int | None:
        told = _told_size(use, sizes)
        layer = contents.get(use.resource or "")
        # What has yet to be built has no size that its folder could tell.
        if told is not None or layer is None or layer.content is None or layer.is_built:
            return told
        return measure_layer(layer.content)

    return tuple(ExternalLayer(arn=use.words, unzipped_size=size(use)) for use in uses)


def _told_size(use: LayerUse, sizes: Mapping[str, int]) -> int | None:
    """Look a size up by ARN, by ARN without version, by the template's words and by the logical id."""
    arn, _, version = use.words.rpartition(":")
    keys = (use.words, arn if version.isdecimal() else use.words, use.resource or use.words)
    return next((sizes[key] for key in keys if key in sizes), None)
