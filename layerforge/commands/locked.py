"""A project as its locks have it, for commands that answer even where a lock is stale or code is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from layerforge.commands.pipeline import Planned, measure_code, plan_layers, stale_error
from layerforge.errors import ConfigError
from layerforge.model.finding import Finding, Severity

if TYPE_CHECKING:
    from layerforge.model.function import Project
    from layerforge.model.lock import Lock

_REASONS_SHOWN = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedState:
    """The functions that the locks serve, planned. `unknown_code` names those whose code is not there."""

    project: Project
    locks: tuple[Lock, ...]
    planned: Planned
    unknown_code: frozenset[str]
    findings: tuple[Finding, ...]


def read_locked(project: Project) -> LockedState:
    """Plan what is locked, for the targets that it is locked for; what does not fit is a finding.

    Raises StaleLockError if there is no lock at all.
    """
    from layerforge.resolve.freshness import stale_reasons
    from layerforge.resolve.lockfile import read_locks

    locks = read_locks(project.root)
    if not locks:
        raise stale_error((), missing=True)
    findings = _stale_findings(stale_reasons(project, locks))
    targets = {roots.function: lock.target for lock in locks for roots in lock.functions}
    served = tuple(replace(one, target=targets[one.name]) for one in project.functions if one.name in targets)
    served_project = replace(project, functions=served)
    sizes, missing = _measure_what_is_there(served_project)
    return LockedState(
        project=project,
        locks=locks,
        planned=plan_layers(served_project, locks, sizes),
        unknown_code=frozenset(missing),
        findings=(*findings, *missing.values()),
    )


def _measure_what_is_there(project: Project) -> tuple[dict[str, int], dict[str, Finding]]:
    sizes: dict[str, int] = {}
    missing: dict[str, Finding] = {}
    known: dict[str | None, int | Finding] = {}
    for function in project.functions:
        if function.source not in known:
            try:
                known[function.source] = measure_code(replace(project, functions=(function,)))[function.name]
            except ConfigError as error:
                known[function.source] = _missing_code(function.name, error)
        size = known[function.source]
        if isinstance(size, Finding):
            missing[function.name] = size
        else:
            sizes[function.name] = size
    return sizes, missing


def _missing_code(function: str, error: ConfigError) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        code="missing-code",
        subject=function,
        sentence=f"{error.sentence}: it counts as 0 bytes here",
        where=error.where,
        hint=error.hint,
    )


def _stale_findings(reasons: Sequence[str]) -> tuple[Finding, ...]:
    if not reasons:
        return ()
    return (
        Finding(
            severity=Severity.WARNING,
            code="stale-lock",
            subject="the lock",
            sentence="the lock does not fit the requirements; what is shown is what is locked",
            details=tuple(reasons[:_REASONS_SHOWN]),
            hint="run `layerforge lock`",
        ),
    )
