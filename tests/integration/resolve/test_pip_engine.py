"""Resolution with pip-tools against a local index of tiny real wheels."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from layerforge.cache import Cache
from layerforge.errors import BuildError, ConfigError, PackageIndexError, ResolutionError
from layerforge.model.lock import LocalSource
from layerforge.model.requirement import IndexOptions, Origin, Requirement
from layerforge.model.target import Target
from layerforge.resolve.engine import ContradictionError, NoFittingFileError
from layerforge.resolve.index import Pin, ResolveRequest, Selected
from layerforge.resolve.pip_client import PipClient
from tests.fakes import RecordingProgress
from tests.local_index import Fault, LocalIndex
from tests.wheel_files import MakeSource, MakeWheel

AL2 = Target(runtime="python3.11", architecture="x86_64")
AL2023 = Target(runtime="python3.13", architecture="x86_64")
ARM = Target(runtime="python3.13", architecture="arm64")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[PipClient]:
    with PipClient(
        progress=RecordingProgress(), cache=Cache(tmp_path / "cache"), retries=2, timeout=5
    ) as client:
        yield client


Resolve = Callable[..., tuple[Selected, ...]]


@pytest.fixture
def resolve(client: PipClient, local_index: LocalIndex, tmp_path: Path) -> Resolve:
    def resolve(
        *texts: str | Requirement,
        target: Target = AL2023,
        constraints: tuple[str, ...] = (),
        pins: tuple[str, ...] = (),
        **options: object,
    ) -> tuple[Selected, ...]:
        request = ResolveRequest(
            root=tmp_path,
            target=target,
            requirements=tuple(text if isinstance(text, Requirement) else asked(text) for text in texts),
            constraints=tuple(asked(text) for text in constraints),
            preferences=tuple(Pin(name=pin.split("==")[0], version=pin.split("==")[1]) for pin in pins),
            options=IndexOptions(**{"index_url": local_index.url, **options}),  # type: ignore[arg-type]
        )
        return client.resolve(request)

    return resolve


def asked(text: str) -> Requirement:
    """`name[extras]specifier ; marker --hash=…` as the reader of requirement files would give it."""
    text, *hashes = text.split(" --hash=")
    text, _, marker = text.partition(" ; ")
    match = re.fullmatch(r"([\w.-]+)(?:\[(.*)\])?(.*)", text)
    assert match
    return Requirement(
        name=match[1],
        extras=tuple(match[2].split(",")) if match[2] else (),
        specifier=match[3],
        marker=marker or None,
        hashes=tuple(hashes),
        origin=Origin(path="requirements.in", line=1),
    )


def pins(selected: tuple[Selected, ...]) -> list[str]:
    return [f"{one.name}=={one.version}" for one in selected]


def files(selected: tuple[Selected, ...]) -> list[str]:
    return [archive.filename for one in selected if (archive := one.wheel or one.sdist)]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# --- which file


def test_pins_of_another_runtime_that_do_not_fit_take_no_other_with_them(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    # More than pip-tools would give up by itself.
    names = [f"native{number}" for number in range(12)]
    for name in names:
        local_index.add(make_wheel(name, "1.0", tag="cp312-cp312-manylinux_2_17_x86_64"))
        local_index.add(make_wheel(name, "2.0", tag="cp313-cp313-manylinux_2_17_x86_64"))
    for version in ("1.0", "2.0"):
        local_index.add(make_wheel("pure", version))
    pinned = (*(f"{name}==1.0" for name in names), "pure==1.0", "unrelated==3.0")
    chosen = pins(resolve("pure", *names, pins=pinned))
    assert sorted(chosen) == sorted([*(f"{name}==2.0" for name in names), "pure==1.0"])


@pytest.mark.parametrize(
    ("target", "filename"),
    [
        (AL2, "fast-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl"),
        (AL2023, "fast-2.0-cp313-cp313-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl"),
        (ARM, "fast-2.0-cp313-cp313-manylinux_2_27_aarch64.manylinux_2_28_aarch64.whl"),
    ],
)
def test_newest_version_with_a_wheel_that_fits(
    resolve: Resolve,
    local_index: LocalIndex,
    make_wheel: MakeWheel,
    make_sdist: MakeSource,
    target: Target,
    filename: str,
) -> None:
    for version, glibc in (("1.0", "manylinux_2_17_{0}.manylinux2014_{0}"), ("2.0", None)):
        platform = glibc or "manylinux_2_27_{0}.manylinux_2_28_{0}"
        for python in ("cp311", "cp313"):
            for machine in ("x86_64", "aarch64"):
                tag = f"{python}-{python}-{platform.format(machine)}"
                local_index.add(make_wheel("fast", version, tag=tag))
    local_index.add(make_sdist("fast", "2.0"))
    local_index.add(make_sdist("fast", "3.0"))
    assert files(resolve("fast", target=target)) == [filename]


def test_sdist_only_where_no_acceptable_version_has_a_fitting_wheel(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel, make_sdist: MakeSource
) -> None:
    local_index.add(make_sdist("bare", "1.5"))
    local_index.add(make_wheel("mixed", "1.0"))
    local_index.add(make_sdist("mixed", "2.0"))
    local_index.add(make_wheel("app", "1.0", requires=["bare", "mixed>=2"]))
    assert files(resolve("app")) == ["app-1.0-py3-none-any.whl", "bare-1.5.tar.gz", "mixed-2.0.tar.gz"]
    assert files(resolve("mixed")) == ["mixed-1.0-py3-none-any.whl"]


def test_the_users_formats_hold(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel, make_sdist: MakeSource
) -> None:
    local_index.add(make_wheel("mixed", "1.0"))
    local_index.add(make_sdist("mixed", "1.0"))
    local_index.add(make_sdist("bare", "1.0"))
    assert files(resolve("mixed", no_binary=("mixed",))) == ["mixed-1.0.tar.gz"]
    with pytest.raises(NoFittingFileError) as caught:
        resolve("bare", only_binary=(":all:",))
    assert caught.value.sentence.startswith(
        "no wheel that satisfies bare fits python3.13 on Amazon Linux 2023"
    )


def test_markers_and_requires_python_are_the_targets(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    for name in ("new", "old", "win", "arm"):
        local_index.add(make_wheel(name))
    requires = [
        'new ; python_version >= "3.13"',
        'old ; python_version < "3.13"',
        'win ; sys_platform == "win32"',
        'arm ; platform_machine == "aarch64"',
    ]
    local_index.add(make_wheel("app", "1.0", requires=requires))
    local_index.add(make_wheel("app", "2.0", requires=["new"], requires_python=">=3.12"))
    local_index.add(make_wheel("app", "3.0", requires_python=">=3.14"))
    assert pins(resolve("app", target=AL2)) == ["app==1.0", "old==1.0"]
    assert pins(resolve("app", target=AL2023)) == ["app==2.0", "new==1.0"]
    assert pins(resolve("app<2", target=ARM)) == ["app==1.0", "arm==1.0", "new==1.0"]
    assert pins(resolve('app ; python_version < "3.12"', "old", target=ARM)) == ["old==1.0"]


def test_requires_python_that_only_the_metadata_tells(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    local_index.add(make_wheel("app", "1.0"))
    local_index.add(make_wheel("app", "2.0", requires_python=">=3.12"), requires_python=">=3")
    assert pins(resolve("app", target=AL2)) == ["app==1.0"]
    with pytest.raises(ResolutionError) as caught:
        resolve("app==2.0", target=AL2)
    assert caught.value.sentence.startswith(
        "app 2.0 wants Python >=3.12, and the functions run on python3.11"
    )


def test_extras_yanked_and_prereleases_as_pip_takes_them(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    local_index.add(make_wheel("extra"))
    local_index.add(make_wheel("app", "1.0", extras={"x": ["extra"]}))
    local_index.add(make_wheel("app", "1.1", extras={"x": ["extra"]}), yanked="broken")
    local_index.add(make_wheel("app", "2.0rc1", extras={"x": ["extra"]}))
    assert pins(resolve("app[x]")) == ["app==1.0", "extra==1.0"]
    assert pins(resolve("app==1.1")) == ["app==1.1"]
    assert pins(resolve("app", pre=True)) == ["app==2.0rc1"]


def test_links_carry_url_and_digest_but_no_credentials(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    path = make_wheel("app")
    url = local_index.add(path)
    local_index.protect()
    (selected,) = resolve("app", index_url=local_index.url_with_credentials)
    assert selected.wheel is not None
    assert (selected.wheel.url, selected.wheel.sha256) == (url, sha256(path))


# --- pins and constraints


def test_pins_are_kept_unless_they_conflict_or_are_gone(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    for version in ("1.0", "1.1", "2.0"):
        local_index.add(make_wheel("lib", version))
        local_index.add(make_wheel("other", version, requires=["lib"]))
    assert pins(resolve("other", pins=("lib==1.0", "other==1.1"))) == ["lib==1.0", "other==1.1"]
    assert pins(resolve("other", "lib>=2", pins=("lib==1.0", "other==1.0"))) == ["lib==2.0", "other==1.0"]
    assert pins(resolve("other", pins=("lib==0.9", "other==1.0"))) == ["lib==2.0", "other==1.0"]
    assert pins(resolve("lib", pins=("unknown==1.0",))) == ["lib==2.0"]


def test_a_pin_that_a_new_requirement_of_another_excludes_is_given_up(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    local_index.add(make_wheel("lib", "1.0"))
    local_index.add(make_wheel("lib", "2.0"))
    local_index.add(make_wheel("app", "1.0", requires=["lib>=2"]))
    assert pins(resolve("app", pins=("lib==1.0",))) == ["app==1.0", "lib==2.0"]


def test_constraints_limit_but_ask_for_nothing(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    for version in ("1.0", "2.0"):
        local_index.add(make_wheel("lib", version))
    local_index.add(make_wheel("app", requires=["lib"]))
    assert pins(resolve("app", constraints=("lib<2", "absent==1"))) == ["app==1.0", "lib==1.0"]


# --- hashes


def test_hashes_of_the_user_choose_the_file(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel, make_sdist: MakeSource
) -> None:
    wheel, sdist = make_wheel("app"), make_sdist("app")
    local_index.add(wheel)
    local_index.add(sdist)
    assert files(resolve(f"app==1.0 --hash=sha256:{sha256(wheel)}")) == ["app-1.0-py3-none-any.whl"]
    assert files(resolve(f"app==1.0 --hash=sha256:{sha256(sdist)}")) == ["app-1.0.tar.gz"]
    with pytest.raises(ResolutionError) as caught:
        resolve(f"app==1.0 --hash=sha256:{'0' * 64}")
    assert caught.value.sentence == (
        "app-1.0-py3-none-any.whl is what fits python3.13-x86_64, but its sha256 is not among the "
        "1 hashes that the requirements give for app"
    )


def test_require_hashes_wants_one_for_everything(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    app = make_wheel("app", requires=["lib"])
    local_index.add(app)
    local_index.add(make_wheel("lib"))
    with pytest.raises(ResolutionError, match=r"lib 1\.0 is needed, but no --hash is given for it"):
        resolve(f"app==1.0 --hash=sha256:{sha256(app)}", require_hashes=True)


# --- failures in words


def test_contradiction_of_roots(resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel) -> None:
    local_index.add(make_wheel("lib", "1.0"))
    local_index.add(make_wheel("lib", "2.0"))
    with pytest.raises(ContradictionError) as caught:
        resolve("lib<2", "lib>=2")
    assert caught.value.sides == (("lib<2", None), ("lib>=2", None))


def test_contradiction_through_others_names_them(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    local_index.add(make_wheel("lib", "1.0"))
    local_index.add(make_wheel("lib", "2.0"))
    local_index.add(make_wheel("orders", requires=["lib<2"]))
    local_index.add(make_wheel("billing", requires=["lib>=2"]))
    with pytest.raises(ContradictionError) as caught:
        resolve("orders", "billing")
    assert caught.value.sides == (("lib<2", "orders 1.0"), ("lib>=2", "billing 1.0"))


def test_constraint_as_a_side(resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel) -> None:
    local_index.add(make_wheel("lib", "1.0"))
    local_index.add(make_wheel("lib", "2.0"))
    with pytest.raises(ContradictionError) as caught:
        resolve("lib>=2", constraints=("lib<2",))
    assert set(caught.value.requirements) == {"lib>=2", "lib<2"}


def test_nothing_fits(resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel) -> None:
    local_index.add(make_wheel("fast", "1.0", tag="cp313-cp313-manylinux_2_28_x86_64"))
    local_index.add(make_wheel("app", requires=["fast"]))
    with pytest.raises(NoFittingFileError) as caught:
        resolve("app", target=AL2)
    assert caught.value.required_by == "app 1.0"
    assert caught.value.details == ("fast 1.0 offers cp313 manylinux_2_28_x86_64",)


def test_unknown_project_and_unknown_version(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    local_index.add(make_wheel("app", requires=["missing"]))
    with pytest.raises(ResolutionError) as caught:
        resolve("app")
    assert caught.value.headline == "there is no project named missing (required by app 1.0)"
    assert local_index.url in (caught.value.hint or "")
    with pytest.raises(ResolutionError) as caught:
        resolve("app==7")
    assert caught.value.headline == "no version of app satisfies app==7; the newest are 1.0"


# --- indexes that fail


def test_401_is_told_and_not_taken_for_a_missing_project(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    local_index.add(make_wheel("app"))
    local_index.protect()
    with pytest.raises(PackageIndexError) as caught:
        resolve("app")
    assert caught.value.headline == f"{local_index.url}app/ asks for credentials (401)"
    assert "netrc" in (caught.value.hint or "")
    wrong = local_index.url.replace("://", "://user:wr0ng-secret@")
    with pytest.raises(PackageIndexError) as caught:
        resolve("app", index_url=wrong)
    assert "wr0ng-secret" not in f"{caught.value} {caught.value.details} {caught.value.hint}"


def test_403_counts_only_if_the_project_is_nowhere(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    local_index.add(make_wheel("app"))
    local_index.fail("/other/*", Fault(status=403))
    other = f"{local_index.root}/other/"
    assert pins(resolve("app", extra_index_urls=(other,))) == ["app==1.0"]
    with pytest.raises(PackageIndexError, match=r"/other/missing/ refuses access \(403\)"):
        resolve("missing", extra_index_urls=(other,))


def test_passing_errors_are_asked_again(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    local_index.add(make_wheel("app"))
    local_index.fail("/simple/app/", Fault(times=1, status=503))
    local_index.fail("/files/*", Fault(times=1, cut_after=10))
    assert pins(resolve("app")) == ["app==1.0"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(status=503), "keeps answering with errors"),
        (Fault(delay=8), "did not answer in time"),
        (Fault(drop=True), "cut the connection"),
    ],
)
def test_errors_that_stay(
    local_index: LocalIndex, make_wheel: MakeWheel, tmp_path: Path, fault: Fault, words: str
) -> None:
    local_index.add(make_wheel("app"))
    local_index.fail("/simple/app/", fault)
    request = ResolveRequest(
        root=tmp_path,
        target=AL2023,
        requirements=(asked("app"),),
        options=IndexOptions(index_url=local_index.url),
    )
    cache = Cache(tmp_path / "cache")
    with (
        PipClient(progress=RecordingProgress(), cache=cache, retries=1, timeout=0.5) as client,
        pytest.raises(PackageIndexError) as caught,
    ):
        client.resolve(request)
    assert caught.value.sentence == f"{local_index.url}app/ {words}"


def test_index_that_is_down_and_index_that_is_none(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    with pytest.raises(PackageIndexError) as caught:
        resolve("app", index_url=f"{local_index.root}/nowhere/")
    assert caught.value.sentence == (
        f"{local_index.root}/nowhere/ is not a package index: it answers 404 to everything"
    )
    local_index.stop()
    with pytest.raises(PackageIndexError, match="cannot be reached"):
        resolve("app")


@pytest.mark.parametrize(
    ("json", "page", "sentence"),
    [
        (True, b"<html>please log in</html>", "what {url} sends is not the page of a package index"),
        (True, b"[]", "what {url} sends is not the page of a package index"),
        (False, b"<html>please log in</html>", "{url} lists no files of app"),
    ],
)
def test_what_answers_in_place_of_the_index_is_not_taken_for_a_missing_project(
    resolve: Resolve,
    local_index: LocalIndex,
    make_wheel: MakeWheel,
    json: bool,
    page: bytes,
    sentence: str,
) -> None:
    local_index.add(make_wheel("app"))
    local_index.json = json
    local_index.fail("/simple/app/", Fault(body=page))
    with pytest.raises(PackageIndexError) as caught:
        resolve("app")
    assert caught.value.headline == sentence.format(url=f"{local_index.url}app/")
    assert caught.value.hint == ("open it in a browser: a proxy or a login may answer in place of the index")


def test_that_an_index_is_asked_again_is_told_once(
    local_index: LocalIndex, make_wheel: MakeWheel, tmp_path: Path
) -> None:
    local_index.add(make_wheel("app"))
    local_index.fail("/simple/app/", Fault(times=2, drop=True))
    request = ResolveRequest(
        root=tmp_path,
        target=AL2023,
        requirements=(asked("app"),),
        options=IndexOptions(index_url=local_index.url),
    )
    progress = RecordingProgress()
    with PipClient(progress=progress, cache=Cache(tmp_path / "cache"), retries=2) as client:
        assert pins(client.resolve(request)) == ["app==1.0"]
    assert progress.notes == ["/simple/app/ cut the connection: asking again"]


def test_a_cache_that_is_a_file_is_no_bug(resolve: Resolve, make_project: MakeSource, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    make_project("shared", directory=tmp_path / "shared")
    with pytest.raises(BuildError) as caught:
        resolve(Requirement(name="shared", path="shared", origin=Origin(path="r.in", line=1)))
    assert str(tmp_path / "cache") in caught.value.headline
    assert caught.value.headline.endswith(("Not a directory", "File exists"))


def test_an_unencrypted_index_is_not_silently_ignored(resolve: Resolve) -> None:
    with pytest.raises(PackageIndexError) as caught:
        resolve("app", index_url="http://me:secret@index.example/simple/")
    assert caught.value.sentence == "http://****@index.example/simple/ is not encrypted, so pip ignores it"
    assert "--trusted-host index.example" in (caught.value.hint or "")


def test_find_links_without_an_index(resolve: Resolve, make_wheel: MakeWheel, tmp_path: Path) -> None:
    make_wheel("app", directory=tmp_path / "vendor")
    (selected,) = resolve("app", no_index=True, find_links=("vendor",), index_url=None)
    assert selected.wheel is not None
    assert selected.wheel.url == (tmp_path / "vendor/app-1.0-py3-none-any.whl").as_uri()
    with pytest.raises(ConfigError, match="--find-links names nowhere, which does not exist"):
        resolve("app", find_links=("nowhere",))


# --- sources


def test_folder_of_the_user(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel, make_project: MakeSource, tmp_path: Path
) -> None:
    local_index.add(make_wheel("lib"))
    folder = make_project("shared", requires=["lib"], directory=tmp_path / "libs/shared")
    before = sorted(folder.rglob("*"))
    requirement = Requirement(
        name=None, path="libs/shared", editable=True, origin=Origin(path="r.in", line=2)
    )
    lib, shared = resolve(requirement)
    assert (lib.name, shared.name, shared.version) == ("lib", "shared", "1.0")
    assert shared.local == LocalSource(path="libs/shared")
    assert sorted(folder.rglob("*")) == before


def test_sdist_whose_backend_fails_shows_what_it_said(
    resolve: Resolve, local_index: LocalIndex, make_sdist: MakeSource
) -> None:
    unhappy = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: heavy\nVersion: 1.0\n",
        "_backend/backend.py": "def prepare_metadata_for_build_wheel(*_: object) -> None:\n"
        "    raise RuntimeError('the backend is unhappy')\n",
    }
    local_index.add(make_sdist("heavy", files=unhappy))
    with pytest.raises(ResolutionError) as caught:
        resolve("heavy")
    assert caught.value.headline == (
        "heavy cannot be built to learn what it requires: its build backend failed"
    )
    assert any("the backend is unhappy" in line for line in caught.value.details)


def test_folder_that_does_not_build_is_named_with_its_line(
    resolve: Resolve, make_project: MakeSource, tmp_path: Path
) -> None:
    make_project("shared", fails="the backend is unhappy", directory=tmp_path / "shared")
    with pytest.raises(BuildError) as caught:
        resolve(Requirement(name="shared", path="shared", origin=Origin(path="r.in", line=2)))
    assert caught.value.headline == "r.in:2: shared cannot be built into a wheel"
    assert any("the backend is unhappy" in line for line in caught.value.details)


@pytest.mark.parametrize(("wanted", "by"), [("app", ""), ("wanting", " (required by wanting)")])
def test_sdist_that_tells_its_requirements_only_when_built_and_does_not_build(
    resolve: Resolve,
    local_index: LocalIndex,
    make_wheel: MakeWheel,
    tmp_path: Path,
    wanted: str,
    by: str,
) -> None:
    with tarfile.open(tmp_path / "app-1.0.tar.gz", "w:gz") as sdist:
        for name, text in {
            "setup.py": "",
            "PKG-INFO": "Metadata-Version: 2.1\nName: app\nVersion: 1.0\n",
        }.items():
            member = tarfile.TarInfo(f"app-1.0/{name}")
            member.size = len(text)
            sdist.addfile(member, io.BytesIO(text.encode()))
    local_index.add(tmp_path / "app-1.0.tar.gz")
    local_index.add(make_wheel("wanting", requires=["app"]))
    with pytest.raises(BuildError) as caught:
        resolve(wanted)
    assert caught.value.headline.startswith(
        f"requirements.in:1: app{by} cannot be built to learn what it requires: "
    )
    # The index has no setuptools.
    assert any("No matching distribution found for setuptools" in line for line in caught.value.details)


def test_sdist_whose_backend_compiles_is_refused_before_it_does(
    resolve: Resolve, local_index: LocalIndex, make_sdist: MakeSource
) -> None:
    told_when_built = {
        "PKG-INFO": "Metadata-Version: 2.1\nName: heavy\nVersion: 1.26.4\n",
        "pyproject.toml": '[build-system]\nrequires = ["never-asked-for"]\nbuild-backend = "mesonpy"\n',
    }
    local_index.add(make_sdist("heavy", "1.26.4", files=told_when_built))
    with pytest.raises(ResolutionError) as caught:
        resolve("heavy")
    assert caught.value.headline == (
        "heavy 1.26.4 has native code (its build backend is mesonpy): it must be compiled for "
        "python3.13-x86_64 in a container, as no wheel fits"
    )
    assert local_index.count("/simple/never-asked-for/") == 0


def test_folder_with_native_code_wants_a_container(
    resolve: Resolve, make_project: MakeSource, tmp_path: Path
) -> None:
    make_project("shared", tag="cp313-cp313-linux_x86_64", directory=tmp_path / "shared")
    with pytest.raises(BuildError) as caught:
        resolve(Requirement(name="shared", path="shared", origin=Origin(path="r.in", line=2)))
    assert caught.value.headline == (
        "r.in:2: shared has native code (it builds shared-1.0-cp313-cp313-linux_x86_64.whl): it must be "
        "compiled for python3.13-x86_64 in a container, as no wheel fits"
    )
    assert caught.value.hint == (
        "ask for a version that has a wheel that fits, or take another runtime; "
        'builder = "auto" in the config, with Docker, Podman or Finch, compiles in a container'
    )


@pytest.fixture
def repository(make_project: MakeSource, tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    make_project("shared", directory=folder / "python")
    for command in (
        ["init", "-q", "-b", "main"],
        ["add", "."],
        ["commit", "-q", "-m", "one"],
        ["tag", "v1"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def test_git_is_pinned_to_its_commit(resolve: Resolve, repository: Path) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, check=True, capture_output=True, text=True
    ).stdout.strip()
    url = f"git+{repository.as_uri()}@v1"
    requirement = Requirement(
        name="shared", url=url, subdirectory="python", origin=Origin(path="r.in", line=1)
    )
    (selected,) = resolve(requirement)
    assert selected.vcs is not None
    assert (selected.vcs.url, selected.vcs.commit) == (repository.as_uri(), commit)
    assert (selected.vcs.requested_revision, selected.vcs.subdirectory) == ("v1", "python")


def test_git_that_is_not_there(resolve: Resolve, tmp_path: Path) -> None:
    url = f"git+{(tmp_path / 'absent').as_uri()}"
    with pytest.raises(PackageIndexError) as caught:
        resolve(Requirement(name="shared", url=url, origin=Origin(path="r.in", line=1)))
    assert caught.value.headline == (f"r.in:1: {(tmp_path / 'absent').as_uri()} cannot be fetched with git")
    # In git's own words.
    assert any("fatal:" in line for line in caught.value.details)


def test_direct_url(resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel) -> None:
    local_index.add(make_wheel("lib"))
    url = local_index.add(make_wheel("app", requires=["lib"]))
    requirement = Requirement(name="app", url=url, origin=Origin(path="r.in", line=1))
    app, lib = resolve(requirement)
    assert app.wheel is not None
    assert (app.wheel.url, lib.name) == (url, "lib")


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("json", [True, False])
def test_indexes_of_every_ability(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel, ranges: bool, json: bool
) -> None:
    local_index.ranges, local_index.json = ranges, json
    local_index.add(make_wheel("lib"), metadata=False)
    local_index.add(make_wheel("app", requires=["lib"]), metadata=False)
    assert pins(resolve("app")) == ["app==1.0", "lib==1.0"]


def test_the_same_asked_by_many_functions_is_asked_once(
    resolve: Resolve, local_index: LocalIndex, make_wheel: MakeWheel, make_project: MakeSource, tmp_path: Path
) -> None:
    local_index.add(make_wheel("lib"))
    make_project("shared", requires=["lib"], directory=tmp_path / "shared")
    folders = [
        Requirement(name="shared", path="shared", origin=Origin(path=f"{function}/r.in", line=1))
        for function in ("orders", "billing", "search")
    ]
    assert pins(resolve(*folders, "lib", "lib", "lib>=1", "lib[x]")) == ["lib==1.0", "shared==1.0"]


def test_no_secret_is_left_in_any_file(
    client: PipClient, local_index: LocalIndex, make_wheel: MakeWheel, make_sdist: MakeSource, tmp_path: Path
) -> None:
    local_index.add(make_wheel("lib"))
    local_index.add(make_sdist("bare", requires=["lib"]))
    local_index.protect()
    options = IndexOptions(index_url=local_index.url_with_credentials)
    request = ResolveRequest(root=tmp_path, target=AL2023, requirements=(asked("bare"),), options=options)
    selected = client.resolve(request)
    client.describe(selected, target=AL2023, options=options, root=tmp_path)
    texts = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    texts.append(repr(selected).encode())
    assert texts
    assert not [secret for secret in local_index.secrets for text in texts if secret.encode() in text]
