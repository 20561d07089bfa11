"""The engine and images that sources are compiled in, opened when the first source asks for them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from layerforge.containers.engine import ContainerEngine, Image
from layerforge.containers.images import Images
from layerforge.errors import ToolError
from layerforge.model.container import ContainerSettings
from layerforge.model.progress import Progress
from layerforge.model.target import Target

# Compilers take a core each, and memory.
_MOST_AT_ONCE = 4

OpenEngine = Callable[[Progress], ContainerEngine]


class Workshop:
    """Kept for the life of a process; may be used from several threads.

    `open_engine` is asked once: an engine that did not answer is not looked for again.
    """

    def __init__(self, settings: ContainerSettings, *, progress: Progress, open_engine: OpenEngine) -> None:
        self.settings = settings
        self.progress = progress
        self.slots = threading.Semaphore(max(1, min(_MOST_AT_ONCE, (os.cpu_count() or 1) // 2)))
        self._open_engine = open_engine
        self._opened: tuple[ContainerEngine, Images] | None = None
        self._failure: ToolError | None = None
        self._lock = threading.Lock()

    def engine(self) -> ContainerEngine:
        """The engine. Raises ToolError that lists what was tried."""
        return self._open()[0]

    def image(self, target: Target) -> Image:
        """The image that has compilers, brought if need be. Raises ToolError."""
        return self._open()[1].build(target)

    def held_image(self, target: Target) -> Image | None:
        """The same without bringing it: None if the engine does not hold it. Raises ToolError."""
        if self.settings.pull == "always":
            return self.image(target)
        reference = self.settings.build_image(target)
        return self.engine().find_image(reference, architecture=target.architecture)

    def close(self) -> None:
        """Stop what runs, and let go of the engine."""
        if self._opened is not None:
            self._opened[0].close()

    def _open(self) -> tuple[ContainerEngine, Images]:
        with self._lock:
            if self._failure is not None:
                raise self._failure
            if self._opened is None:
                try:
                    engine = self._open_engine(self.progress)
                except ToolError as error:
                    self._failure = error
                    raise
                self._opened = engine, Images(engine, self.settings, self.progress)
            return self._opened
