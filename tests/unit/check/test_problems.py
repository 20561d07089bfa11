from __future__ import annotations

from typing import Any

import pytest

from layerforge.check.problems import Problem, make_findings
from layerforge.model.finding import Finding, Severity


def problem(path: str = "python/a.so", **rest: Any) -> Problem:
    given: dict[str, Any] = {
        "severity": Severity.WARNING,
        "code": "missing-library",
        "zip": "shop-a",
        "place": "layer shop-a",
        "path": path,
        "verb": "needs",
        "item": "libx.so.1",
        "items": "libraries",
        "rest": ", which nobody has",
        "owner": "demo 1.0",
        **rest,
    }
    return Problem(**given)


def said(*problems: Problem) -> list[tuple[str, tuple[str, ...]]]:
    return [(finding.sentence, finding.details) for finding in make_findings(problems)]


def test_one_file_is_named() -> None:
    assert make_findings([problem(hint="find it", functions=frozenset({"orders"}))]) == (
        Finding(
            severity=Severity.WARNING,
            code="missing-library",
            subject="shop-a",
            sentence="python/a.so of demo 1.0 (layer shop-a) needs libx.so.1, which nobody has",
            details=("mounted by orders",),
            hint="find it",
        ),
    )


def test_files_of_one_cause_are_counted_and_listed() -> None:
    assert said(*[problem(f"python/{number}.so") for number in range(7)]) == [
        (
            "7 files of demo 1.0 (layer shop-a) need libx.so.1, which nobody has",
            (*[f"python/{number}.so" for number in range(5)], "and 2 more"),
        )
    ]


def test_causes_that_differ_in_one_thing_are_told_together() -> None:
    rows = [("a", "libx.so"), ("b", "libx.so"), ("b", "liby.so")]
    assert said(*[problem(f"python/{path}.so", item=item) for path, item in rows]) == [
        (
            "2 files of demo 1.0 (layer shop-a) need 2 libraries, which nobody has",
            ("libx.so  python/a.so and 1 more", "liby.so  python/b.so"),
        )
    ]


def test_without_an_owner_the_zip_is_named() -> None:
    one = problem(owner=None, item="", verb="is", rest="empty")
    assert said(one) == [("python/a.so of layer shop-a is empty", ())]


@pytest.mark.parametrize(
    "other",
    [
        {"severity": Severity.ERROR},
        {"code": "not-native"},
        {"zip": "shop-b", "place": "layer shop-b"},
        {"owner": "demo 2.0"},
        {"rest": ", which is not there"},
        {"hint": "another"},
    ],
)
def test_what_differs_otherwise_is_told_apart(other: dict[str, Any]) -> None:
    assert len(make_findings([problem(), problem("python/b.so", **other)])) == 2


def test_lines_that_name_their_files_make_a_list_of_files_needless() -> None:
    rows = [problem("python/a.so", details=("a = b",)), problem("python/b.so", details=("c = d",))]
    assert said(*rows)[0][1] == ("a = b", "c = d")


def test_functions_are_told_unless_there_is_only_the_zip_itself() -> None:
    many = frozenset(f"f{number}" for number in range(7))
    assert said(problem(functions=many))[0][1] == ("mounted by f0, f1, f2, f3, f4 and 2 more",)
    assert (
        said(problem(zip="orders", place="the code of orders", functions=frozenset({"orders"})))[0][1] == ()
    )


def test_errors_stand_first() -> None:
    found = make_findings([problem(), problem(severity=Severity.NOTE), problem(severity=Severity.ERROR)])
    assert [finding.severity.value for finding in found] == ["error", "warning", "note"]


@pytest.mark.parametrize(
    ("pattern", "ignored"),
    [
        ("missing-library", True),
        ("missing", False),
        ("missing-library:libx.so.1", True),
        ("missing-library:libx.*", True),
        ("missing-library:liby.*", False),
        ("missing-library:python/*.so", True),
        ("missing-library:a.so", True),
        ("missing-library:demo", True),
        ("missing-library:demo 1.*", True),
        ("missing-library:shop-a", True),
        ("not-native:*", False),
    ],
)
def test_what_is_ignored(pattern: str, *, ignored: bool) -> None:
    assert (make_findings([problem(names=("libx.so.1",))], [pattern]) == ()) is ignored


def test_ignoring_one_file_leaves_the_others() -> None:
    found = make_findings([problem("python/a.so"), problem("python/b.so")], ["missing-library:*/b.so"])
    assert [finding.sentence for finding in found] == [
        "python/a.so of demo 1.0 (layer shop-a) needs libx.so.1, which nobody has"
    ]
