from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from layerforge.containers.engine import Capacity, Container, Outcome
from layerforge.doctor.engine import Found, look_for_images, observe_emulation, observe_engine
from layerforge.doctor.needs import Needs
from layerforge.doctor.observation import Observation, State
from layerforge.errors import ToolError
from layerforge.model.container import ContainerSettings
from layerforge.model.target import Target
from tests.engine_fakes import CAPACITY, PlayedEngine, ended, image

X86 = Target(runtime="python3.13", architecture="x86_64")
ARM = Target(runtime="python3.13", architecture="arm64")
BUILD, BUILD_ARM = (
    "public.ecr.aws/sam/build-python3.13:latest-x86_64",
    "public.ecr.aws/sam/build-python3.13:latest-arm64",
)
RUN = "public.ecr.aws/lambda/python:3.13"
NONE = Found(
    attempts=("Docker: there is no /var/run/docker.sock", "Podman: there is no /run/podman/podman.sock"),
    error=ToolError("no container engine answers", hint="start Docker"),
)


def test_engine_tells_who_it_is() -> None:
    found = Found(attempts=("Docker: an engine answers",), engine=PlayedEngine(), capacity=CAPACITY)
    assert observe_engine(found, Needs()) == (
        Observation(
            topic="container-engine",
            state=State.OK,
            sentence=(
                "Docker Engine 27.1 at unix:///var/run/docker.sock "
                "(API 1.46, x86_64, 2 processors, 8.0 GB, Linux)"
            ),
            details=("Docker: an engine answers",),
        ),
    )


def test_engine_that_is_small() -> None:
    found = Found(
        attempts=(),
        engine=PlayedEngine(),
        capacity=Capacity(cpus=1, memory=2 * 2**30, system=""),
    )
    _, small = observe_engine(found, Needs())
    assert (small.state, small.sentence) == (
        State.NOTE,
        "it has 2.0 GB of memory, less than the 4.0 GB that one container may take",
    )


@pytest.mark.parametrize(
    ("needs", "state", "consequence"),
    [
        (Needs(builder="container"), State.MISSING, 'builder = "container" needs one'),
        (
            Needs(builder="wheels"),
            State.NOTE,
            'builder = "wheels" uses none; `layerforge verify` does',
        ),
        (
            Needs(sources=((X86, ("shopkit", "lxml")), (ARM, ("lxml",)))),
            State.WARNING,
            (
                "2 distributions of the lock must be built from source (lxml, shopkit), and what of them has "
                "native code needs one, as does `layerforge verify`"
            ),
        ),
        (Needs(), State.NOTE, "`layerforge verify` needs one, and so does what has no wheel"),
    ],
)
def test_what_is_not_done_without_an_engine(needs: Needs, state: State, consequence: str) -> None:
    assert observe_engine(NONE, needs) == (
        Observation(
            topic="container-engine",
            state=state,
            sentence=f"no container engine answers: {consequence}",
            details=NONE.attempts,
            hint="start Docker",
        ),
    )


def states(engine: PlayedEngine, needs: Needs, *lacking: str) -> list[tuple[str, State, bool]]:
    seen = look_for_images(engine, needs, lacking=frozenset(lacking))
    return [(one.observation.subject, one.observation.state, one.usable) for one in seen]


def test_images_are_here_or_offered_or_neither() -> None:
    engine = PlayedEngine(
        images=(image(BUILD),), offered={RUN: True, BUILD_ARM: False, "own/run:arm64": True}
    )
    needs = Needs(targets=(ARM, X86))
    assert states(engine, needs) == [
        ("build image of python3.13-arm64", State.WARNING, False),
        ("run image of python3.13-arm64", State.NOTE, True),
        ("build image of python3.13-x86_64", State.OK, True),
        ("run image of python3.13-x86_64", State.NOTE, True),
    ]


