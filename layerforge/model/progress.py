"""How a stage tells of long work, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, Protocol

Advance = Callable[[int], None]


class Progress(Protocol):
    """Shown as bars on a terminal, as plain lines elsewhere, as nothing under --json and -q.

    Its methods may be called from any thread.
    """

    def task(
        self, label: str, *, total: int | None, unit: Literal["bytes", "items"]
    ) -> AbstractContextManager[Advance]:
        """Enter to show the task; call what is returned with each further amount done."""
        ...

    def note(self, text: str) -> None:
        """One line worth telling a person who watches (never a result, never a secret)."""
        ...

    def detail(self, text: str) -> None:
        """One line for who asked for more (`-v`): what a compiler says, which file was taken."""
        ...
