"""What a project was at a git revision, for commands that compare; remembered by its commit."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from layerforge import __version__
from layerforge.commands.options import Options
from layerforge.errors import ConfigError, ResolutionError
from layerforge.model.codec import decode, encode

if TYPE_CHECKING:
    from layerforge.cache import Cache
    from layerforge.check.states import State
    from layerforge.model.function import Project

_KIND = "revision"
# Raise it when the same commit would make another state.
_FORMAT = 1


class NoLockError(ResolutionError):
    """A revision that there is nothing to compare with: it has no lock."""


def read_revision(options: Options, cache: Cache, name: str, commit: str) -> State:
    """The state of the project at `commit`, labelled by the `name` that the user has for it.

    Raises NoLockError if it has no lock, UsageError if it does not have the project's folder.
    """
    label = f"{name} ({commit[:12]})" if name not in commit else commit[:12]
    key = _key(options, commit)
    state = _recall(cache, key)
    if state is None:
        state = _read_files(options, name, label, commit)
        cache.write_facts(_KIND, key, encode(state))
    if state.layers is None:
        options.output.note(f"{label}: its functions cannot be read here, so locks alone are compared")
    return replace(state, label=label)


def load_folder(root: Path, config: Path | None) -> Project:
    """Read a project that is only looked at: variables of its config need not be set."""
    from functools import partial

    from layerforge.project.loading import load_project
    from layerforge.project.requirements import read_requirements

    return load_project(root, config=config, read_requirements=partial(read_requirements, keep_unset=True))


def project_state(options: Options, label: str, project: Project, *, quiet: bool = False) -> State:
    """What is locked in a folder, as it would be built."""
    from layerforge.check.states import state_of_plan
    from layerforge.commands.locked import read_locked

    state = read_locked(project)
    if not quiet:
        options.output.findings(state.findings)
    return state_of_plan(label, state.planned.plan, state.planned.demands, unknown_code=state.unknown_code)


def _key(options: Options, commit: str) -> str:
    # The folder's name may lead the names of layers; its place decides which files of the commit are its.
    config = options.config.name if options.config else None
    text = repr((_FORMAT, __version__, str(options.root), config, commit))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def _recall(cache: Cache, key: str) -> State | None:
    from layerforge.check.states import FunctionState, Held, LayerState, State

    try:
        state = decode(cache.read_facts(_KIND, key), (State, FunctionState, LayerState, Held))
    except (KeyError, TypeError):
        return None
    return state if isinstance(state, State) else None


def _read_files(options: Options, name: str, label: str, commit: str) -> State:
    from layerforge.project.revision import files_of

    with (
        options.output.task(f"reading {name}", total=None, unit="items"),
        files_of(options.root, commit) as folder,
    ):
        return _folder_state(options, label, folder)


def _folder_state(options: Options, label: str, folder: Path) -> State:
    """The state of a revision. If its config cannot be read here, its locks still can."""
    from layerforge.check.states import state_of_locks
    from layerforge.resolve.lockfile import read_locks

    config = folder / options.config.name if options.config else None
    locks = read_locks(folder)
    if not locks:
        raise NoLockError(
            f"{label} has no lock", hint="compare with a revision that has its pylock.*.toml committed"
        )
    with contextlib.suppress(ConfigError):
        project = load_folder(folder, config)
        known = {function.name for function in project.functions}
        # What cannot be read may also leave other functions than the locks were made for.
        if known.issuperset(roots.function for lock in locks for roots in lock.functions):
            return project_state(options, label, project, quiet=True)
    return state_of_locks(label, locks)
