"""The one real engine: whatever speaks Docker's API (1.41 and later), through the docker SDK."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import docker
import requests
import urllib3
from docker.errors import APIError, DockerException, NotFound
from docker.types import LogConfig

from layerforge.containers.archives import extract_tar, write_tar
from layerforge.containers.connecting import Connection
from layerforge.containers.engine import Capacity, Container, EngineInfo, FileIn, Image, Outcome
from layerforge.containers.ownership import LABEL, OWNER, is_abandoned, labels_of, make_owner
from layerforge.containers.pulling import offers, pull, split_reference
from layerforge.errors import ToolError
from layerforge.model.progress import Progress
from layerforge.model.url import redact

_MACHINES = {"amd64": "x86_64", "arm64": "arm64", "aarch64": "arm64", "x86_64": "x86_64"}
_PIDS = 4096
_STDERR_KEPT = 400_000
_STDOUT_MAX = 256 * 2**20
# A wait is asked anew so often, so that a deadline and a dead engine are noticed.
_SECONDS_A_WAIT = 5
_SECONDS_TO_DRAIN = 10.0
_FULL = ("no space left on device", "disk quota exceeded")


def use_engine(connection: Connection, progress: Progress) -> DockerEngine:
    """Return the engine that was found, without what dead processes left in it."""
    engine = DockerEngine(connection)
    if removed := engine.reap():
        progress.detail(f"removed {removed} containers and volumes that an earlier run left")
    return engine


class DockerEngine:
    """Implements `ExaminedEngine` (containers/engine.py)."""

    def __init__(self, connection: Connection, *, owner: str | None = None) -> None:
        self._api: docker.APIClient = connection.api
        self._endpoint = connection.endpoint
        self._info = connection.info
        self.owner = owner or make_owner()
        self._lock = threading.Lock()
        self._live: set[str] = set()
        self._stopping = False

    @property
    def info(self) -> EngineInfo:
        """See `ContainerEngine`."""
        return self._info

    def capacity(self) -> Capacity:
        """See `ExaminedEngine`."""
        with self._speaking():
            said = self._api.info()
        return Capacity(
            cpus=int(said.get("NCPU") or 0),
            memory=int(said.get("MemTotal") or 0),
            system=str(said.get("OperatingSystem") or ""),
        )

    def offers(self, reference: str, *, architecture: str) -> bool:
        """See `ExaminedEngine`."""
        with self._speaking():
            return offers(self._api, reference, architecture=architecture)

    def find_image(self, reference: str, *, architecture: str) -> Image | None:
        """See `ContainerEngine`."""
        with self._speaking():
            try:
                found: dict[str, Any] = self._api.inspect_image(reference)  # type: ignore[no-untyped-call]
            except NotFound:
                return None
        image = _image(found, reference)
        return image if image.architecture == architecture else None

    def pull_image(self, reference: str, *, architecture: str, progress: Progress) -> Image:
        """See `ContainerEngine`."""
        with self._speaking():
            pull(self._api, reference, architecture=architecture, progress=progress)
        image = self.find_image(reference, architecture=architecture)
        if image is None:
            raise ToolError(
                f"the registry has no image {reference} for {architecture}",
                hint="name one for this architecture in [container] of the config",
            )
        return image

    def run(
        self,
        container: Container,
        *,
        files: Iterable[FileIn] = (),
        take: str | None = None,
        into: Path | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Outcome:
        """See `ContainerEngine`."""
        with self._speaking(), self._created(container) as identity:
            self._put(identity, files)
            started = time.monotonic()
            listener = _Listener(self._api, identity, say)
            try:
                self._start(identity)
                code = self._wait(identity, container, started + container.timeout)
                listener.drain()
            finally:
                listener.close()
            state = self._api.inspect_container(identity)["State"]
            outcome = Outcome(
                code=code,
                stdout=listener.stdout,
                stderr=listener.stderr,
                out_of_memory=bool(state.get("OOMKilled")),
                seconds=time.monotonic() - started,
            )
            self._refuse_foreign_machine(outcome, container)
            if take is not None and into is not None:
                self._take(identity, take, into)
            return outcome

    @contextlib.contextmanager
    def volume(self, image: str, files: Iterable[FileIn]) -> Iterator[str]:
        """See `ContainerEngine`."""
        name = f"layerforge-{uuid.uuid4().hex[:16]}"
        place = "/layerforge-volume"
        labels = labels_of(self.owner, "layers", _now())
        try:
            with self._speaking():
                self._api.create_volume(name=name, labels=labels)
                config = self._api.create_host_config(binds=[f"{name}:{place}:rw"])
                helper = self._create(image, ["true"], "fill a volume", host_config=config)
                try:
                    self._put(helper, (file._replace(path=place + file.path) for file in files))
                finally:
                    self._remove(helper)
            yield name
        finally:
            self._remove_volume(name)

    def reap(self) -> int:
        """Remove what dead owners left; how much it was."""
        now = _now()
        with self._speaking():
            return self._remove_where(lambda labels: is_abandoned(labels, now))

    def remove_owned(self, owner: str) -> int:
        """Remove all that belongs to `owner`; how much it was."""
        with self._speaking():
            return self._remove_where(lambda labels: labels.get(OWNER) == owner)

    def stop_all(self) -> None:
        """See `ContainerEngine`."""
        with self._lock:
            self._stopping = True
            live = sorted(self._live)
        for identity in live:
            with contextlib.suppress(DockerException, requests.RequestException, OSError):
                self._api.kill(identity)

    def close(self) -> None:
        """See `ContainerEngine`."""
        self.stop_all()
        with contextlib.suppress(ToolError):
            self.remove_owned(self.owner)
        self._api.close()

    @contextlib.contextmanager
    def _created(self, container: Container) -> Iterator[str]:
        config = self._api.create_host_config(
            network_mode=container.network,
            mem_limit=container.memory,
            memswap_limit=container.memory,
            nano_cpus=int(container.cpus * 1e9) if container.cpus else None,
            pids_limit=_PIDS,
            read_only=container.read_only,
            binds=[f"{m.volume}:{m.path}:{'ro' if m.read_only else 'rw'}" for m in container.mounts],
            tmpfs={one.partition(":")[0]: one.partition(":")[2] for one in container.tmpfs},
            security_opt=["no-new-privileges"],
            # What a build prints may be a secret: it is heard as it is said, and the engine keeps nothing.
            log_config=LogConfig(type="none"),
        )
        identity = self._create(
            container.image,
            list(container.command),
            container.purpose,
            host_config=config,
            environment=dict(container.environment),
            working_dir=container.working_dir,
            user=container.user,
        )
        try:
            yield identity
        finally:
            self._remove(identity)

    def _create(self, image: str, command: list[str], purpose: str, **rest: Any) -> str:
        made = self._api.create_container(
            image,
            command=command[1:],
            entrypoint=command[:1],
            labels=labels_of(self.owner, purpose, _now()),
            name=f"layerforge-{uuid.uuid4().hex[:16]}",
            **rest,
        )
        identity = str(made["Id"])
        with self._lock:
            self._live.add(identity)
            stopping = self._stopping
        if stopping:
            self._remove(identity)
            raise ToolError("containers are being stopped")
        return identity

    def _start(self, identity: str) -> None:
        self._api.start(identity)
        with self._lock:
            stopping = self._stopping
        if stopping:
            # `stop_all` came between: it could not kill what did not run yet.
            with contextlib.suppress(APIError):
                self._api.kill(identity)

    def _remove(self, identity: str) -> None:
        # An engine that is gone cannot be asked; it is reaped when it is back.
        with contextlib.suppress(DockerException, requests.RequestException, OSError):
            self._api.remove_container(identity, v=True, force=True)
        with self._lock:
            self._live.discard(identity)

    def _remove_volume(self, name: str) -> None:
        with contextlib.suppress(DockerException, requests.RequestException, OSError):
            self._api.remove_volume(name, force=True)

    def _remove_where(self, condemned: Callable[[dict[str, str]], bool]) -> int:
        count = 0
        filters = {"label": LABEL}
        for one in self._api.containers(all=True, filters=filters):
            if condemned(one.get("Labels") or {}):
                self._remove(one["Id"])
                count += 1
        for one in self._api.volumes(filters=filters).get("Volumes") or ():
            if condemned(one.get("Labels") or {}):
                self._remove_volume(one["Name"])
                count += 1
        return count

    def _wait(self, identity: str, container: Container, deadline: float) -> int:
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                with contextlib.suppress(APIError):
                    self._api.kill(identity)
                raise ToolError(
                    f"the container to {container.purpose} took longer than {container.timeout:g} seconds "
                    "and was stopped",
                    hint="raise `timeout` (seconds) in [container] of the config if it needs more",
                )
            try:
                return int(
                    self._api.wait(identity, timeout=max(1, min(int(left), _SECONDS_A_WAIT)))["StatusCode"]
                )
            except (requests.Timeout, requests.ConnectionError) as error:
                if not _is_only_slow(error):
                    raise
                # A wait that nobody answers: is somebody there at all?
                self._api.ping()

    def _put(self, identity: str, files: Iterable[FileIn]) -> None:
        waiting = iter(files)
        # A container whose root is read-only takes no archive, not even an empty one.
        if (first := next(waiting, None)) is not None:
            self._api.put_archive(identity, "/", write_tar(itertools.chain([first], waiting)))

    def _take(self, identity: str, take: str, into: Path) -> None:
        try:
            pieces, _ = self._api.get_archive(identity, take, chunk_size=1 << 20)
        except NotFound:
            return
        try:
            extract_tar(iter(pieces), into)
        except OSError as error:
            raise ToolError(
                f"what a container made cannot be written here ({error.strerror})",
                where=str(into),
                hint="make room on that disk",
            ) from error

    def _refuse_foreign_machine(self, outcome: Outcome, container: Container) -> None:
        said = outcome.stderr[-2000:] + outcome.stdout[-2000:].decode(errors="replace")
        if outcome.code == 0 or "exec format error" not in said.lower():
            return
        if container.architecture == self._info.architecture:
            return
        raise ToolError(
            f"the engine at {self._endpoint} runs {self._info.architecture} and cannot run images for "
            f"{container.architecture}: it has no emulation",
            hint="install it: `docker run --privileged --rm tonistiigi/binfmt --install "
            f"{container.architecture.replace('x86_64', 'amd64')}`, or the package qemu-user-static; "
            "Docker Desktop, Colima and Finch have a setting for it",
        )

    @contextlib.contextmanager
    def _speaking(self) -> Iterator[None]:
        """Turn what the SDK and the line raise into ToolError."""
        try:
            yield
        except APIError as error:
            raise self._refused(error) from error
        except (DockerException, requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise self._gone(error) from error
        except (ConnectionError, TimeoutError) as error:
            raise self._gone(error) from error

    def _refused(self, error: APIError) -> ToolError:
        said = redact(str(error.explanation or error)).strip()
        if any(mark in said.lower() for mark in _FULL):
            return ToolError(
                f"no space is left where the container engine at {self._endpoint} keeps its files",
                details=(said,),
                hint="make room: `docker system df` shows what takes it, `docker system prune` frees what "
                "nothing uses; where the engine runs in a virtual machine, give that a larger disk",
            )
        return ToolError(
            f"the container engine at {self._endpoint} refused: {said.splitlines()[0] if said else error}",
            details=said.splitlines()[1:10],
        )

    def _gone(self, error: Exception) -> ToolError:
        with self._lock:
            stopping = self._stopping
        if stopping:
            return ToolError("containers were stopped")
        return ToolError(
            f"the container engine at {self._endpoint} went away",
            details=(redact(str(error)),),
            hint="start it again, then run the same command: what was done is kept",
        )


class _Listener:
    """Hears a container from before its start, in a thread of its own."""

    def __init__(self, api: docker.APIClient, identity: str, say: Callable[[str], None] | None) -> None:
        self._say = say
        self._stdout: list[bytes] = []
        self._size = 0
        self._stderr: deque[bytes] = deque()
        self._held = 0
        self._line = b""
        self._stream = api.attach(identity, stdout=True, stderr=True, stream=True, logs=False, demux=True)
        self._thread = threading.Thread(target=self._listen, daemon=True, name="container-output")
        self._thread.start()

    @property
    def stdout(self) -> bytes:
        """All of it."""
        return b"".join(self._stdout)

    @property
    def stderr(self) -> str:
        """Its end."""
        return b"".join(self._stderr).decode(errors="replace")

    def drain(self) -> None:
        """Wait for the last words of a container that has ended."""
        self._thread.join(_SECONDS_TO_DRAIN)

    def close(self) -> None:
        """Let go of the line."""
        closing = getattr(self._stream, "close", None)
        if closing is not None and not self._thread.is_alive():
            closing()

    def _listen(self) -> None:
        # What breaks the line breaks the wait as well, and is told there.
        with contextlib.suppress(
            DockerException, requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError
        ):
            for out, err in self._stream:
                if out and self._size < _STDOUT_MAX:
                    self._stdout.append(out)
                    self._size += len(out)
                if err:
                    self._heard(err)
        if self._line and self._say:
            self._say(self._line.decode(errors="replace"))

    def _heard(self, piece: bytes) -> None:
        self._stderr.append(piece)
        self._held += len(piece)
        while self._held > _STDERR_KEPT and len(self._stderr) > 1:
            self._held -= len(self._stderr.popleft())
        *lines, self._line = (self._line + piece).split(b"\n")
        if self._say:
            for line in lines:
                self._say(line.decode(errors="replace").rstrip("\r"))


def _is_only_slow(error: requests.RequestException) -> bool:
    """Whether the answer has just not come yet: requests calls that a broken connection at times."""
    if isinstance(error, requests.Timeout):
        return True
    return any(isinstance(part, urllib3.exceptions.ReadTimeoutError) for part in error.args)


def _image(found: dict[str, Any], reference: str) -> Image:
    config = found.get("Config") or {}
    pairs = (one.partition("=") for one in config.get("Env") or ())
    name = split_reference(reference)[0]
    digests = [one for one in found.get("RepoDigests") or () if one.partition("@")[0].endswith(name)]
    machine = str(found.get("Architecture", ""))
    return Image(
        reference=reference,
        id=str(found["Id"]),
        digest=min(digests) if digests else None,
        architecture=_MACHINES.get(machine, machine),
        environment={name: value for name, _, value in pairs},
    )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
