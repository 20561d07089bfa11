"""What services know of vulnerabilities, as values, and the port through which they are asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from layerforge.errors import ToolError
from layerforge.model.counts import count
from layerforge.model.progress import Progress
from layerforge.model.url import redact

# Name and version of a distribution, as a service is asked.
Pin = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Advisory:
    """One known vulnerability. `fixed_in` holds the versions that do not have it, oldest first."""

    id: str
    aliases: tuple[str, ...] = ()
    description: str = ""
    fixed_in: tuple[str, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """All names that it has."""
        return frozenset((self.id, *self.aliases))


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a service said of one distribution. `is_known` is False if it has never heard of it."""

    advisories: tuple[Advisory, ...] = ()
    is_known: bool = True


class AdvisoryService(Protocol):
    """Who is asked. `name` and `url` are for people: `PyPI`, `https://pypi.org`."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def url(self) -> str:
        """Where it is asked."""
        ...

    def ask(self, pin: Pin) -> Answer:
        """Ask about one distribution; several threads may do so. Raises ToolError if there is no answer."""
        ...


def ask_all(
    service: AdvisoryService, pins: Iterable[Pin], *, jobs: int, progress: Progress
) -> Mapping[Pin, Answer]:
    """Ask about each distribution once. Raises the first error, and asks no further.

    Raises ToolError if the service knows none: who answers so does not answer the question.
    """
    wanted = sorted(set(pins))
    if not wanted:
        return {}
    answers: dict[Pin, Answer] = {}
    label = f"asking {service.name} about {count(wanted, 'distribution')}"
    with (
        progress.task(label, total=len(wanted), unit="items") as advance,
        ThreadPoolExecutor(max(1, min(jobs, len(wanted))), thread_name_prefix="audit") as pool,
    ):
        try:
            for pin, answer in zip(wanted, pool.map(service.ask, wanted), strict=True):
                answers[pin] = answer
                advance(1)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    if not any(answer.is_known for answer in answers.values()):
        raise ToolError(
            f"{service.name} ({redact(service.url)}) knows none of {count(wanted, 'distribution')}: "
            "nothing could be found that way",
            hint="a mirror or proxy may answer in its place; name private distributions in [audit] private",
        )
    return answers
