"""`layerforge doctor`: what this machine has of what the project needs."""

from __future__ import annotations

import os
import platform
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from layerforge import __version__
from layerforge.cache import Cache
from layerforge.commands.options import Options, common_options
from layerforge.errors import EXIT_OK, EXIT_TOOL, ConfigError
from layerforge.model.counts import count
from layerforge.model.function import Project

if TYPE_CHECKING:
    from layerforge.doctor.engine import Found
    from layerforge.doctor.needs import Needs
    from layerforge.doctor.observation import Observation

_SECONDS_FOR_INDEX = 15.0


@click.command("doctor")
@common_options
def command(options: Options) -> int:
    """Look at the container engine, images, interpreters, indexes and the cache.

    Exit 6 if something is missing that this project needs, 2 if its config cannot be read.
    """
    from layerforge.doctor.observation import missing

    code, project, observed = _project(options)
    observations = (*observed, *_examine(options, project))
    _show(options, observations)
    return code or (EXIT_TOOL if missing(observations) else EXIT_OK)


def _project(options: Options) -> tuple[int, Project | None, tuple[Observation, ...]]:
    """The project, if there is one that can be read; else the exit code that its error makes."""
    from layerforge.doctor.observation import Observation, State, observe_error
    from layerforge.project.loading import NothingFoundError, load_project

    try:
        project = load_project(options.root, config=options.config)
    except NothingFoundError as error:
        note = observe_error("project", error, state=State.NOTE)
        return EXIT_OK, None, (note,)
    except ConfigError as error:
        return error.exit_code, None, (observe_error("project", error, state=State.MISSING),)
    targets = sorted({function.target.name for function in project.functions})
    found = project.config_file or ", ".join(project.templates) or "no config"
    sentence = (
        f"{project.settings.name} ({found}): {count(project.functions, 'function')} for {', '.join(targets)}"
    )
    return EXIT_OK, project, (Observation(topic="project", state=State.OK, sentence=sentence),)


def _needs(project: Project | None) -> Needs:
    from layerforge.doctor.needs import Needs, find_needs
    from layerforge.errors import LayerforgeError
    from layerforge.resolve.lockfile import read_locks

    if project is None:
        return Needs()
    try:
        locks = read_locks(project.root)
    except LayerforgeError:
        # `lock` and `check` say what is wrong with it.
        locks = ()
    return find_needs(project, locks)


def _examine(options: Options, project: Project | None) -> tuple[Observation, ...]:
    from layerforge.build.builder import places_to_look
    from layerforge.doctor.examination import Surroundings, examine
    from layerforge.model.requirement import IndexOptions
    from layerforge.resolve.pip_client import PipClient

    cache = Cache()
    places = places_to_look(project) if project else IndexOptions()
    found = _find_engine()
    try:
        with PipClient(progress=options.output, cache=cache, retries=0, timeout=_SECONDS_FOR_INDEX) as client:
            surroundings = Surroundings(
                root=options.root,
                environment=os.environ,
                cache=cache,
                found=found,
                ask_indexes=lambda name: client.examine(places, root=options.root, project=name),
                progress=options.output,
            )
            return examine(_needs(project), surroundings)
    finally:
        if found.engine is not None:
            found.engine.close()


def _find_engine() -> Found:
    from layerforge.containers.connecting import find_engine
    from layerforge.containers.docker_engine import DockerEngine
    from layerforge.doctor.engine import Found
    from layerforge.errors import ToolError

    search = find_engine(os.environ, home=Path.home(), uid=os.getuid())
    attempts = tuple(map(str, search.attempts))
    if search.connection is None:
        return Found(attempts=attempts, error=search.error())
    engine = DockerEngine(search.connection)
    try:
        capacity = engine.capacity()
    except ToolError:
        capacity = None
    return Found(attempts=attempts, engine=engine, capacity=capacity)


def _show(options: Options, observations: tuple[Observation, ...]) -> None:
    from layerforge.report.examination import examination_document, format_examination

    about = {
        "version": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }
    first = f"layerforge {about['version']}, Python {about['python']}, {about['system']}"
    everything = options.output.verbosity > 0
    options.output.result(
        partial(examination_document, observations, about=about),
        lambda: f"{first}\n\n{format_examination(observations, everything=everything)}",
    )
