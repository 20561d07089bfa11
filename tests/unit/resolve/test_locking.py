from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from layerforge.errors import PackageIndexError, ResolutionError
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import Function, Project, ProjectSettings
from layerforge.model.lock import Edge, Lock, Root
from layerforge.model.requirement import IndexOptions, Origin, Requirement, RequirementSet
from layerforge.model.target import Target
from layerforge.resolve.engine import ContradictionError, NoFittingFileError
from layerforge.resolve.freshness import stale_reasons
from layerforge.resolve.index import Pin, ResolveRequest, Selected
from layerforge.resolve.lockfile import format_lock, parse_lock
from layerforge.resolve.locking import LockResult, lock_project
from tests.fakes import FakeEngine, FakeIndex, RecordingProgress, Release

X86 = Target(runtime="python3.13", architecture="x86_64")
ARM = Target(runtime="python3.12", architecture="arm64")
X86_OLD = Target(runtime="python3.12", architecture="x86_64")


def release(name: str, version: str, *requires: str, **more: Any) -> Release:
    return Release(name=name, version=version, requires=requires, **more)


RELEASES = (
    release("pydantic", "1.10"),
    release("pydantic", "2.4", "pydantic-core==2.4"),
    release("pydantic", "2.12", "pydantic-core==2.12", "typing-extensions"),
    release("pydantic-core", "2.4"),
    release("pydantic-core", "2.12"),
    release("typing-extensions", "4.0"),
    release("typing-extensions", "4.15"),
    release("fastapi", "0.120", "pydantic>=2.5"),
    release("legacy", "1.0", "pydantic<2"),
    release("six", "1.16"),
    release("six", "1.17"),
    release(
        "httpx",
        "0.28",
        "idna",
        extras={"http2": ["h2"], "cli": ["click; sys_platform == 'linux'"]},
    ),
    release("idna", "3.10"),
    release("h2", "4.2"),
    release("click", "8.1"),
    release("windows-only", "1.0", tags=("cp313-cp313-win_amd64",)),
)


def requirement(text: str, *, line: int = 1, path: str = "", **more: object) -> Requirement:
    """`name[extra]>=1; marker`, asked for in `<path>` (the function's own file)."""
    from packaging.requirements import Requirement as Parsed

    parsed = Parsed(text)
    return Requirement(
        name=parsed.name,
        extras=tuple(sorted(parsed.extras)),
        specifier=str(parsed.specifier),
        marker=str(parsed.marker) if parsed.marker else None,
        origin=Origin(path=path or "requirements.in", line=line),
        **more,  # type: ignore[arg-type]
    )


def function(
    name: str,
    *texts: str,
    target: Target = X86,
    constraints: tuple[str, ...] = (),
    options: IndexOptions = IndexOptions(),
) -> Function:
    place = f"{name}/requirements.in"
    return Function(
        name=name,
        target=target,
        source=None,
        requirements=RequirementSet(
            requirements=tuple(requirement(t, line=n, path=place) for n, t in enumerate(texts, 1)),
            constraints=tuple(requirement(t, path=f"{name}/constraints.txt") for t in constraints),
            options=options,
            files=(place,),
        ),
        origin=Origin(path="template.yaml", line=7),
    )


def project(*functions: Function) -> Project:
    return Project(root=Path("/nowhere"), settings=ProjectSettings(name="shop"), functions=functions)


def lock(
    *functions: Function,
    previous: tuple[Lock, ...] = (),
    engine: FakeEngine | None = None,
    upgrade: bool = False,
    upgrade_packages: frozenset[str] = frozenset(),
) -> LockResult:
    return lock_project(
        project(*functions),
        previous=previous,
        engine=engine or FakeEngine(*RELEASES),
        index=FakeIndex(*RELEASES),
        progress=RecordingProgress(),
        upgrade=upgrade,
        upgrade_packages=upgrade_packages,
    )


def pins(result: LockResult) -> dict[str, dict[str, str]]:
    return {held.cohort: {d.name: d.version for d in held.distributions} for held in result.locks}


def served(result: LockResult) -> dict[str, list[str]]:
    return {held.cohort: [roots.function for roots in held.functions] for held in result.locks}


