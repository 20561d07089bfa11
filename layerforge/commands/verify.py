"""`layerforge verify`: prove that what was built imports, starts and answers in an image like Lambda's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from layerforge.commands.options import Options, common_options
from layerforge.commands.pipeline import findings_document, load_without_secrets
from layerforge.errors import EXIT_OK, EXIT_VERIFICATION
from layerforge.model.counts import count
from layerforge.model.finding import Finding

if TYPE_CHECKING:
    from layerforge.model.artifact import Manifest
    from layerforge.model.function import Project
    from layerforge.verify.task import VerifySettings
    from layerforge.verify.values import FunctionCheck, FunctionReport

_MOST_MEMORY = 10240
_DEFAULT_MEMORY = 2048
_DEFAULT_TIMEOUT = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What the command line asks for beside the common options."""

    functions: tuple[str, ...]
    invoke: Path | None
    record: bool
    env: tuple[str, ...]
    env_file: Path | None
    memory: int
    timeout: int
    folder: Path | None


@click.command("verify")
@click.argument("functions", nargs=-1, metavar="[FUNCTION]...")
@click.option(
    "--invoke",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="EVENT",
    help="A JSON file: invoke the handlers with it, through the Runtime Interface Emulator.",
)
@click.option(
    "--record",
    is_flag=True,
    help='Write the imported modules to layerforge-used.toml, for bytecode = "used".',
)
@click.option(
    "--env",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="A variable of the functions; its value is never shown.",
)
@click.option(
    "--env-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Lines of NAME=VALUE.",
)
@click.option(
    "--memory",
    type=click.IntRange(128, _MOST_MEMORY),
    default=_DEFAULT_MEMORY,
    metavar="MB",
    help=f"What each function may use ({_DEFAULT_MEMORY} if not given).",
)
@click.option(
    "--timeout",
    type=click.IntRange(1, 900),
    default=_DEFAULT_TIMEOUT,
    metavar="SECONDS",
    help=f"What each import, and the invocation, may take ({_DEFAULT_TIMEOUT} if not given).",
)
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where `layerforge build` put the zips, if it was told so too.",
)
@common_options
def command(options: Options, **asked: Any) -> int:
    """Import, start and invoke what was built, in containers like Lambda's.

    Each function runs in the run image of its runtime, without network, with its layers at /opt.
    Needs a container engine, and `layerforge build` before. Exit 8 if a function would fail.
    """
    return _verify(options, Asked(**asked))


def _verify(options: Options, asked: Asked) -> int:
    from layerforge.resolve.lockfile import read_locks
    from layerforge.verify.built import check_zips, make_checks, read_built

    project = load_without_secrets(options)
    folder = asked.folder.absolute() if asked.folder else project.root / project.settings.output
    manifest = read_built(folder)
    checks = make_checks(project, read_locks(project.root), manifest, asked.functions)
    check_zips(folder, checks)
    settings = _settings(asked)
    if not checks:
        return _show(options, (), None)
    reports = _run(options, project, folder, manifest, checks, settings)
    for report in reports:
        options.output.findings(report.findings)
    recorded = _record(project, reports, asked)
    return _show(options, reports, recorded)


def _settings(asked: Asked) -> VerifySettings:
    import os

    from layerforge.verify.environment import read_environment, read_event
    from layerforge.verify.task import VerifySettings

    return VerifySettings(
        event=read_event(asked.invoke) if asked.invoke else None,
        environment=read_environment(asked.env, asked.env_file, own=os.environ),
        memory=asked.memory,
        import_timeout=asked.timeout,
        invoke_timeout=asked.timeout,
    )


def _run(
    options: Options,
    project: Project,
    folder: Path,
    manifest: Manifest,
    checks: Sequence[FunctionCheck],
    settings: VerifySettings,
) -> tuple[FunctionReport, ...]:
    from layerforge.containers.images import Images
    from layerforge.containers.opening import LazyEngine
    from layerforge.verify.providers import read_providers
    from layerforge.verify.running import Surroundings, run_images, verify_functions

    providers = read_providers(folder, manifest.with_distributions)
    with LazyEngine(options.output) as lazy:
        engine = lazy.get()
        images = Images(engine, project.settings.container, options.output)
        surroundings = Surroundings(
            engine=engine,
            images=run_images(checks, images.run),
            folder=folder,
            settings=settings,
            providers=providers,
        )
        return verify_functions(checks, surroundings, jobs=options.jobs, progress=options.output)


def _record(project: Project, reports: Sequence[FunctionReport], asked: Asked) -> Path | None:
    """Write the modules that were imported, if asked to and nothing failed; the file."""
    wanted = asked.record or project.settings.bytecode == "used"
    if not wanted or not all(report.ok for report in reports):
        return None
    from layerforge.project.used_modules import read_used_modules, write_used_modules
    from layerforge.verify.used import merge_used_modules

    before = read_used_modules(project.root) or {}
    return write_used_modules(project.root, merge_used_modules(before, reports, project.functions))


def _show(options: Options, reports: Sequence[FunctionReport], recorded: Path | None) -> int:
    options.output.result(lambda: _document(reports, recorded), lambda: _text(options, reports, recorded))
    return EXIT_OK if all(report.ok for report in reports) else EXIT_VERIFICATION


def _findings(reports: Sequence[FunctionReport]) -> tuple[Finding, ...]:
    return tuple(finding for report in reports for finding in report.findings)


def _document(reports: Sequence[FunctionReport], recorded: Path | None) -> dict[str, Any]:
    from layerforge.report.verification import verification_document

    return {
        "ok": all(report.ok for report in reports),
        "functions": {report.function: verification_document(report) for report in reports},
        "recorded": recorded.name if recorded else None,
        "findings": findings_document(_findings(reports)),
    }


def _text(options: Options, reports: Sequence[FunctionReport], recorded: Path | None) -> str:
    from layerforge.report.verification import format_verification

    if not reports:
        return "there are no functions to verify"
    text = format_verification(reports, width=options.output.width)
    if recorded is None:
        return text
    modules = len({module for report in reports for module in report.modules_used})
    return (
        f"{text}\n{count(modules, 'module')} recorded in {recorded.name}: commit it; "
        'with bytecode = "used", `layerforge build` compiles these'
    )
