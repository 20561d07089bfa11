"""How a function is run for its verification: the container, and the task for the program inside."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from layerforge.containers.engine import Container, FileIn, Image, Mount
from layerforge.errors import BuildError
from layerforge.verify.values import FunctionCheck

OPT = "/opt"
TASK_ROOT = "/var/task"
PROGRAMS = "/var/layerforge"
_SCRIPTS = ("verify_function.py", "verify_step.py")
# AWS does not document the user. `id` in a function prints uid=993(sbx_user1051) gid=990, for years now.
_USER = "993:990"
# The emulator of AWS's images; the second where an image has no entrypoint of that name.
_ENTRYPOINTS = (["/lambda-entrypoint.sh"], ["/usr/local/bin/aws-lambda-rie", "/var/runtime/bootstrap"])
_EMULATOR_START = 20.0
# For starting Python and for what is not bounded by a step's own timeout.
_SLACK = 60.0
_SCRIPT_TIMEOUT = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class VerifySettings:
    """What the user asks for. `event` is JSON text, `memory` in MB, timeouts in seconds.

    `environment` is what the functions get beside what Lambda gives them; its values are never shown.
    """

    event: str | None = None
    environment: Mapping[str, str]
    memory: int = 2048
    import_timeout: float = 60.0
    invoke_timeout: float = 30.0


def make_task(check: FunctionCheck, settings: VerifySettings) -> dict[str, Any]:
    """The task of verify_function.py."""
    major, minor = check.target.python
    return {
        "function": check.function,
        "python": f"{major}.{minor}",
        "handler": check.handler if check.code else None,
        "distributions": [{"name": one.name, "version": one.version} for one in check.distributions],
        "environment": dict(settings.environment),
        "event": settings.event,
        "memory_mb": settings.memory,
        "budget": _budget(check, settings),
        "port": 8080,
        "entrypoints": [list(command) for command in _ENTRYPOINTS],
        "roots": {
            "task": TASK_ROOT,
            "opt": OPT,
            "lang": "/var/lang",
            "runtime": "/var/runtime",
            "tmp": "/tmp",  # noqa: S108 - a tmpfs of the container
        },
        "timeouts": {
            "import": settings.import_timeout,
            "script": _SCRIPT_TIMEOUT,
            "invoke": settings.invoke_timeout,
            "emulator": _EMULATOR_START,
        },
    }


def make_container(
    check: FunctionCheck, image: Image, settings: VerifySettings, *, mounts: Iterable[Mount]
) -> Container:
    """The container of a function: no network, nothing to write to but /tmp, as in Lambda."""
    python = check.target.runtime
    return Container(
        image=image.id,
        architecture=check.target.architecture,
        command=(f"/var/lang/bin/{python}", f"{PROGRAMS}/{_SCRIPTS[0]}", f"{PROGRAMS}/task.json"),
        environment={},
        purpose=f"verify {check.function}",
        network="none",
        working_dir=TASK_ROOT,
        user=_USER,
        read_only=True,
        mounts=tuple(mounts),
        tmpfs=("/tmp:size=512m",),  # noqa: S108 - Lambda's is 512 MB unless the function asks for more
        memory=settings.memory * 2**20,
        timeout=_budget(check, settings) + settings.invoke_timeout + _EMULATOR_START + _SLACK,
    )


def _budget(check: FunctionCheck, settings: VerifySettings) -> float:
    """Seconds for all steps before the invocation: enough for a few that take all of their time."""
    return settings.import_timeout * (4 + len(check.distributions))


def program_files(task: Mapping[str, Any]) -> tuple[FileIn, ...]:
    """The programs and their task, as they lie in a volume."""
    folder = resources.files("layerforge.containers.scripts")
    programs = [FileIn(f"/{name}", folder.joinpath(name).read_bytes()) for name in _SCRIPTS]
    return (*programs, FileIn("/task.json", json.dumps(task).encode()))


def zip_files(folder: Path, paths: Iterable[str]) -> Iterator[FileIn]:
    """The files of zips, one zip after the other: as Lambda unpacks them, later ones win.

    Raises BuildError for a zip that cannot be read.
    """
    for path in paths:
        try:
            with zipfile.ZipFile(folder / path) as archive:
                for info in archive.infolist():
                    if not info.is_dir():
                        mode = info.external_attr >> 16
                        if not stat.S_ISLNK(mode):
                            mode = stat.S_IMODE(mode) or 0o644
                        yield FileIn(f"/{info.filename}", archive.read(info), mode)
        except (OSError, zipfile.BadZipFile) as error:
            raise BuildError(
                f"the zip cannot be read ({error})", where=str(folder / path), hint="run `layerforge build`"
            ) from error
