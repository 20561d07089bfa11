"""One way to call an SDK client: errors translated, and throttling waited for."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from layerforge.publish.aws_errors import Call, translate
from layerforge.publish.client import CallError, Failure

# On top of what the SDK does by itself: a request that was throttled was not carried out, whatever it is.
_ATTEMPTS = 6
_LONGEST_WAIT = 20.0
_SDK_ERRORS = (ClientError, BotoCoreError, ResponseParserError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Calls the operations of one client. `service` as IAM spells it; `endpoint` if it is not AWS's own."""

    client: Any
    service: str
    region: str
    endpoint: str | None = None
    sleep: Callable[[float], None] = time.sleep

    def call(self, operation: str, *, subject: str = "", **parameters: Any) -> dict[str, Any]:
        """Call `operation` (`GetFunction`); `subject` is what it is about, in words. Raises CallError."""
        method = getattr(self.client, _method_name(operation))
        answer: dict[str, Any] = self._attempt(lambda: method(**parameters), self._call(operation, subject))
        return answer

    def pages(self, operation: str, key: str, *, subject: str = "", **parameters: Any) -> Iterator[Any]:
        """Every item under `key`, page by page. Raises CallError."""
        pages = iter(self.client.get_paginator(_method_name(operation)).paginate(**parameters))
        call = self._call(operation, subject)
        while True:
            page = self._attempt(lambda: next(pages, None), call)
            if page is None:
                return
            yield from page.get(key, ())

    def guard(self, operation: str, action: Callable[[], Any], *, subject: str = "") -> Any:
        """Run what calls the client in its own way. Raises CallError."""
        return self._attempt(action, self._call(operation, subject))

    def _call(self, operation: str, subject: str) -> Call:
        return Call(
            service=self.service,
            operation=operation,
            region=self.region,
            subject=subject,
            endpoint=self.endpoint,
        )

    def _attempt(self, action: Callable[[], Any], call: Call) -> Any:
        attempt = 1
        while True:
            try:
                return action()
            except _SDK_ERRORS as error:
                translated = translate(error, call)
                if translated.failure is not Failure.THROTTLED or attempt == _ATTEMPTS:
                    raise translated from error
            self.sleep(backoff(attempt))
            attempt += 1


def backoff(attempt: int) -> float:
    """Seconds to wait after the given attempt (from 1): doubled each time, at random, so that many spread."""
    return min(_LONGEST_WAIT, 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def is_absent(error: CallError) -> bool:
    """Whether what was asked for is not there."""
    return error.failure is Failure.NOT_FOUND


def _method_name(operation: str) -> str:
    from botocore import xform_name

    return str(xform_name(operation))
