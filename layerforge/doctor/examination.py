"""The whole examination, in order, each part handed what the ones before it found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from layerforge.cache import Cache, max_cache_size
from layerforge.doctor.engine import Found, LookedFor, look_for_images, observe_emulation, observe_engine
from layerforge.doctor.needs import Needs
from layerforge.doctor.network import (
    observe_certificates,
    observe_indexes,
    observe_passing,
    observe_proxies,
)
from layerforge.doctor.observation import Observation, State, observe_error
from layerforge.doctor.storage import observe_cache
from layerforge.doctor.tools import (
    Interpreter,
    find_interpreters,
    observe_git,
    observe_interpreter,
    observe_resolvers,
)
from layerforge.errors import LayerforgeError
from layerforge.model.progress import Progress
from layerforge.resolve.reach import IndexReport


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What the examination looks at. `ask_indexes` tries the package indexes for a project."""

    root: Path
    environment: Mapping[str, str]
    cache: Cache
    found: Found
    ask_indexes: Callable[[str], IndexReport]
    progress: Progress


def examine(needs: Needs, surroundings: Surroundings) -> tuple[Observation, ...]:
    """Everything but the project itself."""
    environment = surroundings.environment
    interpreters = find_interpreters(needs, environment, surroundings.cache)
    images, emulation = _images(needs, surroundings, interpreters)
    architecture = surroundings.found.engine.info.architecture if surroundings.found.engine else None
    compiling = {
        one.target.runtime
        for one in images
        if one.usable and one.purpose == "run" and one.target.architecture == architecture
    }
    if needs.builder == "wheels":
        compiling = set()
    return (
        *observe_engine(surroundings.found, needs),
        *(one.observation for one in images),
        *emulation,
        *(observe_interpreter(one, needs, image=one.runtime in compiling) for one in interpreters),
        *observe_resolvers(needs, environment),
        *observe_git(needs, environment),
        *observe_cache(surroundings.cache, limit=max_cache_size()),
        *observe_proxies(environment),
        *observe_certificates(environment, needs.container, surroundings.root),
        *observe_passing(needs, environment, surroundings.root),
        *_indexes(needs, surroundings),
    )


def _images(
    needs: Needs, surroundings: Surroundings, interpreters: Sequence[Interpreter]
) -> tuple[tuple[LookedFor, ...], tuple[Observation, ...]]:
    engine = surroundings.found.engine
    if engine is None:
        return (), ()
    lacking = frozenset(one.runtime for one in interpreters if not one.works and needs.bytecode != "off")
    with surroundings.progress.task("looking for images", total=None, unit="items"):
        return look_for_images(engine, needs, lacking=lacking), observe_emulation(engine, needs)


def _indexes(needs: Needs, surroundings: Surroundings) -> tuple[Observation, ...]:
    try:
        with surroundings.progress.task("asking package indexes", total=None, unit="items"):
            return observe_indexes(surroundings.ask_indexes(needs.project))
    except LayerforgeError as error:
        return (observe_error("indexes", error, state=State.MISSING),)
