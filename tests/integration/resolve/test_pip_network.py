"""The real index: properties that hold whatever is released. Run with `-m network`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename
from packaging.version import Version

from layerforge.cache import Cache
from layerforge.model.requirement import Origin, Requirement
from layerforge.model.target import Target
from layerforge.resolve.engine import ContradictionError, requirement_name
from layerforge.resolve.index import ResolveRequest, Selected
from layerforge.resolve.pip_client import PipClient
from tests.fakes import RecordingProgress

pytestmark = pytest.mark.network


@pytest.fixture
def client(tmp_path: Path) -> Iterator[PipClient]:
    with PipClient(progress=RecordingProgress(), cache=Cache(tmp_path / "cache")) as client:
        yield client


def resolve(client: PipClient, target: Target, *names: str) -> dict[str, Selected]:
    origin = Origin(path="requirements.in", line=1)
    requirements = tuple(
        Requirement(name=requirement_name(name), specifier=name[len(requirement_name(name)) :], origin=origin)
        for name in names
    )
    request = ResolveRequest(root=Path.cwd(), target=target, requirements=requirements)
    return {selected.name: selected for selected in client.resolve(request)}


@pytest.mark.parametrize(
    ("runtime", "architecture"),
    [("python3.11", "x86_64"), ("python3.11", "arm64"), ("python3.13", "x86_64"), ("python3.13", "arm64")],
)
def test_numpy_is_the_newest_that_loads_there(client: PipClient, runtime: str, architecture: str) -> None:
    target = Target(runtime=runtime, architecture=architecture)
    wheel = resolve(client, target, "numpy")["numpy"].wheel
    assert wheel is not None
    _, version, _, tags = parse_wheel_filename(wheel.filename)
    assert tags & set(target.tags())
    # numpy 2.2 is the last with wheels for glibc 2.17; every later one asks for 2.27 or more.
    assert (version.release[:2] == (2, 2)) == (runtime == "python3.11")
    assert len(wheel.sha256) == 64


def test_a_usual_stack_is_described_without_downloading_it(client: PipClient, tmp_path: Path) -> None:
    target = Target(runtime="python3.11", architecture="x86_64")
    names = ("requests", "pydantic", "boto3", "sqlalchemy", "jinja2", "cryptography")
    selected = resolve(client, target, *names)
    assert {"botocore", "pydantic-core", "cffi", "urllib3"} <= set(selected)
    described = client.describe(
        tuple(selected.values()),
        target=target,
        options=ResolveRequest(root=tmp_path, target=target, requirements=()).options,
        root=tmp_path,
    )
    assert all(one.selected.wheel and one.selected.wheel.size for one in described)
    assert sum(one.unzipped_size for one in described) > 40_000_000
    assert sum(file.stat().st_size for file in (tmp_path / "cache").rglob("*") if file.is_file()) < 5_000_000


def test_each_target_gets_its_own_newest(client: PipClient) -> None:
    old = Target(runtime="python3.11", architecture="x86_64")
    new = Target(runtime="python3.13", architecture="x86_64")
    versions = [Version(resolve(client, target, "numpy")["numpy"].version) for target in (old, new)]
    assert versions[0] < versions[1]


def test_contradiction_in_the_wild(client: PipClient) -> None:
    target = Target(runtime="python3.13", architecture="x86_64")
    with pytest.raises(ContradictionError) as caught:
        resolve(client, target, "pydantic<2", "pydantic-settings>=2")
    assert any(text.startswith("pydantic<2") for text in caught.value.requirements)
