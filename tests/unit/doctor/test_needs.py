from __future__ import annotations

from pathlib import Path

from layerforge.doctor.needs import Needs, find_needs
from layerforge.model.function import Function, Project, ProjectSettings
from layerforge.model.lock import Archive, Distribution, LocalSource, Lock, VcsSource
from layerforge.model.requirement import Origin, Requirement, RequirementSet
from layerforge.model.target import Target

X86 = Target(runtime="python3.13", architecture="x86_64")
ARM = Target(runtime="python3.12", architecture="arm64")
ORIGIN = Origin(path="requirements.in", line=1)
FILE = Archive(filename="a", url="https://index.example/a", sha256="0")


def function(name: str, target: Target, *requirements: Requirement) -> Function:
    return Function(
        name=name,
        target=target,
        source=None,
        requirements=RequirementSet(requirements=requirements),
        origin=ORIGIN,
    )


def distribution(name: str, **files: object) -> Distribution:
    return Distribution(name=name, version="1", unzipped_size=1, **files)  # type: ignore[arg-type]


def lock(target: Target, *distributions: Distribution) -> Lock:
    return Lock(cohort="c", target=target, distributions=distributions, functions=(), input_digest="0")


def test_needs_of_a_project() -> None:
    project = Project(
        root=Path("/shop"),
        settings=ProjectSettings(name="shop", builder="container", bytecode="on", resolver="uv"),
        functions=(
            function("orders", X86, Requirement(name="requests", origin=ORIGIN)),
            function("billing", ARM, Requirement(name="lxml", origin=ORIGIN)),
        ),
    )
    locks = (
        lock(X86, distribution("requests", wheel=FILE), distribution("lxml", sdist=FILE)),
        lock(X86, distribution("shopkit", local=LocalSource(path="libs/shopkit"))),
        lock(ARM, distribution("lxml", wheel=FILE)),
    )
    assert find_needs(project, locks) == Needs(
        targets=(ARM, X86),
        builder="container",
        bytecode="on",
        resolver="uv",
        sources=((X86, ("lxml", "shopkit")),),
        project="lxml",
    )


def test_git_is_needed_for_what_is_asked_or_locked() -> None:
    url = "git+https://git.example/team/own.git"
    asked = Project(
        root=Path("/shop"),
        settings=ProjectSettings(name="shop"),
        functions=(function("orders", X86, Requirement(name="own", url=url, origin=ORIGIN)),),
    )
    plain = Project(
        root=Path("/shop"), settings=ProjectSettings(name="shop"), functions=(function("orders", X86),)
    )
    locked = lock(X86, distribution("own", vcs=VcsSource(url=url, commit="0")))
    needs = [find_needs(asked, ()), find_needs(plain, (locked,)), find_needs(plain, ())]
    assert [one.git for one in needs] == [True, True, False]
    # No name may be asked of an index that it does not come from.
    assert needs[0].project == "pip"
