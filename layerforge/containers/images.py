"""The images of a project's targets: found or pulled once, and remembered for the build's record."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from layerforge.containers.engine import ContainerEngine, Image
from layerforge.errors import ToolError
from layerforge.model.container import ContainerSettings
from layerforge.model.progress import Progress
from layerforge.model.target import Target


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class UsedImage:
    """An image that was used: `purpose` is build or run, `digest` None where no registry ever had it."""

    target: str
    purpose: str
    reference: str
    id: str
    digest: str | None


class Images:
    """Finds and pulls images as the settings say. May be used from several threads."""

    def __init__(self, engine: ContainerEngine, settings: ContainerSettings, progress: Progress) -> None:
        self._engine = engine
        self._settings = settings
        self._progress = progress
        self._lock = threading.Lock()
        self._locks: dict[tuple[str, str], threading.Lock] = {}
        self._found: dict[tuple[str, str], Image] = {}
        self._used: dict[tuple[str, str], UsedImage] = {}

    def build(self, target: Target) -> Image:
        """The image that has compilers. Raises ToolError if it is not there and cannot be had."""
        return self._use(target, "build", self._settings.build_image)

    def run(self, target: Target) -> Image:
        """The image that is like Lambda. Raises ToolError if it is not there and cannot be had."""
        return self._use(target, "run", self._settings.run_image)

    def run_is_here(self, target: Target) -> bool:
        """Whether `run` would return at once, without a registry."""
        if self._settings.pull == "always":
            return False
        reference = self._settings.run_image(target)
        return self._engine.find_image(reference, architecture=target.architecture) is not None

    def record(self) -> tuple[UsedImage, ...]:
        """What was used so far, sorted."""
        with self._lock:
            return tuple(sorted(self._used.values(), key=lambda used: (used.target, used.purpose)))

    def _use(self, target: Target, purpose: str, reference_of: Callable[[Target], str]) -> Image:
        reference = reference_of(target)
        key = (reference, target.architecture)
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        # Several layers may want one image at once: the first brings it, the others wait.
        with lock:
            image = self._found.get(key) or self._bring(reference, target, purpose)
            self._found[key] = image
        with self._lock:
            self._used[target.name, purpose] = UsedImage(
                target=target.name, purpose=purpose, reference=reference, id=image.id, digest=image.digest
            )
        return image

    def _bring(self, reference: str, target: Target, purpose: str) -> Image:
        architecture = target.architecture
        image = None
        if self._settings.pull != "always":
            image = self._engine.find_image(reference, architecture=architecture)
        if image is None and self._settings.pull == "never":
            raise ToolError(
                f'the {purpose} image of {target.name}, {reference}, is not here, and pull = "never" '
                "forbids to bring it",
                hint=f"docker pull --platform linux/{_platform(architecture)} {reference}, or name another "
                f'one: [container.{purpose}-image] "{target.runtime}" = "…"',
            )
        if image is None:
            image = self._engine.pull_image(reference, architecture=architecture, progress=self._progress)
        if image.architecture != architecture:
            raise ToolError(
                f"the {purpose} image {reference} is for {image.architecture}, not for {architecture}",
                hint=f'name one for each target: [container.{purpose}-image] "{target.name}" = "…"',
            )
        return image


def _platform(architecture: str) -> str:
    """The architecture as image platforms spell it."""
    return {"x86_64": "amd64"}.get(architecture, architecture)