def test_functions_of_a_target_are_resolved_in_one_question() -> None:
    engine = FakeEngine(*RELEASES)
    result = lock(
        function("orders", "pydantic>=2", "six"),
        function("billing", "six", "windows-only; sys_platform == 'win32'"),
        function("bare"),
        engine=engine,
    )
    (asked,) = engine.requests
    assert [f"{r.name}{r.specifier}" for r in asked.requirements] == ["pydantic>=2", "six"]
    assert pins(result) == {
        "py313-x86-64": {
            "pydantic": "2.12",
            "pydantic-core": "2.12",
            "six": "1.17",
            "typing-extensions": "4.15",
        }
    }
    (held,) = result.locks
    assert [(roots.function, roots.roots) for roots in held.functions] == [
        ("bare", ()),
        ("billing", (Root(name="six", origin=Origin(path="billing/requirements.in", line=1)),)),
        (
            "orders",
            (
                Root(
                    name="pydantic",
                    specifier=">=2",
                    origin=Origin(path="orders/requirements.in", line=1),
                ),
                Root(name="six", origin=Origin(path="orders/requirements.in", line=2)),
            ),
        ),
    ]
    assert held.closure(held.functions[2].roots) == {"pydantic", "pydantic-core", "six", "typing-extensions"}
    assert stale_reasons(project(function("bare")), result.locks) != ()
    assert parse_lock(format_lock(held), path="x") == held


def test_a_project_that_asks_for_nothing_asks_nobody() -> None:
    engine = FakeEngine()
    result = lock(function("bare"), function("other"), engine=engine)
    assert (pins(result), engine.requests) == ({"py313-x86-64": {}}, [])
    assert served(result) == {"py313-x86-64": ["bare", "other"]}


def test_targets_have_cohorts_of_their_own() -> None:
    result = lock(function("a", "six"), function("b", "six", target=ARM))
    assert served(result) == {"py312-arm64": ["b"], "py313-x86-64": ["a"]}


def test_only_edges_of_extras_that_are_asked_for_are_kept() -> None:
    (held,) = lock(function("a", "httpx[http2]")).locks
    httpx = held.by_name()["httpx"]
    assert httpx.edges == (Edge(name="idna"), Edge(name="h2", extra="http2"))
    assert httpx.provided_extras == ("cli", "http2")


def test_an_unknown_extra_is_a_warning_with_its_place() -> None:
    result = lock(function("a", "six", "httpx[htpp2]"), function("b", "six[fast]"))
    assert result.findings == (
        Finding(
            severity=Severity.WARNING,
            code="unknown-extra",
            subject="python3.13-x86_64",
            sentence="httpx 0.28 has no extra 'htpp2', so it brings nothing",
            where="a/requirements.in:2",
            hint="its extras are cli, http2; correct or remove [htpp2]",
        ),
        Finding(
            severity=Severity.WARNING,
            code="unknown-extra",
            subject="python3.13-x86_64",
            sentence="six 1.17 has no extra 'fast', so it brings nothing",
            where="b/requirements.in:1",
            hint="it has no extras; correct or remove [fast]",
        ),
    )


def test_a_contradiction_splits_the_cohort_and_names_both_sides() -> None:
    result = lock(
        function("orders", "six", "pydantic<2"),
        function("billing", "pydantic>=2.5"),
        function("shipping", "pydantic>=2.5"),
        function("other", "six"),
    )
    assert served(result) == {
        "py313-x86-64": ["billing", "other", "shipping"],
        "py313-x86-64-b": ["orders"],
    }
    assert result.findings == (
        Finding(
            severity=Severity.WARNING,
            code="cohort-split",
            subject="python3.13-x86_64",
            sentence="orders (orders/requirements.in:2) asks for pydantic<2, "
            "billing (billing/requirements.in:1) asks for pydantic>=2.5: resolved apart, so they share less",
            where="orders/requirements.in:2",
            details=("py313-x86-64: billing, other, shipping", "py313-x86-64-b: orders"),
            hint="let billing, orders, shipping ask for the same to share their layers",
        ),
    )


