"""Turns a source into a wheel, or into its metadata, in a container of the target's build image."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from layerforge.containers.engine import Container, FileIn, Image
from layerforge.errors import BuildError, ToolError
from layerforge.model.sizes import format_size
from layerforge.model.target import Target
from layerforge.resolve.compile.answer import (
    BuiltInContainer,
    FailedInContainer,
    MetadataInContainer,
    read_answer,
)
from layerforge.resolve.compile.failures import Explain, build_error
from layerforge.resolve.compile.order import (
    OUT,
    Instructions,
    Mode,
    Order,
    command_of,
    files_of,
    tools_digest,
)
from layerforge.resolve.compile.workshop import Workshop


class Materials(Protocol):
    """What containers that build are given of this machine, and what may never be shown of it."""

    @property
    def files(self) -> Sequence[FileIn]:
        """Secrets, certificates, pip's configuration."""
        ...

    def hide(self, text: str) -> str:
        """`text` without the values that were passed in."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiled:
    """A wheel that a container built. `vendored` names the libraries that were put in."""

    path: Path
    vendored: tuple[str, ...]


class Compiler:
    """Compiles for one target. Every method raises ToolError where no engine or image is to be had."""

    def __init__(
        self,
        workshop: Workshop,
        *,
        target: Target,
        materials: Callable[[], Materials],
        instructions: Callable[[str], Instructions],
        explain: Explain,
    ) -> None:
        self._workshop = workshop
        self._target = target
        self._materials = materials
        self._instructions = instructions
        self._explain = explain

    def context(self, name: str) -> str:
        """Changes when the wheel of `name` may come out differently: image, instructions, and our tools."""
        return self._context(name, self._workshop.image(self._target))

    def image_name(self) -> str:
        """The image as a build's record names it: by its registry's digest, or by its contents."""
        image = self._workshop.image(self._target)
        return image.digest or f"{image.reference} {image.id}"

    def known_context(self, name: str) -> str | None:
        """See `known_context`."""
        return known_context(self._workshop, self._instructions, target=self._target, name=name)

    def _context(self, name: str, image: Image) -> str:
        return _format_context(image, self._instructions(name))

    def wheel(self, order: Order, directory: Path) -> Compiled:
        """Build the wheel into `directory`. Raises BuildError with the compiler's words."""
        answer = self._run(order, "wheel", directory)
        if not isinstance(answer, BuiltInContainer):
            self._unexpected(order, answer)
        for name, path in answer.vendored:
            self._workshop.progress.detail(f"{order.label} carries {name} ({path})")
        self._tell_of_stripping(order, answer)
        # The program says a name: nothing of it may lead elsewhere.
        made = directory / Path(answer.filename).name
        if not made.is_file():
            raise BuildError(f"building {order.label} left no {made.name}")
        return Compiled(path=made, vendored=tuple(name for name, _ in answer.vendored))

    def _tell_of_stripping(self, order: Order, built: BuiltInContainer) -> None:
        progress = self._workshop.progress
        if built.cannot_strip:
            progress.note(f"{order.label} keeps its debug symbols: its build image has no `strip` (binutils)")
        if (stripping := built.stripping) is None:
            return
        if stripping.stripped:
            saved = format_size(stripping.saved)
            progress.detail(f"{order.label} is {saved} smaller without its debug symbols")
        for file in stripping.put_back:
            progress.note(
                f"{order.label}: {file.name} no longer loads without its debug symbols, and keeps them "
                f"({file.why})"
            )
        for file in stripping.untried:
            progress.detail(f"{order.label}: {file.name} keeps its debug symbols ({file.why})")

    def metadata(self, order: Order) -> str:
        """METADATA as the backend tells it, without compiling where it can. Raises BuildError."""
        with tempfile.TemporaryDirectory(prefix="metadata-") as directory:
            answer = self._run(order, "metadata", Path(directory))
        if not isinstance(answer, MetadataInContainer):
            self._unexpected(order, answer)
        return answer.text

    def _run(
        self, order: Order, mode: Mode, directory: Path
    ) -> BuiltInContainer | MetadataInContainer | FailedInContainer:
        image, materials = self._workshop.image(self._target), self._materials()
        instructions = self._instructions(order.name)
        settings = self._workshop.settings
        doing = "compiling" if mode == "wheel" else "asking the backend of"
        container = Container(
            image=image.id,
            architecture=self._target.architecture,
            command=command_of(order),
            environment={},
            purpose=f"{'build' if mode == 'wheel' else 'describe'} {order.label}",
            network=settings.network,
            memory=settings.memory,
            cpus=settings.cpus,
            timeout=settings.timeout,
        )
        progress = self._workshop.progress
        with self._workshop.slots, progress.task(f"{doing} {order.label}", total=None, unit="items"):
            outcome = self._workshop.engine().run(
                container,
                files=(*files_of(order, mode, instructions), *materials.files),
                take=OUT,
                into=directory,
                say=lambda line: progress.detail(materials.hide(line)),
            )
        answer = read_answer(outcome)
        if isinstance(answer, FailedInContainer):
            raise build_error(
                order,
                answer.hidden(materials.hide),
                image=image.reference,
                memory=settings.memory,
                explain=self._explain,
            )
        return answer

    def _unexpected(self, order: Order, answer: object) -> NoReturn:
        raise BuildError(f"building {order.label} gave an answer of another kind: {type(answer).__name__}")


def known_context(
    workshop: Workshop, instructions: Callable[[str], Instructions], *, target: Target, name: str
) -> str | None:
    """`Compiler.context` if a question tells it: None where no engine answers or none holds the image."""
    try:
        image = workshop.held_image(target)
    except ToolError:
        return None
    return None if image is None else _format_context(image, instructions(name))


def _format_context(image: Image, instructions: Instructions) -> str:
    parts = (image.id, instructions.digest, tools_digest())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
