"""Images come from a registry with progress, and are pinned by its digest; what does not come is told."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from layerforge.containers.images import Images
from layerforge.containers.opening import open_docker
from layerforge.errors import ToolError
from layerforge.model.container import ContainerSettings, RuntimeImage
from layerforge.model.target import Target
from tests.fakes import RecordingProgress
from tests.registry import Registry, running_registry

pytestmark = [pytest.mark.container, pytest.mark.slow]

TARGET = Target(runtime="python3.13", architecture="x86_64")


@pytest.fixture
def registry() -> Iterator[Registry]:
    with running_registry() as registry:
        registry.hold({"etc/data": os.urandom(300_000)})
        yield registry
        client = docker.from_env()
        for one in client.images.list():
            if any(registry.host in tag for tag in one.tags + one.attrs.get("RepoDigests", [])):
                client.images.remove(str(one.id), force=True)
        client.close()


@pytest.fixture
def engine() -> Any:
    engine = open_docker(RecordingProgress())
    yield engine
    engine.close()


def images(engine: Any, reference: str, progress: RecordingProgress, pull: str = "missing") -> Images:
    named = (RuntimeImage(name="*", reference=reference),)
    return Images(engine, ContainerSettings(run_images=named, pull=pull), progress)


def test_pulled_with_progress_and_pinned_by_digest(engine: Any, registry: Registry) -> None:
    reference = f"{registry.host}/lambda/python:3.13"
    progress = RecordingProgress()
    assert engine.offers(reference, architecture="x86_64")
    assert engine.find_image(reference, architecture="x86_64") is None
    found = images(engine, reference, progress)
    image = found.run(TARGET)
    assert image.digest == f"{registry.host}/lambda/python@{registry.digest}"
    (used,) = found.record()
    assert used.digest == image.digest
    ((task),) = progress.tasks
    assert (task.label, task.done > 250_000, task.ended) == (f"pulling {reference}", True, True)
    # It is here now; and what the record names is found by that name.
    asked = len(registry.asked)
    assert images(engine, reference, progress).run(TARGET) == image
    assert images(engine, str(image.digest), progress).run(TARGET).id == image.id
    assert len(registry.asked) == asked
    # A tag may move: who wants to know asks each time.
    registry.hold({"etc/data": b"newer"})
    newer = images(engine, reference, progress, pull="always").run(TARGET)
    assert (newer.id != image.id, newer.digest) == (
        True,
        f"{registry.host}/lambda/python@{registry.digest}",
    )


def test_what_the_registry_does_not_have(engine: Any, registry: Registry) -> None:
    for ask in (
        lambda: images(engine, f"{registry.host}/missing/python:3.13", RecordingProgress()).run(TARGET),
        lambda: engine.offers(f"{registry.host}/missing/python:3.13", architecture="x86_64"),
    ):
        with pytest.raises(ToolError) as caught:
            ask()
        assert caught.value.headline == f"the image {registry.host}/missing/python:3.13 cannot be pulled"
        assert caught.value.hint is not None
        assert caught.value.hint.startswith("check the name and the tag in [container] of the config")


def test_image_of_another_architecture_is_refused(engine: Any, registry: Registry) -> None:
    registry.hold({"etc/data": b"arm"}, architecture="arm64")
    reference = f"{registry.host}/foreign/python:3.13"
    with pytest.raises(ToolError) as caught:
        images(engine, reference, RecordingProgress()).run(TARGET)
    assert reference in caught.value.headline
