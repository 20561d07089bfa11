"""`layerforge prune`: layer versions that nobody uses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from layerforge.commands.aws_options import AwsOptions, aws_options, open_account, read_settings
from layerforge.commands.options import Options, common_options
from layerforge.commands.publish import as_one_error
from layerforge.errors import EXIT_AWS, EXIT_OK, ConfigError
from layerforge.model.counts import count
from layerforge.model.sizes import format_size

if TYPE_CHECKING:
    from layerforge.project.config import Config
    from layerforge.publish.client import Account
    from layerforge.publish.execution import StepFailure
    from layerforge.publish.ownership import Ownership
    from layerforge.publish.pruning import HeldVersion
    from layerforge.publish.values import Retire


@click.command("prune")
@click.option("--delete", is_flag=True, help="Delete what could go; without it, only show.")
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many versions of each layer stay, used or not; `keep` of the config, or 5, if not given.",
)
@aws_options
@common_options
def command(options: Options, *, aws: AwsOptions, delete: bool, keep: int | None) -> int:
    """Show layer versions, who uses each, and which could go; with --delete, delete these.

    Every version and alias of every function counts. The last ones of each layer stay.
    """
    from layerforge.publish.pruning import read_versions, retirements

    config, settings = read_settings(options, aws)
    ownership = _ownership(options, config)
    account = open_account(settings, jobs=options.jobs)
    with options.output.task("looking at layers and functions", total=None, unit="items"):
        versions = read_versions(account, ownership, keep=keep or settings.keep, jobs=options.jobs)
    steps = retirements(versions)
    if settings.permissions:
        options.output.note(
            "these layers are shared: functions of other accounts that use them are not seen. "
            "They go on running; only attaching a version that is gone fails"
        )
    gone, failures, skipped = _delete(options, account, steps) if delete else ((), (), 0)
    _show(options, versions, gone, deleted=delete)
    if failures or skipped:
        if not options.output.as_json:
            options.output.error(as_one_error(failures))
        return EXIT_AWS
    return EXIT_OK


def _ownership(options: Options, config: Config) -> Ownership:
    """Whose layers are meant: those of the manifest's project, else of the one that the config names."""
    from layerforge.build.manifest import MANIFEST_FILE, read_manifest
    from layerforge.publish.ownership import Ownership

    path = options.root / config.output / MANIFEST_FILE
    if path.is_file():
        manifest = read_manifest(path)
        return Ownership(project=manifest.project, names=frozenset(layer.name for layer in manifest.layers))
    if config.name is None:
        raise ConfigError(
            "nothing says whose layers are meant",
            where=config.path or str(Path("layerforge.toml")),
            hint='set name = "..." there, or run `layerforge build` first',
        )
    return Ownership(project=config.name)


def _delete(
    options: Options, account: Account, steps: Sequence[Retire]
) -> tuple[tuple[Retire, ...], tuple[StepFailure, ...], int]:
    from layerforge.model.publishing import StorageSettings
    from layerforge.publish.execution import Execution

    execution = Execution(
        account=account,
        folder=options.root,
        storage=StorageSettings(),
        progress=options.output,
        jobs=options.jobs,
    )
    return execution.retire(steps)


def _show(
    options: Options, versions: Sequence[HeldVersion], gone: Sequence[Retire], *, deleted: bool
) -> None:
    from layerforge.report.publishing import format_versions, versions_document

    options.output.result(
        lambda: {
            "versions": versions_document(versions),
            "deleted": [step.arn for step in gone],
            "freed": sum(step.size or 0 for step in gone),
        },
        lambda: "\n\n".join(
            part
            for part in (
                format_versions(versions, width=options.output.width),
                _sum_up(versions, gone, deleted=deleted),
            )
            if part
        ),
    )


def _sum_up(versions: Sequence[HeldVersion], gone: Sequence[Retire], *, deleted: bool) -> str:
    if not versions:
        return "there are no layers of this project"
    if deleted:
        freed = format_size(sum(step.size or 0 for step in gone))
        return f"deleted {count(gone, 'version')}, {freed} freed"
    going = [one for one in versions if one.goes]
    if not going:
        return f"{count(versions, 'version')}, all used or among the last: nothing could go"
    freed = format_size(sum(one.size or 0 for one in going))
    return f"{len(going)} of {count(versions, 'version')} could go, {freed}: run it with --delete"
