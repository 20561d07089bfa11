from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from layerforge.cache import Cache
from layerforge.doctor.needs import Needs
from layerforge.doctor.observation import State
from layerforge.doctor.tools import (
    Interpreter,
    find_interpreters,
    observe_git,
    observe_interpreter,
    observe_resolvers,
)
from layerforge.model.target import Target

OWN = f"python3.{sys.version_info[1]}"


def program(folder: Path, name: str, says: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_interpreters_are_started(tmp_path: Path) -> None:
    program(tmp_path, "python3.15", "echo broken >&2; exit 3")
    needs = Needs(
        targets=tuple(
            Target(runtime=runtime, architecture="x86_64") for runtime in (OWN, "python3.10", "python3.15")
        )
    )
    found = {
        one.runtime: one for one in find_interpreters(needs, {"PATH": str(tmp_path)}, Cache(tmp_path / "c"))
    }
    assert found["python3.10"].told == "there is no python3.10 on PATH"
    assert found["python3.15"].told.startswith("python3.15 on PATH does not work (")
    assert (found[OWN].works, found[OWN].told) == (
        True,
        f"{sys.executable} ({'.'.join(map(str, sys.version_info[:3]))})",
    )


LACKING = Interpreter(runtime="python3.13", works=False, told="there is no python3.13 on PATH")


@pytest.mark.parametrize(
    ("bytecode", "image", "state", "ending"),
    [
        ("off", False, State.NOTE, '; with bytecode = "off", none is needed'),
        ("auto", True, State.OK, "; that of the run image is taken"),
        ("auto", False, State.WARNING, ": layers ship without bytecode, which slows cold starts"),
        ("on", True, State.OK, "; that of the run image is taken"),
        ("on", False, State.MISSING, ', and bytecode = "on" needs one'),
    ],
)
def test_what_is_done_without_an_interpreter(bytecode: str, image: bool, state: State, ending: str) -> None:
    observed = observe_interpreter(LACKING, Needs(bytecode=bytecode), image=image)
    assert (observed.state, observed.sentence) == (state, f"there is no python3.13 on PATH{ending}")
    assert (observed.hint is None) == (state not in {State.WARNING, State.MISSING})


def test_resolvers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "beside" / "python"))
    program(tmp_path, "uv", "echo 'uv 0.9.3 (abc 2026-01-01)'")
    own, uv = observe_resolvers(Needs(), {"PATH": str(tmp_path)})
    assert (own.sentence.split()[0], ", pip-tools " in own.sentence) == ("pip", True)
    assert uv.sentence == 'uv 0.9.3 is there; resolver = "pip-tools" resolves'
    assert [observe_resolvers(Needs(resolver=one), {"PATH": ""})[1].state for one in ("uv", "pip-tools")] == [
        State.MISSING,
        State.NOTE,
    ]


def test_git_is_looked_for_where_it_is_needed(tmp_path: Path) -> None:
    assert observe_git(Needs(), {"PATH": ""}) == ()
    (absent,) = observe_git(Needs(git=True), {"PATH": ""})
    assert (absent.state, absent.hint) == (State.MISSING, "install git")
    program(tmp_path, "git", "echo 'git version 2.51.0'")
    (present,) = observe_git(Needs(git=True), {"PATH": str(tmp_path)})
    assert (present.state, present.sentence) == (State.OK, "git version 2.51.0")
