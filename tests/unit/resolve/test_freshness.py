from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from layerforge.model.function import Function, Project, ProjectSettings
from layerforge.model.lock import Archive, Distribution, FunctionRoots, LocalSource, Lock, Root
from layerforge.model.requirement import IndexOptions, Origin, Requirement, RequirementSet
from layerforge.model.target import Target
from layerforge.resolve.digest import input_digest, requirement_key
from layerforge.resolve.freshness import stale_reasons

X86 = Target(runtime="python3.13", architecture="x86_64")
ARM = Target(runtime="python3.12", architecture="arm64")


def requirement(name: str, specifier: str = "", *, line: int = 1, **more: object) -> Requirement:
    origin = Origin(path="requirements.in", line=line)
    return Requirement(name=name, specifier=specifier, origin=origin, **more)  # type: ignore[arg-type]


def function(
    name: str,
    *requirements: Requirement,
    target: Target = X86,
    constraints: tuple[Requirement, ...] = (),
    options: IndexOptions = IndexOptions(),
) -> Function:
    return Function(
        name=name,
        target=target,
        source=None,
        requirements=RequirementSet(requirements=requirements, constraints=constraints, options=options),
        origin=Origin(path="template.yaml", line=7),
    )


def project(*functions: Function, options: IndexOptions = IndexOptions()) -> Project:
    settings = ProjectSettings(name="shop", options=options)
    return Project(root=Path("/nowhere"), settings=settings, functions=functions)


def lock(
    of: Project, pins: dict[str, str], *, cohort: str = "c", files: dict[str, bytes] | None = None
) -> Lock:
    return Lock(
        cohort=cohort,
        target=of.functions[0].target,
        distributions=tuple(
            Distribution(
                name=name,
                version=version,
                wheel=Archive(filename="x", url="x", sha256="x"),
                unzipped_size=1,
            )
            for name, version in pins.items()
        ),
        functions=tuple(
            FunctionRoots(
                function=f.name,
                roots=tuple(
                    Root(name=r.name or "", extras=r.extras, specifier=r.specifier, origin=r.origin)
                    for r in f.requirements.requirements
                ),
            )
            for f in of.functions
        ),
        input_digest=input_digest(
            of.functions,
            target=of.functions[0].target,
            options=of.settings.options,
            read=(files or {}).get,
        ),
    )


RESOLVED_WITH = "constraints, index options, hashes, URLs or local projects"
SOMETHING_ELSE = f"the {RESOLVED_WITH} that orders are resolved with have changed"


def no_files(path: str) -> None:
    return None


def reasons(now: Project, *locks: Lock) -> tuple[str, ...]:
    return stale_reasons(now, locks, read=no_files)


BEFORE = project(function("orders", requirement("pydantic", ">=2", line=3)))
LOCK = lock(BEFORE, {"pydantic": "2.12.1"})


def test_nothing_changed() -> None:
    assert reasons(BEFORE, LOCK) == ()


@pytest.mark.parametrize(
    "after",
    [
        # Lines, order, doubles, extras' and clauses' order, spaces and credentials say nothing new.
        project(function("orders", requirement("pydantic", ">=2", line=90))),
        project(function("orders", requirement("pydantic", " >= 2 "), requirement("pydantic", ">=2"))),
    ],
)
def test_changes_without_a_meaning(after: Project) -> None:
    assert reasons(after, LOCK) == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (requirement("x", ">=1,<2"), requirement("x", "<2, >=1", line=4)),
        (requirement("x", extras=("a", "b")), requirement("x", extras=("b", "a"))),
        (
            requirement("x", url="https://me:secret@index.example/x.zip"),
            requirement("x", url="https://index.example/x.zip"),
        ),
        (requirement("x", marker="os_name  ==  'posix'"), requirement("x", marker="os_name == 'posix'")),
        (
            requirement("x", hashes=("sha256:b", "sha256:a")),
            requirement("x", hashes=("sha256:a", "sha256:b")),
        ),
    ],
)
def test_requirements_that_mean_the_same(first: Requirement, second: Requirement) -> None:
    assert requirement_key(first) == requirement_key(second)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (
            project(function("orders", requirement("pydantic", ">=2", line=3), requirement("httpx", line=4))),
            ["requirements.in:4 asks for httpx, which the lock has not"],
        ),
        (
            project(function("orders", requirement("pydantic", ">=3", line=3))),
            ["requirements.in:3 asks for pydantic>=3, which is not met by the locked 2.12.1"],
        ),
        (
            project(function("orders", requirement("pydantic", ">=2.5", line=3))),
            ["requirements.in:3 asks for pydantic>=2.5, where the lock was made for pydantic>=2"],
        ),
        (
            project(function("orders", requirement("pydantic", ">=2", line=3, extras=("email",)))),
            ["requirements.in:3 asks for pydantic[email]>=2, where the lock was made for pydantic>=2"],
        ),
        (project(function("orders")), ["orders no longer asks for pydantic>=2"]),
        (
            project(
                function(
                    "orders", requirement("pydantic", ">=2"), constraints=(requirement("pydantic", "<2.6"),)
                )
            ),
            ["requirements.in:1 allows pydantic<2.6, which is not met by the locked 2.12.1"],
        ),
        (
            project(function("orders", requirement("pydantic", ">=2"), options=IndexOptions(pre=True))),
            [SOMETHING_ELSE],
        ),
        (
            project(*BEFORE.functions, options=IndexOptions(index_url="https://index.example")),
            [SOMETHING_ELSE],
        ),
        (
            project(function("orders", requirement("pydantic", ">=2"), target=ARM)),
            ["the target of orders changed from python3.13-x86_64 to python3.12-arm64"],
        ),
        (
            project(*BEFORE.functions, function("billing")),
            ["function billing is new (template.yaml:7)"],
        ),
        (project(), ["function orders is gone"]),
        (
            # A requirement that does not hold on the target asks for nothing there.
            project(
                function(
                    "orders",
                    requirement("pydantic", ">=2"),
                    requirement("pywin32", marker="sys_platform == 'win32'"),
                )
            ),
            [SOMETHING_ELSE],
        ),
    ],
)
def test_what_changed_is_told(after: Project, told: list[str]) -> None:
    assert list(reasons(after, LOCK)) == told


