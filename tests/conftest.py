"""What every test may ask for: an environment of its own, tiny wheels and sdists, a local index."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from layerforge.containers.engine import ContainerEngine, Image
from tests.aws_endpoint import Endpoint, running_endpoint, running_moto
from tests.fakes import RecordingProgress
from tests.local_index import LocalIndex, running_index
from tests.wheel_files import MakeSource, MakeWheel, write_project, write_sdist, write_wheel

# The machine may be busy with other tests: a slow example is no failure.
hypothesis.settings.register_profile("layerforge", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "layerforge")

_DROPPED_PREFIXES = ("PIP_", "UV_", "AWS_", "SAM_", "LAYERFORGE_", "XDG_", "GIT_", "DOCKER_")
_DROPPED = ("NETRC", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "CI", "SOURCE_DATE_EPOCH", "PYTHONWARNINGS")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def isolated_environment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """No test reads the user's configuration or writes into the user's folders; the new home folder.

    Where these tests run inside a git hook, git's variables would point at that repository: none keeps
    them. Tests marked `network` keep pip's and uv's settings, proxies and home folder, as these say how
    the package index is reached; only layerforge's cache is their own. Tests marked `container` keep
    what says where the engine is; others find none, whether the machine has one or not.
    """
    home = tmp_path_factory.mktemp("home")
    network = request.node.get_closest_marker("network") is not None
    container = request.node.get_closest_marker("container") is not None
    engine = _engine_variables() if container else {"DOCKER_HOST": f"unix://{home}/no-engine.sock"}
    for name in filter(_is_of_the_repository if network else _is_of_the_user, list(os.environ)):
        monkeypatch.delenv(name)
    for name, value in _isolated_variables(home).items() if not network else ():
        monkeypatch.setenv(name, value)
    for name, value in engine.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", _without_shims(os.environ["PATH"]))
    monkeypatch.setenv("LAYERFORGE_CACHE_DIR", str(home / "cache" / "layerforge"))
    # Tests look for temporary files left behind, and others run beside them.
    (home / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(home / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return home


def _without_shims(path: str) -> str:
    """Those of pyenv ask the user's configuration which interpreter is meant, and take their time for it."""
    return os.pathsep.join(
        part for part in path.split(os.pathsep) if Path(part).parts[-2:] != (".pyenv", "shims")
    )


def _engine_variables() -> dict[str, str]:
    """Where Docker's own programs look for the engine, whatever the home folder is."""
    configured = Path.home() / ".docker"
    default = {"DOCKER_CONFIG": str(configured)} if configured.is_dir() else {}
    return default | {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}


def _is_of_the_repository(name: str) -> bool:
    return name in {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_OBJECT_DIRECTORY"}


def _is_of_the_user(name: str) -> bool:
    return name.startswith(_DROPPED_PREFIXES) or name in _DROPPED or name.lower() in _PROXIES


def _isolated_variables(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_DATA_HOME": str(home / "data"),
        "XDG_STATE_HOME": str(home / "state"),
        "NETRC": os.devnull,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": "Test",
        "GIT_AUTHOR_EMAIL": "test@example.com",
        "GIT_COMMITTER_NAME": "Test",
        "GIT_COMMITTER_EMAIL": "test@example.com",
        "GIT_TERMINAL_PROMPT": "0",
    }


@pytest.fixture
def make_wheel(tmp_path: Path) -> MakeWheel:
    """`make_wheel("demo", "1.0", requires=["six"], tag="cp313-cp313-manylinux_2_28_x86_64")`."""
    return _in_directory(write_wheel, tmp_path / "wheels")


@pytest.fixture
def make_sdist(tmp_path: Path) -> MakeSource:
    """`make_sdist("demo", "1.0")`: builds without a network, as its backend lies inside."""
    return _in_directory(write_sdist, tmp_path / "sdists")


@pytest.fixture
def make_project(tmp_path: Path) -> MakeSource:
    """`make_project("demo", directory=root / "libs/demo")`: a source folder that builds without a network."""

    def make(name: str, version: str = "1.0", *, directory: Path | None = None, **rest: Any) -> Path:
        return write_project(directory or tmp_path / "projects" / name, name, version, **rest)

    return make


@pytest.fixture(scope="session")
def container_engine() -> Iterator[ContainerEngine]:
    """The engine of the machine; tests that need one fail without, and say how to start one."""
    from layerforge.containers.opening import open_docker
    from tests.images.making import connect

    connect().close()
    engine = open_docker(RecordingProgress())
    yield engine
    engine.close()


def _image(engine: ContainerEngine, kind: str, python: str) -> Image:
    from tests.images.making import connect, make_image
    from tests.images.recipe import RECIPES

    (recipe,) = [one for one in RECIPES if (one.kind, one.python) == (kind, python)]
    client = connect()
    make_image(client, recipe)
    client.close()
    image = engine.find_image(recipe.reference, architecture="x86_64")
    assert image is not None
    return image


@pytest.fixture(scope="session")
def build_image_311(container_engine: ContainerEngine) -> Image:
    """Python 3.11 with compilers; see tests/images."""
    return _image(container_engine, "build", "3.11")


@pytest.fixture(scope="session")
def build_image_313(container_engine: ContainerEngine) -> Image:
    """Python 3.13 with compilers."""
    return _image(container_engine, "build", "3.13")


@pytest.fixture(scope="session")
def run_image_311(container_engine: ContainerEngine) -> Image:
    """Python 3.11 as Lambda runs it: runtime client, emulator, SDK, and no compiler."""
    return _image(container_engine, "run", "3.11")


@pytest.fixture(scope="session")
def run_image_313(container_engine: ContainerEngine) -> Image:
    """Python 3.13 as Lambda runs it."""
    return _image(container_engine, "run", "3.13")


@pytest.fixture
def container_toml(
    build_image_311: Image, build_image_313: Image, run_image_311: Image, run_image_313: Image
) -> str:
    """[container] of a config whose containers are these images; building ones are on the host's network."""
    return (
        '[container]\npull = "never"\nnetwork = "host"\n'
        "[container.build-image]\n"
        f'"python3.11" = "{build_image_311.reference}"\n"python3.13" = "{build_image_313.reference}"\n'
        "[container.run-image]\n"
        f'"python3.11" = "{run_image_311.reference}"\n"python3.13" = "{run_image_313.reference}"\n'
    )


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """A moto_server for all tests of this process."""
    with running_moto() as url:
        yield url


@pytest.fixture
def aws(moto_url: str, isolated_environment: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """An empty AWS account of this test alone, as the environment names it; see tests/aws_endpoint.py."""
    with running_endpoint(moto_url) as endpoint:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-that-is-never-shown")
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        yield endpoint


@pytest.fixture
def local_index() -> Iterator[LocalIndex]:
    """A package index of this test alone; see tests/local_index.py."""
    with running_index() as index:
        yield index


def _in_directory(write: Callable[..., Path], default: Path) -> Callable[..., Path]:
    def make(name: str, version: str = "1.0", *, directory: Path | None = None, **rest: Any) -> Path:
        chosen = directory or default
        chosen.mkdir(parents=True, exist_ok=True)
        return write(chosen, name, version, **rest)

    return make