def test_sentences_of_images() -> None:
    engine = PlayedEngine(images=(image(BUILD, identity="sha256:0123456789abcdef0123"),))
    build, run = look_for_images(engine, Needs(targets=(X86,)), lacking=frozenset())
    assert build.observation.sentence == f"{BUILD} is here (sha256:0123456789ab)"
    assert run.observation == Observation(
        topic="images",
        subject="run image of python3.13-x86_64",
        state=State.WARNING,
        sentence=f"{RUN} is not here, and its registry cannot be asked",
        details=("no such host",),
        hint="look",
    )


def test_image_that_may_not_be_pulled_is_missing_where_it_is_needed() -> None:
    settings = ContainerSettings(pull="never")
    needs = Needs(targets=(X86,), builder="container", container=settings, sources=((X86, ("lxml",)),))
    assert states(PlayedEngine(), needs) == [
        ("build image of python3.13-x86_64", State.MISSING, False),
        ("run image of python3.13-x86_64", State.WARNING, False),
    ]


def test_run_image_of_the_engine_s_own_architecture_compiles() -> None:
    needs = Needs(targets=(ARM,), bytecode="on")
    assert states(PlayedEngine(), needs, "python3.13")[-1] == (
        "run image of python3.13-x86_64",
        State.MISSING,
        False,
    )


def test_wheels_alone_take_no_build_image() -> None:
    assert states(PlayedEngine(), Needs(targets=(X86,), builder="wheels")) == [
        ("run image of python3.13-x86_64", State.WARNING, False)
    ]


def no_emulation(*_: object) -> Outcome:
    raise ToolError("it has no emulation", hint="install it")


def starts_not(*_: object) -> Outcome:
    return ended(127, stderr="no such file")


Answer = Callable[[Container, Mapping[str, bytes | Path], Path | None], Outcome]


@pytest.mark.parametrize(
    ("answer", "state", "sentence"),
    [
        (None, State.OK, "images for arm64 run, emulated by the engine's x86_64"),
        (
            no_emulation,
            State.WARNING,
            "`layerforge verify`, and building from source, for arm64 cannot work here: it has no emulation",
        ),
        (
            starts_not,
            State.WARNING,
            f"/var/lang/bin/python3.13 in {RUN} does not start (exit code 127)",
        ),
    ],
)
def test_emulation_is_tried(answer: Answer | None, state: State, sentence: str) -> None:
    engine = PlayedEngine(images=(image(RUN, "arm64"),), answer=answer)
    (observed,) = observe_emulation(engine, Needs(targets=(X86, ARM)))
    assert (observed.subject, observed.state, observed.sentence) == ("arm64", state, sentence)
    assert [one.command for one in engine.ran] == [("/var/lang/bin/python3.13", "-V")]


def test_own_architecture_is_not_emulated() -> None:
    assert observe_emulation(PlayedEngine(), Needs(targets=(X86,))) == ()


@pytest.mark.parametrize(
    ("files", "state", "words"),
    [
        (("status",), State.WARNING, "this machine does not emulate arm64"),
        (("status", "qemu-aarch64"), State.NOTE, "the kernel knows qemu-aarch64"),
        ((), State.NOTE, "nobody can tell from here"),
    ],
)
def test_without_an_image_the_kernel_tells(
    tmp_path: Path, files: tuple[str, ...], state: State, words: str
) -> None:
    for name in files:
        (tmp_path / name).touch()
    (observed,) = observe_emulation(PlayedEngine(), Needs(targets=(ARM,)), kernel=tmp_path)
    assert (observed.state, words in observed.sentence) == (state, True)


def test_what_must_be_built_there_needs_emulation(tmp_path: Path) -> None:
    (tmp_path / "status").touch()
    needs = Needs(targets=(ARM,), builder="container", sources=((ARM, ("lxml",)),))
    (observed,) = observe_emulation(PlayedEngine(), needs, kernel=tmp_path)
    assert observed.state is State.MISSING
