"""A container engine for unit tests: holds images, answers as it is told, and remembers what it was asked."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from layerforge.containers.engine import Capacity, Container, EngineInfo, FileIn, Image, Outcome
from layerforge.errors import ToolError
from layerforge.model.progress import Progress

INFO = EngineInfo(
    name="Docker Engine",
    version="27.1",
    api_version="1.46",
    architecture="x86_64",
    endpoint="unix:///var/run/docker.sock",
)
CAPACITY = Capacity(cpus=2, memory=8 * 2**30, system="Linux")


def image(reference: str, architecture: str = "x86_64", identity: str = "sha256:one") -> Image:
    """An image that was never in a registry."""
    return Image(reference=reference, id=identity, digest=None, architecture=architecture, environment={})


def ended(code: int = 0, stdout: bytes = b"", stderr: str = "") -> Outcome:
    """A container's end."""
    return Outcome(code=code, stdout=stdout, stderr=stderr, out_of_memory=False, seconds=1.0)


@dataclass
class PlayedEngine:
    """`images` are here; `offered` tells of references whether registries have them, else nobody knows.

    `answer` plays a container: it gets the container and its files by path, and may write into the
    folder that is taken out (None where none is).
    """

    images: tuple[Image, ...] = ()
    offered: Mapping[str, bool] = field(default_factory=dict)
    answer: Callable[[Container, Mapping[str, bytes | Path], Path | None], Outcome] | None = None
    info: EngineInfo = INFO
    ran: list[Container] = field(default_factory=list)

    def capacity(self) -> Capacity:
        return CAPACITY

    def offers(self, reference: str, *, architecture: str) -> bool:
        if reference not in self.offered:
            raise ToolError(f"the image {reference} cannot be pulled", details=["no such host"], hint="look")
        return self.offered[reference]

    def find_image(self, reference: str, *, architecture: str) -> Image | None:
        known = (one for one in self.images if (one.reference, one.architecture) == (reference, architecture))
        return next(known, None)

    def pull_image(self, reference: str, *, architecture: str, progress: Progress) -> Image:
        raise ToolError(f"the image {reference} cannot be pulled")

    def run(
        self,
        container: Container,
        *,
        files: Iterable[FileIn] = (),
        take: str | None = None,
        into: Path | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Outcome:
        self.ran.append(container)
        sent = {file.path: file.data for file in files}
        return self.answer(container, sent, into if take else None) if self.answer else ended()

    @contextlib.contextmanager
    def volume(self, image: str, files: Iterable[FileIn]) -> Iterator[str]:
        yield "volume"

    def stop_all(self) -> None: ...

    def close(self) -> None: ...
