"""A container engine of a test alone, which may be killed and filled up; the shared one is left alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_SECONDS_TO_START = 60
_SECONDS_TO_STOP = 30


@dataclass
class PrivateEngine:
    """`dockerd` with all of its files below `folder`, in memory: at most `size` (as `mount` takes it)."""

    folder: Path
    size: str
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def host(self) -> str:
        """What DOCKER_HOST has to be."""
        return f"unix://{self.folder}/docker.sock"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        for stale in (self.folder / "docker.pid", self.folder / "exec/containerd/containerd.pid"):
            stale.unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    # In a network of its own: told to have no bridge, it removes the one that others use.
                    *(
                        "unshare",
                        "--net",
                        "dockerd",
                        "--host",
                        self.host,
                        "--pidfile",
                        str(self.folder / "docker.pid"),
                    ),
                    *("--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "exec")),
                    *("--bridge", "none", "--iptables=false", "--storage-driver", "overlay2"),
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + _SECONDS_TO_START
        while self.docker("version", check=False).returncode:
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"dockerd does not answer:\n{(self.folder / 'log').read_text()[-4000:]}")
            time.sleep(0.2)

    def docker(
        self, *arguments: str, check: bool = True, stdin: int | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the client against it."""
        command = ["docker", "--host", self.host, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=check, stdin=stdin)

    def load(self, reference: str) -> None:
        """Bring an image from the engine that all tests share."""
        with subprocess.Popen(["docker", "save", reference], stdout=subprocess.PIPE) as saving:
            assert saving.stdout is not None
            self.docker("load", stdin=saving.stdout.fileno())

    def kill(self) -> None:
        """Kill it and all that it runs, as a power cut would."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        # Containers live on under their shims: what is below this folder is ours.
        for pid in _processes_of(str(self.folder)):
            _kill(pid)

    def stop(self) -> None:
        """End it, whatever state it is in."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_SECONDS_TO_STOP)
            except subprocess.TimeoutExpired:
                self.kill()
        for pid in _processes_of(str(self.folder)):
            _kill(pid)


def _processes_of(word: str) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and int(folder.name) != os.getpid():
            try:
                command = (folder / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if f"{word}/exec" in command:
                found.append(int(folder.name))
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@contextmanager
def running_engine(*, size: str, images: tuple[str, ...]) -> Iterator[PrivateEngine]:
    """An engine that holds `images` of the shared one; all of it is gone afterwards. Needs root."""
    # A short path: a socket's may have 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="lf-", dir="/tmp"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    engine = PrivateEngine(folder=folder, size=size)
    try:
        engine.start()
        for image in images:
            engine.load(image)
        yield engine
    finally:
        engine.stop()
        _unmount(folder)


def _unmount(folder: Path) -> None:
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in sorted((one for one in mounts if one.startswith(str(folder))), key=len, reverse=True):
        subprocess.run(["umount", "--lazy", place], check=False, capture_output=True)
    shutil.rmtree(folder, ignore_errors=True)
