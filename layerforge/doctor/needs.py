"""What a project asks of the machine, told from its config and locks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from layerforge.model.container import ContainerSettings
from layerforge.model.function import Project
from layerforge.model.lock import Lock
from layerforge.model.requirement import IndexOptions
from layerforge.model.target import Target

# On every index that mirrors PyPI.
_ANY_PROJECT = "pip"


@dataclass(frozen=True, kw_only=True, slots=True)
class Needs:
    """`sources` are the locked distributions of each target that are built here, and not wheels.

    `project` is a project that the indexes can be asked for.
    """

    targets: tuple[Target, ...] = ()
    builder: str = "auto"
    bytecode: str = "auto"
    resolver: str = "pip-tools"
    container: ContainerSettings = ContainerSettings()
    options: IndexOptions = IndexOptions()
    sources: tuple[tuple[Target, tuple[str, ...]], ...] = ()
    git: bool = False
    project: str = _ANY_PROJECT

    def sources_of(self, target: Target) -> tuple[str, ...]:
        """Names of what is built from source for a target."""
        return next((names for one, names in self.sources if one == target), ())

    @property
    def needs_engine(self) -> bool:
        """Whether nothing is built without one."""
        return self.builder == "container"

    @property
    def all_sources(self) -> tuple[str, ...]:
        """Names of what is built from source for any target, sorted."""
        return tuple(sorted({name for _, names in self.sources for name in names}))


def find_needs(project: Project, locks: Sequence[Lock]) -> Needs:
    """Read them off a project; `locks` may be empty, or not those of today."""
    settings = project.settings
    targets = tuple(sorted({function.target for function in project.functions}))
    asked = [one for function in project.functions for one in function.requirements.requirements]
    names = sorted({one.name for one in asked if one.name and not one.url})
    by_target = {
        target: tuple(
            sorted(
                {
                    one.name
                    for lock in locks
                    if lock.target == target
                    for one in lock.distributions
                    if one.wheel is None
                }
            )
        )
        for target in targets
    }
    urls = any((one.url or "").startswith("git+") for one in asked)
    return Needs(
        targets=targets,
        builder=settings.builder,
        bytecode=settings.bytecode,
        resolver=settings.resolver,
        container=settings.container,
        options=settings.options,
        sources=tuple((target, sources) for target, sources in by_target.items() if sources),
        git=urls or any(one.vcs is not None for lock in locks for one in lock.distributions),
        project=names[0] if names else _ANY_PROJECT,
    )
