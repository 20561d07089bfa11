"""`layerforge build`: from functions to layer zips."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from layerforge.build.unchanged import BuildInputs, recall_build, remember_build
from layerforge.cache import Cache, max_cache_size, sha256_of
from layerforge.commands.built_checks import PROBED_FILE, check_built, exit_code, natives_document
from layerforge.commands.options import Options, common_options
from layerforge.commands.pipeline import (
    LockedProject,
    Locking,
    Planned,
    findings_document,
    lock_or_relock,
    measure_code,
    open_client,
    plan_layers,
)
from layerforge.errors import EXIT_LIMIT
from layerforge.model.artifact import Manifest
from layerforge.model.finding import Finding
from layerforge.model.function import Project
from layerforge.model.sizes import format_size

if TYPE_CHECKING:
    from layerforge.build.fetch import Wanted
    from layerforge.containers.opening import LazyEngine
    from layerforge.project.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """What the command shows: `built` names the zips that were not there before."""

    manifest: Manifest
    findings: tuple[Finding, ...]
    folder: Path
    built: tuple[str, ...] = ()


@click.command("build")
@click.option("--locked", is_flag=True, help="Fail with exit 3 rather than change a stale lock.")
@click.option("--replan", is_flag=True, help="Plan layers afresh rather than keep those that there are.")
@click.option("--offline", is_flag=True, help="Use no network: everything comes from the lock and the cache.")
@click.option(
    "-o",
    "--output",
    "output",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where the zips go; the config's `output`, or .layerforge, if not given.",
)
@common_options
def command(options: Options, *, locked: bool, replan: bool, offline: bool, output: Path | None) -> int:
    """Resolve what is not locked, plan, check the limits, build what changed, and look into it.

    Exit 5 if a limit is exceeded, 8 if native code of what was built cannot load.
    """
    from layerforge.project.snapshot import recall, remember

    if locked and replan:
        raise click.UsageError("--locked and --replan exclude each other.")
    cache = Cache()
    snapshot = recall(cache, options.root, options.config)
    if snapshot is not None and not replan:
        inputs = _inputs(snapshot, output)
        last = recall_build(cache, inputs)
        if last is not None:
            options.output.findings(last.findings)
            done = Done(manifest=last.manifest, findings=last.findings, folder=inputs.output)
            return _show(options, snapshot.project, cache, done)
    from layerforge.project.loading import load_project

    project = load_project(options.root, config=options.config)
    snapshot = remember(cache, project, options.config)
    locking = Locking(locked=locked, offline=offline)
    return _build(options, project, snapshot, cache, locking, output, replan=replan)


def _inputs(snapshot: Snapshot, output: Path | None) -> BuildInputs:
    return BuildInputs(
        snapshot=snapshot,
        output=_output(snapshot.project, output),
        settings=_surroundings(snapshot.project),
    )


def _surroundings(project: Project) -> tuple[str, ...]:
    """What else decides what a build writes and tells: compilers, what is imported, what was probed."""
    mode = project.settings.bytecode
    file = project.root / PROBED_FILE
    probed = sha256_of(file) if file.is_file() else ""
    if mode == "off" and not project.settings.container.strip:
        return (mode, probed)
    from layerforge.build.precompiling import interpreters_at_hand
    from layerforge.project.used_modules import USED_FILE

    engine = ""
    if project.settings.builder != "wheels":
        from layerforge.containers.discovery import engine_fingerprint

        engine = engine_fingerprint(os.environ)
    used = project.root / USED_FILE
    listed = sha256_of(used) if mode == "used" and used.is_file() else ""
    return (mode, probed, engine, listed, *interpreters_at_hand(project, os.environ))


def _output(project: Project, output: Path | None) -> Path:
    return output.absolute() if output else project.root / project.settings.output


def _build(
    options: Options,
    project: Project,
    snapshot: Snapshot | None,
    cache: Cache,
    locking: Locking,
    output: Path | None,
    *,
    replan: bool,
) -> int:
    from layerforge.build.builder import build_project, make_fetcher
    from layerforge.build.inputs import wanted_by_zip
    from layerforge.commands.precompile import precompile
    from layerforge.commands.stripping import strip
    from layerforge.containers.opening import LazyEngine

    max_size = max_cache_size()
    settings = project.settings

    with (
        LazyEngine(options.output) as engine,
        open_client(project, options, cache) as client,
    ):
        if settings.builder == "container":
            engine.get()
        # First what is quick to fail: a folder that is not there.
        code_sizes = measure_code(project)
        done = lock_or_relock(project, options, client, locking)
        fetcher = make_fetcher(
            project,
            index=client,
            cache=cache,
            progress=options.output,
            offline=locking.offline,
            jobs=options.jobs,
            source_context=_source_context(project, engine, options),
        )
        slimmed = strip(project, done.locks, fetcher, engine.get)
        locks, remarks = slimmed.stripped.locks, (*done.remarks, *slimmed.findings)
        planned = plan_layers(project, locks, code_sizes, replan=replan, progress=options.output)
        if planned.has_errors:
            options.output.findings((*remarks, *planned.findings))
            _refuse(options, (*done.findings, *slimmed.findings, *planned.findings))
            return EXIT_LIMIT
        compiled = precompile(project, locks, planned, code_sizes, fetcher, engine.get)
        options.output.findings((*remarks, *compiled.findings))
        if compiled.planned.has_errors:
            _refuse(options, (*done.findings, *slimmed.findings, *compiled.findings))
            return EXIT_LIMIT
        result = build_project(
            compiled.planned.plan,
            compiled.locks,
            project,
            output=_output(project, output),
            fetcher=fetcher,
            packs=slimmed.stripped.packs(
                wanted_by_zip(compiled.planned.plan, compiled.locks), compiled.packs
            ),
        )
    kept = _record(project, compiled.planned, locking)
    folder = _output(project, output)
    judged = check_built(options, project, cache, folder=folder, manifest=result.manifest)
    options.output.findings((*judged.findings, *kept))
    findings = (*done.findings, *slimmed.findings, *compiled.findings, *judged.findings, *kept)
    if snapshot is not None:
        packages = _local_packages(done)
        remember_build(cache, _inputs(snapshot, output), local_packages=packages, findings=findings)
    if result.built and (freed := cache.prune(max_size)):
        options.output.detail(f"took {format_size(freed)} from the cache that were not used for longest")
    return _show(
        options,
        project,
        cache,
        Done(manifest=result.manifest, findings=findings, folder=folder, built=result.built),
    )


def _record(project: Project, planned: Planned, locking: Locking) -> tuple[Finding, ...]:
    """Write the plan down; where nothing may be changed, say if it is not what is written."""
    from layerforge.commands.planning import find_unrecorded, record

    if locking.locked:
        return find_unrecorded(project, planned)
    record(project, planned)
    return ()


def _source_context(
    project: Project, engine: LazyEngine, options: Options
) -> Callable[[Wanted], str | None] | None:
    """What a container would build a source in now; None where no containers are used."""
    settings = project.settings
    if settings.builder == "wheels":
        return None
    from layerforge.project.recipe_files import read_recipes
    from layerforge.resolve.compile.compiler import known_context
    from layerforge.resolve.compile.instructions import make_instructions
    from layerforge.resolve.compile.workshop import Workshop

    workshop = Workshop(settings.container, progress=options.output, open_engine=lambda _: engine.get())
    recipes = read_recipes(project.root, settings.container.recipes)
    instructions = make_instructions(settings.container, recipes)
    return lambda wanted: known_context(
        workshop, instructions, target=wanted.target, name=wanted.distribution.name
    )


def _refuse(options: Options, findings: tuple[Finding, ...]) -> None:
    options.output.result(
        lambda: {"built": [], "findings": findings_document(findings)},
        lambda: "",
    )
    options.output.note("nothing was built: a limit is exceeded")


def _local_packages(done: LockedProject) -> tuple[str, ...]:
    return tuple(sorted({d.local.path for lock in done.locks for d in lock.distributions if d.local}))


def _show(options: Options, project: Project, cache: Cache, done: Done) -> int:
    """Show what was built; errors among the findings are of what would fail in Lambda."""
    options.output.result(
        lambda: _document(options, project, cache, done), lambda: _text(options, project, done)
    )
    return exit_code(done.findings)


def _document(options: Options, project: Project, cache: Cache, done: Done) -> dict[str, Any]:
    import json

    from layerforge.build.manifest import format_manifest

    judged = check_built(options, project, cache, folder=done.folder, manifest=done.manifest)
    return {
        **json.loads(format_manifest(done.manifest)),
        "built": list(done.built),
        "native": natives_document(judged.natives),
        "findings": findings_document(done.findings),
    }


def _text(options: Options, project: Project, done: Done) -> str:
    from layerforge.report.summary import summarise_build
    from layerforge.report.tables import format_tables, rows_of_manifest

    limits = {f.name: f.planning.limits.unzipped for f in project.functions if f.planning.limits}
    tables = format_tables(
        *rows_of_manifest(done.manifest, limits),
        limit=project.settings.limits.unzipped,
        width=options.output.width,
    )
    last = summarise_build(done.manifest, done.built, folder=done.folder, directory=Path.cwd())
    return f"{tables}\n\n{last}"
