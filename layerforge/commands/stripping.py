"""Before planning: debug symbols out of the wheels that the config names, so that their room is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from layerforge.containers.engine import ContainerEngine
from layerforge.errors import ToolError
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import Project
from layerforge.model.lock import Lock

if TYPE_CHECKING:
    from layerforge.build.fetch import Fetcher
    from layerforge.build.stripping import Stripped


@dataclass(frozen=True, kw_only=True, slots=True)
class Slimmed:
    """What was stripped, with locks of the sizes that are planned with, and remarks."""

    stripped: Stripped
    findings: tuple[Finding, ...]


def strip(
    project: Project, locks: Sequence[Lock], fetcher: Fetcher, open_engine: Callable[[], ContainerEngine]
) -> Slimmed:
    """Strip what `[container] strip` names. Without an engine, only builder = "container" fails."""
    from layerforge.build.stripping import Stripped, Stripper

    settings = project.settings
    untouched = Stripped(locks=tuple(locks), wheels={})
    if not settings.container.strip:
        return Slimmed(stripped=untouched, findings=())
    if settings.builder == "wheels":
        return Slimmed(stripped=untouched, findings=(_not_stripped('builder = "wheels" uses no container'),))
    stripper = Stripper(settings=settings.container, fetcher=fetcher, open_engine=open_engine)
    try:
        return Slimmed(stripped=stripper.strip(locks), findings=tuple(stripper.findings))
    except ToolError as error:
        if settings.builder == "container":
            raise
        return Slimmed(stripped=untouched, findings=(_not_stripped(error.headline, error),))


def _not_stripped(why: str, error: ToolError | None = None) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        code="not-stripped",
        subject="strip",
        sentence=f"debug symbols stay in, although [container] strip wants them out: {why}",
        details=error.details if error else (),
        hint=error.hint if error else None,
    )
