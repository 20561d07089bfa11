"""Finds the engine that answers, by asking the candidates one after the other.

The SDK is imported for those alone that are there: where no engine is, builds need not wait for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from layerforge.containers.discovery import Candidate, find_candidates
from layerforge.containers.engine import EngineInfo
from layerforge.errors import ToolError
from layerforge.model.url import redact

if TYPE_CHECKING:
    import docker
    from docker.tls import TLSConfig

# Podman is started by its socket, and a busy machine takes its time.
_SECONDS_TO_CONNECT = 10
_SECONDS_TO_ANSWER = 60
# Engine 20.10: the oldest that is still in a supported distribution.
_OLDEST_API = (1, 41)
_START_ONE = (
    "start Docker, Podman, Finch, Colima or another engine that speaks Docker's API, or set DOCKER_HOST"
)
_MACHINES = {"amd64": "x86_64", "x86_64": "x86_64", "arm64": "arm64", "aarch64": "arm64"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Connection:
    """An engine that answered."""

    api: docker.APIClient
    endpoint: str
    info: EngineInfo


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """A place that was tried, and why no engine answered there; None for the one that did."""

    candidate: Candidate
    failure: str | None

    def __str__(self) -> str:
        return f"{self.candidate.name}: {self.failure or 'an engine answers'}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """The places that were tried, in order, and the engine that ended the search; None if there is none."""

    attempts: tuple[Attempt, ...]
    connection: Connection | None

    def error(self) -> ToolError:
        """What to say where no engine answers."""
        named = self.attempts[0].candidate.named_by
        details = tuple(map(str, self.attempts))
        if named is not None:
            return ToolError(
                f"the container engine that {named} names does not answer",
                details=details,
                hint=f"start it, or change {named}",
            )
        return ToolError("no container engine answers", details=details, hint=_START_ONE)


def find_engine(environment: Mapping[str, str], *, home: Path, uid: int) -> Search:
    """Ask the candidates one after the other, until one answers."""
    attempts = []
    for candidate in find_candidates(environment, home=home, uid=uid):
        answer = _why_absent(candidate) or _try(candidate, environment)
        failure = answer if isinstance(answer, str) else None
        attempts.append(Attempt(candidate=candidate, failure=failure))
        if not isinstance(answer, str):
            return Search(attempts=tuple(attempts), connection=answer)
    return Search(attempts=tuple(attempts), connection=None)


def connect(environment: Mapping[str, str], *, home: Path, uid: int) -> Connection:
    """The first candidate that answers. Raises ToolError that says of each why it did not."""
    search = find_engine(environment, home=home, uid=uid)
    if search.connection is None:
        raise search.error()
    return search.connection


def _why_absent(candidate: Candidate) -> str | None:
    """What to say of a socket that is not there; None where it is, or cannot be told."""
    if candidate.socket is None:
        return None
    try:
        # Asked of the system, as a folder above it may be closed to us (Podman's is root's own).
        candidate.socket.stat()
    except FileNotFoundError:
        if candidate.named_by is None:
            return f"there is no {candidate.socket}"
        return f"{redact(candidate.url or '')} does not answer (there is no such socket)"
    except OSError as error:
        return None if candidate.named_by else _no_answer(candidate, error)
    return None


def _try(candidate: Candidate, environment: Mapping[str, str]) -> Connection | str:
    import requests
    from docker.errors import DockerException

    try:
        return _ask(candidate, environment)
    except (DockerException, requests.RequestException, OSError, ValueError) as error:
        return _no_answer(candidate, error)


def _no_answer(candidate: Candidate, error: Exception) -> str:
    return f"{redact(candidate.url or 'its endpoint')} does not answer ({_why(error)})"


def _ask(candidate: Candidate, environment: Mapping[str, str]) -> Connection:
    import docker
    from docker.context import ContextAPI

    url, tls = candidate.url, _tls_of(environment) if candidate.named_by == "DOCKER_HOST" else None
    if candidate.context is not None:
        context = ContextAPI.get_context(candidate.context)
        if context is None:
            raise ValueError("there is no such context")
        url, tls = context.Host, context.TLSConfig
    api = docker.APIClient(
        base_url=url,
        version="auto",
        timeout=_SECONDS_TO_CONNECT,
        tls=tls or False,
        use_ssh_client=(url or "").startswith("ssh://"),
    )
    version = api.version()
    offered = tuple(int(part) for part in str(version.get("ApiVersion", "0")).split("."))
    if offered < _OLDEST_API:
        api.close()
        raise ValueError(f"its API is {version.get('ApiVersion')}, older than 1.41")
    api.timeout = _SECONDS_TO_ANSWER
    endpoint = redact(url or api.base_url)
    components = version.get("Components") or ()
    name = str(components[0].get("Name", "Engine")) if components else "Engine"
    machine = str(version.get("Arch", ""))
    return Connection(
        api=api,
        endpoint=endpoint,
        info=EngineInfo(
            name="Docker Engine" if name == "Engine" else name,
            version=str(version.get("Version", "")),
            api_version=str(version.get("ApiVersion", "")),
            architecture=_MACHINES.get(machine, machine),
            endpoint=endpoint,
        ),
    )


def _tls_of(environment: Mapping[str, str]) -> TLSConfig | None:
    if not environment.get("DOCKER_TLS_VERIFY"):
        return None
    from docker.tls import TLSConfig

    folder = Path(environment.get("DOCKER_CERT_PATH") or Path.home() / ".docker")
    return TLSConfig(
        client_cert=(str(folder / "cert.pem"), str(folder / "key.pem")),
        ca_cert=str(folder / "ca.pem"),
        verify=True,
    )


def _why(error: Exception) -> str:
    text = str(error)
    for mark, why in (
        ("Permission denied", "permission denied: is your user in its group?"),
        ("Connection refused", "connection refused"),
        ("No such file", "there is no such socket"),
        ("timed out", f"no answer within {_SECONDS_TO_CONNECT} seconds"),
    ):
        if mark in text:
            return why
    return redact(text.splitlines()[0]) if text else type(error).__name__
