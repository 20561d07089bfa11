"""`layerforge diff`: what changed between two builds, locks or git revisions."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import click

from layerforge.cache import Cache
from layerforge.commands.options import Options, common_options
from layerforge.commands.pipeline import recall_project
from layerforge.errors import EXIT_OK, ConfigError, ResolutionError, UsageError

if TYPE_CHECKING:
    from layerforge.model.function import Project
    from layerforge.report.states import State

_MANIFEST = "manifest.json"


@click.command("diff")
@click.argument("before", metavar="[BEFORE]", default="HEAD")
@click.argument("after", metavar="[AFTER]", required=False)
@click.option("--markdown", is_flag=True, help="Write Markdown, for a comment on a pull request.")
@common_options
def command(options: Options, *, before: str, after: str | None, markdown: bool) -> int:
    """Show which versions, bytes, layers and functions changed.

    BEFORE and AFTER are git revisions, manifests (or folders that hold one), locks, or folders with
    locks. HEAD and the working tree if not given. Needs no network.
    """
    from layerforge.report.diff import compare
    from layerforge.report.diff_text import difference_document, format_difference, format_markdown

    if markdown and options.output.as_json:
        raise click.UsageError("--markdown and --json exclude each other.")
    old = _read(options, before)
    new = _read(options, after) if after is not None else _read_now(options, built=old.built)
    difference = compare(old, new)
    options.output.result(
        lambda: difference_document(difference),
        lambda: (
            format_markdown(difference)
            if markdown
            else format_difference(difference, width=options.output.width)
        ),
    )
    return EXIT_OK


def _read_now(options: Options, *, built: bool) -> State:
    """The working tree: its manifest if a manifest is what it is compared with, and there is one."""
    project, _ = recall_project(options, Cache())
    manifest = project.root / project.settings.output / _MANIFEST
    if built and manifest.is_file():
        return _manifest_state(str(manifest.relative_to(project.root)), manifest)
    return _project_state(options, "the working tree", project)


def _read(options: Options, name: str) -> State:
    path = Path(name)
    if path.is_file() and path.suffix == ".json":
        return _manifest_state(name, path)
    if path.is_file() and path.suffix == ".toml":
        return _lock_state(name, path)
    if (path / _MANIFEST).is_file():
        return _manifest_state(name, path / _MANIFEST)
    if path.is_dir() and any(path.glob("pylock.*.toml")):
        config = options.config if path.resolve() == options.root.resolve() else None
        return _project_state(options, name, _load(path.resolve(), config))
    return _revision_state(options, name)


def _manifest_state(label: str, path: Path) -> State:
    from layerforge.build.manifest import read_manifest
    from layerforge.report.states import state_of_manifest

    return state_of_manifest(label, read_manifest(path))


def _lock_state(label: str, path: Path) -> State:
    from layerforge.report.states import state_of_locks
    from layerforge.resolve.lockfile import parse_lock

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ResolutionError(f"the lock cannot be read ({error})", where=label) from error
    return state_of_locks(label, [parse_lock(text, path=label)])


def _revision_state(options: Options, name: str) -> State:
    from layerforge.project.revision import files_of, find_commit

    commit = find_commit(options.root, name)
    if commit is None:
        raise UsageError(
            f"{name!r} is neither a git revision nor a file or folder with a manifest or locks",
            hint="for example `layerforge diff origin/main`, or `layerforge diff old/manifest.json`",
        )
    label = f"{name} ({commit[:12]})" if name not in commit else commit[:12]
    with (
        options.output.task(f"reading {name}", total=None, unit="items"),
        files_of(options.root, commit) as folder,
    ):
        return _folder_state(options, label, folder)


def _folder_state(options: Options, label: str, folder: Path) -> State:
    """The state of a revision. If its config cannot be read here, its locks still can."""
    from layerforge.report.states import state_of_locks
    from layerforge.resolve.lockfile import read_locks

    config = folder / options.config.name if options.config else None
    locks = read_locks(folder)
    if not locks:
        raise ResolutionError(
            f"{label} has no lock", hint="compare with a revision that has its pylock.*.toml committed"
        )
    with contextlib.suppress(ConfigError):
        project = _load(folder, config)
        known = {function.name for function in project.functions}
        # What cannot be read may also leave other functions than the locks were made for.
        if known.issuperset(roots.function for lock in locks for roots in lock.functions):
            return _project_state(options, label, project, quiet=True)
    options.output.note(f"{label}: its functions cannot be read here, so locks alone are compared")
    return state_of_locks(label, locks)


def _load(root: Path, config: Path | None) -> Project:
    from functools import partial

    from layerforge.project.loading import load_project
    from layerforge.project.requirements import read_requirements

    return load_project(root, config=config, read_requirements=partial(read_requirements, keep_unset=True))


def _project_state(options: Options, label: str, project: Project, *, quiet: bool = False) -> State:
    from layerforge.commands.locked import read_locked
    from layerforge.report.states import state_of_plan

    state = read_locked(project)
    if not quiet:
        options.output.findings(state.findings)
    return state_of_plan(label, state.planned.plan, state.planned.demands, unknown_code=state.unknown_code)
