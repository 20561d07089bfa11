"""What the worker tells its client: one JSON line per event, from any thread."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO, Literal

from layerforge.model.progress import Advance
from layerforge.model.url import redact


class Channel:
    """Writes events; is a `Progress` for the code of the worker."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._tasks = itertools.count(1)

    def send(self, **event: Any) -> None:
        """Write one event."""
        line = json.dumps(event, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            self._stream.write(line)
            self._stream.flush()

    def note(self, text: str) -> None:
        """One line for the person who watches, secrets removed."""
        self.send(event="note", text=redact(text))

    def detail(self, text: str) -> None:
        """One line for who asked for more, secrets removed."""
        self.send(event="detail", text=redact(text))

    @contextlib.contextmanager
    def task(self, label: str, *, total: int | None, unit: Literal["bytes", "items"]) -> Iterator[Advance]:
        """Tell of long work; yields what tells of each further amount."""
        number = next(self._tasks)
        self.send(event="task", task=number, label=redact(label), total=total, unit=unit)
        try:
            yield lambda amount: self.send(event="advance", task=number, amount=amount)
        finally:
            self.send(event="done", task=number)

    def advance(self, amount: int) -> None:
        """Bytes of the download that the client is asked for."""
        self.send(event="bytes", amount=amount)