def test_a_contradiction_deep_in_the_tree_names_the_requirements_that_lead_there() -> None:
    result = lock(function("a", "fastapi", "six"), function("b", "legacy", "six"))
    assert served(result) == {"py313-x86-64": ["a"], "py313-x86-64-b": ["b"]}
    (finding,) = result.findings
    assert finding.sentence == (
        "a (a/requirements.in:1) asks for fastapi, b (b/requirements.in:1) asks for legacy: "
        "resolved apart, so they share less"
    )
    assert finding.details[:2] == (
        "fastapi 0.120 wants pydantic>=2.5",
        "legacy 1.0 wants pydantic<2",
    )


def test_of_many_versions_that_contradict_alike_the_newest_is_named() -> None:
    class Stubborn(FakeEngine):
        """As pip: it tries every version, and tells of each."""

        def resolve(self, request: ResolveRequest) -> tuple[Selected, ...]:
            if len(request.requirements) < 2:
                return super().resolve(request)
            sides = [(f"pydantic>=2.{n}", f"fastapi 0.{n}") for n in (9, 120, 11)]
            raise ContradictionError(sides=[("pydantic<2", None), *sides], target=request.target)

    result = lock(function("a", "fastapi"), function("b", "pydantic<2"), engine=Stubborn(*RELEASES))
    assert result.findings[0].details == (
        "fastapi 0.120 wants pydantic>=2.120 (2 other versions likewise)",
        "py313-x86-64: a",
        "py313-x86-64-b: b",
    )


def test_many_functions_in_contradiction_take_few_questions() -> None:
    engine = FakeEngine(*RELEASES)
    functions = [
        *(function(f"new{n:02}", "fastapi", f"idna>={n}.0" if n < 3 else "six") for n in range(20)),
        *(function(f"old{n:02}", "legacy", "click" if n % 2 else "h2") for n in range(20)),
    ]
    result = lock(*functions, engine=engine)
    assert [len(names) for names in served(result).values()] == [20, 20]
    assert len(engine.requests) <= 12


def test_three_way_contradictions_take_the_fewest_parts() -> None:
    result = lock(
        function("a", "pydantic==1.10", "six==1.16"),
        function("b", "pydantic==2.4", "six==1.16"),
        function("c", "pydantic==2.12", "six==1.17"),
        function("d", "six==1.17"),
    )
    assert served(result) == {
        "py313-x86-64": ["c", "d"],
        "py313-x86-64-b": ["a"],
        "py313-x86-64-c": ["b"],
    }


def test_a_constraint_of_one_function_serves_the_cohort_or_splits_it() -> None:
    together = lock(function("a", "six", constraints=("six<1.17",)), function("b", "six"))
    assert pins(together) == {"py313-x86-64": {"six": "1.16"}}
    apart = lock(function("a", "six", constraints=("six<1.17",)), function("b", "six>=1.17"))
    assert pins(apart) == {"py313-x86-64": {"six": "1.16"}, "py313-x86-64-b": {"six": "1.17"}}
    assert apart.findings[0].sentence == (
        "a (a/constraints.txt:1) allows only six<1.17, "
        "b (b/requirements.in:1) asks for six>=1.17: resolved apart, so they share less"
    )


def test_index_options_that_cannot_be_merged_split_the_cohort() -> None:
    private = IndexOptions(index_url="https://me:hush@index.example/simple")
    engine = FakeEngine(*RELEASES)
    result = lock(function("a", "six"), function("b", "six", options=private), function("c"), engine=engine)
    assert served(result) == {"py313-x86-64": ["a", "c"], "py313-x86-64-b": ["b"]}
    assert [request.options.index_url for request in engine.requests[:2]] == [None, private.index_url]
    assert result.findings[0].sentence == (
        "b (b/requirements.in) is resolved with --index-url https://index.example/simple, "
        "a (a/requirements.in) is resolved with pip's own index settings: "
        "resolved apart, so they share less"
    )


def test_places_to_look_in_are_united() -> None:
    engine = FakeEngine(*RELEASES)
    lock(
        function("a", "six", options=IndexOptions(extra_index_urls=("https://a.example",))),
        function("b", "idna", options=IndexOptions(extra_index_urls=("https://b.example",))),
        engine=engine,
    )
    (request,) = engine.requests
    assert request.options.extra_index_urls == ("https://a.example", "https://b.example")


