"""Who compiles modules to bytecode: an interpreter of the target's minor version, in a container or here.

Bytecode is the same for every architecture, so any interpreter of that version will do. What decides
its bytes is the interpreter's exact version and its zlib (`scripts/compile_bytecode.py`), which is
asked once for an image or a program and remembered.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Protocol

from layerforge.cache import Cache
from layerforge.containers.engine import Container, ContainerEngine, FileIn, Image
from layerforge.errors import BuildError, ToolError
from layerforge.model.container import ContainerSettings
from layerforge.processes import Completed, failure_details, run_process

_KIND = "interpreter"
_ROOT = "/tmp/layerforge"  # noqa: S108 - in a container that nobody else has
_OUT = f"{_ROOT}/out"


@dataclass(frozen=True, kw_only=True, slots=True)
class Modules:
    """The modules of one wheel: contents by path below /opt/python; `name` is a file name, unique."""

    name: str
    label: str
    contents: Iterable[tuple[str, bytes]]


class ModuleCompiler(Protocol):
    """Compiles the modules of wheels."""

    @property
    def identity(self) -> str:
        """Names all that decides the bytes."""
        ...

    @property
    def image(self) -> str | None:
        """The image that it is in, as the build's record has it; None outside of containers."""
        ...

    def compile(self, wheels: Sequence[Modules], directory: Path) -> dict[str, tuple[str, ...]]:
        """Write `<name>.zip` for each of `wheels` into `directory`; by name, what did not compile.

        Raises BuildError or ToolError.
        """
        ...


def program() -> bytes:
    """The text of the program that compiles."""
    return (resources.files("layerforge.containers.scripts") / "compile_bytecode.py").read_bytes()


def find_interpreter(python: tuple[int, int], environment: Mapping[str, str]) -> Path | None:
    """An interpreter of that minor version on this machine: our own, or `python3.X` on PATH."""
    if sys.implementation.name == "cpython" and sys.version_info[:2] == python:
        return Path(sys.executable)
    found = shutil.which(f"python{python[0]}.{python[1]}", path=environment.get("PATH"))
    return Path(found) if found else None


@dataclass(frozen=True, kw_only=True, slots=True)
class HostCompiler:
    """An interpreter of this machine."""

    interpreter: Path
    identity: str
    image: str | None = field(default=None, init=False)

    def compile(self, wheels: Sequence[Modules], directory: Path) -> dict[str, tuple[str, ...]]:
        """See `ModuleCompiler`."""
        named = []
        for wheel in wheels:
            root = directory / wheel.name
            names = []
            for path, data in wheel.contents:
                place = root / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
                names.append(path)
            named.append((wheel.name, names))
        answer = _ask_program(
            self.interpreter,
            _request(named, root=str(directory), out=str(directory), jobs=os.cpu_count() or 1),
            directory,
        )
        for wheel in wheels:
            shutil.rmtree(directory / wheel.name, ignore_errors=True)
        return _skipped(named, answer)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerCompiler:
    """The interpreter of a run image."""

    engine: ContainerEngine
    settings: ContainerSettings
    found: Image
    runtime: str
    identity: str

    @property
    def image(self) -> str | None:
        """See `ModuleCompiler`."""
        return self.found.digest or f"{self.found.reference} {self.found.id}"

    def compile(self, wheels: Sequence[Modules], directory: Path) -> dict[str, tuple[str, ...]]:
        """See `ModuleCompiler`."""
        files, named = [], []
        for wheel in wheels:
            names = []
            for path, data in wheel.contents:
                files.append(FileIn(f"{_ROOT}/{wheel.name}/{path}", data))
                names.append(path)
            named.append((wheel.name, names))
        request = _request(named, root=_ROOT, out=_OUT, jobs=os.cpu_count() or 1)
        answer = _ask_image(self, request, files, directory)
        return _skipped(named, answer)


def host_compiler(interpreter: Path, python: tuple[int, int], cache: Cache) -> HostCompiler:
    """Ask an interpreter who it is, once. Raises ToolError if it does not answer, or is another version."""
    status = interpreter.resolve().stat()
    key = _key(str(interpreter), str(interpreter.resolve()), str(status.st_mtime_ns), str(status.st_size))
    identity = _remembered(cache, key)
    if identity is None:
        import tempfile

        with tempfile.TemporaryDirectory(prefix="interpreter-") as folder:
            try:
                answer = _ask_program(interpreter, {"jobs": 1, "packs": []}, Path(folder))
            except BuildError as error:
                raise ToolError(error.sentence, details=error.details, hint=error.hint) from error
        identity = _remember(cache, key, answer)
    if not identity.startswith(f"cpython-{python[0]}{python[1]} "):
        raise ToolError(f"{interpreter} is {identity.partition(' ')[0]}")
    return HostCompiler(interpreter=interpreter, identity=identity)


