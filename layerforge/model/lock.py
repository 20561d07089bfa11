"""Pinned, hash-checked distributions for the functions of one cohort."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from layerforge.model.requirement import Origin
from layerforge.model.target import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class Archive:
    """A wheel or sdist on an index. `url` has no credentials; `size` is in bytes (None: not told)."""

    filename: str
    url: str
    sha256: str
    size: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class VcsSource:
    """A git checkout, pinned to its commit. `url` has no credentials."""

    url: str
    commit: str
    requested_revision: str | None = None
    subdirectory: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalSource:
    """A project directory of the user (`path` relative to the project root, with `/`)."""

    path: str


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Edge:
    """`name` (with `extras` of it) is required; only under `extra` of the owner, if that is set.

    `specifier` (no spaces) and `marker` are what the metadata says, for people: the marker holds on
    the lock's target, and both are empty in locks that were written before they were kept.
    """

    name: str
    extras: tuple[str, ...] = ()
    extra: str | None = None
    specifier: str = ""
    marker: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Distribution:
    """One pinned distribution and the file that it comes from.

    `wheel` is what goes into a layer as it is. Where it is None, a wheel is built from `sdist`,
    `vcs` or `local`. `unzipped_size` is in bytes, as laid out in a layer. `edges` hold what it
    requires on this target, markers already evaluated. `license` is an SPDX expression, None where
    its metadata names none (or the lock was written before it was kept).
    """

    name: str
    version: str
    wheel: Archive | None = None
    sdist: Archive | None = None
    vcs: VcsSource | None = None
    local: LocalSource | None = None
    unzipped_size: int
    edges: tuple[Edge, ...] = ()
    provided_extras: tuple[str, ...] = ()
    requires_python: str | None = None
    license: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Root:
    """A requirement of a function that holds on the target, with the place that asks for it."""

    name: str
    extras: tuple[str, ...] = ()
    specifier: str = ""
    origin: Origin


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionRoots:
    """What one function asks for directly."""

    function: str
    roots: tuple[Root, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """The joint resolution of a cohort. `input_digest` is over all that the resolution was asked."""

    cohort: str
    target: Target
    distributions: tuple[Distribution, ...]
    functions: tuple[FunctionRoots, ...]
    input_digest: str

    def by_name(self) -> dict[str, Distribution]:
        """Distributions by normalised name."""
        return {distribution.name: distribution for distribution in self.distributions}

    def closure(self, roots: Iterable[Root]) -> frozenset[str]:
        """Names of all distributions that `roots` need, extras included."""
        return closure(self.by_name(), roots)


def closure(distributions: dict[str, Distribution], roots: Iterable[Root | Edge]) -> frozenset[str]:
    """Follow the edges from `roots`; an extra opens only the edges that it names."""
    seen: set[tuple[str, str | None]] = set()
    waiting = [(root.name, extra) for root in roots for extra in (None, *root.extras)]
    while waiting:
        node = waiting.pop()
        if node in seen or node[0] not in distributions:
            continue
        seen.add(node)
        name, opened = node
        for edge in distributions[name].edges:
            if edge.extra == opened:
                waiting += [(edge.name, extra) for extra in (None, *edge.extras)]
    return frozenset(name for name, _ in seen)
