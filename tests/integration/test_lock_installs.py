"""The lock files are what they claim to be: pip and uv install from them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from layerforge.cache import Cache, sha256_of
from layerforge.model.function import Function, Project, ProjectSettings
from layerforge.model.lock import Archive, Distribution, Edge, FunctionRoots, LocalSource, Lock, Root
from layerforge.model.requirement import IndexOptions, Origin, Requirement, RequirementSet
from layerforge.model.target import RUNTIMES, Target
from layerforge.resolve.lockfile import write_locks
from layerforge.resolve.locking import lock_project
from layerforge.resolve.pip_client import PipClient
from tests.fakes import RecordingProgress
from tests.local_index import LocalIndex
from tests.wheel_files import MakeSource, MakeWheel

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
# A lock says for which environment it is, and installers refuse it elsewhere.
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or RUNTIME not in RUNTIMES, reason=f"no Lambda runtime is like {RUNTIME} here"
)
HERE = Origin(path="requirements.in", line=1)


def host() -> Target:
    import platform

    return Target(runtime=RUNTIME, architecture={"aarch64": "arm64"}.get(platform.machine(), "x86_64"))


def installed(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.dist-info"))


def install(program: str, lock: Path, into: Path) -> subprocess.CompletedProcess[str]:
    if program == "pip":
        command = [sys.executable, "-m", "pip", "install", "--target", str(into), "-r", lock.name]
    else:
        command = [
            find_uv_bin(),
            "pip",
            "install",
            "--python",
            sys.executable,
            "--target",
            str(into),
            "-r",
            lock.name,
        ]
    return subprocess.run(command, cwd=lock.parent, text=True, capture_output=True, check=False)


def archive(path: Path, url: str) -> Archive:
    return Archive(filename=path.name, url=url, sha256=sha256_of(path), size=path.stat().st_size)


@pytest.mark.parametrize("program", ["pip", "uv"])
def test_a_lock_installs(
    program: str,
    tmp_path: Path,
    local_index: LocalIndex,
    make_wheel: MakeWheel,
    make_sdist: MakeSource,
    make_project: MakeSource,
) -> None:
    root = tmp_path / "project"
    app, base = make_wheel("app", "1.0", requires=["base[fast]"]), make_wheel("base", "2.0")
    source = make_sdist("src", "3.0")
    make_project("shared", "0.1", directory=root / "libs/shared")
    shared = Distribution(
        name="shared", version="0.1", local=LocalSource(path="libs/shared"), unzipped_size=1
    )
    # pip takes no directory beside files with hashes, whoever wrote the lock.
    local = [] if program == "pip" else [shared]
    house = make_wheel("housed", "4.0", directory=root / "wheelhouse")
    lock = Lock(
        cohort="here",
        target=host(),
        distributions=(
            Distribution(
                name="app",
                version="1.0",
                wheel=archive(app, local_index.add(app)),
                unzipped_size=1,
                edges=(Edge(name="base", extras=("fast",)),),
            ),
            Distribution(
                name="base", version="2.0", wheel=archive(base, local_index.add(base)), unzipped_size=1
            ),
            Distribution(name="housed", version="4.0", wheel=archive(house, house.as_uri()), unzipped_size=1),
            *local,
            Distribution(
                name="src", version="3.0", sdist=archive(source, local_index.add(source)), unzipped_size=1
            ),
        ),
        functions=(FunctionRoots(function="f", roots=(Root(name="app", origin=HERE),)),),
        input_digest="0",
    )
    (path,) = write_locks(root, [lock])
    done = install(program, path, tmp_path / "installed")
    assert done.returncode == 0, done.stderr
    assert installed(tmp_path / "installed") == [
        "app-1.0.dist-info",
        "base-2.0.dist-info",
        "housed-4.0.dist-info",
        *(["shared-0.1.dist-info"] if local else []),
        "src-3.0.dist-info",
    ]


def test_a_wheel_that_was_changed_is_refused_by_the_lock(
    tmp_path: Path, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    app = make_wheel("app", "1.0")
    url = local_index.add(app)
    changed = Archive(filename=app.name, url=url, sha256="0" * 64)
    held = Distribution(name="app", version="1.0", wheel=changed, unzipped_size=1)
    lock = Lock(cohort="here", target=host(), distributions=(held,), functions=(), input_digest="0")
    (path,) = write_locks(tmp_path / "project", [lock])
    done = install("pip", path, tmp_path / "installed")
    assert done.returncode != 0
    assert "hash" in done.stderr.lower()


@pytest.mark.parametrize("program", ["pip", "uv"])
def test_what_was_resolved_from_an_index_installs_from_its_lock(
    program: str, tmp_path: Path, local_index: LocalIndex, make_wheel: MakeWheel
) -> None:
    for path in (
        make_wheel("app", "1.0", requires=["base>=1", "extra; sys_platform == 'win32'"]),
        make_wheel("base", "1.0"),
        make_wheel("base", "2.0"),
    ):
        local_index.add(path)
    local_index.protect()
    options = IndexOptions(index_url=local_index.url_with_credentials)
    asked = RequirementSet(requirements=(Requirement(name="app", origin=HERE),), options=options)
    function = Function(name="orders", target=host(), source=None, requirements=asked, origin=HERE)
    root = tmp_path / "project"
    root.mkdir()
    project = Project(root=root, settings=ProjectSettings(name="shop"), functions=(function,))
    progress = RecordingProgress()
    with PipClient(progress=progress, cache=Cache(tmp_path / "cache")) as client:
        result = lock_project(project, previous=(), engine=client, index=client, progress=progress)
    assert result.findings == ()
    (path,) = write_locks(root, result.locks)
    text = path.read_text()
    assert not any(secret in text for secret in local_index.secrets)
    # Credentials for the files come from where pip and uv look for them themselves.
    user, password = local_index.url_with_credentials.removeprefix("http://").split("@")[0].split(":")
    path.write_text(text.replace("http://127", f"http://{user}:{password}@127"))
    done = install(program, path, tmp_path / "installed")
    assert done.returncode == 0, done.stderr
    assert installed(tmp_path / "installed") == ["app-1.0.dist-info", "base-2.0.dist-info"]