def container_compiler(
    engine: ContainerEngine, settings: ContainerSettings, image: Image, *, runtime: str, cache: Cache
) -> ContainerCompiler:
    """Ask the interpreter of an image who it is, once. Raises ToolError if it does not answer."""
    unknown = ContainerCompiler(engine=engine, settings=settings, found=image, runtime=runtime, identity="")
    key = _key(image.id, runtime)
    identity = _remembered(cache, key)
    if identity is None:
        identity = _remember(cache, key, _ask_image(unknown, {"jobs": 1, "packs": []}, [], None))
    return ContainerCompiler(
        engine=engine, settings=settings, found=image, runtime=runtime, identity=identity
    )


def _key(*parts: str) -> str:
    return hashlib.sha256("\0".join([*parts, hashlib.sha256(program()).hexdigest()]).encode()).hexdigest()


def _remembered(cache: Cache, key: str) -> str | None:
    match cache.read_facts(_KIND, key):
        case {"identity": str(identity)}:
            return identity
    return None


def _remember(cache: Cache, key: str, answer: Mapping[str, Any]) -> str:
    identity = str(answer["interpreter"])
    cache.write_facts(_KIND, key, {"identity": identity})
    return identity


def _request(named: Sequence[tuple[str, Sequence[str]]], *, root: str, out: str, jobs: int) -> dict[str, Any]:
    packs = [
        {"root": f"{root}/{name}", "modules": list(modules), "archive": f"{out}/{name}.zip"}
        for name, modules in named
    ]
    return {"jobs": jobs, "packs": packs}


def _skipped(
    named: Sequence[tuple[str, Sequence[str]]], answer: Mapping[str, Any]
) -> dict[str, tuple[str, ...]]:
    return {name: tuple(pack["skipped"]) for (name, _), pack in zip(named, answer["packs"], strict=True)}


def _ask_program(interpreter: Path, request: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    script, asked = directory / "compile_bytecode.py", directory / "request.json"
    script.write_bytes(program())
    asked.write_text(json.dumps(request), encoding="utf-8")
    command = [str(interpreter), "-s", "-S", str(script), str(asked)]
    done = run_process(command, env={"PYTHONHASHSEED": "0", "PATH": os.defpath})
    script.unlink()
    asked.unlink()
    answer = _answer(done.stdout)
    if done.code or answer is None:
        raise BuildError(
            f"{interpreter} cannot compile bytecode",
            details=failure_details(command, done),
            hint='bytecode = "off" in the config builds without',
        )
    return answer


def _ask_image(
    compiler: ContainerCompiler,
    request: Mapping[str, Any],
    files: Sequence[FileIn],
    directory: Path | None,
) -> dict[str, Any]:
    image = compiler.found
    program_path, asked = f"{_ROOT}/compile_bytecode.py", f"{_ROOT}/request.json"
    interpreter = f"/var/lang/bin/{compiler.runtime}"
    command = (interpreter, "-s", "-S", program_path, asked)
    container = Container(
        image=image.id,
        architecture=image.architecture,
        command=command,
        environment={**image.environment, "PYTHONHASHSEED": "0"},
        purpose="compile bytecode",
        memory=compiler.settings.memory,
        cpus=compiler.settings.cpus,
        timeout=compiler.settings.timeout,
    )
    # The folder of results has to be there: it comes with a file of its own.
    own = [
        FileIn(program_path, program()),
        FileIn(asked, json.dumps(request).encode()),
        FileIn(f"{_OUT}/.keep", b""),
    ]
    outcome = compiler.engine.run(
        container, files=[*own, *files], take=_OUT if directory else None, into=directory
    )
    answer = _answer(outcome.stdout.decode(errors="replace"))
    if outcome.code or answer is None:
        said = Completed(
            code=outcome.code, stdout=outcome.stdout.decode(errors="replace"), stderr=outcome.stderr
        )
        raise ToolError(
            f"{interpreter} in {image.reference} cannot compile bytecode",
            details=failure_details(command, said),
            hint="the image has to be like Lambda's: see [container] run-image; "
            'bytecode = "off" builds without',
        )
    return answer


def _answer(stdout: str) -> dict[str, Any] | None:
    lines = stdout.splitlines()
    try:
        answer = json.loads(lines[-1]) if lines else None
    except ValueError:
        return None
    return answer if isinstance(answer, dict) and "interpreter" in answer else None
