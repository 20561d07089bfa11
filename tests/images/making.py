"""Makes an image: a root filesystem by mmdebstrap, what makes it Lambda's added to the archive, imported."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.images.recipe import (
    BOOTSTRAP,
    ENTRYPOINT,
    ENVIRONMENT,
    RECIPES,
    RUNTIME_CLIENT,
    SAM_CLI,
    SDK,
    Recipe,
)

if TYPE_CHECKING:
    import docker

NO_ENGINE = (
    "these tests need a container engine and none answers: start one (`dockerd`, as root), "
    "set DOCKER_HOST, or leave them out with -m 'not container'"
)
_EMULATOR = "samcli/local/rapid/aws-lambda-rie-x86_64"


def connect() -> docker.DockerClient:
    """The engine that the environment names. Raises RuntimeError that says how to start one."""
    import docker

    try:
        client = docker.from_env(timeout=600)
        client.ping()
    except docker.errors.DockerException as error:
        raise RuntimeError(f"{NO_ENGINE} ({error})") from error
    return client


def answers() -> bool:
    """Whether tests of containers can run here: an engine answers, and images are there or can be made."""
    try:
        client = connect()
    except RuntimeError:
        return False
    here = all(_is_here(client, recipe) for recipe in RECIPES)
    client.close()
    return here or (shutil.which("mmdebstrap") is not None and os.geteuid() == 0)


def make_image(client: docker.DockerClient, recipe: Recipe, say: Callable[[str], None] = print) -> None:
    """Make the image unless the engine has it; one process does, others wait for it."""
    if _is_here(client, recipe):
        return
    with _locked(recipe):
        if _is_here(client, recipe):
            return
        say(f"making {recipe.reference}")
        with tempfile.TemporaryDirectory(prefix="layerforge-image-") as name:
            archive = Path(name) / "root.tar"
            _bootstrap(recipe, archive)
            _add_lambda(recipe, archive, Path(name))
            _import(client, recipe, archive)
        say(f"made {recipe.reference}")


def _is_here(client: docker.DockerClient, recipe: Recipe) -> bool:
    import docker

    try:
        client.images.get(recipe.reference)
    except docker.errors.ImageNotFound:
        return False
    return True


@contextmanager
def _locked(recipe: Recipe) -> Iterator[None]:
    path = Path(tempfile.gettempdir()) / f"{recipe.reference.replace(':', '-')}.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _bootstrap(recipe: Recipe, archive: Path) -> None:
    include = ",".join(recipe.packages)
    command = ["mmdebstrap", "--variant=minbase", f"--include={include}", recipe.suite, str(archive)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise RuntimeError("mmdebstrap is missing: apt-get install mmdebstrap") from error
    if done.returncode:
        raise RuntimeError(f"mmdebstrap failed for {recipe.suite}:\n{done.stderr}")


def _add_lambda(recipe: Recipe, archive: Path, work: Path) -> None:
    python = recipe.python
    with tarfile.open(archive, "a") as tar:
        for folder in ("var/task", "var/runtime", "var/lang", "var/lang/bin"):
            tar.addfile(_info(folder, mode=0o755, kind=tarfile.DIRTYPE))
        for link in (f"python{python}", "python3"):
            info = _info(f"var/lang/bin/{link}", mode=0o777, kind=tarfile.SYMTYPE)
            info.linkname = f"/usr/bin/python{python}"
            tar.addfile(info)
        if recipe.kind == "build":
            return
        site = f"var/lang/lib/python{python}/site-packages"
        _add(tar, "lambda-entrypoint.sh", ENTRYPOINT.encode(), mode=0o755)
        _add(tar, "var/runtime/bootstrap", BOOTSTRAP.format(python=python).encode(), mode=0o755)
        _add(tar, "usr/lib/python3/dist-packages/lambda.pth", f"/{site}\n".encode())
        for wheel in _download(work, python, RUNTIME_CLIENT):
            _unpack(tar, wheel, "var/runtime")
        for wheel in _download(work, python, SDK):
            _unpack(tar, wheel, site)
        (cli,) = _download(work, python, SAM_CLI, "--no-deps")
        with zipfile.ZipFile(cli) as archived:
            _add(tar, "usr/local/bin/aws-lambda-rie", archived.read(_EMULATOR), mode=0o755)


def _download(work: Path, python: str, requirement: str, *options: str) -> list[Path]:
    folder = work / requirement.partition("=")[0]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "-qq", "--dest", str(folder)),
            *("--only-binary", ":all:", "--python-version", python, "--platform", "manylinux2014_x86_64"),
            *(*options, requirement),
        ],
        check=True,
    )
    return sorted(folder.glob("*.whl"))


def _unpack(tar: tarfile.TarFile, wheel: Path, folder: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            if not member.is_dir():
                _add(tar, f"{folder}/{member.filename}", archive.read(member), mode=0o755)


def _add(tar: tarfile.TarFile, path: str, data: bytes, mode: int = 0o644) -> None:
    info = _info(path, mode=mode, kind=tarfile.REGTYPE)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _info(path: str, *, mode: int, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"./{path}")
    info.mode, info.type = mode, kind
    return info


def _import(client: docker.DockerClient, recipe: Recipe, archive: Path) -> None:
    repository, tag = recipe.reference.split(":")
    changes = [f'ENV {name}="{value}"' for name, value in ENVIRONMENT.items()]
    changes += ["WORKDIR /var/task"]
    changes += ['ENTRYPOINT ["/lambda-entrypoint.sh"]'] if recipe.kind == "run" else []
    api: Any = client.api
    api.import_image_from_file(str(archive), repository=repository, tag=tag, changes=changes)
