"""How pip installs what a build backend needs, without index credentials on a command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pip
from pip._internal import build_env
from pip._internal.exceptions import InstallationSubprocessError

from layerforge.processes import run_process

_environment: dict[str, str] = {}


def keep_secrets_off_command_lines(environment: Mapping[str, str] | None = None) -> None:
    """From now on pip's builds take the indexes from `environment` (default: this process's).

    pip itself passes `-i https://user:password@…` to the pip that it starts, for all to see in
    the list of processes.
    """
    _environment.clear()
    _environment.update(environment if environment is not None else os.environ)
    installer: Any = build_env.SubprocessBuildEnvironmentInstaller
    installer.install = _install


def _install(
    _self: Any, requirements: Iterable[str], prefix: Any, *, kind: str, for_req: Any, **_: Any
) -> None:
    wanted = list(requirements)
    if not wanted:
        return
    python = getattr(prefix, "venv_executable", None)
    command = [
        python or sys.executable,
        str(Path(pip.__file__).parent / "__pip-runner__.py"),
        "install",
        "--prefix",
        prefix.path,
        "--no-user",
        "--no-warn-script-location",
        "--no-compile",
        "--disable-pip-version-check",
        *(() if python else ("--ignore-installed",)),
        "--",
        *wanted,
    ]
    done = run_process(command, env=_environment)
    if done.code:
        name = f" of {for_req.name}" if for_req is not None and for_req.name else ""
        raise InstallationSubprocessError(
            command_description=f"installing {kind}{name} ({', '.join(wanted)})",
            exit_code=done.code,
            output_lines=[line + "\n" for line in f"{done.stdout}\n{done.stderr}".splitlines()],
        )
