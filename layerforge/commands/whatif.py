"""`layerforge plan --what-if FILE`: a plan for an instance from a file, with no project around it."""

from __future__ import annotations

from pathlib import Path

from layerforge.commands.options import Options
from layerforge.errors import EXIT_OK


def plan_what_if(file: Path, options: Options, *, effort: str | None, prove: bool) -> int:
    """Plan the instance and print the plan. That a function cannot be served is an answer, no failure."""
    from layerforge.plan.solving import Effort
    from layerforge.plan.whatif import plan_instance
    from layerforge.project.instance_file import read_instance
    from layerforge.report.whatif import format_instance_plan, instance_document

    given = read_instance(file)
    plan = plan_instance(given, effort=Effort(effort or Effort.NORMAL), prove=prove, progress=options.output)
    options.output.result(
        lambda: instance_document(plan),
        lambda: format_instance_plan(plan, given, width=options.output.width),
    )
    return EXIT_OK
