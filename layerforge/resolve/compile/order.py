"""What a build container is asked to do, as the files and the command of the container."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Literal

from layerforge.containers.engine import FileIn
from layerforge.containers.stripping import strip_program
from layerforge.model.target import Target
from layerforge.resolve.compile.libraries import PROVIDED_LIBRARIES, compiler_policy, glibc_policy
from layerforge.resolve.compile.toolbox import auditwheel_files, auditwheel_version

# The places of the program scripts/build_wheel.py.
ROOT = "/tmp/layerforge"  # noqa: S108 - in a container that nobody else has
OUT = f"{ROOT}/out"
BUILD = f"{ROOT}/build"
_REQUEST = f"{ROOT}/in/request.json"
_PROGRAM = f"{ROOT}/build_wheel.py"
_TOOLS = f"{ROOT}/tools"

Mode = Literal["wheel", "metadata"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Instructions:
    """How a distribution is to be built: packages of the image's system, and what its backend is told.

    `packages` are names that hold whatever the image's package manager; `packages_by_manager` pairs a
    manager (dnf, yum, apt) with names of its own. `strip` says that the wheel is stripped once it is built.
    """

    packages: tuple[str, ...] = ()
    packages_by_manager: tuple[tuple[str, tuple[str, ...]], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    config_settings: tuple[tuple[str, str], ...] = ()
    strip: bool = False

    @property
    def digest(self) -> str:
        """Changes when the wheel may come out differently."""
        parts = [
            sorted(self.packages),
            sorted((manager, sorted(names)) for manager, names in self.packages_by_manager),
            sorted(self.environment.items()),
            sorted(self.config_settings),
            self.strip,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A source for a target. `source` is an archive on this machine that holds one folder.

    `name` is the distribution's, "" where nobody knows it before it is built.
    """

    label: str
    name: str
    target: Target
    source: Path
    filename: str
    subdirectory: str | None = None


def python_of(target: Target) -> str:
    """The interpreter of Lambda's images."""
    return f"/var/lang/bin/{target.runtime}"


def command_of(order: Order) -> tuple[str, ...]:
    """The command line of the container."""
    return (python_of(order.target), _PROGRAM, _REQUEST)


def files_of(order: Order, mode: Mode, instructions: Instructions) -> tuple[FileIn, ...]:
    """All that the program needs."""
    tools = auditwheel_files(_TOOLS) if mode == "wheel" else ()
    return (
        FileIn(path=_PROGRAM, data=program()),
        FileIn(path=f"{ROOT}/strip_files.py", data=strip_program()),
        FileIn(path=_REQUEST, data=json.dumps(request_of(order, mode, instructions)).encode()),
        FileIn(path=f"{ROOT}/in/{order.filename}", data=order.source),
        *tools,
    )


def request_of(order: Order, mode: Mode, instructions: Instructions) -> dict[str, object]:
    """What the program reads."""
    return {
        "mode": mode,
        "source": f"{ROOT}/in/{order.filename}",
        "subdirectory": order.subdirectory,
        "packages": list(instructions.packages),
        "packages_by_manager": {manager: list(names) for manager, names in instructions.packages_by_manager},
        "environment": dict(instructions.environment),
        "strip": instructions.strip,
        "config_settings": [list(one) for one in instructions.config_settings],
        "machine": order.target.machine,
        "glibc": glibc_policy(order.target),
        "compiler_libraries": compiler_policy(order.target),
        "provided": list(PROVIDED_LIBRARIES),
    }


def program() -> bytes:
    """The text of the program."""
    return (resources.files("layerforge.containers.scripts") / "build_wheel.py").read_bytes()


def tools_digest() -> str:
    """Changes when what builds and vendors does."""
    parts = (
        program(),
        strip_program(),
        auditwheel_version().encode(),
        "\0".join(PROVIDED_LIBRARIES).encode(),
    )
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
