from __future__ import annotations

import pytest

from layerforge.containers.engine import Image
from layerforge.containers.images import Images, UsedImage
from layerforge.errors import ToolError
from layerforge.model.container import ContainerSettings
from layerforge.model.progress import Progress
from layerforge.model.target import Target
from tests.engine_fakes import PlayedEngine, image
from tests.fakes import RecordingProgress

X86 = Target(runtime="python3.13", architecture="x86_64")
ARM = Target(runtime="python3.13", architecture="arm64")
RUN = "public.ecr.aws/lambda/python:3.13"


class Registry(PlayedEngine):
    """An engine that pulls what it is asked for, and counts."""

    pulled: list[tuple[str, str]]

    def pull_image(self, reference: str, *, architecture: str, progress: Progress) -> Image:
        self.pulled = [*getattr(self, "pulled", []), (reference, architecture)]
        return image(reference, architecture, f"sha256:pulled-{architecture}")


def images(engine: PlayedEngine, **settings: str) -> Images:
    return Images(engine, ContainerSettings(**settings), RecordingProgress())  # type: ignore[arg-type]


def test_found_once_pulled_once_and_recorded() -> None:
    engine = Registry(images=(image(RUN),))
    found = images(engine)
    assert [found.run(target).id for target in (X86, ARM, X86, ARM)] == [
        "sha256:one",
        "sha256:pulled-arm64",
    ] * 2
    assert engine.pulled == [(RUN, "arm64")]
    assert found.run_is_here(X86)
    assert not found.run_is_here(ARM)
    assert found.record() == (
        UsedImage(
            target="python3.13-arm64", purpose="run", reference=RUN, id="sha256:pulled-arm64", digest=None
        ),
        UsedImage(target="python3.13-x86_64", purpose="run", reference=RUN, id="sha256:one", digest=None),
    )


def test_pull_always_and_never() -> None:
    engine = Registry(images=(image(RUN),))
    assert images(engine, pull="always").run(X86).id == "sha256:pulled-x86_64"
    assert not images(engine, pull="always").run_is_here(X86)
    with pytest.raises(ToolError) as caught:
        images(engine, pull="never").build(X86)
    reference = "public.ecr.aws/sam/build-python3.13:latest-x86_64"
    assert caught.value.headline == (
        f"the build image of python3.13-x86_64, {reference}, is not here, "
        'and pull = "never" forbids to bring it'
    )
    assert caught.value.hint == (
        f"docker pull --platform linux/amd64 {reference}, or name another one: "
        '[container.build-image] "python3.13" = "…"'
    )
