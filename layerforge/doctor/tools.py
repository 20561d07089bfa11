"""Programs of this machine: interpreters that compile bytecode, resolvers, git."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from layerforge.build.compilers import find_interpreter, host_compiler
from layerforge.cache import Cache
from layerforge.doctor.needs import Needs
from layerforge.doctor.observation import Observation, State
from layerforge.errors import ToolError
from layerforge.model.target import RUNTIMES
from layerforge.processes import run_process
from layerforge.resolve.uv_engine import find_uv

_INTERPRETERS, _RESOLVERS, _GIT = "interpreters", "resolvers", "git"
# What resolves and builds, with what brings it where it is not there.
_PACKAGES = ("pip", "pip-tools")
_SECONDS_TO_TELL = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpreter:
    """What this machine has to compile bytecode of a runtime: where it is and who, or why there is none."""

    runtime: str
    works: bool
    told: str


def find_interpreters(needs: Needs, environment: Mapping[str, str], cache: Cache) -> tuple[Interpreter, ...]:
    """One for each runtime of the project; each is started once."""
    return tuple(
        _find(runtime, environment, cache) for runtime in sorted({target.runtime for target in needs.targets})
    )


def _find(runtime: str, environment: Mapping[str, str], cache: Cache) -> Interpreter:
    python = RUNTIMES[runtime].python
    path = find_interpreter(python, environment)
    if path is None:
        return Interpreter(runtime=runtime, works=False, told=f"there is no {runtime} on PATH")
    try:
        identity = host_compiler(path, python, cache).identity
    except ToolError as error:
        told = f"{runtime} on PATH does not work ({error.headline})"
        return Interpreter(runtime=runtime, works=False, told=told)
    return Interpreter(runtime=runtime, works=True, told=f"{path.absolute()} ({_version(identity)})")


def _version(identity: str) -> str:
    """`3.13.1` of `cpython-313 3.13.1.final.0 zlib 1.3.1`."""
    return ".".join(identity.split()[1].split(".")[:3])


def observe_interpreter(one: Interpreter, needs: Needs, *, image: bool) -> Observation:
    """Who compiles bytecode of a runtime. `image`: a run image is here, or will be pulled."""
    hint = f"put {one.runtime} on PATH, or start a container engine that has its run image"
    state, told = _judge(one, needs, image=image)
    return Observation(
        topic=_INTERPRETERS,
        subject=one.runtime,
        state=state,
        sentence=told,
        hint=hint if state in {State.WARNING, State.MISSING} else None,
    )


def _judge(one: Interpreter, needs: Needs, *, image: bool) -> tuple[State, str]:
    if one.works:
        return State.OK, one.told
    if needs.bytecode == "off":
        return State.NOTE, f'{one.told}; with bytecode = "off", none is needed'
    if image:
        return State.OK, f"{one.told}; that of the run image is taken"
    if needs.bytecode == "on":
        return State.MISSING, f'{one.told}, and bytecode = "on" needs one'
    return State.WARNING, f"{one.told}: layers ship without bytecode, which slows cold starts"


def observe_resolvers(needs: Needs, environment: Mapping[str, str]) -> tuple[Observation, ...]:
    """Versions of what resolves and builds."""
    told = [f"{name} {metadata.version(name)}" for name in _PACKAGES]
    own = Observation(topic=_RESOLVERS, state=State.OK, sentence=", ".join(told))
    return (own, _observe_uv(needs, environment))


def _observe_uv(needs: Needs, environment: Mapping[str, str]) -> Observation:
    wanted = needs.resolver == "uv"
    try:
        program = find_uv(environment.get("PATH"), beside=Path(sys.executable).parent)
        done = run_process([program, "--version"], timeout=_SECONDS_TO_TELL)
    except ToolError as error:
        return Observation(
            topic=_RESOLVERS,
            subject="uv",
            state=State.MISSING if wanted else State.NOTE,
            sentence=f"{error.headline}{'' if wanted else ', and it is not asked for'}",
            hint=error.hint if wanted else None,
        )
    use = "resolves" if wanted else f'is there; resolver = "{needs.resolver}" resolves'
    version = " ".join(done.stdout.split()[:2]) or "uv"
    return Observation(topic=_RESOLVERS, subject="uv", state=State.OK, sentence=f"{version} {use}")


def observe_git(needs: Needs, environment: Mapping[str, str]) -> tuple[Observation, ...]:
    """git, where a requirement comes from a repository."""
    if not needs.git:
        return ()
    program = shutil.which("git", path=environment.get("PATH"))
    if program is None:
        return (
            Observation(
                topic=_GIT,
                state=State.MISSING,
                sentence="git is not on PATH, and a requirement comes from a git repository",
                hint="install git",
            ),
        )
    done = run_process([program, "--version"], timeout=_SECONDS_TO_TELL)
    return (Observation(topic=_GIT, state=State.OK, sentence=done.stdout.strip() or program),)
