"""What the stages ask of a container engine, as values, and the Protocol behind which the SDK does it.

No folder of this machine is ever mounted: files are copied in and out as archives, so that an engine
in a virtual machine (Colima, Finch, Podman) or on another host (Docker in Docker in CI) works like a
local one, and what comes out belongs to the user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from layerforge.model.progress import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineInfo:
    """An engine that answered. `endpoint` is where; `architecture` is spelled as AWS spells it."""

    name: str
    version: str
    api_version: str
    architecture: str
    endpoint: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """What an engine has for all of its containers: processors, bytes of memory, and the system it is on."""

    cpus: int
    memory: int
    system: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """An image that the engine holds.

    `id` names its contents on every machine (sha256 of its configuration); `digest` is what a
    registry calls it (`name@sha256:…`), None for one that was never in a registry.
    """

    reference: str
    id: str
    digest: str | None
    architecture: str
    environment: Mapping[str, str]


class FileIn(NamedTuple):
    """A file to place in a container at an absolute path, from bytes or from a file of this machine.

    Where `mode` says that it is a symbolic link (as `stat` has it), `data` is where it leads.

    Folders above it are made, root's, mode 0755; those at the top (/tmp) have to be there. `mode` is
    the file's.
    """

    path: str
    data: bytes | Path
    mode: int = 0o644


class Mount(NamedTuple):
    """A volume at a path."""

    volume: str
    path: str
    read_only: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Container:
    """What to run, and what it may take. Its network is none unless said.

    `image` is an id, `purpose` a word or two for labels and messages ("build psycopg2 2.9.10").
    `memory` in bytes, `timeout` in seconds, `tmpfs` paths that are writable in memory
    (`/tmp`, `/tmp:size=512m`).
    """

    image: str
    architecture: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    purpose: str
    network: str = "none"
    working_dir: str | None = None
    user: str | None = None
    read_only: bool = False
    mounts: tuple[Mount, ...] = ()
    tmpfs: tuple[str, ...] = ()
    memory: int | None = None
    cpus: float | None = None
    timeout: float = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a container ended: its exit code and what it said (stdout apart; stderr's end, decoded)."""

    code: int
    stdout: bytes
    stderr: str
    out_of_memory: bool
    seconds: float


class ContainerEngine(Protocol):
    """Runs containers. May be used from several threads.

    Every method raises ToolError when the engine goes away, and says so. All that is made carries
    labels; nothing made in a `with` or a `run` is left when it ends, however it ends.
    """

    @property
    def info(self) -> EngineInfo:
        """Which engine this is."""
        ...

    def find_image(self, reference: str, *, architecture: str) -> Image | None:
        """The image, if the engine holds it for that architecture."""
        ...

    def pull_image(self, reference: str, *, architecture: str, progress: Progress) -> Image:
        """Bring the image from its registry. Raises ToolError that says what to do."""
        ...

    def run(
        self,
        container: Container,
        *,
        files: Iterable[FileIn] = (),
        take: str | None = None,
        into: Path | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Outcome:
        """Run to the end, then take the folder `take` of the container `into` a folder of this machine.

        `files` are placed before it starts. `say` gets lines of its stderr as they come. What is
        taken are regular files only, and none of them lands outside of `into`. Raises ToolError if
        it takes longer than its timeout, cannot start (another architecture without emulation, no
        space), or the engine fails; never for its exit code.
        """
        ...

    def volume(self, image: str, files: Iterable[FileIn]) -> AbstractContextManager[str]:
        """A volume that holds `files` (paths from its top, `/python/…`), for as long as the block lasts.

        A later file takes the place of an earlier one of the same path, as layers do. `image` is the
        id of any image: the engine needs one to fill it.
        """
        ...

    def stop_all(self) -> None:
        """Kill what this process runs, so that threads that wait for it come back."""
        ...

    def close(self) -> None:
        """Stop and remove all that is left of this process, and let go of the engine."""
        ...


class ExaminedEngine(ContainerEngine, Protocol):
    """An engine that also tells of itself, for `layerforge doctor`."""

    def capacity(self) -> Capacity:
        """What it has for containers. Raises ToolError."""
        ...

    def offers(self, reference: str, *, architecture: str) -> bool:
        """Whether a registry has an image for that architecture, without pulling it.

        Raises ToolError that says why nobody can tell.
        """
        ...
