"""The client against processes that play the worker: what is shown, and how it ends."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from layerforge.cache import Cache
from layerforge.errors import PackageIndexError, ToolError
from layerforge.model.lock import Archive
from layerforge.model.requirement import IndexOptions
from layerforge.model.target import Target
from layerforge.resolve.index import ResolveRequest, Selected
from layerforge.resolve.pip_client import PipClient
from tests.fakes import RecordedTask, RecordingProgress

ARCHIVE = Archive(
    filename="a-1.0-py3-none-any.whl", url="https://index.example/a.whl", sha256="0" * 64, size=9
)
START = "import json, sys\ntell = lambda **event: print(json.dumps(event), flush=True)\n"
Connect = Callable[[str], PipClient]


@pytest.fixture
def progress() -> RecordingProgress:
    return RecordingProgress()


@pytest.fixture
def connect(tmp_path: Path, progress: RecordingProgress) -> Connect:
    def connect(script: str) -> PipClient:
        command = (sys.executable, "-c", START + script)
        return PipClient(progress=progress, cache=Cache(tmp_path), retries=5, command=command)

    return connect


def resolve(client: PipClient) -> tuple[Selected, ...]:
    target = Target(runtime="python3.13", architecture="arm64")
    return client.resolve(ResolveRequest(root=Path("/project"), target=target, requirements=()))


def test_events_are_shown_and_the_result_is_decoded(connect: Connect, progress: RecordingProgress) -> None:
    script = f"""
sys.stdin.readline()
tell(event="note", text="building shared")
tell(event="task", task=1, label="Resolving", total=None, unit="items")
tell(event="advance", task=1, amount=2)
tell(event="advance", task=1, amount=3)
tell(event="done", task=1)
tell(event="result", value=[{{"name": "a", "version": "1.0", "wheel": {{
    "filename": "{ARCHIVE.filename}", "url": "{ARCHIVE.url}", "sha256": "{ARCHIVE.sha256}", "size": 9}}}}])
"""
    with connect(script) as client:
        assert resolve(client) == (Selected(name="a", version="1.0", wheel=ARCHIVE),)
    assert progress.notes == ["building shared"]
    assert progress.tasks == [RecordedTask(label="Resolving", total=None, unit="items", done=5, ended=True)]


def test_the_request_and_the_settings_go_over_stdin(connect: Connect, tmp_path: Path) -> None:
    script = """
asked = json.loads(sys.stdin.readline())
for amount in (len(asked["params"]["wanted"]), asked["params"]["retries"], -1):
    tell(event="bytes", amount=amount)
tell(event="error", error={"class": "PackageIndexError", "sentence": asked["params"]["options"]["index_url"],
    "where": asked["params"]["wanted"][0][1], "details": sys.argv[1:], "hint": asked["method"]})
"""
    amounts: list[int] = []
    with connect(script) as client, pytest.raises(PackageIndexError) as caught:
        client.download(
            [ARCHIVE],
            options=IndexOptions(index_url="https://me:secret@index.example/"),
            destination=lambda archive: tmp_path / archive.filename,
            advance=amounts.append,
        )
    assert caught.value.headline == f"{tmp_path / ARCHIVE.filename}: https://me:secret@index.example/"
    assert (caught.value.details, caught.value.hint) == ((), "download")
    assert amounts == [1, 5, -1]


def test_a_death_shows_the_last_words_without_secrets(connect: Connect) -> None:
    script = """
sys.stdin.readline()
tell(event="task", task=1, label="Resolving", total=None, unit="items")
sys.exit("Traceback: https://me:secret@index.example/ is the matter")
"""
    with connect(script) as client, pytest.raises(ToolError) as caught:
        resolve(client)
    assert caught.value.headline == "the process that runs pip ended with exit code 1"
    assert caught.value.details == ("Traceback: https://****@index.example/ is the matter",)


def test_one_that_dies_before_it_is_asked(connect: Connect) -> None:
    with connect("sys.exit(3)") as client, pytest.raises(ToolError, match="ended with exit code 3"):
        resolve(client)


def test_a_process_that_is_not_there(tmp_path: Path, progress: RecordingProgress) -> None:
    left = set(Path(tempfile.gettempdir()).glob("layerforge-pip-*"))
    client = PipClient(progress=progress, cache=Cache(tmp_path), command=("/nonexistent/python",))
    with client, pytest.raises(ToolError, match="cannot start /nonexistent/python"):
        resolve(client)
    assert set(Path(tempfile.gettempdir()).glob("layerforge-pip-*")) <= left


def test_one_process_is_asked_again_and_again(connect: Connect) -> None:
    script = """
import os
for line in sys.stdin:
    tell(event="result", value=[{"name": str(os.getpid()), "version": "1"}])
"""
    with connect(script) as client:
        assert resolve(client) == resolve(client)
