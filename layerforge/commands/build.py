"""`layerforge build`: from functions to layer zips."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from layerforge.build.unchanged import BuildInputs, recall_build, remember_build
from layerforge.cache import Cache
from layerforge.commands.options import Options, common_options
from layerforge.commands.pipeline import (
    LockedProject,
    Locking,
    findings_document,
    lock_or_relock,
    measure_code,
    plan_layers,
)
from layerforge.errors import EXIT_LIMIT, EXIT_OK
from layerforge.model.artifact import Manifest
from layerforge.model.finding import Finding
from layerforge.model.function import Project

if TYPE_CHECKING:
    from layerforge.project.snapshot import Snapshot


@click.command("build")
@click.option("--locked", is_flag=True, help="Fail with exit 3 rather than change a stale lock.")
@click.option("--offline", is_flag=True, help="Use no network: everything comes from the lock and the cache.")
@click.option(
    "-o", "--output", "output", type=click.Path(file_okay=False, path_type=Path), help="Where the zips go."
)
@common_options
def command(options: Options, *, locked: bool, offline: bool, output: Path | None) -> int:
    """Resolve what is not locked, plan, check the limits, and build what changed."""
    from layerforge.project.snapshot import recall, remember

    cache = Cache()
    snapshot = recall(cache, options.root, options.config)
    if snapshot is not None:
        inputs = _inputs(snapshot, output)
        manifest = recall_build(cache, inputs)
        if manifest is not None:
            _show(options, snapshot.project, manifest, snapshot.project.findings, built=())
            return EXIT_OK
    from layerforge.project.loading import load_project

    project = load_project(options.root, config=options.config)
    snapshot = remember(cache, project, options.config)
    return _build(options, project, snapshot, cache, Locking(locked=locked, offline=offline), output)


def _inputs(snapshot: Snapshot, output: Path | None) -> BuildInputs:
    return BuildInputs(snapshot=snapshot, output=_output(snapshot.project, output))


def _output(project: Project, output: Path | None) -> Path:
    return output.absolute() if output else project.root / project.settings.output


def _build(
    options: Options,
    project: Project,
    snapshot: Snapshot | None,
    cache: Cache,
    locking: Locking,
    output: Path | None,
) -> int:
    from layerforge.build.builder import build_project
    from layerforge.resolve.pip_client import PipClient

    with PipClient(progress=options.output, cache=cache) as client:
        done = lock_or_relock(project, options, client, locking)
        planned = plan_layers(project, done.locks, measure_code(project))
        options.output.findings((*done.findings, *planned.findings))
        if planned.has_errors:
            _refuse(options, (*done.findings, *planned.findings))
            return EXIT_LIMIT
        result = build_project(
            planned.plan,
            done.locks,
            project,
            output=_output(project, output),
            index=client,
            cache=cache,
            progress=options.output,
            offline=locking.offline,
            jobs=options.jobs,
        )
    options.output.findings(result.findings)
    if snapshot is not None:
        remember_build(cache, _inputs(snapshot, output), _local_packages(done))
    findings = (*done.findings, *planned.findings, *result.findings)
    _show(options, project, result.manifest, findings, built=result.built)
    return EXIT_OK


def _refuse(options: Options, findings: tuple[Finding, ...]) -> None:
    options.output.result(
        lambda: {"built": [], "findings": findings_document(findings)},
        lambda: "",
    )
    options.output.note("nothing was built: a limit is exceeded")


def _local_packages(done: LockedProject) -> tuple[str, ...]:
    return tuple(sorted({d.local.path for lock in done.locks for d in lock.distributions if d.local}))


def _show(
    options: Options,
    project: Project,
    manifest: Manifest,
    findings: tuple[Finding, ...],
    *,
    built: tuple[str, ...],
) -> None:
    options.output.result(
        lambda: _document(manifest, findings, built), lambda: _text(options, project, manifest, built)
    )


def _document(manifest: Manifest, findings: tuple[Finding, ...], built: tuple[str, ...]) -> dict[str, Any]:
    import json

    from layerforge.build.manifest import format_manifest

    return {
        **json.loads(format_manifest(manifest)),
        "built": list(built),
        "findings": findings_document(findings),
    }


def _text(options: Options, project: Project, manifest: Manifest, built: tuple[str, ...]) -> str:
    from layerforge.report.tables import format_tables, rows_of_manifest

    tables = format_tables(
        *rows_of_manifest(manifest), limit=project.settings.limits.unzipped, width=options.output.width
    )
    last = f"built {len(built)} zips" if built else "nothing changed, nothing was done"
    return f"{tables}\n\n{last}"
