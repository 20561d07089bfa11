"""Many calls at a time, and what becomes of them when one fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import TypeVar

from layerforge.publish.client import CallError, Failure

_Result = TypeVar("_Result")
# After one of these, every other call would fail in the same way.
_HOPELESS = frozenset({Failure.CREDENTIALS})


def run_all(tasks: Sequence[Callable[[], _Result]], *, jobs: int) -> list[_Result]:
    """Run all tasks, at most `jobs` at a time; results in their order.

    The first error ends it: what has not begun is not begun.
    """
    with ThreadPoolExecutor(max(1, jobs), thread_name_prefix="aws") as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in sorted(done, key=futures.index):
                future.result()
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        return [future.result() for future in futures]


def settle_all(tasks: Sequence[Callable[[], _Result]], *, jobs: int) -> list[_Result | CallError | None]:
    """Run all tasks, at most `jobs` at a time; each result, or the CallError with which it ended.

    Where credentials are refused, what has not begun is not begun: None.
    """
    with ThreadPoolExecutor(max(1, jobs), thread_name_prefix="aws") as pool:
        futures: list[Future[_Result | CallError]] = []

        def run(task: Callable[[], _Result]) -> _Result | CallError:
            try:
                return task()
            except CallError as error:
                if error.failure in _HOPELESS:
                    for future in futures:
                        future.cancel()
                return error

        try:
            for task in tasks:
                futures.append(pool.submit(run, task))  # noqa: PERF401 - `run` reads the list meanwhile
            wait(futures)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        return [None if future.cancelled() else future.result() for future in futures]
