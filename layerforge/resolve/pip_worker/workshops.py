"""The workshops of this process, and compilers that work in them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from layerforge.containers.engine import ContainerEngine
from layerforge.containers.opening import open_docker
from layerforge.containers.passing import Passing, make_passing
from layerforge.model.container import ContainerSettings
from layerforge.model.progress import Progress
from layerforge.model.target import Target
from layerforge.project.recipe_files import read_recipes, read_system_packages
from layerforge.resolve.compile.compiler import Compiler
from layerforge.resolve.compile.explaining import explain
from layerforge.resolve.compile.instructions import make_instructions
from layerforge.resolve.compile.workshop import Workshop
from layerforge.resolve.pip_worker.channel import Channel

_workshops: dict[ContainerSettings, Workshop] = {}


def open_workshop(settings: ContainerSettings, channel: Channel) -> Workshop:
    """The one for these settings; the same for the life of the process, so that its engine is kept."""

    def connect(progress: Progress) -> ContainerEngine:
        # Told before: whoever asked looks after what a death of this process would leave.
        channel.send(event="engine")
        return open_docker(progress)

    if settings not in _workshops:
        _workshops[settings] = Workshop(settings, progress=channel, open_engine=connect)
    return _workshops[settings]


def close_workshops() -> None:
    """Leave no container behind."""
    for workshop in _workshops.values():
        workshop.close()


def make_compiler(
    workshop: Workshop, *, target: Target, root: Path, pip_environment: Callable[[], Mapping[str, str]]
) -> Compiler:
    """One for a request. `pip_environment` says how pip reaches its indexes, credentials included."""
    passing: list[Passing] = []

    def materials() -> Passing:
        if not passing:
            made = make_passing(
                workshop.settings, pip_environment=pip_environment(), environment=os.environ, root=root
            )
            for note in made.notes:
                workshop.progress.note(note)
            passing.append(made)
        return passing[0]

    return Compiler(
        workshop,
        target=target,
        materials=materials,
        instructions=make_instructions(workshop.settings, read_recipes(root, workshop.settings.recipes)),
        explain=partial(explain, packages=read_system_packages()),
    )
