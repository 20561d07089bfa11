"""The real uv against an index of our own, and once against the real one."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from layerforge.errors import PackageIndexError, ResolutionError
from layerforge.model.requirement import IndexOptions, Origin, Requirement
from layerforge.model.target import Target
from layerforge.resolve.engine import ContradictionError, NoFittingFileError
from layerforge.resolve.index import Pin, ResolveRequest, Selected
from layerforge.resolve.uv_engine import UvEngine
from tests.local_index import Fault, LocalIndex, running_index
from tests.wheel_files import MakeSource, MakeWheel

ORIGIN = Origin(path="r.txt", line=1)
TARGETS = {
    name: Target(runtime=name.partition("-")[0], architecture=name.partition("-")[2])
    for name in ("python3.11-x86_64", "python3.13-x86_64", "python3.13-arm64")
}


def asked(name: str | None, specifier: str = "", **rest: Any) -> Requirement:
    return Requirement(name=name, specifier=specifier, origin=ORIGIN, **rest)


def resolve(
    root: Path,
    *requirements: Requirement,
    index: LocalIndex,
    target: str = "python3.11-x86_64",
    options: IndexOptions | None = None,
    **rest: Any,
) -> tuple[Selected, ...]:
    request = ResolveRequest(
        root=root,
        target=TARGETS[target],
        requirements=requirements,
        options=options or IndexOptions(index_url=index.url),
        **rest,
    )
    return UvEngine().resolve(request)


def shown(selected: tuple[Selected, ...]) -> list[str]:
    return [
        one.wheel.filename if one.wheel else one.sdist.filename if one.sdist else f"{one.name} {one.version}"
        for one in selected
    ]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("python3.11-x86_64", "fast-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"),
        ("python3.13-x86_64", "fast-2.0-cp313-cp313-manylinux_2_28_x86_64.whl"),
        ("python3.13-arm64", "fast-1.5-py3-none-any.whl"),
    ],
)
def test_the_newest_that_fits(
    target: str, expected: str, tmp_path: Path, make_wheel: MakeWheel, local_index: LocalIndex
) -> None:
    local_index.add(make_wheel("fast", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64"))
    local_index.add(make_wheel("fast", "1.5", tag="py3-none-any", requires_python=">=3.12"))
    local_index.add(make_wheel("fast", "2.0", tag="cp311-cp311-manylinux_2_28_x86_64"))
    local_index.add(make_wheel("fast", "2.0", tag="cp313-cp313-manylinux_2_28_x86_64"))
    local_index.add(make_wheel("fast", "3.0", tag="cp313-cp313-win_amd64"))
    assert shown(resolve(tmp_path, asked("fast"), index=local_index, target=target)) == [expected]


def test_a_wheel_between_the_platforms_that_uv_knows(
    tmp_path: Path, make_wheel: MakeWheel, local_index: LocalIndex
) -> None:
    for version, glibc in (("1.0", "2_17"), ("2.0", "2_24"), ("2.1", "2_27"), ("2.2", "2_28")):
        local_index.add(make_wheel("fast", version, tag=f"cp311-cp311-manylinux_{glibc}_x86_64"))
    selected = resolve(tmp_path, asked("fast"), index=local_index)
    assert shown(selected) == ["fast-2.0-cp311-cp311-manylinux_2_24_x86_64.whl"]


def test_nothing_loads(
    tmp_path: Path, make_wheel: MakeWheel, make_sdist: MakeSource, local_index: LocalIndex
) -> None:
    local_index.add(make_wheel("fast", "2.0", tag="cp311-cp311-manylinux_2_28_x86_64"))
    with pytest.raises(NoFittingFileError) as caught:
        resolve(tmp_path, asked("fast"), index=local_index)
    assert caught.value.details == ("fast 2.0 offers cp311 manylinux_2_28_x86_64",)
    local_index.add(make_sdist("fast", "2.0"))
    assert shown(resolve(tmp_path, asked("fast"), index=local_index)) == ["fast-2.0.tar.gz"]


def test_markers_extras_constraints_preferences(
    tmp_path: Path, make_wheel: MakeWheel, local_index: LocalIndex
) -> None:
    local_index.add(
        make_wheel(
            "app",
            "1.0",
            requires=["low", "old; python_version < '3.11'"],
            extras={"s3": ["high; platform_machine == 'x86_64'"]},
        )
    )
    for name in ("low", "high", "old"):
        for version in ("1.0", "2.0", "3.0"):
            local_index.add(make_wheel(name, version))
    selected = resolve(
        tmp_path,
        asked("app", extras=("s3",)),
        asked("nothing", marker='sys_platform == "win32"'),
        index=local_index,
        constraints=(asked("low", "<3"),),
        preferences=(Pin(name="high", version="1.0"), Pin(name="low", version="3.0")),
    )
    assert shown(selected) == [
        "app-1.0-py3-none-any.whl",
        "high-1.0-py3-none-any.whl",
        "low-2.0-py3-none-any.whl",
    ]


def test_an_sdist_only_where_no_wheel_fits(
    tmp_path: Path, make_wheel: MakeWheel, make_sdist: MakeSource, local_index: LocalIndex
) -> None:
    local_index.add(make_sdist("pure", "2.0"))
    local_index.add(make_wheel("pure", "1.0"))
    local_index.add(make_sdist("source", "1.0", requires=["pure"]))
    selected = resolve(tmp_path, asked("source"), index=local_index)
    assert shown(selected) == ["pure-1.0-py3-none-any.whl", "source-1.0.tar.gz"]
    only = IndexOptions(index_url=local_index.url, only_binary=("source",))
    with pytest.raises(NoFittingFileError) as caught:
        resolve(tmp_path, asked("source"), index=local_index, options=only)
    assert caught.value.sentence.startswith(
        "no wheel that satisfies source fits python3.11 on Amazon Linux 2"
    )


def test_local_projects_and_git(
    tmp_path: Path, make_project: MakeSource, make_wheel: MakeWheel, local_index: LocalIndex
) -> None:
    root = tmp_path / "repo"
    make_project("shared", "1.2", directory=root / "libs" / "shared", requires=["low"])
    repository = make_project("tool", "3.0", directory=tmp_path / "tool")
    for command in ("init -q", "add -A", "commit -q -m x"):
        subprocess.run(["git", *command.split()], cwd=repository, check=True)
    local_index.add(make_wheel("low", "1.0"))
    selected = resolve(
        root,
        asked("shared", path="libs/shared", editable=True),
        asked(None, url=f"git+{repository.as_uri()}"),
        index=local_index,
    )
    assert shown(selected) == ["low-1.0-py3-none-any.whl", "shared 1.2", "tool 3.0"]
    local, vcs = selected[1].local, selected[2].vcs
    assert local is not None
    assert local.path == "libs/shared"
    assert vcs is not None
    assert (vcs.url, len(vcs.commit)) == (repository.as_uri(), 40)


def test_contradiction_names_both_sides(
    tmp_path: Path, make_wheel: MakeWheel, local_index: LocalIndex
) -> None:
    local_index.add(make_wheel("low", "1.0"))
    local_index.add(make_wheel("low", "2.0"))
    local_index.add(make_wheel("app", "1.0", requires=["low>=2"]))
    with pytest.raises(ContradictionError) as caught:
        resolve(tmp_path, asked("app"), asked("low", "<2"), index=local_index)
    assert set(caught.value.requirements) == {"low>=2", "app", "low<2"}


def test_credentials_reach_the_index_and_no_message(
    tmp_path: Path, make_wheel: MakeWheel, local_index: LocalIndex
) -> None:
    local_index.protect()
    local_index.add(make_wheel("low", "1.0"))
    options = IndexOptions(index_url=local_index.url_with_credentials)
    (low,) = resolve(tmp_path, asked("low"), index=local_index, options=options)
    assert low.wheel is not None
    assert not any(secret in repr(low) for secret in local_index.secrets)
    with pytest.raises(PackageIndexError, match=r"401 Unauthorized"):
        resolve(tmp_path, asked("low"), index=local_index)


def test_what_an_index_refuses_is_not_taken_from_another(
    tmp_path: Path, make_wheel: MakeWheel, local_index: LocalIndex
) -> None:
    local_index.add(make_wheel("low", "1.0"))
    with running_index() as private:
        private.protect()
        options = IndexOptions(index_url=local_index.url, extra_index_urls=(private.url,))
        with pytest.raises(PackageIndexError, match=r"401 Unauthorized"):
            resolve(tmp_path, asked("low"), index=local_index, options=options)


def test_what_the_environment_says_to_pip_counts(
    tmp_path: Path, make_wheel: MakeWheel, local_index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_index.add(make_wheel("low", "1.0"))
    monkeypatch.setenv("PIP_INDEX_URL", local_index.url)
    selected = resolve(tmp_path, asked("low"), index=local_index, options=IndexOptions())
    assert shown(selected) == ["low-1.0-py3-none-any.whl"]


def test_an_index_that_fails(
    tmp_path: Path, make_wheel: MakeWheel, local_index: LocalIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    local_index.add(make_wheel("low", "1.0"))
    local_index.fail("/simple/low/", Fault(status=503))
    with pytest.raises(PackageIndexError, match=r"^a package index failed while uv was resolving$") as caught:
        resolve(tmp_path, asked("low"), index=local_index)
    assert any("503" in line for line in caught.value.details)


def test_a_project_that_does_not_exist(tmp_path: Path, local_index: LocalIndex) -> None:
    with pytest.raises(ResolutionError, match=r"^there is no project named nosuch$"):
        resolve(tmp_path, asked("nosuch"), index=local_index)


@pytest.mark.network
def test_numpy_for_amazon_linux_2(tmp_path: Path) -> None:
    request = ResolveRequest(
        root=tmp_path, target=TARGETS["python3.11-x86_64"], requirements=(asked("numpy"),)
    )
    (numpy,) = UvEngine().resolve(request)
    assert numpy.wheel is not None
    # numpy 2.3 and later have wheels for glibc 2.27 and newer alone.
    assert numpy.version == "2.2.6"
    assert numpy.wheel.filename.endswith("manylinux_2_17_x86_64.manylinux2014_x86_64.whl")
