"""The engine behind its Protocol: what is asked of it, what it leaves, and what is said when it cannot."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

import docker
import pytest

from layerforge.containers.connecting import connect
from layerforge.containers.docker_engine import DockerEngine
from layerforge.containers.engine import Container, FileIn, Image, Mount
from layerforge.containers.opening import open_docker
from layerforge.containers.ownership import make_owner
from layerforge.errors import ToolError
from tests.fakes import RecordingProgress

pytestmark = [pytest.mark.container, pytest.mark.slow]


def container(image: Image, script: str, **changes: Any) -> Container:
    given: dict[str, Any] = {"environment": {}, "purpose": "try something", "timeout": 60.0, **changes}
    return Container(
        image=image.id, architecture=image.architecture, command=("/bin/sh", "-c", script), **given
    )


@pytest.fixture
def engine() -> Any:
    engine = open_docker(RecordingProgress())
    yield engine
    engine.close()


def left_of(engine: DockerEngine) -> list[str]:
    """Containers and volumes that belong to an engine's owner."""
    filters = {"label": f"layerforge.owner={engine.owner}"}
    client = docker.from_env()
    containers = [one["Id"] for one in client.api.containers(all=True, filters=filters)]
    volumes = [one["Name"] for one in client.api.volumes(filters=filters)["Volumes"] or ()]
    client.close()
    return containers + volumes


def test_files_go_in_and_come_out_as_the_users_own(
    engine: DockerEngine, run_image_313: Image, tmp_path: Path
) -> None:
    said: list[str] = []
    script = (
        "mkdir /out /out/deep; cp /in/a /out/deep/b; ln -s /etc/passwd /out/link; echo out; "
        "echo one >&2; printf two >&2; stat -c '%a %u' /in/a >&2; exit 3"
    )
    outcome = engine.run(
        container(run_image_313, script),
        files=[FileIn("/in/a", b"hello", 0o640)],
        take="/out",
        into=tmp_path / "taken",
        say=said.append,
    )
    assert (outcome.code, outcome.stdout, said) == (3, b"out\n", ["one", "two640 0"])
    taken = {path.relative_to(tmp_path / "taken"): path for path in (tmp_path / "taken").rglob("*")}
    assert [str(path) for path in sorted(taken)] == ["deep", "deep/b"]
    assert (taken[Path("deep/b")].read_bytes(), taken[Path("deep/b")].stat().st_uid) == (
        b"hello",
        os.getuid(),
    )
    assert left_of(engine) == []


def test_limits_hold(engine: DockerEngine, run_image_313: Image) -> None:
    python = "/var/lang/bin/python3.13 -c 'bytearray(b\"x\") * (600 << 20)'"
    hungry = engine.run(container(run_image_313, python, memory=64 * 2**20))
    assert (hungry.code, hungry.out_of_memory) == (137, True)
    started = time.monotonic()
    with pytest.raises(ToolError) as caught:
        engine.run(container(run_image_313, "sleep 60", timeout=2.0))
    assert time.monotonic() - started < 30
    assert (caught.value.headline, caught.value.hint) == (
        "the container to try something took longer than 2 seconds and was stopped",
        "raise `timeout` (seconds) in [container] of the config if it needs more",
    )
    assert left_of(engine) == []


def test_no_network_and_nothing_to_write_to_unless_it_is_given(
    engine: DockerEngine, run_image_313: Image
) -> None:
    script = (
        "ls /sys/class/net | tr '\\n' ' '; "
        "for place in /root /tmp /opt; do touch $place/x 2>/dev/null && echo $place; done; "
        "cat /opt/python/a; id -u"
    )
    with engine.volume(
        run_image_313.id, [FileIn("/python/a", b"1\n"), FileIn("/python/a", b"2\n")]
    ) as volume:
        outcome = engine.run(
            container(
                run_image_313,
                script,
                read_only=True,
                user="993:990",
                tmpfs=("/tmp:size=1m",),
                mounts=(Mount(volume, "/opt", read_only=True),),
            )
        )
        assert len(left_of(engine)) == 1
    assert (outcome.code, outcome.stdout) == (0, b"lo /tmp\n2\n993\n")
    assert left_of(engine) == []


def test_nothing_that_is_said_is_kept(engine: DockerEngine, run_image_313: Image) -> None:
    heard: list[str] = []
    seen: list[Any] = []
    client = docker.from_env()

    def look() -> None:
        while not heard:
            time.sleep(0.05)
        (identity,) = left_of(engine)
        seen.append(client.api.inspect_container(identity)["HostConfig"]["LogConfig"]["Type"])
        with pytest.raises(docker.errors.APIError):
            client.api.logs(identity)
        client.api.kill(identity)

    looking = threading.Thread(target=look)
    looking.start()
    outcome = engine.run(container(run_image_313, "echo s3cr3t >&2; sleep 30"), say=heard.append)
    looking.join()
    client.close()
    assert (heard, seen, outcome.code) == (["s3cr3t"], ["none"], 137)


