"""The fakes keep the promises of the Protocols that they stand in for."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.errors import PackageIndexError
from layerforge.model.progress import Progress
from layerforge.model.requirement import IndexOptions, Origin, Requirement
from layerforge.model.target import Target
from layerforge.resolve.engine import ContradictionError, NoFittingFileError
from layerforge.resolve.index import Engine, Index, Pin, ResolveRequest
from tests.fakes import FakeEngine, FakeIndex, RecordingProgress, Release
from tests.wheel_files import MakeWheel

PY313 = Target(runtime="python3.13", architecture="x86_64")
PY311_ARM = Target(runtime="python3.11", architecture="arm64")
X86 = "cp313-cp313-manylinux_2_28_x86_64"


def wanted(name: str, specifier: str = "", *extras: str, marker: str | None = None) -> Requirement:
    return Requirement(
        name=name, specifier=specifier, extras=extras, marker=marker, origin=Origin(path="requirements.in")
    )


def resolved(
    engine: Engine,
    *requirements: Requirement,
    target: Target = PY313,
    constraints: tuple[Requirement, ...] = (),
    prefer: tuple[Pin, ...] = (),
) -> list[str]:
    request = ResolveRequest(
        root=Path("/project"),
        target=target,
        requirements=requirements,
        constraints=constraints,
        preferences=prefer,
    )
    return [f"{one.name} {one.version}" for one in engine.resolve(request)]


def test_newest_that_fits_with_dependencies_extras_and_markers() -> None:
    engine = FakeEngine(
        Release(name="App", version="2.0", requires=("low>=1",), extras={"s3": ["High<3"]}),
        Release(name="low", version="1.0", requires=("backport; python_version<'3.12'",)),
        Release(name="high", version="2.0", tags=(X86,)),
        Release(name="high", version="2.5", tags=("cp312-cp312-manylinux_2_28_x86_64",)),
        Release(name="high", version="3.0"),
        Release(name="backport"),
    )
    assert resolved(engine, wanted("app", "", "s3")) == ["app 2.0", "high 2.0", "low 1.0"]
    assert resolved(engine, wanted("app", marker="python_version<'3'")) == []
    assert resolved(engine, wanted("app"), target=PY311_ARM) == ["app 2.0", "backport 1.0", "low 1.0"]


def test_constraints_and_preferences() -> None:
    engine = FakeEngine(*(Release(name="a", version=version) for version in ("1.0", "2.0", "3.0")))
    assert resolved(engine, wanted("a"), constraints=(wanted("a", "<3"),)) == ["a 2.0"]
    assert resolved(engine, wanted("a"), prefer=(Pin(name="a", version="1.0"),)) == ["a 1.0"]
    assert resolved(engine, wanted("a", ">1"), prefer=(Pin(name="a", version="1.0"),)) == ["a 3.0"]


def test_contradictions_name_both_sides() -> None:
    engine = FakeEngine(
        Release(name="a", requires=("b<2",)), Release(name="b", version="1"), Release(name="b", version="2")
    )
    with pytest.raises(ContradictionError) as caught:
        resolved(engine, wanted("a"), wanted("b", ">=2"))
    assert caught.value.sides == (("b>=2", None), ("b<2", "a 1.0"))


def test_no_fitting_file_tells_what_is_offered() -> None:
    engine = FakeEngine(Release(name="native", tags=(X86,)))
    with pytest.raises(NoFittingFileError) as caught:
        resolved(engine, wanted("native"), target=PY311_ARM)
    assert [offer.tags for offer in caught.value.offers] == [(X86,)]
    with pytest.raises(NoFittingFileError):
        resolved(engine, wanted("missing"))


def test_the_index_describes_and_brings_wheels(make_wheel: MakeWheel, tmp_path: Path) -> None:
    wheel = make_wheel("demo", "1.0", requires=["six"])
    fake = FakeIndex(wheels=[wheel])
    index: Index = fake
    selected = FakeEngine(Release(name="demo")).resolve(
        ResolveRequest(root=tmp_path, target=PY313, requirements=(wanted("demo"),))
    )
    (described,) = index.describe(selected, target=PY313, options=IndexOptions(), root=tmp_path)
    assert "Requires-Dist: six" in described.metadata
    got: list[int] = []
    file = fake.archive(wheel.name)
    index.download([file], options=IndexOptions(), destination=lambda _: tmp_path / "got", advance=got.append)
    assert (tmp_path / "got").read_bytes() == wheel.read_bytes()
    assert got == [wheel.stat().st_size]
    fake.failing.add(wheel.name)
    with pytest.raises(PackageIndexError, match=r"^index\.example did not send demo-1\.0-py3-none-any\.whl$"):
        index.describe(selected, target=PY313, options=IndexOptions(), root=tmp_path)


def test_progress_is_remembered() -> None:
    recording = RecordingProgress()
    progress: Progress = recording
    with progress.task("fetch", total=10, unit="bytes") as advance:
        advance(4)
        advance(6)
    progress.note("done")
    assert [(task.label, task.done, task.ended) for task in recording.tasks] == [("fetch", 10, True)]
    assert recording.notes == ["done"]