def test_a_function_that_contradicts_itself_is_an_error_with_both_places() -> None:
    with pytest.raises(ContradictionError) as caught:
        lock(function("a", "pydantic<2", "six", "pydantic>=2.5"), function("b", "six"))
    assert caught.value.headline == (
        "a/requirements.in:1: the requirements of a exclude each other for python3.13-x86_64"
    )
    assert caught.value.details == (
        "a/requirements.in:1 asks for pydantic<2",
        "a/requirements.in:3 asks for pydantic>=2.5",
    )


def test_a_requirement_that_nothing_meets_is_an_error_with_its_place() -> None:
    with pytest.raises(NoFittingFileError) as caught:
        lock(function("a", "six", "windows-only"), function("b", "six"))
    assert caught.value.where == "a/requirements.in:2"


def test_an_index_that_fails_is_no_contradiction() -> None:
    class Failing:
        def resolve(self, request: ResolveRequest) -> tuple[Selected, ...]:
            raise PackageIndexError("index.example does not answer")

    with pytest.raises(PackageIndexError, match="does not answer"):
        lock_project(
            project(function("a", "six")),
            previous=(),
            engine=Failing(),
            index=FakeIndex(),
            progress=RecordingProgress(),
        )


def test_the_order_of_functions_and_requirements_is_irrelevant() -> None:
    functions = [
        function("a", "pydantic<2"),
        function("b", "pydantic>=2.5"),
        function("c", "legacy", "six"),
        function("d", "fastapi", target=ARM),
        function("e", "httpx[http2]"),
    ]
    expected = lock(*functions)
    shuffler = random.Random(7)
    for _ in range(5):
        shuffled = list(functions)
        shuffler.shuffle(shuffled)
        assert lock(*shuffled) == expected


OLD = (release("six", "1.16"), release("idna", "3.10"))


def old_lock(*functions: Function) -> tuple[Lock, ...]:
    """As it was made when six 1.17 was not yet there."""
    return lock_project(
        project(*functions),
        previous=(),
        engine=FakeEngine(*OLD),
        index=FakeIndex(*OLD),
        progress=RecordingProgress(),
    ).locks


def test_nothing_changed_asks_nobody_and_changes_no_byte() -> None:
    functions = (function("a", "six"), function("b", "idna"))
    previous = old_lock(*functions)
    engine = FakeEngine(*RELEASES)
    result = lock(*functions, previous=previous, engine=engine)
    assert ([format_lock(held) for held in result.locks], engine.requests) == (
        [format_lock(held) for held in previous],
        [],
    )


def test_lines_that_moved_are_followed_without_a_question() -> None:
    previous = old_lock(function("a", "six"))
    engine = FakeEngine(*RELEASES)
    result = lock(function("a", "idna; sys_platform == 'win32'", "six"), previous=previous, engine=engine)
    assert result.locks[0].functions[0].roots[0].origin.line == 2
    moved = replace(
        function("a"),
        requirements=RequirementSet(requirements=(requirement("six", line=40),), files=("x",)),
    )
    engine = FakeEngine(*RELEASES)
    result = lock(moved, previous=previous, engine=engine)
    assert (result.locks[0].functions[0].roots[0].origin.line, engine.requests) == (40, [])


@pytest.mark.parametrize(
    ("upgrade", "names", "six"),
    [
        (False, frozenset[str](), "1.16"),
        (True, frozenset[str](), "1.17"),
        (False, frozenset({"six"}), "1.17"),
    ],
)
def test_pins_are_kept_unless_they_are_to_be_upgraded(upgrade: bool, names: frozenset[str], six: str) -> None:
    previous = old_lock(function("a", "six"))
    changed = function("a", "six", "httpx")
    result = lock(changed, previous=previous, upgrade=upgrade, upgrade_packages=names)
    assert pins(result)["py313-x86-64"]["six"] == six
    unchanged = lock(function("a", "six"), previous=previous, upgrade=upgrade, upgrade_packages=names)
    assert pins(unchanged) == {"py313-x86-64": {"six": six}}


def test_parts_and_targets_prefer_each_others_pins() -> None:
    previous = old_lock(function("a", "six"))
    engine = FakeEngine(*RELEASES)
    result = lock(
        function("a", "six"),
        function("b", "six", target=X86_OLD),
        previous=previous,
        engine=engine,
    )
    assert pins(result) == {"py312-x86-64": {"six": "1.16"}, "py313-x86-64": {"six": "1.16"}}
    assert engine.requests[0].preferences == (Pin(name="six", version="1.16"),)


