from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from layerforge.containers.connecting import find_engine
from layerforge.containers.discovery import Candidate, engine_fingerprint, find_candidates


def test_what_is_named_is_the_only_candidate(tmp_path: Path) -> None:
    host = {"DOCKER_HOST": "ssh://me@builder.example", "DOCKER_CONTEXT": "colima"}
    assert find_candidates(host, home=tmp_path, uid=1000) == (
        Candidate(name="DOCKER_HOST", url="ssh://me@builder.example", named_by="DOCKER_HOST"),
    )
    assert find_candidates({"DOCKER_CONTEXT": "colima"}, home=tmp_path, uid=1000) == (
        Candidate(name="docker context colima", url=None, named_by="DOCKER_CONTEXT", context="colima"),
    )


@pytest.mark.parametrize(
    ("config", "named_by"),
    [
        ({"currentContext": "finch"}, "the current docker context"),
        ({"currentContext": "default"}, None),
        ({}, None),
        (["no table"], None),
    ],
)
def test_current_context_is_the_docker_client_s(tmp_path: Path, config: object, named_by: str | None) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker/config.json").write_text(json.dumps(config))
    assert find_candidates({}, home=tmp_path, uid=1000)[0].named_by == named_by


def test_sockets_in_the_order_in_which_they_are_tried(tmp_path: Path) -> None:
    found = find_candidates({"XDG_RUNTIME_DIR": "/run/user/7"}, home=Path("/home/me"), uid=7)
    assert [(one.name, str(one.socket)) for one in found] == [
        ("Docker", "/var/run/docker.sock"),
        ("Docker (rootless)", "/run/user/7/docker.sock"),
        ("Docker Desktop", "/home/me/.docker/run/docker.sock"),
        ("Docker Desktop", "/home/me/.docker/desktop/docker.sock"),
        ("Podman", "/run/user/7/podman/podman.sock"),
        ("Podman", "/run/podman/podman.sock"),
        ("Podman machine", "/home/me/.local/share/containers/podman/machine/podman.sock"),
        ("Podman machine", "/home/me/.local/share/containers/podman/machine/qemu/podman.sock"),
        ("Finch", "/var/run/finch.sock"),
        ("Finch", "/Applications/Finch/lima/data/finch/sock/finch.sock"),
        ("Colima", "/home/me/.colima/default/docker.sock"),
        ("OrbStack", "/home/me/.orbstack/run/docker.sock"),
        ("Rancher Desktop", "/home/me/.rd/docker.sock"),
    ]


def test_fingerprint_changes_when_a_socket_appears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    before = engine_fingerprint({})
    (tmp_path / ".colima/default").mkdir(parents=True)
    (tmp_path / ".colima/default/docker.sock").touch()
    assert engine_fingerprint({}) not in {before, engine_fingerprint({"DOCKER_HOST": "tcp://a:1"})}


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("unix://{}/none.sock", "there is no such socket"),
        ("unix://{}/dead.sock", "connection refused"),
        ("tcp://127.0.0.1:1", "connection refused"),
        ("tcp://me:hunter2@127.0.0.1:1", "Invalid bind address format: tcp://****@127.0.0.1:1"),
        ("gopher://x", "Invalid bind address protocol: gopher://x"),
    ],
)
def test_engine_that_does_not_answer(tmp_path: Path, host: str, why: str) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "dead.sock"))
    search = find_engine({"DOCKER_HOST": host.format(tmp_path)}, home=tmp_path, uid=1000)
    assert search.connection is None
    error = search.error()
    assert (error.headline, error.hint) == (
        "the container engine that DOCKER_HOST names does not answer",
        "start it, or change DOCKER_HOST",
    )
    (told,) = error.details
    assert told.startswith("DOCKER_HOST: ")
    assert told.endswith(f" does not answer ({why})")
    assert "hunter2" not in told


def test_context_that_there_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    search = find_engine({"DOCKER_CONTEXT": "nowhere"}, home=tmp_path, uid=1000)
    assert [str(one) for one in search.attempts] == [
        "docker context nowhere: its endpoint does not answer (there is no such context)"
    ]


def test_where_no_engine_is_nobody_waits_for_the_sdk(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from layerforge.containers.opening import LazyEngine\n"
        "from layerforge.errors import ToolError\n"
        "try: LazyEngine(None).get()\n"
        "except ToolError as error: print(error.headline)\n"
        "print({'docker', 'requests'} & set(sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "DOCKER_HOST": f"unix://{tmp_path}/none.sock"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "the container engine that DOCKER_HOST names does not answer\nset()\n", done.stderr
