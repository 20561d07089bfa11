"""The plan that there was: where it is read from, and how the new one takes its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from layerforge.errors import ConfigError
from layerforge.model.finding import Finding, Severity
from layerforge.model.previous import PLAN_FILE
from layerforge.project.plan_record import parse_plan_record, read_plan_record, write_plan_record

if TYPE_CHECKING:
    from layerforge.commands.pipeline import Planned
    from layerforge.model.function import Project
    from layerforge.model.previous import PreviousPlan


def read_previous_plan(project: Project) -> PreviousPlan | None:
    """The plan to start from: the one that is recorded; where there is none, the one that was built last.

    Raises ConfigError if the record is damaged.
    """
    return read_plan_record(project.root) or read_built_plan(project)


def read_built_plan(project: Project) -> PreviousPlan | None:
    """What the last build made of a plan; None if there is no manifest that can be read."""
    from layerforge.build.manifest import plan_of, read_manifest
    from layerforge.errors import BuildError

    path = manifest_path(project)
    try:
        manifest = read_manifest(path)
    except BuildError:
        return None
    return replace(plan_of(manifest), source=path.relative_to(project.root).as_posix())


def manifest_path(project: Project) -> Path:
    """Where a build that is told nothing else leaves its manifest."""
    from layerforge.build.manifest import MANIFEST_FILE

    return project.root / project.settings.output / MANIFEST_FILE


def read_plan_of(project: Project, file: Path | None) -> tuple[PreviousPlan, Mapping[str, Mapping[str, str]]]:
    """The plan that `file` (a manifest or a record) tells, and the versions in its layers, if it has them.

    Without a file, that of the last build, else the one that is recorded. Raises UsageError, ConfigError
    or BuildError if there is none, or it cannot be read.
    """
    from layerforge.build.manifest import plan_of, read_manifest
    from layerforge.errors import UsageError

    if file is not None and not file.is_file():
        raise UsageError(
            f"{file} is no file", hint="--diff takes a manifest.json or a layerforge-plan.toml, or nothing"
        )
    if file is not None and file.suffix != ".json":
        return replace(parse_plan_record(_read_text(file)), source=str(file)), {}
    path = file or manifest_path(project)
    if not path.is_file():
        recorded = read_plan_record(project.root)
        if recorded is None:
            raise UsageError(
                "there is neither a build nor a recorded plan to compare with",
                hint="run `layerforge lock` or `layerforge build` first, or give --diff a manifest",
            )
        return recorded, {}
    manifest = read_manifest(path)
    source = str(file) if file else path.relative_to(project.root).as_posix()
    versions = {
        layer.name: {one.name: one.version for one in layer.distributions} for layer in manifest.layers
    }
    return replace(plan_of(manifest), source=source), versions


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"it cannot be read ({error})", where=str(path)) from error


def layer_prefix(project: Project, previous: PreviousPlan | None) -> str:
    """What the names of layers begin with.

    The folder's name, where the config gives none, is another in each checkout: the record's is taken.
    """
    settings = project.settings
    if settings.is_named or previous is None:
        return settings.name
    return previous.project or settings.name


def measure_known_code(project: Project) -> dict[str, int]:
    """Measure each function's own code; what is not here counts as nothing."""
    from layerforge.commands.pipeline import measure_code

    sizes: dict[str, int] = {}
    for function in project.functions:
        try:
            sizes |= measure_code(replace(project, functions=(function,)))
        except ConfigError:
            sizes[function.name] = 0
    return sizes


def record(project: Project, planned: Planned) -> bool:
    """Write the plan down, unless a function cannot be served. Returns whether the file has changed."""
    if planned.has_errors or not (planned.record.layers or (project.root / PLAN_FILE).is_file()):
        return False
    return write_plan_record(project.root, planned.record)


def find_unrecorded(project: Project, planned: Planned) -> tuple[Finding, ...]:
    """Say so where the record is not of this plan: others may start from another one."""
    if planned.has_errors:
        return ()
    recorded = read_plan_record(project.root)
    if recorded == planned.record or (recorded is None and not planned.record.layers):
        return ()
    if recorded is None:
        return (
            Finding(
                severity=Severity.NOTE,
                code="plan-not-recorded",
                subject=PLAN_FILE,
                sentence=f"there is no {PLAN_FILE} yet: layers may become others when requirements change",
                hint="run `layerforge lock`, which writes it, and commit it",
            ),
        )
    return (
        Finding(
            severity=Severity.WARNING,
            code="stale-plan",
            subject=PLAN_FILE,
            sentence=f"{PLAN_FILE} was written for other functions, requirements or settings",
            hint="run `layerforge lock` and commit it; `layerforge plan --diff` shows what it would become",
        ),
    )