def test_a_function_belongs_to_the_lock_that_names_it() -> None:
    old = function("old", requirement("pydantic", "<2"))
    new = function("new", requirement("pydantic", ">=2", line=9))
    locks = (
        lock(project(old), {"pydantic": "1.10.1"}, cohort="c"),
        lock(project(new), {"pydantic": "2.1"}, cohort="c-b"),
    )
    assert reasons(project(old, new), *locks) == ()
    changed = replace(new, requirements=RequirementSet(requirements=(requirement("pydantic", "<2", line=9),)))
    assert reasons(project(old, changed), *locks) == (
        "requirements.in:9 asks for pydantic<2, which is not met by the locked 2.1",
    )


def test_a_local_project_that_asks_for_something_else_makes_the_lock_stale() -> None:
    held = project(function("orders", requirement("shared", path="libs/shared")))
    made = lock(held, {"shared": "0"}, files={"libs/shared/pyproject.toml": b"old", "libs/shared/x.py": b"1"})
    same = {"libs/shared/pyproject.toml": b"old", "libs/shared/x.py": b"2"}
    assert stale_reasons(held, [made], read=same.get) == ()
    assert len(stale_reasons(held, [made], read={"libs/shared/pyproject.toml": b"new"}.get)) == 1


def test_a_folder_that_another_folder_takes_counts_too() -> None:
    held = project(function("orders", requirement("shared", path="libs/shared")))
    files = {"libs/models/setup.py": b"old"}
    digest = input_digest(
        held.functions,
        target=held.functions[0].target,
        options=held.settings.options,
        local=["libs/models"],
        read=files.get,
    )
    models = Distribution(name="models", version="0", local=LocalSource(path="libs/models"), unzipped_size=1)
    made = lock(held, {"shared": "0"})
    made = replace(made, distributions=(*made.distributions, models), input_digest=digest)
    assert stale_reasons(held, [made], read=files.get) == ()
    assert len(stale_reasons(held, [made], read={"libs/models/setup.py": b"new"}.get)) == 1


def test_files_are_read_below_the_root(tmp_path: Path) -> None:
    held = replace(project(function("orders", requirement("shared", path="libs/shared"))), root=tmp_path)
    made = lock(held, {"shared": "0"}, files={"libs/shared/setup.py": b"1"})
    assert len(stale_reasons(held, [made])) == 1
    (tmp_path / "libs/shared").mkdir(parents=True)
    (tmp_path / "libs/shared/setup.py").write_bytes(b"1")
    assert stale_reasons(held, [made]) == ()


def test_a_hundred_functions_take_milliseconds() -> None:
    many = project(
        *(function(f"f{n:03}", *(requirement(f"lib{i}", ">=1,<2") for i in range(10))) for n in range(100))
    )
    made = lock(many, {f"lib{i}": "1.5" for i in range(10)})
    start = time.perf_counter()
    assert reasons(many, made) == ()
    assert time.perf_counter() - start < 0.2
