"""`layerforge why`: which requirements bring a distribution in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from layerforge.cache import Cache
from layerforge.commands.options import Options, common_options
from layerforge.commands.pipeline import findings_document, measure_code, plan_layers, recall_project
from layerforge.errors import EXIT_OK, ConfigError
from layerforge.model.finding import Finding, Severity

if TYPE_CHECKING:
    from layerforge.model.function import Project
    from layerforge.model.lock import Lock
    from layerforge.report.why import Locked, Reason

_SHOWN_CHAINS = 10
_ALL_CHAINS = 1000


@click.command("why")
@click.argument("names", nargs=-1, metavar="[FUNCTION] DISTRIBUTION")
@common_options
def command(options: Options, *, names: tuple[str, ...]) -> int:
    """Show which requirements bring a distribution in, with file and line.

    For one function: all chains of dependencies. Without a function: who needs it, and through what.
    Reads the lock; needs no network.
    """
    from layerforge.report.why import explain, find_distribution, find_function
    from layerforge.report.why_text import format_overview, format_reason, reasons_document

    if not 1 <= len(names) <= 2:
        raise click.UsageError("Name a distribution, or a function and a distribution.")
    locked, findings = _read(options)
    options.output.findings(findings)
    function = find_function(locked, names[0], distribution=names[1]) if len(names) == 2 else None
    name = find_distribution(locked, names[-1])
    every = locked.served().keys()

    def document(reasons: tuple[Reason, ...], **further: Any) -> dict[str, Any]:
        return {**reasons_document(name, reasons), **further, "findings": findings_document(findings)}

    if function is None:
        reasons = explain(locked, name, functions=every, limit=1, count=False)
        options.output.result(
            lambda: document(reasons),
            lambda: format_overview(name, reasons, locked, width=options.output.width),
        )
        return EXIT_OK
    limit = _ALL_CHAINS if options.output.verbosity > 0 or options.output.as_json else _SHOWN_CHAINS
    (reason,) = explain(locked, name, functions=[function], limit=limit)
    others = explain(locked, name, functions=every - {function}, limit=1, count=False)
    options.output.result(
        lambda: document((reason,), also_needed_by=[other.function for other in others if other.needed]),
        lambda: format_reason(name, reason, others, locked, width=options.output.width),
    )
    return EXIT_OK


def _read(options: Options) -> tuple[Locked, tuple[Finding, ...]]:
    """What is locked, even if it does not fit the requirements any more: that is said beside."""
    from layerforge.commands.pipeline import stale_error
    from layerforge.report.why import Locked
    from layerforge.resolve.freshness import stale_reasons
    from layerforge.resolve.lockfile import read_locks

    project, _ = recall_project(options, Cache())
    locks = read_locks(project.root)
    if not locks:
        raise stale_error((), missing=True)
    findings = _stale_findings(stale_reasons(project, locks))
    locked = Locked(functions=project.functions, locks=locks)
    try:
        planned = _plan(project, locks, locked)
    except ConfigError as error:
        findings += (_no_plan(error),)
    else:
        locked = planned
    return locked, findings


def _plan(project: Project, locks: tuple[Lock, ...], locked: Locked) -> Locked:
    served = locked.served()
    functions = tuple(
        one for one in project.functions if one.name in served and served[one.name][0].target == one.target
    )
    part = replace(project, functions=functions)
    planned = plan_layers(part, locks, measure_code(part))
    return replace(locked, demands=planned.demands, plan=planned.plan)


def _stale_findings(reasons: tuple[str, ...]) -> tuple[Finding, ...]:
    if not reasons:
        return ()
    return (
        Finding(
            severity=Severity.WARNING,
            code="stale-lock",
            subject="the lock",
            sentence="the lock does not fit the requirements; what is shown is what is locked",
            details=reasons[:3],
            hint="run `layerforge lock`",
        ),
    )


def _no_plan(error: ConfigError) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        code="no-plan",
        subject="the plan",
        sentence=f"which layers hold it is not known: {error.sentence}",
        where=error.where,
        hint=error.hint,
    )
