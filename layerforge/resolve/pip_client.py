"""The engine and index that pip-tools and pip are, each call answered by a process of its own.

The processes live as long as the client, so that pip's start-up (half a second) is paid once, and
are taken from a pool, so that threads may resolve for several targets at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from layerforge.cache import Cache
from layerforge.containers.opening import open_docker
from layerforge.errors import ToolError
from layerforge.model.container import ContainerSettings
from layerforge.model.lock import Archive
from layerforge.model.progress import Advance, Progress
from layerforge.model.requirement import IndexOptions
from layerforge.model.target import Target
from layerforge.model.url import redact
from layerforge.processes import start_process
from layerforge.resolve.index import BuiltWheel, Described, ResolveRequest, Selected
from layerforge.resolve.messages import decode, decode_error, encode
from layerforge.resolve.reach import IndexReport

WORKER = (sys.executable, "-P", "-m", "layerforge.resolve.pip_worker")
_LINES_KEPT = 40
_SECONDS_TO_END = 5.0
# Containers have to be stopped first.
_SECONDS_TO_CLOSE = 10.0


class PipClient:
    """Implements `Engine` and `Index` (resolve/index.py). Close it, or use it in a `with`.

    `retries` counts further attempts after a failure that may pass (5xx, timeouts, cut lines), and
    `timeout` is in seconds without a sign from the index; None leaves them to pip's configuration.
    `builder` is the config's ("wheels": nothing is built in a container), `container` how containers
    are used. `command` starts the process that answers.
    """

    def __init__(
        self,
        *,
        progress: Progress,
        cache: Cache,
        retries: int | None = None,
        timeout: float | None = None,
        builder: str = "wheels",
        container: ContainerSettings = ContainerSettings(),
        command: Sequence[str] = WORKER,
    ) -> None:
        self._progress = progress
        self._command = tuple(command)
        self._cache = cache
        self._settings = {
            "cache": str(cache.root.absolute()),
            "retries": retries,
            "timeout": timeout,
            "builder": builder,
            "container": encode(container),
        }
        self._idle: list[_Worker] = []
        self._lock = threading.Lock()

    def __enter__(self) -> PipClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes and remove what they left in their scratch directories."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            self._end(worker)

    def resolve(self, request: ResolveRequest) -> tuple[Selected, ...]:
        """See `Engine`."""
        value = self._call("resolve", {"request": encode(request)})
        return _selected(value)

    def describe(
        self, selected: Sequence[Selected], *, target: Target, options: IndexOptions, root: Path
    ) -> tuple[Described, ...]:
        """See `Index`."""
        params = {"selected": encode(selected), **_context(target, options, root)}
        described: tuple[Described, ...] = decode(tuple[Described, ...], self._call("describe", params))
        return described

    def download(
        self,
        archives: Sequence[Archive],
        *,
        options: IndexOptions,
        destination: Callable[[Archive], Path],
        advance: Callable[[int], None],
    ) -> None:
        """See `Index`. A download that starts over takes its bytes back (a negative amount)."""
        wanted = [[encode(archive), str(destination(archive).absolute())] for archive in archives]
        self._call("download", {"wanted": wanted, "options": encode(options)}, advance=advance)

    def build_wheel(
        self, source: Selected, *, target: Target, options: IndexOptions, root: Path, directory: Path
    ) -> BuiltWheel:
        """See `Index`. What was built before from the same content is taken from the cache."""
        params = {"source": encode(source), "directory": str(directory.absolute())}
        path, context = self._call("build_wheel", {**params, **_context(target, options, root)})
        return BuiltWheel(Path(path), context)

    def examine(self, options: IndexOptions, *, root: Path, project: str) -> IndexReport:
        """See `Examiner` (resolve/reach.py)."""
        params = {"options": encode(options), "root": str(root), "project": project}
        report: IndexReport = decode(IndexReport, self._call("examine", params))
        return report

    def _call(self, method: str, params: dict[str, Any], *, advance: Advance | None = None) -> Any:
        worker = self._take()
        try:
            outcome = worker.ask(method, {**params, **self._settings}, self._progress, advance)
        except BaseException:
            # Ctrl-C, or a death: nothing of it may go on in the background.
            self._end(worker)
            raise
        with self._lock:
            self._idle.append(worker)
        if outcome["event"] == "error":
            raise decode_error(outcome["error"])
        return outcome["value"]

    def _end(self, worker: _Worker) -> None:
        worker.end()
        if worker.used_engine and worker.code != 0:
            # It left containers behind: an engine that is opened removes those of dead processes.
            with contextlib.suppress(ToolError):
                open_docker(self._progress).close()

    def _take(self) -> _Worker:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _Worker(self._command)


class _Worker:
    """One process, with a scratch directory that goes when it does, however it ends."""

    def __init__(self, command: Sequence[str]) -> None:
        self._scratch = Path(tempfile.mkdtemp(prefix="layerforge-pip-")).resolve()
        environment = {**os.environ, "TMPDIR": str(self._scratch), "PYTHONIOENCODING": "utf-8"}
        try:
            self._process = start_process(command, env=environment)
        except ToolError:
            shutil.rmtree(self._scratch, ignore_errors=True)
            raise
        self.used_engine = False
        self._said: deque[str] = deque(maxlen=_LINES_KEPT)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def ask(
        self, method: str, params: dict[str, Any], progress: Progress, advance: Advance | None
    ) -> dict[str, Any]:
        """Send a request, show the events, return the result or error."""
        requests, answers = self._pipes()
        try:
            requests.write(json.dumps({"method": method, "params": params}) + "\n")
            requests.flush()
        except BrokenPipeError:
            raise self._death() from None
        with contextlib.ExitStack() as open_tasks:
            tasks: dict[int, tuple[contextlib.ExitStack, Advance]] = {}
            for line in answers:
                event: dict[str, Any] = json.loads(line)
                if event["event"] in {"result", "error"}:
                    return event
                self.used_engine |= event["event"] == "engine"
                _show(event, progress, advance, tasks, open_tasks)
        raise self._death()

    def end(self) -> None:
        """End it and its own children, wait for that, and tidy up."""
        with contextlib.suppress(BrokenPipeError):
            self._pipes()[0].close()
        try:
            # The end of its stdin is what it ends at; it takes its children along.
            self._wait()
        finally:
            self._listener.join(_SECONDS_TO_END)
            for stream in (self._process.stdout, self._process.stderr):
                if stream is not None:
                    stream.close()
            shutil.rmtree(self._scratch, ignore_errors=True)

    @property
    def code(self) -> int | None:
        """How it ended."""
        return self._process.poll()

    def _wait(self) -> None:
        deadline = time.monotonic() + (_SECONDS_TO_CLOSE if self.used_engine else _SECONDS_TO_END)
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise ToolError("the pip worker has no pipes")
        return process.stdin, process.stdout

    def _listen(self) -> None:
        for line in self._process.stderr or ():
            self._said.append(redact(line.rstrip()))

    def _death(self) -> ToolError:
        code = self._process.wait()
        self._listener.join(_SECONDS_TO_END)
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return ToolError(
            f"the process that runs pip {how}",
            details=tuple(self._said),
            hint="this is a bug of layerforge unless the machine ran out of memory; "
            "the lines above say where it happened",
        )


def _show(
    event: dict[str, Any],
    progress: Progress,
    advance: Advance | None,
    tasks: dict[int, tuple[contextlib.ExitStack, Advance]],
    open_tasks: contextlib.ExitStack,
) -> None:
    match event:
        case {"event": "note", "text": text}:
            progress.note(text)
        case {"event": "detail", "text": text}:
            progress.detail(text)
        case {"event": "bytes", "amount": amount} if advance is not None:
            advance(amount)
        case {"event": "task", "task": number, "label": label, "total": total, "unit": unit}:
            shown = open_tasks.enter_context(contextlib.ExitStack())
            tasks[number] = shown, shown.enter_context(progress.task(label, total=total, unit=unit))
        case {"event": "advance", "task": number, "amount": amount}:
            tasks[number][1](amount)
        case {"event": "done", "task": number}:
            tasks.pop(number)[0].close()


def _context(target: Target, options: IndexOptions, root: Path) -> dict[str, Any]:
    return {"target": encode(target), "options": encode(options), "root": str(root.absolute())}


def _selected(value: Any) -> tuple[Selected, ...]:
    selected: tuple[Selected, ...] = decode(tuple[Selected, ...], value)
    return selected
