"""What the stages ask of package indexes, and the Protocol behind which pip does it.

The one real implementation is `resolve/pip_client.py`, which talks to `resolve/pip_worker.py`,
a process of its own: so proxies, certificates, credentials, keyring and pip.conf are honoured
exactly as pip honours them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from layerforge.model.lock import Archive, LocalSource, VcsSource
from layerforge.model.requirement import IndexOptions, Requirement
from layerforge.model.target import Target

# The kind of the cache's facts that tell which image a `BuiltWheel.context` stands for.
IMAGE_OF_CONTEXT = "image-of-context"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pin:
    """A version that resolution should stay at where it can."""

    name: str
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ResolveRequest:
    """What one resolution is asked. `root` is the project root that paths are relative to."""

    root: Path
    target: Target
    requirements: tuple[Requirement, ...]
    constraints: tuple[Requirement, ...] = ()
    options: IndexOptions = IndexOptions()
    preferences: tuple[Pin, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Selected:
    """A pinned distribution and its file, nothing yet known of its contents.

    Exactly one of `wheel`, `sdist`, `vcs`, `local` is set. `Archive.sha256` is "" where the index
    did not tell a digest: `describe` fills it in.
    """

    name: str
    version: str
    wheel: Archive | None = None
    sdist: Archive | None = None
    vcs: VcsSource | None = None
    local: LocalSource | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Described:
    """What a distribution's wheel says of itself.

    `unzipped_size` as laid out in a layer (`layerforge.wheels.layout`). `metadata` is the text of METADATA.
    `selected` is as asked, with digest and size filled in.
    """

    selected: Selected
    unzipped_size: int
    metadata: str


class BuiltWheel(NamedTuple):
    """A wheel made of a source.

    `context` names the image and the instructions that a container built it with: were they others,
    the wheel might be another. It is "" where the wheel was built on this machine, as pure ones are.
    """

    path: Path
    context: str = ""


class Engine(Protocol):
    """Resolves one set of requirements for one target."""

    def resolve(self, request: ResolveRequest) -> tuple[Selected, ...]:
        """Newest versions that fit, sorted by name.

        Raises ContradictionError (resolve/engine.py) if requirements exclude each other,
        NoFittingFileError if nothing fits, PackageIndexError if an index fails.
        """
        ...


class Index(Protocol):
    """Looks into and brings distributions."""

    def describe(
        self, selected: Sequence[Selected], *, target: Target, options: IndexOptions, root: Path
    ) -> tuple[Described, ...]:
        """Sizes and METADATA, by range requests where the index answers them.

        Sources (sdist, vcs, local) are built into wheels in the cache first.
        """
        ...

    def download(
        self,
        archives: Sequence[Archive],
        *,
        options: IndexOptions,
        destination: Callable[[Archive], Path],
        advance: Callable[[int], None],
    ) -> None:
        """Bring every archive to its destination, its sha256 verified; `advance` gets bytes.

        Each file appears at its destination whole, so a caller may take it before all are there.
        """
        ...

    def build_wheel(
        self, source: Selected, *, target: Target, options: IndexOptions, root: Path, directory: Path
    ) -> BuiltWheel:
        """Build a wheel from a source through its PEP 517 backend, in a container if it must be compiled."""
        ...
