"""`layerforge plan`: which distributions go into which layers."""

from __future__ import annotations

from typing import Any

import click

from layerforge.cache import Cache
from layerforge.commands.options import Options, common_options
from layerforge.commands.pipeline import (
    Locking,
    Planned,
    findings_document,
    lock_or_relock,
    measure_code,
    open_client,
    plan_layers,
    read_project,
)
from layerforge.errors import EXIT_LIMIT, EXIT_OK
from layerforge.model.planning import EFFORTS


@click.command("plan")
@click.option("--locked", is_flag=True, help="Fail with exit 3 rather than change a stale lock.")
@click.option("--replan", is_flag=True, help="Plan layers afresh rather than keep those that there are.")
@click.option(
    "--effort",
    type=click.Choice(EFFORTS),
    help="How long to look for a better plan; the config's, if not given.",
)
@common_options
def command(options: Options, *, locked: bool, replan: bool, effort: str | None) -> int:
    """Show the layers that `build` would make, and what each function carries.

    The plan is shown, not recorded: `lock` and `build` do that.
    """
    from layerforge.report.tables import format_tables, rows_of_plan

    cache = Cache()
    project = read_project(options, cache)
    code_sizes = measure_code(project)
    with open_client(project, options, cache) as client:
        done = lock_or_relock(project, options, client, Locking(locked=locked))
    planned = plan_layers(
        project, done.locks, code_sizes, replan=replan, effort=effort, progress=options.output
    )
    findings = (*done.findings, *planned.findings)
    options.output.findings((*done.remarks, *planned.findings))
    options.output.result(
        lambda: {**_document(planned), "findings": findings_document(findings)},
        lambda: format_tables(
            *rows_of_plan(planned.plan), limit=project.settings.limits.unzipped, width=options.output.width
        ),
    )
    return EXIT_LIMIT if planned.has_errors else EXIT_OK


def _document(planned: Planned) -> dict[str, Any]:
    return {
        "layers": [
            {
                "name": layer.name,
                "targets": [target.name for target in layer.targets],
                "unzipped_size": layer.unzipped_size,
                "distributions": [
                    {"name": item.name, "version": item.version, "unzipped_size": item.unzipped_size}
                    for item in layer.items
                ],
            }
            for layer in planned.plan.layers
        ],
        "functions": {
            f.function: {
                "target": f.target.name,
                "layers": list(f.layers),
                "bundled": [
                    {"name": item.name, "version": item.version, "unzipped_size": item.unzipped_size}
                    for item in f.bundled
                ],
                "code_size": f.code_size,
                "unzipped_size": f.unzipped_size,
                "carried_excess": f.carried_excess,
                "infeasible": f.infeasible,
            }
            for f in planned.plan.functions
        },
    }
