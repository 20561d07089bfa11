"""Reads the facts of a runtime out of its run image: libraries, symbol versions, what Python brings."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from typing import Any

from layerforge.containers.engine import Container, ContainerEngine, FileIn, Image
from layerforge.errors import ToolError
from layerforge.model.progress import Progress
from layerforge.model.target import Target
from layerforge.native.elf import read_native
from layerforge.native.facts import ElfFile
from layerforge.native.runtime import ProbedRuntime

_ROOT = "/tmp/layerforge"  # noqa: S108 - in a container that nobody else has
_OUT = f"{_ROOT}/out"
_PROGRAM = "probe_runtime.py"
# What LD_LIBRARY_PATH of a function names and the runtime fills: see layerforge.native.loader.
_FOLDERS = ("/var/lang/lib", "/lib64", "/usr/lib64", "/var/runtime", "/var/runtime/lib")
_TIMEOUT = 600.0
_SHOWN_LINES = 8


def probe_runtimes(
    targets: Iterable[Target],
    engine: ContainerEngine,
    find_image: Callable[[Target], Image],
    progress: Progress,
) -> dict[str, ProbedRuntime]:
    """The facts of each target's run image, by target name. Raises ToolError."""
    ordered = sorted(set(targets))
    probed = {}
    with progress.task("probing run images", total=len(ordered), unit="items") as advance:
        for target in ordered:
            probed[target.name] = _probe(target, engine, find_image(target))
            advance(1)
    return probed


def _probe(target: Target, engine: ContainerEngine, image: Image) -> ProbedRuntime:
    with tempfile.TemporaryDirectory(prefix="probe-") as folder:
        answer = _ask(target, engine, image, Path(folder))
        libraries = _read_libraries(answer["names"], Path(folder), target)
    return ProbedRuntime(
        image=image.digest or f"{image.reference} {image.id}",
        python=answer["python"],
        libraries=libraries,
        distributions=answer["distributions"],
    )


def _ask(target: Target, engine: ContainerEngine, image: Image, into: Path) -> dict[str, Any]:
    program = (resources.files("layerforge.containers.scripts") / _PROGRAM).read_bytes()
    request = {"folders": list(_FOLDERS), "packages": ["/var/runtime"], "out": _OUT}
    outcome = engine.run(
        Container(
            image=image.id,
            architecture=target.architecture,
            command=(f"/var/lang/bin/{target.runtime}", f"{_ROOT}/{_PROGRAM}", f"{_ROOT}/request.json"),
            environment={},
            purpose=f"probe {target.runtime}",
            timeout=_TIMEOUT,
        ),
        files=[
            FileIn(f"{_ROOT}/{_PROGRAM}", program),
            FileIn(f"{_ROOT}/request.json", json.dumps(request).encode()),
            # The folder that is taken has to be there.
            FileIn(f"{_OUT}/.keep", b""),
        ],
        take=_OUT,
        into=into,
    )
    try:
        answer = json.loads(outcome.stdout)
    except ValueError:
        answer = None
    if outcome.code or not isinstance(answer, dict):
        raise ToolError(
            f"{image.reference} cannot be probed: it ended with exit code {outcome.code}",
            details=outcome.stderr.splitlines()[-_SHOWN_LINES:],
            hint=f"the run image must have /var/lang/bin/{target.runtime}: see [container.run-image]",
        )
    return answer


def _read_libraries(names: dict[str, str], folder: Path, target: Target) -> dict[str, tuple[str, ...]]:
    """Symbol versions by the names under which others need libraries: their sonames."""
    found: dict[str, tuple[str, ...]] = {}
    for name, number in sorted(names.items()):
        path = folder / number
        if not path.is_file():
            continue
        with path.open("rb") as stream:
            library = read_native(stream, path.stat().st_size)
        if not isinstance(library, ElfFile) or library.machine != target.architecture:
            continue
        if library.soname in (None, name):
            found[name] = library.defines
    return found
