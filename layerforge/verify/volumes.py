"""Volumes that several functions share: filled for the first that needs one, gone after the last."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Shared:
    lock: threading.Lock = field(default_factory=threading.Lock)
    block: AbstractContextManager[str] | None = None
    name: str = ""


class SharedVolumes:
    """Volumes by what they hold. `users` has a key once for each use that there will be.

    A volume lies on the engine's disk from its first use until its last one ends: with many functions,
    those that share follow each other, so that few volumes exist at a time.
    """

    def __init__(self, users: Iterable[Hashable]) -> None:
        self._left = Counter(users)
        self._shared = {key: _Shared() for key in self._left}
        self._counting = threading.Lock()

    @contextmanager
    def use(self, key: Hashable, make: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
        """The volume's name; `make` fills it if nobody has yet."""
        shared = self._shared[key]
        try:
            with shared.lock:
                if shared.block is None:
                    block = make()
                    shared.name = block.__enter__()
                    shared.block = block
            yield shared.name
        finally:
            with self._counting:
                self._left[key] -= 1
                last = self._left[key] <= 0
            if last:
                self._remove(shared)

    def close(self) -> None:
        """Remove what is left because its users never came (an error, Ctrl-C)."""
        for shared in self._shared.values():
            self._remove(shared)

    @staticmethod
    def _remove(shared: _Shared) -> None:
        with shared.lock:
            block, shared.block = shared.block, None
            if block is not None:
                block.__exit__(None, None, None)
