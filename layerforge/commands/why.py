"""`layerforge why`: which requirements bring a distribution in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from layerforge.cache import Cache
from layerforge.commands.options import Options, common_options
from layerforge.commands.pipeline import findings_document, recall_project
from layerforge.errors import EXIT_OK

if TYPE_CHECKING:
    from layerforge.model.finding import Finding
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
    from layerforge.commands.locked import read_locked
    from layerforge.report.why import Locked

    project, _ = recall_project(options, Cache())
    state = read_locked(project)
    locked = Locked(
        functions=project.functions,
        locks=state.locks,
        demands=state.planned.demands,
        plan=state.planned.plan,
    )
    return locked, state.findings
