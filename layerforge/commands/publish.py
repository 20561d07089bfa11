"""`layerforge publish`: what was built becomes layer versions, and functions take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from layerforge.commands.aws_options import AwsOptions, aws_options, open_account, read_settings
from layerforge.commands.options import Options, common_options
from layerforge.commands.pipeline import findings_document
from layerforge.errors import EXIT_AWS, EXIT_LIMIT, EXIT_OK, AwsError
from layerforge.model.finding import Finding, Severity

if TYPE_CHECKING:
    from layerforge.model.publishing import PublishSettings
    from layerforge.project.config import Config
    from layerforge.publish.client import Account
    from layerforge.publish.execution import Execution, Outcome, StepFailure
    from layerforge.publish.values import LiveRegion, PublishPlan, Wanted

_SHOWN_FAILURES = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What the command line asks for beside the common options and those of AWS."""

    dry_run: bool
    attach: bool
    stack: str | None
    tags: tuple[str, ...]
    alias: str | None
    rollback: bool
    rollback_on_failure: bool
    retire: bool
    folder: Path | None


@click.command("publish")
@click.option("--dry-run", is_flag=True, help="Look, check and show the plan; change nothing.")
@click.option("--attach", is_flag=True, help="Give the layers to the functions that [publish.attach] finds.")
@click.option("--stack", metavar="NAME", help="With --attach: functions of this CloudFormation stack.")
@click.option(
    "--tag", "tags", multiple=True, metavar="KEY=VALUE", help="With --attach: functions with this tag."
)
@click.option(
    "--alias", metavar="NAME", help="With --attach: publish a version of each function, and move this alias."
)
@click.option(
    "--rollback-on-failure",
    is_flag=True,
    help="With --attach: if a function cannot take its layers, put back those that did.",
)
@click.option(
    "--rollback", is_flag=True, help="Publish nothing: put back the layers that functions had before."
)
@click.option("--retire", is_flag=True, help="Then delete versions that nobody uses, as `prune --delete`.")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where `layerforge build` put the zips, if it was told so too.",
)
@aws_options
@common_options
def command(options: Options, *, aws: AwsOptions, **asked: Any) -> int:
    """Publish the layers that changed, to all regions.

    Checks everything first, and sends nothing if the deploy cannot work (exit 5). What AWS has already,
    byte for byte, is taken as it is. Run again after a failure, it does the rest.
    """
    return _publish(options, aws, _checked(Asked(**asked)))


def _checked(asked: Asked) -> Asked:
    alone = {"--alias": bool(asked.alias), "--rollback-on-failure": asked.rollback_on_failure}
    either = {"--stack": bool(asked.stack), "--tag": bool(asked.tags)}
    for option, given in alone.items():
        if given and not asked.attach:
            raise click.UsageError(f"{option} goes with --attach.")
    for option, given in either.items():
        if given and not (asked.attach or asked.rollback):
            raise click.UsageError(f"{option} goes with --attach or --rollback.")
    if asked.rollback and (asked.attach or asked.retire):
        raise click.UsageError("--rollback goes without --attach and --retire.")
    if asked.stack and asked.tags:
        raise click.UsageError("--stack and --tag exclude each other.")
    return asked


def _publish(options: Options, aws: AwsOptions, asked: Asked) -> int:
    from layerforge.publish.wanted import make_wanted
    from layerforge.verify.built import read_built

    config, settings = read_settings(options, aws)
    settings = _with_attach(settings, asked)
    folder = asked.folder.absolute() if asked.folder else options.root / config.output
    manifest = read_built(folder)
    wanted = make_wanted(
        manifest, settings, folder=folder, layer_sizes=_layer_sizes(config), jobs=options.jobs
    )
    account = open_account(settings, jobs=options.jobs)
    execution = _execution(options, account, folder, settings, asked)
    if asked.rollback:
        return _roll_back(options, execution, settings, wanted, asked)
    live = _read(options, account, settings, wanted, asked)
    plan, findings = _plan(wanted, live, settings, config)
    options.output.findings(findings)
    if any(finding.severity is Severity.ERROR for finding in findings):
        _show_plan(options, plan, findings, text=False)
        options.output.note("nothing was published: it could not work")
        return EXIT_LIMIT
    if asked.dry_run:
        _show_plan(options, plan, findings)
        return EXIT_OK
    return _show_outcome(options, execution.run(plan), findings)


def _with_attach(settings: PublishSettings, asked: Asked) -> PublishSettings:
    """[publish.attach] with what the command line says on top."""
    from layerforge.model.publishing import Tag

    attach = settings.attach
    if asked.stack:
        attach = replace(attach, stack=asked.stack, tags=())
    if asked.tags:
        pairs = [tag.partition("=") for tag in asked.tags]
        for key, sign, _ in pairs:
            if not key or not sign:
                raise click.UsageError(f"--tag takes KEY=VALUE, not '{key}'.")
        attach = replace(attach, stack=None, tags=tuple(Tag(key=key, value=value) for key, _, value in pairs))
    if asked.alias:
        attach = replace(attach, alias=asked.alias)
    return replace(settings, attach=attach)


