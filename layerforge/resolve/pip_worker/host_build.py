"""A wheel built on this machine, by pip and with this machine's interpreter: what pure sources need."""

from __future__ import annotations

import sys
from pathlib import Path

from layerforge.errors import BuildError
from layerforge.processes import failure_details, run_process
from layerforge.resolve.pip_worker.access import Access

# 1980-01-01, the first moment that a zip can tell.
_EPOCH = "315532800"
_COMPILERS = ("gcc", "error: command", "compil", "cmake", "rust", "Rust")


class HostBuildError(BuildError):
    """A build backend failed here. `compiles`: it seems to have been about to compile something."""

    def __init__(self, label: str, details: tuple[str, ...], *, compiles: bool) -> None:
        self.compiles = compiles
        super().__init__(
            f"{label} cannot be built into a wheel",
            details=details,
            hint="the lines above are its build backend's own; `pip wheel` on this source shows all of them",
        )


def build_here(
    label: str, source: Path, directory: Path, *, access: Access, in_place: Path | None = None
) -> Path:
    """The wheel of `source` in `directory`. Raises HostBuildError.

    Backends that reach outside of their folder (a README above it) only work in place: `in_place` is
    the folder that `source` is a copy of.
    """
    environment = access.environment() | {
        "SOURCE_DATE_EPOCH": _EPOCH,
        "PYTHONHASHSEED": "0",
        "PYTHONWARNINGS": "ignore",
        "TZ": "UTC",
    }
    command = [sys.executable, "-P", "-m", "layerforge.resolve.pip_worker.wheel_command", "wheel"]
    command += ["--no-deps", "--ignore-requires-python", "--wheel-dir", str(directory)]
    for place in filter(None, (source, in_place)):
        done = run_process([*command, "--", str(place)], env=environment)
        wheels = sorted(directory.glob("*.whl")) if directory.is_dir() else []
        if done.code == 0 and wheels:
            return wheels[0]
    details = failure_details(["pip", *command[4:7], source.name], done)
    raise HostBuildError(label, details, compiles=any(mark in done.stderr for mark in _COMPILERS))