def test_stopping_from_another_thread_ends_what_runs(engine: DockerEngine, run_image_313: Image) -> None:
    started = threading.Event()
    codes: list[int] = []

    def run() -> None:
        outcome = engine.run(container(run_image_313, "echo now >&2; sleep 60"), say=lambda _: started.set())
        codes.append(outcome.code)

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(30)
    engine.stop_all()
    thread.join(30)
    assert codes == [137]
    # And nothing new begins.
    with pytest.raises(ToolError):
        engine.run(container(run_image_313, "true"))
    assert left_of(engine) == []


def test_what_is_stopped_before_it_has_started_does_not_run_on(
    run_image_313: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = DockerEngine(_connection())
    start = engine._api.start

    def stop_first(identity: str) -> None:
        engine.stop_all()
        start(identity)

    monkeypatch.setattr(engine._api, "start", stop_first)
    started = time.monotonic()
    assert engine.run(container(run_image_313, "sleep 60")).code == 137
    assert time.monotonic() - started < 30
    engine.close()


def test_what_dead_processes_left_is_removed(run_image_313: Image) -> None:
    host, number, _ = make_owner().rsplit("/", 2)
    # The number is ours, and the process that had it before us is gone.
    dead = DockerEngine(_connection(), owner=f"{host}/{number}/1")
    alive = DockerEngine(_connection())
    elsewhere = DockerEngine(_connection(), owner="another-host/boot/1/1")
    client = docker.from_env()
    try:
        identities = {
            name: client.api.create_container(
                run_image_313.id,
                command=["true"],
                labels={"layerforge": "1", "layerforge.owner": one.owner, "layerforge.started": started},
            )["Id"]
            for name, one, started in (
                ("dead", dead, "2026-01-01T00:00:00+00:00"),
                ("alive", alive, "2026-01-01T00:00:00+00:00"),
                ("long ago elsewhere", elsewhere, "2026-01-01T00:00:00+00:00"),
                ("just now elsewhere", elsewhere, "2999-01-01T00:00:00+00:00"),
            )
        }
        progress = RecordingProgress()
        open_docker(progress).close()
        held = {one["Id"] for one in client.api.containers(all=True)}
        # `close` takes what is this process's own; that is ours, too.
        assert {name for name, identity in identities.items() if identity in held} == {"just now elsewhere"}
        assert progress.details[0].endswith(" containers and volumes that an earlier run left")
    finally:
        elsewhere.remove_owned(elsewhere.owner)
        alive.close()
        client.close()


def _connection() -> Any:
    return connect(os.environ, home=Path.home(), uid=os.getuid())


def foreign_image(client: docker.DockerClient) -> str:
    """An image for arm64 whose only program is no program of this machine."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        # An ELF header of AArch64, and nothing behind it that could run here.
        data = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(200)
        info = tarfile.TarInfo("var/lang/bin/python3.13")
        info.size, info.mode = len(data), 0o755
        tar.addfile(info, io.BytesIO(data))
    digest = hashlib.sha256(layer.getvalue()).hexdigest()
    config = json.dumps(
        {
            "architecture": "arm64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    reference = "layerforge-test-foreign:python3.13"
    manifest = [{"Config": "config.json", "RepoTags": [reference], "Layers": ["layer.tar"]}]
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in (
            ("config.json", config),
            ("layer.tar", layer.getvalue()),
            ("manifest.json", json.dumps(manifest).encode()),
        ):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    client.images.load(archive.getvalue())
    return reference


def test_another_architecture_without_emulation_is_told(engine: DockerEngine) -> None:
    client = docker.from_env()
    reference = foreign_image(client)
    try:
        assert engine.find_image(reference, architecture="x86_64") is None
        image = engine.find_image(reference, architecture="arm64")
        assert image is not None
        with pytest.raises(ToolError) as caught:
            engine.run(
                Container(
                    image=image.id,
                    architecture="arm64",
                    command=("/var/lang/bin/python3.13", "-V"),
                    environment={},
                    purpose="start",
                )
            )
        assert "runs x86_64 and cannot run images for arm64: it has no emulation" in caught.value.headline
        assert caught.value.hint is not None
        assert "tonistiigi/binfmt --install arm64" in caught.value.hint
        assert left_of(engine) == []
    finally:
        client.images.remove(reference, force=True)
        client.close()
