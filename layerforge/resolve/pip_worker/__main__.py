"""The loop: requests in on stdin, events out on stdout, one after another."""

from __future__ import annotations

import errno
import json
import logging
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, BinaryIO

from layerforge.cache import remove_unfinished
from layerforge.errors import BuildError, LayerforgeError
from layerforge.model.url import redact
from layerforge.os_errors import as_expected
from layerforge.resolve.messages import encode_error
from layerforge.resolve.pip_worker.channel import Channel

# The client waits a little longer before it ends this process the hard way.
_SECONDS_TO_CLOSE = 8.0
# Said by pip of what we do on purpose, or tell of ourselves.
_KNOWN_REMARKS = ("Discarding", "neither a file nor a directory", "does not provide the extra")


def main() -> None:
    """Serve until stdin ends; a signal to end takes our own children along."""
    requests, channel = _take_streams()
    os.setsid()
    os.environ.setdefault("GIT_TERMINAL_PROMPT", "0")
    os.environ.setdefault("GIT_SSH_COMMAND", "ssh -oBatchMode=yes")
    os.environ |= {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    signal.signal(signal.SIGTERM, _end)
    waiting = _read_ahead(requests)
    from layerforge.resolve.pip_worker.service import Service

    service = Service(channel)
    _listen_to_pip(channel)
    while (request := waiting.get()) is not None:
        _serve(channel, service.methods[request["method"]], request["params"])


def _take_streams() -> tuple[BinaryIO, Channel]:
    """Keep the pipes for ourselves: what pip and backends print goes to stderr, and they read nothing."""
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, Channel(answers)


def _read_ahead(requests: BinaryIO) -> queue.Queue[dict[str, Any] | None]:
    """Requests from a thread of its own, so that the end of the client is noticed at any time."""
    waiting: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def read() -> None:
        for line in requests:
            waiting.put(json.loads(line))
        waiting.put(None)
        # Whoever asked is gone: what is still running is of no use.
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=read, daemon=True, name="requests").start()
    return waiting


def _end(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGTERM)
    code = 0
    if workshops := sys.modules.get("layerforge.resolve.pip_worker.workshops"):
        # In a thread of its own: this one may be in the middle of a call to the engine.
        closing = threading.Thread(target=workshops.close_workshops, daemon=True)
        closing.start()
        closing.join(_SECONDS_TO_CLOSE)
        code = 1 if closing.is_alive() else 0
    remove_unfinished()
    os._exit(code)


def _serve(channel: Channel, method: Callable[[Any], Any], params: Any) -> None:
    # Anything but a LayerforgeError is a bug: it ends the process, and the client shows the traceback.
    try:
        channel.send(event="result", value=method(params))
    except LayerforgeError as error:
        channel.send(event="error", error=encode_error(error))
    except OSError as error:
        expected = _as_expected(error)
        if expected is None:
            raise
        channel.send(event="error", error=encode_error(expected))


def _as_expected(error: OSError) -> LayerforgeError | None:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return BuildError("no space is left on the disk of the cache or of TMPDIR", hint="make room there")
    return as_expected(error)


class _Remarks(logging.Handler):
    """pip's warnings as notes."""

    def __init__(self, channel: Channel) -> None:
        super().__init__(logging.WARNING)
        self._channel = channel
        self._told: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on what a user can do something about."""
        text = _again(record) or f"pip: {record.getMessage()}"
        # What pip calls an error comes as an exception as well, and is told better from that.
        if record.levelno >= logging.ERROR or text in self._told:
            return
        self._told.add(text)
        if not any(remark in text for remark in _KNOWN_REMARKS):
            self._channel.note(redact(text.splitlines()[0]))


def _again(record: logging.LogRecord) -> str | None:
    """Put pip's word that it asks again in ours: where, and why. None for any other remark."""
    match record.args:
        case (_, BaseException() as error, str(url)) if str(record.msg).startswith("Retrying"):
            from layerforge.resolve.pip_worker.failures import connection_error

            return f"{connection_error(url, error).sentence}: asking again"
    return None


def _listen_to_pip(channel: Channel) -> None:
    logger = logging.getLogger("pip")
    logger.setLevel(logging.WARNING)
    logger.addHandler(_Remarks(channel))
    logger.propagate = False


if __name__ == "__main__":
    main()
