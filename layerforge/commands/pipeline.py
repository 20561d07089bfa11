"""The stages as the commands call them, one after the other, each result handed to the next."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from layerforge.cache import Cache
from layerforge.commands.options import Options
from layerforge.errors import StaleLockError
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import Project, ProjectSettings

if TYPE_CHECKING:
    from layerforge.model.lock import Lock
    from layerforge.model.plan import Demand, LayerPlan
    from layerforge.model.previous import PreviousPlan
    from layerforge.model.progress import Progress
    from layerforge.project.snapshot import Snapshot
    from layerforge.resolve.index import Engine
    from layerforge.resolve.pip_client import PipClient

_REASONS_SHOWN = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Locking:
    """How `lock`, `plan` and `build` may treat the lock."""

    locked: bool = False
    upgrade: bool = False
    upgrade_packages: frozenset[str] = frozenset()
    offline: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedProject:
    """A project with locks that fit it.

    `changed` names the lock files that are not what they were, `previous` holds what they were.
    `remarks` is what the resolution found; what was found of the project has been shown by then.
    """

    project: Project
    locks: tuple[Lock, ...]
    remarks: tuple[Finding, ...] = ()
    changed: tuple[str, ...] = ()
    previous: tuple[Lock, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All of them."""
        return (*self.project.findings, *self.remarks)


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A plan, what it was made for, and what the limits say of it.

    `previous` is the plan that it started from, `record` what there is to remember of it.
    """

    demands: tuple[Demand, ...]
    plan: LayerPlan
    findings: tuple[Finding, ...]
    record: PreviousPlan
    previous: PreviousPlan | None = None

    @property
    def has_errors(self) -> bool:
        """Whether a limit is exceeded."""
        return any(finding.severity is Severity.ERROR for finding in self.findings)


def read_project(options: Options, cache: Cache) -> Project:
    """Read the project anew and remember it for `check`."""
    from layerforge.project.loading import load_project
    from layerforge.project.snapshot import remember

    project = load_project(options.root, config=options.config)
    remember(cache, project, options.config)
    return project


def load_without_secrets(options: Options) -> Project:
    """Read the project on a machine that need not know the index's credentials."""
    from functools import partial

    from layerforge.project.loading import load_project
    from layerforge.project.requirements import read_requirements

    read = partial(read_requirements, keep_unset=True)
    return load_project(options.root, config=options.config, read_requirements=read)


def recall_project(options: Options, cache: Cache) -> tuple[Project, Snapshot | None]:
    """The project as it was last read if nothing changed since, else read anew: without its secrets.

    The snapshot is None where the project cannot be remembered.
    """
    from layerforge.project.snapshot import recall, remember

    snapshot = recall(cache, options.root, options.config)
    if snapshot is not None:
        return snapshot.project, snapshot
    project = load_without_secrets(options)
    return project, remember(cache, project, options.config)


def open_client(project: Project, options: Options, cache: Cache) -> PipClient:
    """Start what asks package indexes and builds sources, as the project's config wants it."""
    from layerforge.resolve.pip_client import PipClient

    settings = project.settings
    return PipClient(
        progress=options.output, cache=cache, builder=settings.builder, container=settings.container
    )


def lock_or_relock(project: Project, options: Options, client: PipClient, locking: Locking) -> LockedProject:
    """Return locks that fit the project: the ones there are, or new ones, written.

    What was found of the project is shown first, so that one can stop when it is not what was meant.
    Raises StaleLockError under --locked and --offline if the ones there are do not fit.
    """
    from layerforge.resolve.freshness import stale_reasons
    from layerforge.resolve.lock_files import lock_paths
    from layerforge.resolve.lockfile import read_locks, write_locks
    from layerforge.resolve.locking import lock_project

    options.output.findings(project.findings)
    previous = read_locks(project.root)
    reasons = stale_reasons(project, previous)
    if not reasons and not locking.upgrade and not locking.upgrade_packages:
        return LockedProject(project=project, locks=previous, previous=previous)
    if locking.locked or locking.offline:
        raise stale_error(reasons, missing=not previous)
    for reason in reasons[:_REASONS_SHOWN] if previous else ():
        options.output.detail(f"locking again: {reason}")
    result = lock_project(
        project,
        previous=previous,
        engine=_engine(project, client),
        index=client,
        progress=options.output,
        upgrade=locking.upgrade,
        upgrade_packages=locking.upgrade_packages,
    )
    before = {path: path.read_bytes() for path in lock_paths(project.root)}
    written = write_locks(project.root, result.locks)
    return LockedProject(
        project=project,
        locks=result.locks,
        remarks=result.findings,
        changed=tuple(path.name for path in written if path.read_bytes() != before.get(path)),
        previous=previous,
    )


