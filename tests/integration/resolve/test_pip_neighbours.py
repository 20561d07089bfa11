"""Folders of the user that take their requirements from folders beside them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerforge.cache import Cache
from layerforge.errors import ConfigError
from layerforge.model.lock import LocalSource
from layerforge.model.requirement import IndexOptions, Origin, Requirement
from layerforge.model.target import Target
from layerforge.resolve.index import ResolveRequest, Selected
from layerforge.resolve.pip_client import PipClient
from layerforge.resolve.pip_worker.neighbours import BuiltFrom, take_neighbours
from layerforge.wheels.contents import read_contents
from layerforge.wheels.directory import WheelReader
from layerforge.wheels.verify import verify_entries
from tests.fakes import RecordingProgress
from tests.local_index import LocalIndex
from tests.wheel_files import MakeSource, MakeWheel

TARGET = Target(runtime="python3.13", architecture="x86_64")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[PipClient]:
    with PipClient(progress=RecordingProgress(), cache=Cache(tmp_path / "cache")) as client:
        yield client


def request(root: Path, index: LocalIndex, *paths: str) -> ResolveRequest:
    return ResolveRequest(
        root=root,
        target=TARGET,
        requirements=tuple(
            Requirement(name=None, path=path, origin=Origin(path="requirements.in", line=1)) for path in paths
        ),
        options=IndexOptions(index_url=index.url),
    )


def local(name: str, path: str) -> Selected:
    return Selected(name=name, version="1.0", local=LocalSource(path=path))


@pytest.mark.parametrize("asked", [("libs/kit",), ("libs/kit", "libs/models"), ("libs/models", "libs/kit")])
def test_folders_beside_folders_are_built_too(
    client: PipClient,
    local_index: LocalIndex,
    make_project: MakeSource,
    make_wheel: MakeWheel,
    tmp_path: Path,
    asked: tuple[str, ...],
) -> None:
    make_project("kit", requires=["models @ file:../models"], directory=tmp_path / "libs/kit")
    # A circle, and a folder that another one leads to.
    make_project(
        "models",
        requires=[f"units @ {(tmp_path / 'units').as_uri()}", "kit @ file:../kit", "greeter"],
        directory=tmp_path / "libs/models",
    )
    make_project("units", directory=tmp_path / "units")
    local_index.add(make_wheel("greeter"))
    # Of the same name and newer, but not what is asked for.
    local_index.add(make_wheel("models", "9.0"))
    greeter, kit, models, units = client.resolve(request(tmp_path, local_index, *asked))
    assert greeter.name == "greeter"
    assert (kit, models, units) == (
        local("kit", "libs/kit"),
        local("models", "libs/models"),
        local("units", "units"),
    )
    options = IndexOptions(index_url=local_index.url)
    (described,) = client.describe([kit], target=TARGET, options=options, root=tmp_path)
    assert "Requires-Dist: models\n" in described.metadata


def test_what_only_an_extra_takes_is_not_taken(
    client: PipClient, local_index: LocalIndex, make_project: MakeSource, tmp_path: Path
) -> None:
    make_project("kit", extras={"all": ["models @ file:../models"]}, directory=tmp_path / "kit")
    make_project("models", directory=tmp_path / "models")
    assert client.resolve(request(tmp_path, local_index, "kit")) == (local("kit", "kit"),)


def test_a_folder_beside_that_is_not_there(
    client: PipClient, local_index: LocalIndex, make_project: MakeSource, tmp_path: Path
) -> None:
    make_project("kit", requires=["models @ file:../models"], directory=tmp_path / "libs/kit")
    with pytest.raises(ConfigError) as caught:
        client.resolve(request(tmp_path, local_index, "libs/kit"))
    assert caught.value.headline == (
        "requirements.in:1: libs/kit takes models from libs/models, which does not exist"
    )


@pytest.mark.parametrize(
    ("written", "kept", "place"),
    [
        ("models @ file:../models", "models", "../models"),
        ("Models[fast] @ file:../my%20models", "Models[fast]", "../my models"),
        ('models @ file:./models ; extra == "all"', 'models; extra == "all"', "models"),
        # hatch: {root:uri}/../models
        ("models @ file://{copy}/../models", "models", "../models"),
        # Poetry, of the copy and of the folder itself
        ("models @ file://{scratch}/source/models", "models", "../models"),
        ("models @ file://{original}/../models", "models", "../models"),
    ],
)
def test_places_are_taken_out_of_the_metadata(
    make_wheel: MakeWheel, tmp_path: Path, written: str, kept: str, place: str
) -> None:
    built_from = BuiltFrom(copy=tmp_path / "scratch/source/kit", original=tmp_path / "libs/kit")
    (tmp_path / "libs/models").mkdir(parents=True)
    built_from.original.mkdir()
    named = {"copy": built_from.copy, "scratch": tmp_path / "scratch", "original": built_from.original}
    line = written.format(**named)
    wheel = make_wheel("kit", requires=["greeter>=1", line, "other @ https://index.example/other.whl"])
    assert take_neighbours(wheel, built_from) == {"models": place}
    assert metadata(wheel) == [
        "Requires-Dist: greeter>=1",
        f"Requires-Dist: {kept}",
        "Requires-Dist: other @ https://index.example/other.whl",
    ]
    with wheel.open("rb") as stream:
        reader = WheelReader(stream, filename=wheel.name)
        # RECORD holds for the new content.
        verify_entries(reader, read_contents(reader))


def test_a_wheel_without_places_stays_as_it_is(make_wheel: MakeWheel, tmp_path: Path) -> None:
    wheel = make_wheel("kit", requires=["greeter"])
    before = wheel.read_bytes()
    assert take_neighbours(wheel, BuiltFrom(copy=tmp_path / "a/b/kit", original=tmp_path)) == {}
    assert wheel.read_bytes() == before


def metadata(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read("kit-1.0.dist-info/METADATA").decode()
    return [line for line in text.splitlines() if line.startswith("Requires-Dist")]
