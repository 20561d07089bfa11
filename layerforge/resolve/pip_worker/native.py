"""What cannot be built on this machine for a target, and what is said where no container may do it."""

from __future__ import annotations

from dataclasses import dataclass

from layerforge.errors import BuildError, ToolError
from layerforge.model.target import Target
from layerforge.resolve.engine import describe_target

_OTHER_WAYS = "ask for a version that has a wheel that fits, or take another runtime"
CONTAINER_HINT = (
    f'{_OTHER_WAYS}; builder = "auto" in the config, with Docker, Podman or Finch, compiles in a container'
)
# What the index offers instead, in sentences, by the name of a project without a fitting wheel.
offered_of: dict[str, tuple[str, ...]] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Native:
    """Why a source is for a container. `sure` is False where a build here may still give a pure wheel.

    `error` is how the build here failed, where it was tried.
    """

    why: str
    sure: bool = True
    error: BuildError | None = None


class NeedsContainerError(BuildError):
    """A source was tried here, and is for a container."""

    def __init__(self, label: str, native: Native) -> None:
        super().__init__(f"{label} is for a container: {native.why}")
        self.native = native


def fits(filename: str, target: Target) -> bool:
    """Whether the target loads a wheel of that name. `linux_*` tells no glibc: it need not load there."""
    from packaging.utils import parse_wheel_filename

    fitting = {tag for tag in target.tags() if not tag.platform.startswith("linux_")}
    return not fitting.isdisjoint(parse_wheel_filename(filename)[3])


def misfit(label: str, filename: str, target: Target) -> Native:
    """Why a wheel that was built here, and does not fit, is for a container."""
    from packaging.utils import parse_wheel_filename

    why = f"it builds {filename}"
    if any(tag.platform != "any" for tag in parse_wheel_filename(filename)[3]):
        return Native(why=why)
    error = BuildError(
        f"{label} builds {filename}, which does not fit {describe_target(target)}",
        hint=f"its build backend makes wheels for one Python only; {CONTAINER_HINT}",
    )
    return Native(why=why, error=error)


def native_sentence(label: str, why: str, target: Target) -> str:
    """What is the case, whether or not there is an engine."""
    return (
        f"{label} has native code ({why}): it must be compiled for {target.name} in a container, "
        "as no wheel fits"
    )


def native_error(label: str, native: Native, target: Target) -> BuildError:
    """The error where nothing may be built in a container."""
    if native.error is not None:
        return native.error
    return BuildError(
        native_sentence(label, native.why, target),
        details=offered_of.get(label.split(" ", maxsplit=1)[0], ()),
        hint=CONTAINER_HINT,
    )


def no_engine_error(label: str, native: Native, target: Target, error: ToolError) -> ToolError:
    """The error where a container was to be, and there is no engine, or no image for it."""
    offered = offered_of.get(label.split(" ", maxsplit=1)[0], ())
    where = f"for {target.name} in a container ({native.why})"
    return ToolError(
        f"{label} must be built {where}, and {_lower(error.headline)}",
        details=(*offered, *error.details),
        hint=f"{error.hint}; or {_OTHER_WAYS}" if error.hint else _OTHER_WAYS,
    )


def _lower(sentence: str) -> str:
    """A sentence inside of another."""
    first, rest = sentence[:1], sentence[1:]
    return first.lower() + rest if rest[:1].islower() else sentence