def _layer_sizes(config: Config) -> dict[str, int]:
    sizes = dict(config.layer_sizes)
    for function in config.functions:
        sizes.update(function.layer_sizes)
    return sizes


def _execution(
    options: Options, account: Account, folder: Path, settings: PublishSettings, asked: Asked
) -> Execution:
    from layerforge.publish.execution import Execution

    return Execution(
        account=account,
        folder=folder,
        storage=settings.storage,
        progress=options.output,
        jobs=options.jobs,
        roll_back=asked.rollback_on_failure,
    )


def _read(
    options: Options, account: Account, settings: PublishSettings, wanted: Wanted, asked: Asked
) -> tuple[LiveRegion, ...]:
    from layerforge.publish.live import Reader

    reader = Reader(
        account=account,
        settings=settings,
        wanted=wanted,
        attach=asked.attach or asked.rollback,
        retire=asked.retire,
        jobs=options.jobs,
    )
    with options.output.task("looking at what AWS has", total=None, unit="items"):
        return reader.read()


def _plan(
    wanted: Wanted, live: Sequence[LiveRegion], settings: PublishSettings, config: Config
) -> tuple[PublishPlan, tuple[Finding, ...]]:
    from layerforge.publish.gate import find_gate_problems
    from layerforge.publish.plan import make_publish_plan

    plan = make_publish_plan(wanted, live, settings)
    return plan, find_gate_problems(wanted, live, plan, settings, config.limits)


def _show_plan(
    options: Options, plan: PublishPlan, findings: Sequence[Finding], *, text: bool = True
) -> None:
    from layerforge.report.publishing import format_plan, plan_document

    options.output.result(
        lambda: {"dry_run": True, "plan": plan_document(plan), "findings": findings_document(findings)},
        lambda: format_plan(plan, width=options.output.width) if text else "",
    )


def _show_outcome(options: Options, outcome: Outcome, findings: Sequence[Finding]) -> int:
    from layerforge.report.publishing import format_outcome, outcome_document

    options.output.result(
        lambda: {**outcome_document(outcome), "findings": findings_document(findings)},
        lambda: format_outcome(outcome, width=options.output.width),
    )
    return _end(options, outcome.failures)


def _end(options: Options, failures: Sequence[StepFailure]) -> int:
    """Say what failed, once; under --json it is in the document."""
    if not failures:
        return EXIT_OK
    if not options.output.as_json:
        options.output.error(as_one_error(failures))
    return EXIT_AWS


def as_one_error(failures: Sequence[StepFailure]) -> AwsError:
    """One error for all that failed: a line for each reason, with the steps that it stopped."""
    reasons: dict[str, list[StepFailure]] = {}
    for failure in failures:
        reasons.setdefault(_reason(failure), []).append(failure)
    first = failures[0].error
    if len(reasons) == 1:
        steps = [failure.step for failure in failures]
        return AwsError(first.headline, details=[*first.details, *_some(steps)], hint=first.hint)
    lines = [
        f"{', '.join(_some([one.step for one in found]))}: {found[0].error.headline}"
        for found in reasons.values()
    ]
    return AwsError(f"{len(failures)} steps failed", details=_some(lines), hint=first.hint)


def _reason(failure: StepFailure) -> str:
    """What failures have in common: where AWS refuses what is asked its words, else what to do about it."""
    error = failure.error
    of_its_own = error.failure.value in {"refused", "conflict", "changed", "not-found"} or error.hint is None
    return error.headline if of_its_own else f"{error.failure.value} {error.hint}"


def _some(lines: Sequence[str]) -> list[str]:
    rest = len(lines) - _SHOWN_FAILURES
    return [*lines[:_SHOWN_FAILURES], *([f"and {rest} more"] if rest > 0 else [])]


def _roll_back(
    options: Options, execution: Execution, settings: PublishSettings, wanted: Wanted, asked: Asked
) -> int:
    from layerforge.publish.rollback import read_rollbacks
    from layerforge.report.publishing import format_rollbacks, functions_document

    only_functions = replace(wanted, layers=())
    live = _read(options, execution.account, settings, only_functions, asked)
    steps = read_rollbacks(execution.account, live, jobs=options.jobs)
    if asked.dry_run or not steps:
        options.output.result(
            lambda: {"dry_run": asked.dry_run, "restored": functions_document(step.undone for step in steps)},
            lambda: (
                format_rollbacks(steps, width=options.output.width)
                or "no function remembers other layers: nothing to put back"
            ),
        )
        return EXIT_OK
    restored, failures = execution.roll_back_to(steps)
    options.output.result(
        lambda: {
            "dry_run": False,
            "restored": functions_document(step.undone for step in restored),
            "failures": [{"step": one.step, "sentence": one.error.headline} for one in failures],
        },
        lambda: format_rollbacks(restored, width=options.output.width),
    )
    return _end(options, failures)
