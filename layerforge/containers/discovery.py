"""Where a container engine may answer: the places that Docker, Podman, Finch and others use.

Nothing here connects, and nothing heavy is imported: `build` asks for `engine_fingerprint` each time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_TLS = ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A place to try. `named_by` says who named it; `context` is a Docker context's name.

    One that was named (DOCKER_HOST, a context) is the only candidate: nobody wants another engine then.
    """

    name: str
    url: str | None
    named_by: str | None = None
    context: str | None = None

    @property
    def socket(self) -> Path | None:
        """The socket's path, where it is one of this machine."""
        url = self.url or ""
        return Path(url.removeprefix("unix://")) if url.startswith("unix://") else None


def find_candidates(environment: Mapping[str, str], *, home: Path, uid: int) -> tuple[Candidate, ...]:
    """All places, best first."""
    if host := environment.get("DOCKER_HOST"):
        return (Candidate(name="DOCKER_HOST", url=host, named_by="DOCKER_HOST"),)
    context = environment.get("DOCKER_CONTEXT") or _current_context(environment, home)
    if context and context != "default":
        named_by = "DOCKER_CONTEXT" if environment.get("DOCKER_CONTEXT") else "the current docker context"
        return (Candidate(name=f"docker context {context}", url=None, named_by=named_by, context=context),)
    runtime = environment.get("XDG_RUNTIME_DIR") or f"/run/user/{uid}"
    machine = home / ".local/share/containers/podman/machine"
    places = (
        ("Docker", "/var/run/docker.sock"),
        ("Docker (rootless)", f"{runtime}/docker.sock"),
        ("Docker Desktop", home / ".docker/run/docker.sock"),
        ("Docker Desktop", home / ".docker/desktop/docker.sock"),
        ("Podman", f"{runtime}/podman/podman.sock"),
        ("Podman", "/run/podman/podman.sock"),
        ("Podman machine", machine / "podman.sock"),
        ("Podman machine", machine / "qemu/podman.sock"),
        ("Finch", "/var/run/finch.sock"),
        ("Finch", "/Applications/Finch/lima/data/finch/sock/finch.sock"),
        ("Colima", home / ".colima/default/docker.sock"),
        ("OrbStack", home / ".orbstack/run/docker.sock"),
        ("Rancher Desktop", home / ".rd/docker.sock"),
    )
    return tuple(Candidate(name=name, url=f"unix://{path}") for name, path in places)


def docker_config_folder(environment: Mapping[str, str], home: Path) -> Path:
    """Where the docker client keeps its config and contexts."""
    return Path(environment.get("DOCKER_CONFIG") or home / ".docker")


def _current_context(environment: Mapping[str, str], home: Path) -> str | None:
    try:
        config = json.loads((docker_config_folder(environment, home) / "config.json").read_bytes())
    except (OSError, ValueError):
        return None
    current = config.get("currentContext") if isinstance(config, dict) else None
    return current if isinstance(current, str) else None


def engine_fingerprint(environment: Mapping[str, str]) -> str:
    """Changes when another engine may answer than before: told from settings and sockets, unasked."""
    parts = [environment.get(name, "") for name in ("DOCKER_HOST", *_TLS)]
    for candidate in find_candidates(environment, home=Path.home(), uid=os.getuid()):
        socket = candidate.socket
        present = "" if socket is None else str(os.access(socket, os.R_OK | os.W_OK))
        parts += [candidate.name, candidate.url or "", present]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
