"""How pip would reach its indexes from here, as values without secrets: what `layerforge doctor` shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from layerforge.model.requirement import IndexOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class PipSettings:
    """What pip's files, its variables and the config come to. URLs have no credentials.

    `files` are pip's configuration files that exist.
    """

    files: tuple[str, ...]
    index_urls: tuple[str, ...]
    find_links: tuple[str, ...]
    trusted_hosts: tuple[str, ...]
    proxy: str | None
    cert: str | None
    client_cert: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reached:
    """What an index said when it was asked for a project. `status` is None where it gave no answer.

    `problem` says what is wrong, None where it answers as an index should; a project that it does not
    have is no problem.
    """

    url: str
    seconds: float
    status: int | None
    problem: str | None = None
    details: tuple[str, ...] = ()
    hint: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexReport:
    """Settings, and what came of trying them on `project`."""

    project: str
    settings: PipSettings
    reached: tuple[Reached, ...]


class Examiner(Protocol):
    """Tries ways to package indexes."""

    def examine(self, options: IndexOptions, *, root: Path, project: str) -> IndexReport:
        """Ask every index for a project, once. Raises ConfigError for options that pip cannot take."""
        ...
