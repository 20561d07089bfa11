"""`layerforge lock`: pin what every function requires."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

import click

from layerforge.cache import Cache
from layerforge.commands.options import Options, common_options
from layerforge.commands.pipeline import (
    LockedProject,
    Locking,
    findings_document,
    lock_or_relock,
    open_client,
    plan_layers,
    read_project,
)
from layerforge.model.counts import count
from layerforge.model.finding import Finding, Severity
from layerforge.model.previous import PLAN_FILE
from layerforge.report.lock_changes import describe_changes

if TYPE_CHECKING:
    from layerforge.model.function import Project
    from layerforge.model.lock import Lock


@click.command("lock")
@click.option("--locked", is_flag=True, help="Change nothing; exit 3 if the lock is stale.")
@click.option("-U", "--upgrade", is_flag=True, help="Take the newest versions that fit, whatever is pinned.")
@click.option(
    "-P",
    "--upgrade-package",
    "packages",
    multiple=True,
    metavar="NAME",
    help="Upgrade only this distribution.",
)
@click.option("--replan", is_flag=True, help="Plan layers afresh rather than keep those that there are.")
@common_options
def command(
    options: Options, *, locked: bool, upgrade: bool, packages: tuple[str, ...], replan: bool
) -> None:
    """Resolve every function's requirements for its target and write pylock.*.toml.

    Existing pins are kept as long as they fit, and so are layers, in layerforge-plan.toml. The files are
    meant to be committed.
    """
    if locked and (upgrade or packages):
        raise click.UsageError("--locked and --upgrade exclude each other.")
    if locked and replan:
        raise click.UsageError("--locked and --replan exclude each other.")
    from packaging.utils import canonicalize_name

    cache = Cache()
    project = read_project(options, cache)
    locking = Locking(
        locked=locked, upgrade=upgrade, upgrade_packages=frozenset(canonicalize_name(p) for p in packages)
    )
    with open_client(project, options, cache) as client:
        done = lock_or_relock(project, options, client, locking)
    planning = _plan(project, done, options, locked=locked, replan=replan)
    findings = (*done.remarks, *_not_locked(locking.upgrade_packages, done.locks), *planning.findings)
    options.output.findings(findings)
    options.output.result(
        lambda: {
            "locks": [
                {
                    "file": f"pylock.{lock.cohort}.toml",
                    "target": lock.target.name,
                    "functions": [roots.function for roots in lock.functions],
                    "distributions": {d.name: d.version for d in lock.distributions},
                }
                for lock in done.locks
            ],
            "written": [*done.changed, *([PLAN_FILE] if planning.written else [])],
            "findings": findings_document((*project.findings, *findings)),
        },
        lambda: "\n".join([*_summary(done), *planning.summary]),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Planning:
    """What came of the plan: whether its record was `written`, and what there is to say."""

    written: bool = False
    findings: tuple[Finding, ...] = ()
    summary: tuple[str, ...] = ()


def _plan(
    project: Project, done: LockedProject, options: Options, *, locked: bool, replan: bool
) -> _Planning:
    """Record the plan for what is locked: whoever builds it starts from that."""
    from layerforge.commands.planning import find_unrecorded, measure_known_code, record

    planned = plan_layers(
        project, done.locks, measure_known_code(project), replan=replan, progress=options.output
    )
    if locked:
        return _Planning(findings=find_unrecorded(project, planned))
    written = record(project, planned)
    layers = count(planned.plan.layers, "layer")
    line = f"{PLAN_FILE}: {layers}{'' if written else ' (unchanged)'}"
    return _Planning(
        written=written, summary=(line,) if planned.plan.layers and not planned.has_errors else ()
    )


def _not_locked(names: frozenset[str], locks: tuple[Lock, ...]) -> list[Finding]:
    locked = {distribution.name for lock in locks for distribution in lock.distributions}
    return [
        Finding(
            severity=Severity.WARNING,
            code="not-locked",
            subject=name,
            sentence=f"no function needs {name}: there was nothing to upgrade",
            hint=f"did you mean {near[0]}?" if (near := get_close_matches(name, locked, n=1)) else None,
        )
        for name in sorted(names - locked)
    ]


def _summary(done: LockedProject) -> list[str]:
    lines = []
    previous = {lock.cohort: lock for lock in done.previous}
    for lock in done.locks:
        name = f"pylock.{lock.cohort}.toml"
        lines.append(
            f"{name}: {count(lock.distributions, 'distribution')} for {count(lock.functions, 'function')} "
            f"on {lock.target.name}{'' if name in done.changed else ' (unchanged)'}"
        )
        lines += [f"  {change}" for change in describe_changes(previous.get(lock.cohort), lock)]
    return lines