def _engine(project: Project, client: PipClient) -> Engine:
    if project.settings.resolver == "uv":
        from layerforge.resolve.uv_engine import UvEngine

        return UvEngine()
    return client


def stale_error(reasons: Sequence[str], *, missing: bool) -> StaleLockError:
    """Make the error for a lock that does not fit and may not be changed."""
    hint = "run `layerforge lock` and commit the pylock.*.toml files"
    if missing:
        return StaleLockError("there is no lock yet", hint=hint)
    more = len(reasons) - _REASONS_SHOWN
    details = [*reasons[:_REASONS_SHOWN], *([f"and {more} more"] if more > 0 else [])]
    return StaleLockError("the lock does not fit the requirements", details=details, hint=hint)


def measure_code(project: Project) -> dict[str, int]:
    """Measure each function's own code, in bytes; functions that share a folder share the work."""
    from layerforge.project.sources import measure_code as measure

    sizes: dict[str | None, int] = {None: 0}
    for function in project.functions:
        if function.source not in sizes and function.source is not None:
            sizes[function.source] = measure(project.root, function.source, where=str(function.origin))
    return {function.name: sizes[function.source] for function in project.functions}


def plan_layers(
    project: Project,
    locks: Sequence[Lock],
    code_sizes: dict[str, int],
    *,
    replan: bool = False,
    start: PreviousPlan | None = None,
    effort: str | None = None,
    progress: Progress | None = None,
) -> Planned:
    """Plan the layers and hold the plan against the limits.

    The plan starts from `start`, or from the one that is recorded, or afresh under `replan`. `effort`
    goes before the config's, and makes for a search where the plan could be kept.
    Raises ConfigError where the config asks for what cannot be.
    """
    from layerforge.check.limits import find_limit_problems
    from layerforge.commands.planning import layer_prefix, read_previous_plan
    from layerforge.plan.demands import make_demands
    from layerforge.plan.keeping import record_plan
    from layerforge.plan.planner import make_layer_plan

    settings = project.settings
    previous = start or read_previous_plan(project)
    prefix = layer_prefix(project, previous)
    demands = make_demands(
        project.functions,
        locks,
        code_sizes=code_sizes,
        runtime_provided=settings.runtime_provided,
        share_across=_share_across(settings),
        limits=settings.limits,
        plan=settings.plan,
    )
    asked = settings.plan if effort is None else replace(settings.plan, effort=effort)
    with progress.task("planning layers", total=None, unit="items") if progress else nullcontext():
        plan = make_layer_plan(
            demands,
            prefix=prefix,
            settings=asked,
            previous=None if replan else previous,
            search=effort is not None,
        )
    return Planned(
        demands=demands,
        plan=plan,
        findings=find_limit_problems(
            plan, demands, locks, project.functions, layer_limit=settings.limits.layer
        ),
        record=record_plan(plan, demands, settings.plan, prefix=prefix),
        previous=previous,
    )


def _share_across(settings: ProjectSettings) -> str:
    """Bytecode that counts from the start is of one runtime, and so is what a layer then holds."""
    asked = settings.plan.share_across
    return "architectures" if asked == "targets" and settings.bytecode in ("on", "used") else asked


def findings_document(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Put findings as --json shows them."""
    from layerforge.model.url import redact

    return [
        {
            "severity": finding.severity.value,
            "code": finding.code,
            "subject": finding.subject,
            "sentence": redact(finding.sentence),
            "where": finding.where,
            "details": [redact(line) for line in finding.details],
            "hint": finding.hint,
        }
        for finding in findings
    ]
