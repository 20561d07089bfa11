"""The container engine of one command: looked for when first needed, let go of at the end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from layerforge.containers.engine import ContainerEngine
from layerforge.errors import ToolError
from layerforge.model.progress import Progress

if TYPE_CHECKING:
    from layerforge.containers.docker_engine import DockerEngine

Open = Callable[[Progress], ContainerEngine]


def open_docker(progress: Progress) -> DockerEngine:
    """Connect to the engine that is there, through the SDK. Raises ToolError that lists what was tried."""
    from layerforge.containers.connecting import connect

    # Before the SDK is imported: where no engine is, nobody waits for that.
    connection = connect(os.environ, home=Path.home(), uid=os.getuid())
    from layerforge.containers.docker_engine import use_engine

    return use_engine(connection, progress)


class LazyEngine:
    """Use it in a `with`: nothing that was started is left behind when the block ends."""

    def __init__(self, progress: Progress, *, open_engine: Open = open_docker) -> None:
        self._progress = progress
        self._open = open_engine
        self._engine: ContainerEngine | None = None
        self._failure: ToolError | None = None

    def __enter__(self) -> LazyEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._engine is not None:
            self._engine.close()

    def get(self) -> ContainerEngine:
        """The engine; one that did not answer is not looked for again. Raises ToolError."""
        if self._failure is not None:
            raise self._failure
        if self._engine is None:
            try:
                self._engine = self._open(self._progress)
            except ToolError as error:
                self._failure = error
                raise
        return self._engine
