"""What is said of an image that does not come, from what registries and engines say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from layerforge.containers.pulling import pull, split_reference
from layerforge.errors import ToolError
from tests.fakes import RecordingProgress


class Api:
    """The engine's API as far as `pull` asks it."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events = events
        self.asked: dict[str, Any] = {}

    def pull(self, name: str, **asked: Any) -> Iterator[dict[str, Any]]:
        self.asked = {"name": name, **asked}
        return iter(self.events)


def test_progress_counts_each_byte_once() -> None:
    def downloading(layer: str, current: int) -> dict[str, Any]:
        return {"id": layer, "status": "Downloading", "progressDetail": {"current": current}}

    api = Api(
        downloading("a", 10), downloading("b", 5), downloading("a", 30), {"id": "a", "status": "Extracting"}
    )
    progress = RecordingProgress()
    pull(api, "registry:5000/run:3.13", architecture="arm64", progress=progress)  # type: ignore[arg-type]
    assert api.asked == {
        "name": "registry:5000/run",
        "tag": "3.13",
        "stream": True,
        "decode": True,
        "platform": "linux/arm64",
    }
    ((task),) = progress.tasks
    assert (task.label, task.done, task.ended) == ("pulling registry:5000/run:3.13", 35, True)


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        (
            "dial tcp: lookup r.example: no such host",
            (
                "the engine itself has to reach r.example: check its network and proxy settings, "
                "or name an image of your own registry in [container] of the config"
            ),
        ),
        (
            "pull access denied, repository does not exist or may require authorization",
            "log in (`docker login r.example`), and check the name in [container] of the config",
        ),
        (
            "manifest unknown",
            "check the name and the tag in [container] of the config; the runtime may have no image yet",
        ),
        ("no space left on device", "make room: `docker system prune` frees what nothing uses"),
        ("strange", "`docker pull r.example/a:1` shows more"),
    ],
)
def test_why_an_image_does_not_come(said: str, hint: str) -> None:
    with pytest.raises(ToolError) as caught:
        pull(
            Api({"error": said}),  # type: ignore[arg-type]
            "r.example/a:1",
            architecture="x86_64",
            progress=RecordingProgress(),
        )
    assert (caught.value.headline, caught.value.details, caught.value.hint) == (
        "the image r.example/a:1 cannot be pulled",
        (said,),
        hint,
    )


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("python:3.13", ("python", "3.13")),
        ("registry:5000/python", ("registry:5000/python", None)),
        ("registry:5000/python:3", ("registry:5000/python", "3")),
        ("python@sha256:ab", ("python", "sha256:ab")),
    ],
)
def test_references(reference: str, parts: tuple[str, str | None]) -> None:
    assert split_reference(reference) == parts
