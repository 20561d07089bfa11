"""`layerforge plan`: which distributions go into which layers, at what cost, and why."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from layerforge.errors import EXIT_LIMIT, EXIT_OK, UsageError
from layerforge.model.planning import EFFORTS

if TYPE_CHECKING:
    from layerforge.model.function import Project
    from layerforge.model.progress import Progress
    from layerforge.plan.alternatives import Explanation
    from layerforge.plan.bound import Bound
    from layerforge.plan.changes import PlanChanges
    from layerforge.plan.costs import Baselines, PlanCost

_LAST = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shown:
    """A plan and whatever else was asked of it."""

    planned: Planned
    cost: PlanCost
    baselines: Baselines
    bound: Bound | None = None
    changes: PlanChanges | None = None
    explanation: Explanation | None = None


@click.command("plan")
@click.option("--locked", is_flag=True, help="Fail with exit 3 rather than change a stale lock.")
@click.option(
    "--explain", metavar="FUNCTION", help="Say why a function takes its layers, and what else it could."
)
@click.option(
    "--diff",
    is_flag=False,
    flag_value=_LAST,
    metavar="[FILE]",
    help="Show what changes against the last build, or a manifest or layerforge-plan.toml.",
)
@click.option("--replan", is_flag=True, help="Plan layers afresh rather than keep those that there are.")
@click.option(
    "--effort",
    type=click.Choice(EFFORTS),
    help="How long to look for a better plan; the config's, if not given.",
)
@click.option(
    "--prove",
    is_flag=True,
    help="Also prove how much cheaper another plan could be at most; needs layerforge[exact].",
)
@click.option(
    "--what-if",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Plan the instance in a JSON file instead of a project; --effort and --prove apply.",
)
@common_options
def command(
    options: Options,
    *,
    locked: bool,
    explain: str | None,
    diff: str | None,
    replan: bool,
    effort: str | None,
    prove: bool,
    what_if: Path | None,
) -> int:
    """Show the layers that `build` would make, what each function carries, and what that costs.

    The plan is shown, not recorded: `lock` and `build` do that.
    """
    if prove:
        _prepare_solver()
    if what_if is not None:
        from layerforge.commands.whatif import plan_what_if

        of_project = {
            "--config": options.config is not None,
            "--locked": locked,
            "--explain": explain is not None,
            "--diff": diff is not None,
            "--replan": replan,
        }
        for option, given in of_project.items():
            if given:
                raise click.UsageError(f"--what-if and {option} exclude each other.")
        return plan_what_if(what_if, options, effort=effort, prove=prove)
    cache = Cache()
    project = read_project(options, cache)
    _check_function(project, explain)
    code_sizes = measure_code(project)
    with open_client(project, options, cache) as client:
        done = lock_or_relock(project, options, client, Locking(locked=locked))
    planned = plan_layers(
        project, done.locks, code_sizes, replan=replan, effort=effort, progress=options.output
    )
    shown = _look(project, planned, explain=explain, diff=diff)
    if prove:
        shown = replace(shown, bound=_prove(project, shown, options.output))
    findings = (*done.findings, *planned.findings)
    options.output.findings((*done.remarks, *planned.findings))
    options.output.result(
        lambda: {**_document(shown), "findings": findings_document(findings)},
        lambda: _text(shown, project, options.output.width),
    )
    return EXIT_LIMIT if planned.has_errors else EXIT_OK


def _check_function(project: Project, name: str | None) -> None:
    names = [function.name for function in project.functions]
    if name is None or name in names:
        return
    close = get_close_matches(name, names, n=1)
    raise UsageError(
        f"there is no function {name!r}",
        hint=f"did you mean {close[0]}?" if close else "`layerforge plan -v` lists them all",
    )


def _look(project: Project, planned: Planned, *, explain: str | None, diff: str | None) -> _Shown:
    from layerforge.plan.costs import price_baselines, price_plan

    settings = project.settings.plan
    infeasible = {one.function for one in planned.plan.functions if one.infeasible}
    served = [demand for demand in planned.demands if demand.function not in infeasible]
    explanation = None
    if explain is not None:
        from layerforge.plan.alternatives import explain as explain_function

        explanation = explain_function(explain, planned.plan, planned.demands, settings)
    return _Shown(
        planned=planned,
        cost=price_plan(planned.plan, planned.demands, settings, planned.previous),
        baselines=price_baselines(served, settings),
        changes=None if diff is None else _compare(project, planned, diff),
        explanation=explanation,
    )


def _prepare_solver() -> None:
    """See to it that there is one, and that it keeps to one core."""
    from layerforge.plan.exact.proving import require_solver

    # BLAS waits busily on every core for products of matrices that are small here: of two proofs side by side
    # on two cores, each took three times as long as alone. It asks once, as numpy is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    require_solver()


def _prove(project: Project, shown: _Shown, progress: Progress) -> Bound:
    from layerforge.plan.bound import bound_plan

    planned = shown.planned
    return bound_plan(planned.plan, planned.demands, project.settings.plan, shown.cost, progress=progress)


def _compare(project: Project, planned: Planned, file: str) -> PlanChanges:
    """Against `file`; or against the last build, or the recorded plan where there is none."""
    from layerforge.commands.planning import read_plan_of
    from layerforge.plan.changes import compare_plans

    previous, versions = read_plan_of(project, Path(file) if file else None)
    return compare_plans(previous, planned.plan, versions)


def _text(shown: _Shown, project: Project, width: int | None) -> str:
    from layerforge.report.plan import format_changes, format_cost, format_explanation
    from layerforge.report.tables import format_tables, rows_of_plan

    if shown.explanation is not None:
        return format_explanation(shown.explanation, width=width)
    cost = format_cost(shown.cost, shown.baselines, shown.bound)
    if shown.changes is not None:
        return f"{format_changes(shown.changes, width=width)}\n{cost}"
    tables = format_tables(
        *rows_of_plan(shown.planned.plan), limit=project.settings.limits.unzipped, width=width
    )
    return f"{tables}\n\n{cost}"


def _document(shown: _Shown) -> dict[str, Any]:
    from layerforge.report.plan import changes_document, cost_document, explanation_document

    return {
        **_plan_document(shown.planned),
        **cost_document(shown.cost, shown.baselines),
        "lower_bound": None if shown.bound is None else shown.bound.lower,
        **({"changes": changes_document(shown.changes)} if shown.changes else {}),
        **({"explanation": explanation_document(shown.explanation)} if shown.explanation else {}),
    }


def _plan_document(planned: Planned) -> dict[str, Any]:
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
