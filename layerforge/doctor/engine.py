"""The container engine, its images, and whether it runs every architecture of the project."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from layerforge.containers.engine import Capacity, Container, EngineInfo, ExaminedEngine, Image
from layerforge.doctor.needs import Needs
from layerforge.doctor.observation import Observation, State, observe_error
from layerforge.errors import ToolError
from layerforge.model.container import ContainerSettings
from layerforge.model.counts import count
from layerforge.model.sizes import format_size
from layerforge.model.target import Target

_ENGINE, _IMAGES, _EMULATION = "container-engine", "images", "emulation"
_LOOKUPS = 4
_SECONDS_TO_START = 60
_MEMORY_TO_START = 256 * 2**20
_NAMES_SHOWN = 5
# The kernel's handlers for programs of other machines, as Debian's and tonistiigi's packages name them.
_BINFMT = Path("/proc/sys/fs/binfmt_misc")
_HANDLERS = {"arm64": "qemu-aarch64", "x86_64": "qemu-x86_64"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What the search for an engine gave. `attempts` say of each place what it answered.

    `error` is set where there is none, `engine` and `capacity` where there is one.
    """

    attempts: tuple[str, ...]
    engine: ExaminedEngine | None = None
    capacity: Capacity | None = None
    error: ToolError | None = None


def observe_engine(found: Found, needs: Needs) -> tuple[Observation, ...]:
    """Whether there is one; what is not done without one; whether it is large enough."""
    if found.engine is None:
        return (_without_engine(found, needs),)
    info = found.engine.info
    observed = Observation(
        topic=_ENGINE,
        state=State.OK,
        sentence=f"{info.name} {info.version} at {info.endpoint} ({_abilities(info, found.capacity)})",
        details=found.attempts,
    )
    return (observed, *_too_small(found.capacity, needs.container))


def _abilities(info: EngineInfo, capacity: Capacity | None) -> str:
    told = [f"API {info.api_version}", info.architecture]
    if capacity is not None:
        told += [count(capacity.cpus, "processor"), format_size(capacity.memory), capacity.system]
    return ", ".join(filter(None, told))


def _without_engine(found: Found, needs: Needs) -> Observation:
    sentence, hint = (
        (found.error.headline, found.error.hint) if found.error else ("no container engine answers", None)
    )
    if needs.needs_engine:
        state, consequence = State.MISSING, 'builder = "container" needs one'
    elif needs.builder == "wheels":
        state, consequence = State.NOTE, 'builder = "wheels" uses none; `layerforge verify` does'
    elif sources := needs.all_sources:
        state = State.WARNING
        consequence = (
            f"{count(sources, 'distribution')} of the lock must be built from source "
            f"({_some(sources)}), and what of them has native code needs one, as does `layerforge verify`"
        )
    else:
        state, consequence = State.NOTE, "`layerforge verify` needs one, and so does what has no wheel"
    return Observation(
        topic=_ENGINE, state=state, sentence=f"{sentence}: {consequence}", details=found.attempts, hint=hint
    )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _too_small(capacity: Capacity | None, settings: ContainerSettings) -> tuple[Observation, ...]:
    if capacity is None or not capacity.memory or capacity.memory >= settings.memory:
        return ()
    return (
        Observation(
            topic=_ENGINE,
            subject="memory",
            state=State.NOTE,
            sentence=(
                f"it has {format_size(capacity.memory)} of memory, less than the "
                f"{format_size(settings.memory)} that one container may take"
            ),
            hint="give its virtual machine more, or lower `memory` in [container], if builds run out of it",
        ),
    )


# --- images


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wanted:
    """An image of a target. `needed` says that nothing is built without it."""

    target: Target
    purpose: str
    reference: str
    needed: bool


def _wanted_images(needs: Needs, *, lacking: frozenset[str], compiles: str) -> tuple[_Wanted, ...]:
    """Each image once. For bytecode, an image of the engine's own architecture will do (`compiles`)."""
    settings = needs.container
    wanted = {}
    for target in needs.targets:
        wanted[target, "run"] = False
        if needs.builder != "wheels":
            wanted[target, "build"] = needs.needs_engine and bool(needs.sources_of(target))
            if target.runtime in lacking:
                wanted[replace(target, architecture=compiles), "run"] = needs.bytecode == "on"
    return tuple(
        _Wanted(
            target=target,
            purpose=purpose,
            reference=settings.run_image(target) if purpose == "run" else settings.build_image(target),
            needed=needed,
        )
        for (target, purpose), needed in sorted(wanted.items())
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class LookedFor:
    """An image that was looked for. `usable`: it is here, or will be pulled."""

    target: Target
    purpose: str
    observation: Observation

    @property
    def usable(self) -> bool:
        """Whether a container can be made of it when one is needed."""
        return self.observation.state in {State.OK, State.NOTE}


def look_for_images(
    engine: ExaminedEngine, needs: Needs, *, lacking: frozenset[str]
) -> tuple[LookedFor, ...]:
    """Which images of the targets are here, and which could be pulled: asked, not pulled.

    `lacking` holds the runtimes that have no interpreter outside of images to compile bytecode with.
    """
    wanted = _wanted_images(needs, lacking=lacking, compiles=engine.info.architecture)
    with ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="image") as pool:
        seen = pool.map(lambda one: _observe_image(engine, one, needs.container.pull), wanted)
        return tuple(
            LookedFor(target=one.target, purpose=one.purpose, observation=observation)
            for one, observation in zip(wanted, seen, strict=True)
        )


