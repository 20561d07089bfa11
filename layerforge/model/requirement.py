"""What functions ask for, and where it is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import total_ordering

from layerforge.model.url import strip_credentials


@total_ordering
@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """A place in a file of the user; `path` is relative to the project root, with `/`."""

    path: str
    line: int | None = None

    def __lt__(self, other: Origin) -> bool:
        # A whole file comes before its lines: a number and None have no order of their own.
        return (self.path, self.line or 0) < (other.path, other.line or 0)

    def __str__(self) -> str:
        return f"{self.path}:{self.line}" if self.line else self.path


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirement:
    """One requirement (PEP 508) or constraint, as read; nothing is evaluated yet.

    `name` is normalised (PEP 503) and is None only where a direct URL or path does not tell it
    before its metadata is read. At most one of `url` (archives, `git+…`; environment variables
    expanded, credentials kept: it is never written or shown without `redact`) and `path` (a local
    project or archive, relative to the project root, with `/`) is set.
    """

    name: str | None
    extras: tuple[str, ...] = ()
    specifier: str = ""
    marker: str | None = None
    url: str | None = None
    path: str | None = None
    editable: bool = False
    subdirectory: str | None = None
    hashes: tuple[str, ...] = ()
    origin: Origin


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexOptions:
    """Where and how distributions are looked for, as requirement files and the config say it.

    What is empty or None here is left to pip's own configuration (pip.conf, environment). URLs
    carry credentials: never write or show one without `redact`. `direct_urls` are those of direct
    requirements that carry credentials: locks name them without, and fetching needs them.
    """

    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    only_binary: tuple[str, ...] = ()
    no_binary: tuple[str, ...] = ()
    no_index: bool = False
    pre: bool = False
    require_hashes: bool = False
    direct_urls: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RequirementSet:
    """All that the requirement files of one function say. `files` are all files that were read."""

    requirements: tuple[Requirement, ...] = ()
    constraints: tuple[Requirement, ...] = ()
    options: IndexOptions = IndexOptions()
    files: tuple[str, ...] = ()


def urls_with_credentials(requirements: Iterable[Requirement]) -> tuple[str, ...]:
    """Return the direct URLs that carry credentials, for `IndexOptions.direct_urls`."""
    urls = (requirement.url for requirement in requirements if requirement.url)
    return tuple(dict.fromkeys(url for url in urls if strip_credentials(url) != url))
