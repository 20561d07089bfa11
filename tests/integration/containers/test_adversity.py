"""Builds that are interrupted, killed, or run out of space: what is said, and that nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from layerforge.containers.engine import Image
from tests.e2e.shop import Shop
from tests.integration.containers.native_shop import make_shop, offer
from tests.local_index import LocalIndex
from tests.private_engine import PrivateEngine, running_engine

pytestmark = [pytest.mark.container, pytest.mark.slow]


def slow_shop(root: Path, index: LocalIndex, toml: str, name: str, *, seconds: int = 300) -> Shop:
    """A function whose requirement takes long to compile."""
    offer(index, root / "sdists", name, before=(f"sleep {seconds}",))
    return make_shop(root / "shop", index, toml, {name: f"{name}\n"})


def start(shop: Shop, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "layerforge", *arguments],
        cwd=shop.root,
        env=shop.environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(happened: Callable[[], bool], *, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.1)


def running(name: str) -> list[str]:
    """Containers of the shared engine that build a distribution."""
    client = docker.from_env()
    found = [
        one["Id"]
        for one in client.api.containers(all=True, filters={"label": f"layerforge.purpose=build {name} 1.0"})
    ]
    client.close()
    return found


def unique(word: str) -> str:
    """A distribution's name that no other run uses."""
    return f"{word}{os.getpid()}x{time.time_ns()}"


def test_ctrl_c_while_something_compiles(
    tmp_path: Path, local_index: LocalIndex, container_toml: str
) -> None:
    name = unique("interrupted")
    shop = slow_shop(tmp_path, local_index, container_toml, name)
    process = start(shop, "build")
    wait_for(lambda: running(name) != [])
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, "interrupted: nothing half-written was left" in said) == (130, True)
    assert running(name) == []
    assert not shop.output.exists()


def test_what_a_crash_leaves_is_removed_by_the_next_start(
    tmp_path: Path, local_index: LocalIndex, container_toml: str
) -> None:
    name = unique("crashed")
    shop = slow_shop(tmp_path, local_index, container_toml, name)
    process = start(shop, "build")
    wait_for(lambda: running(name) != [])
    # All of it at once, as the kernel does when memory is out: nobody tidies up.
    for pid in session_of(process.pid):
        os.kill(pid, signal.SIGKILL)
    process.communicate(timeout=60)
    wait_for(lambda: not session_of(process.pid))
    left = running(name)
    assert left != []
    offer(local_index, tmp_path / "others", "quick")
    other = make_shop(tmp_path / "other", local_index, container_toml, {"quick": "quick\n"})
    ended = other.run("build", "-v")
    assert (ended.code, running(name)) == (0, [])


def session_of(leader: int) -> list[int]:
    """Processes that a command started, those in sessions of their own too."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                children.setdefault(int(fields[1]), []).append(int(folder.name))
    waiting, found = [leader], []
    while waiting:
        pid = waiting.pop()
        if Path(f"/proc/{pid}").exists() and pid not in found:
            found.append(pid)
        waiting += children.get(pid, [])
    return [pid for pid in found if not _is_zombie(pid)]


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture(scope="module")
def own_engine(build_image_313: Image) -> Iterator[PrivateEngine]:
    if os.geteuid() != 0:
        pytest.skip("an engine of one's own needs root")
    with running_engine(size="1400m", images=(build_image_313.reference,)) as engine:
        yield engine


def test_full_disk_in_the_middle_of_a_build_is_told(
    tmp_path: Path, local_index: LocalIndex, container_toml: str, own_engine: PrivateEngine
) -> None:
    offer(local_index, tmp_path / "sdists", "large", before=("head -c 4G /dev/zero > /tmp/large",))
    shop = make_shop(tmp_path / "shop", local_index, container_toml, {"large": "large\n"})
    ended = shop.run("build", DOCKER_HOST=own_engine.host)
    assert ended.code == 4
    assert "No space left on device" in ended.stderr
    assert "hint: no space is left where the container engine keeps its files: make room" in ended.stderr
    assert own_engine.docker("ps", "-aq").stdout == ""
    # What was freed with the container is there for the next.
    offer(local_index, tmp_path / "sdists", "small")
    other = make_shop(tmp_path / "other", local_index, container_toml, {"small": "small\n"})
    assert other.run("build", DOCKER_HOST=own_engine.host).code == 0


def test_engine_that_is_killed_is_told_and_nothing_is_left_when_it_is_back(
    tmp_path: Path, local_index: LocalIndex, container_toml: str, own_engine: PrivateEngine
) -> None:
    shop = slow_shop(tmp_path, local_index, container_toml, "killed", seconds=30)
    process = start(shop, "build", DOCKER_HOST=own_engine.host)
    wait_for(lambda: own_engine.docker("ps", "-q", "--filter", "label=layerforge").stdout != "")
    time.sleep(1)
    own_engine.kill()
    _, said = process.communicate(timeout=90)
    assert process.returncode == 6
    assert "went away" in said
    assert "hint: start it again, then run the same command: what was done is kept\n" in said
    own_engine.start()
    assert own_engine.docker("ps", "-aq", "--filter", "label=layerforge").stdout != ""
    offer(local_index, tmp_path / "sdists", "quick")
    other = make_shop(tmp_path / "other", local_index, container_toml, {"quick": "quick\n"})
    ended = other.run("build", DOCKER_HOST=own_engine.host)
    assert ended.code == 0, ended.stderr
    assert own_engine.docker("ps", "-aq", "--filter", "label=layerforge").stdout == ""