def _observe_image(engine: ExaminedEngine, wanted: _Wanted, pull: str) -> Observation:
    architecture = wanted.target.architecture
    subject = f"{wanted.purpose} image of {wanted.target.name}"
    absent = State.MISSING if wanted.needed else State.WARNING

    def observed(state: State, sentence: str, hint: str | None = None) -> Observation:
        return Observation(topic=_IMAGES, subject=subject, state=state, sentence=sentence, hint=hint)

    try:
        image = engine.find_image(wanted.reference, architecture=architecture)
        if image is not None:
            return observed(State.OK, f"{wanted.reference} is here ({_identity(image)})")
        if pull == "never":
            return observed(
                absent,
                f'{wanted.reference} is not here for {architecture}, and pull = "never" forbids to bring it',
                f'bring it, or name another in [container.{wanted.purpose}-image]: "{wanted.target.runtime}"',
            )
        if engine.offers(wanted.reference, architecture=architecture):
            return observed(
                State.NOTE, f"{wanted.reference} is not here, and will be pulled when it is needed"
            )
        return observed(
            absent,
            f"{wanted.reference} is not here, and its registry has none for {architecture}",
            f'name one: [container.{wanted.purpose}-image] "{wanted.target.name}" = "…"',
        )
    except ToolError as error:
        return observe_error(
            _IMAGES,
            error,
            state=absent,
            subject=subject,
            sentence=f"{wanted.reference} is not here, and its registry cannot be asked",
        )


def _identity(image: Image) -> str:
    return (image.digest or image.id).rpartition("@")[2][:19]


# --- emulation


def observe_emulation(
    engine: ExaminedEngine, needs: Needs, *, kernel: Path = _BINFMT
) -> tuple[Observation, ...]:
    """Whether images of architectures that are not the engine's run: by running one that is here.

    `kernel` is the folder in which the kernel of this machine tells of what it emulates.
    """
    foreign = sorted({target.architecture for target in needs.targets} - {engine.info.architecture})
    return tuple(_observe_foreign(engine, architecture, needs, kernel) for architecture in foreign)


def _observe_foreign(engine: ExaminedEngine, architecture: str, needs: Needs, kernel: Path) -> Observation:
    targets = [target for target in needs.targets if target.architecture == architecture]
    needed = needs.needs_engine and any(needs.sources_of(target) for target in targets)
    absent = State.MISSING if needed else State.WARNING
    what = "building from source" if needed else "`layerforge verify`, and building from source,"
    try:
        held = _held_image(engine, targets, needs.container)
        if held is None:
            return _from_kernel(engine, architecture, absent, kernel)
        target, image = held
        outcome = engine.run(_version_of(target, image))
    except ToolError as error:
        return Observation(
            topic=_EMULATION,
            subject=architecture,
            state=absent,
            sentence=f"{what} for {architecture} cannot work here: {error.headline}",
            details=error.details,
            hint=error.hint,
        )
    if outcome.code:
        return Observation(
            topic=_EMULATION,
            subject=architecture,
            state=absent,
            sentence=f"/var/lang/bin/{target.runtime} in {image.reference} does not start "
            f"(exit code {outcome.code})",
            details=tuple(outcome.stderr.splitlines()[-5:]),
            hint="an image has to be like Lambda's: see [container] of the config",
        )
    return Observation(
        topic=_EMULATION,
        subject=architecture,
        state=State.OK,
        sentence=f"images for {architecture} run, emulated by the engine's {engine.info.architecture}",
    )


def _held_image(
    engine: ExaminedEngine, targets: Sequence[Target], settings: ContainerSettings
) -> tuple[Target, Image] | None:
    for target in targets:
        for reference in (settings.run_image(target), settings.build_image(target)):
            if image := engine.find_image(reference, architecture=target.architecture):
                return target, image
    return None


def _version_of(target: Target, image: Image) -> Container:
    return Container(
        image=image.id,
        architecture=target.architecture,
        command=(f"/var/lang/bin/{target.runtime}", "-V"),
        environment={},
        purpose="see whether it starts",
        memory=_MEMORY_TO_START,
        timeout=_SECONDS_TO_START,
    )


def _from_kernel(engine: ExaminedEngine, architecture: str, absent: State, kernel: Path) -> Observation:
    """Without an image to try, the kernel of this machine tells, if it is the engine's."""
    is_ours = engine.info.endpoint.startswith(("unix:", "http+unix:")) and (kernel / "status").exists()
    handler = kernel / _HANDLERS.get(architecture, f"qemu-{architecture}")
    if is_ours and not handler.exists():
        return Observation(
            topic=_EMULATION,
            subject=architecture,
            state=absent,
            sentence=f"this machine does not emulate {architecture}: what is built from source or verified "
            "for it cannot run here",
            hint="wheels and bytecode need no emulation; for the rest, `docker run --privileged --rm "
            f"tonistiigi/binfmt --install {architecture.replace('x86_64', 'amd64')}`, or the package "
            "qemu-user-static",
        )
    known = f"the kernel knows {handler.name}" if is_ours else "nobody can tell from here"
    return Observation(
        topic=_EMULATION,
        subject=architecture,
        state=State.NOTE,
        sentence=f"whether images for {architecture} run was not tried, as none is here ({known})",
    )