def test_pins_of_files_that_fit_one_runtime_alone_hold_no_other_back() -> None:
    releases = (
        release(
            "numpy", "1.0", tags=("cp312-cp312-manylinux_2_17_x86_64", "cp313-cp313-manylinux_2_17_x86_64")
        ),
        release("numpy", "2.0", tags=("cp312-cp312-manylinux_2_17_x86_64",)),
    )
    result = lock_project(
        project(function("a", "numpy"), function("b", "numpy", target=X86_OLD)),
        previous=(),
        engine=FakeEngine(*releases),
        index=FakeIndex(*releases),
        progress=RecordingProgress(),
    )
    assert pins(result) == {"py312-x86-64": {"numpy": "2.0"}, "py313-x86-64": {"numpy": "1.0"}}


def test_a_function_that_moves_to_another_runtime_keeps_its_pins() -> None:
    previous = old_lock(function("a", "six", target=X86_OLD))
    moved = function("a", "six")
    assert pins(lock(moved, previous=previous)) == {"py313-x86-64": {"six": "1.16"}}
    assert pins(lock(moved, previous=previous, upgrade=True)) == {"py313-x86-64": {"six": "1.17"}}
    only = lock(moved, previous=previous, upgrade_packages=frozenset({"six"}))
    assert pins(only) == {"py313-x86-64": {"six": "1.17"}}


def test_a_new_target_follows_those_that_there_are_whichever_is_asked_first() -> None:
    # python3.13 is asked before python3.12, whose lock stands.
    old = function("a", "six", target=X86_OLD)
    engine = FakeEngine(*RELEASES)
    result = lock(old, function("b", "six", "idna"), previous=old_lock(old), engine=engine)
    assert pins(result) == {
        "py312-x86-64": {"six": "1.16"},
        "py313-x86-64": {"idna": "3.10", "six": "1.16"},
    }
    assert [request.target for request in engine.requests] == [X86]


def test_what_a_target_cannot_follow_it_takes_as_new_as_it_can() -> None:
    previous = old_lock(function("a", "six", target=X86_OLD))
    result = lock(function("a", "six", target=X86_OLD), function("b", "six>=1.17"), previous=previous)
    assert pins(result) == {"py312-x86-64": {"six": "1.16"}, "py313-x86-64": {"six": "1.17"}}


def test_a_target_that_did_not_change_is_not_asked_again() -> None:
    functions = (function("a", "six"), function("b", "idna", target=ARM))
    previous = old_lock(*functions)
    engine = FakeEngine(*RELEASES)
    lock(function("a", "six", "httpx"), functions[1], previous=previous, engine=engine)
    assert [request.target for request in engine.requests] == [X86]


def test_a_path_without_a_name_is_found_among_what_was_resolved() -> None:
    from layerforge.model.lock import LocalSource
    from layerforge.resolve.index import Described
    from tests.wheel_files import metadata_text

    class Local:
        def resolve(self, request: ResolveRequest) -> tuple[Selected, ...]:
            return (Selected(name="shared", version="0.1", local=LocalSource(path="libs/shared")),)

    class LocalIndex(FakeIndex):
        def describe(
            self, selected: Sequence[Selected], *, target: Target, options: IndexOptions, root: Path
        ) -> tuple[Described, ...]:
            text = metadata_text("shared", "0.1")
            return tuple(Described(selected=s, unzipped_size=1, metadata=text) for s in selected)

    asked = Requirement(name=None, path="libs/shared/", origin=Origin(path="r.in", line=1))
    held = replace(function("a"), requirements=RequirementSet(requirements=(asked,)))
    result = lock_project(
        project(held), previous=(), engine=Local(), index=LocalIndex(), progress=RecordingProgress()
    )
    assert result.locks[0].functions[0].roots == (Root(name="shared", origin=Origin(path="r.in", line=1)),)
    nowhere = replace(asked, path="libs/other")
    with pytest.raises(ResolutionError, match=r"r.in:1: nothing says which distribution libs/other holds"):
        lock_project(
            project(replace(held, requirements=RequirementSet(requirements=(nowhere,)))),
            previous=(),
            engine=Local(),
            index=LocalIndex(),
            progress=RecordingProgress(),
        )
