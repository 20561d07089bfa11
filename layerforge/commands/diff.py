"""`layerforge diff`: what changed between two builds, locks or git revisions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from layerforge.cache import Cache
from layerforge.commands.options import Options, common_options
from layerforge.commands.pipeline import recall_project
from layerforge.commands.revisions import load_folder, project_state, read_revision
from layerforge.errors import EXIT_OK, ResolutionError, UsageError

if TYPE_CHECKING:
    from layerforge.check.states import State

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
    from layerforge.check.differences import compare
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
    return project_state(options, "the working tree", project)


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
        return project_state(options, name, load_folder(path.resolve(), config))
    return _revision_state(options, name)


def _manifest_state(label: str, path: Path) -> State:
    from layerforge.build.manifest import read_manifest
    from layerforge.check.states import state_of_manifest

    return state_of_manifest(label, read_manifest(path))


def _lock_state(label: str, path: Path) -> State:
    from layerforge.check.states import state_of_locks
    from layerforge.resolve.lockfile import parse_lock

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ResolutionError(f"the lock cannot be read ({error})", where=label) from error
    return state_of_locks(label, [parse_lock(text, path=label)])


def _revision_state(options: Options, name: str) -> State:
    from layerforge.project.revision import find_commit

    commit = find_commit(options.root, name)
    if commit is None:
        raise UsageError(
            f"{name!r} is neither a git revision nor a file or folder with a manifest or locks",
            hint="for example `layerforge diff origin/main`, or `layerforge diff old/manifest.json`",
        )
    return read_revision(options, Cache(), name, commit)
