"""Verify functions in containers, several at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from layerforge.containers.engine import ContainerEngine, Image, Mount, Outcome
from layerforge.errors import ToolError
from layerforge.model.finding import Finding, Severity
from layerforge.model.progress import Advance, Progress
from layerforge.model.target import Target
from layerforge.verify.answers import hide_values, make_hider, notes, read_report
from layerforge.verify.explain import Context
from layerforge.verify.task import (
    OPT,
    PROGRAMS,
    TASK_ROOT,
    VerifySettings,
    make_container,
    make_task,
    program_files,
    zip_files,
)
from layerforge.verify.values import FunctionCheck, FunctionReport
from layerforge.verify.volumes import SharedVolumes

_SHOWN_LINES = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """What all verifications share. `folder` is the output folder, `images` the run image by target."""

    engine: ContainerEngine
    images: Mapping[Target, Image]
    folder: Path
    settings: VerifySettings
    providers: Mapping[str, tuple[str, ...]]


def verify_functions(
    checks: Sequence[FunctionCheck], surroundings: Surroundings, *, jobs: int, progress: Progress
) -> tuple[FunctionReport, ...]:
    """Verify every function; reports in the order of `checks`.

    At most `jobs` at a time, and no more than there are cores, as each of them keeps one busy. Raises
    ToolError if the engine fails. However it ends, nothing of it runs on.
    """
    # Neighbours share volumes, so that each is needed for a short time only.
    ordered = sorted(
        checks, key=lambda check: (check.target, layers_key(check), code_key(check), check.function)
    )
    volumes = SharedVolumes(key for check in checks for key in _keys(check))
    workers = max(1, min(jobs, os.cpu_count() or 1, len(checks)))
    label = f"verifying {len(checks)} function{'' if len(checks) == 1 else 's'}"
    with progress.task(label, total=len(checks), unit="items") as advance:
        pool = ThreadPoolExecutor(workers, thread_name_prefix="verify")
        try:
            work = {
                check.function: pool.submit(_verify, check, surroundings, volumes, advance)
                for check in ordered
            }
            _finish(work.values())
            return tuple(work[check.function].result() for check in checks)
        except BaseException:
            surroundings.engine.stop_all()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            volumes.close()


def _finish(work: Iterable[Future[FunctionReport]]) -> None:
    done, _ = wait(work, return_when=FIRST_EXCEPTION)
    for future in done:
        future.result()


def layers_key(check: FunctionCheck) -> tuple[str, ...]:
    """What names the volume of a function's layers: their digests in order."""
    return tuple(layer.sha256 for layer in check.layers)


def code_key(check: FunctionCheck) -> str:
    """What names the volume of a function's code."""
    return check.code.sha256 if check.code else ""


def _keys(check: FunctionCheck) -> tuple[Hashable, ...]:
    layers: tuple[Hashable, ...] = (layers_key(check),) if check.layers else ()
    return (*layers, code_key(check)) if check.code else layers


def _verify(
    check: FunctionCheck, surroundings: Surroundings, volumes: SharedVolumes, advance: Advance
) -> FunctionReport:
    engine, image = surroundings.engine, surroundings.images[check.target]
    with ExitStack() as stack:
        mounts: list[Mount] = []

        def mount(paths: Sequence[str], key: Hashable, place: str) -> None:
            name = stack.enter_context(
                volumes.use(key, lambda: engine.volume(image.id, zip_files(surroundings.folder, paths)))
            )
            mounts.append(Mount(name, place, read_only=True))

        if check.layers:
            mount([layer.path for layer in check.layers], layers_key(check), OPT)
        if check.code:
            mount([check.code.path], code_key(check), TASK_ROOT)
        task = make_task(check, surroundings.settings)
        programs = stack.enter_context(engine.volume(image.id, program_files(task)))
        mounts.append(Mount(programs, PROGRAMS, read_only=True))
        outcome = engine.run(make_container(check, image, surroundings.settings, mounts=mounts))
    report = _read(check, outcome, surroundings)
    advance(1)
    return report


def _read(check: FunctionCheck, outcome: Outcome, surroundings: Surroundings) -> FunctionReport:
    secrets = surroundings.settings.environment.values()
    if not outcome.stdout:
        if outcome.out_of_memory:
            return hide_values(_out_of_memory(check), secrets)
        raise ToolError(
            f"the container that verifies {check.function} ended with exit code {outcome.code} and no answer",
            details=make_hider(secrets)(outcome.stderr).splitlines()[-_SHOWN_LINES:],
            hint=f"the run image must have /var/lang/bin/{check.target.runtime}: see [container.run-image]",
        )
    context = Context(function=check.function, target=check.target, providers=surroundings.providers)
    return read_report(outcome.stdout, check, context, secrets)


def _out_of_memory(check: FunctionCheck) -> FunctionReport:
    finding = Finding(
        severity=Severity.ERROR,
        code="out-of-memory",
        subject=check.function,
        sentence=f"{check.function}: its container ran out of memory",
        hint="give it more with --memory, and the function too",
    )
    return FunctionReport(
        function=check.function, target=check.target, findings=(*notes(check), finding), ok=False
    )


def run_images(checks: Iterable[FunctionCheck], find: Callable[[Target], Image]) -> dict[Target, Image]:
    """The run image of each target, found (and pulled) once."""
    return {target: find(target) for target in sorted({check.target for check in checks})}
