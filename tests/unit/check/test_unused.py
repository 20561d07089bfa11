from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from layerforge.check.contents import Installed, ZipContents
from layerforge.check.import_findings import make_import_findings
from layerforge.check.unused import Declared, is_stdlib, judge_imports
from layerforge.model.finding import Finding, Severity
from layerforge.model.lock import Distribution, Edge, LocalSource, Root
from layerforge.model.requirement import Origin
from layerforge.model.target import Target
from tests.zip_contents import TARGET, code, function, installed, layer

MB = 2**20
ENTRY_POINTS = "python/alpha-1.dist-info/entry_points.txt"


def dist(name: str, *edges: Edge, size: int = MB, local: bool = False) -> Distribution:
    return Distribution(
        name=name,
        version="1",
        unzipped_size=size,
        edges=edges,
        local=LocalSource(path=name) if local else None,
    )


def declare(
    *distributions: Distribution, roots: Sequence[str] = ("alpha",), extras: tuple[str, ...] = ()
) -> Declared:
    return Declared(
        handler="app.handler",
        source="functions/orders",
        roots=tuple(
            Root(name=name, extras=extras, origin=Origin(path="requirements.txt", line=i))
            for i, name in enumerate(roots, start=1)
        ),
        distributions={one.name: one for one in distributions},
    )


def has(name: str, *paths: str) -> Installed:
    return installed(name, "1", *(f"python/{path}" for path in paths or (f"{name}/__init__.py",)))


ALPHA, BETA = has("alpha"), has("beta")
BOTH = (dist("alpha", Edge(name="beta")), dist("beta"))


def judge(
    declared: Declared,
    files: Mapping[str, str],
    installed: Sequence[Installed] = (ALPHA, BETA),
    *,
    target: Target = TARGET,
    external: Sequence[str] = (),
    ignored: Sequence[str] = (),
    texts: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    zips: dict[str, ZipContents] = {one.label: one for one in (code(files), layer(installed=installed))}
    held = {**files, **(texts or {})}
    built = function(
        zips["layer shop-a"], code=zips["the code of orders"], target=target, external_layers=external
    )
    verdict = judge_imports(built, declared, lambda _, path: held[path].encode())
    return make_import_findings({"orders": verdict}, {"orders": declared}, ignored)


def told(*args: object, **rest: object) -> list[tuple[str, str, str | None]]:
    return [(one.code, one.subject, one.where) for one in judge(*args, **rest)]  # type: ignore[arg-type]


UNUSED = [("unused-requirement", "alpha", "requirements.txt:1")]


def test_a_requirement_that_nothing_imports_and_what_it_costs() -> None:
    assert judge(declare(*BOTH), {"app.py": "import json\n"}) == (
        Finding(
            severity=Severity.NOTE,
            code="unused-requirement",
            subject="alpha",
            sentence="alpha is required by orders and never imported: 2.0 MB",
            where="requirements.txt:1",
            details=("brings along beta",),
            hint='take it out; if it is loaded in another way: [check] ignore = ["unused-requirement:alpha"]',
        ),
    )


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"app.py": "import alpha.x"}, []),
        ({"app.py": "def f():\n    from alpha import y"}, []),
        ({"app.py": "from shop import money", "shop/__init__.py": "", "shop/money.py": "import alpha"}, []),
        (
            {
                "app.py": "from shop import x",
                "shop/__init__.py": "from .y import x",
                "shop/y.py": "import alpha",
            },
            [],
        ),
        # Nobody imports what imports it.
        ({"app.py": "", "other.py": "import alpha"}, UNUSED),
        ({"app.py": "if TYPE_CHECKING:\n    import alpha"}, UNUSED),
        # The handler is not there: any module may be what it calls.
        ({"main.py": "", "other.py": "import alpha"}, []),
        ({"app.py": "PLUGINS = ['alpha.x']"}, []),
        ({"app.py": "import_module(name)"}, []),
    ],
)
def test_what_counts_as_imported(files: dict[str, str], expected: list[object]) -> None:
    assert told(declare(*BOTH), files) == expected


@pytest.mark.parametrize(
    ("distribution", "entry_points", "expected"),
    [
        (has("alpha", "alpha.py", "alpha-1.dist-info/entry_points.txt"), "[pytest11]\nx = alpha\n", []),
        (
            has("alpha", "alpha.py", "alpha-1.dist-info/entry_points.txt"),
            "[console_scripts]\nx = alpha:y\n",
            UNUSED,
        ),
        (has("alpha", "alpha.data"), "", []),
    ],
)
def test_plugins_and_data_are_left_alone(
    distribution: Installed, entry_points: str, expected: list[object]
) -> None:
    texts = {ENTRY_POINTS: entry_points}
    assert told(declare(dist("alpha")), {"app.py": ""}, [distribution], texts=texts) == expected


def test_what_another_looks_for_by_itself_is_left_alone() -> None:
    pandas = dist("alpha", Edge(name="beta", extra="parquet"))
    declared = declare(pandas, dist("beta"), roots=("alpha", "beta"))
    assert told(declared, {"app.py": "import alpha"}) == []


def test_a_package_of_the_users_own_is_followed() -> None:
    declared = declare(dist("alpha", local=True), dist("beta"), roots=("alpha", "beta"))
    texts = {"python/alpha/__init__.py": "import beta"}
    assert told(declared, {"app.py": "import alpha"}, texts=texts) == []
    assert told(declared, {"app.py": "import json"}, texts=texts) == [
        ("unused-requirement", "alpha", "requirements.txt:1"),
        ("unused-requirement", "beta", "requirements.txt:2"),
    ]


def test_an_import_that_only_comes_along() -> None:
    (found,) = judge(declare(*BOTH), {"app.py": "import alpha\nimport beta"})
    assert (found.severity, found.code, found.where) == (
        Severity.NOTE,
        "undeclared-import",
        "functions/orders/app.py:2",
    )
    assert found.sentence == (
        "beta is imported by orders, which does not require beta: it comes along with alpha"
    )


def test_an_import_of_what_a_shared_layer_happens_to_have() -> None:
    (found,) = judge(declare(dist("alpha"), dist("beta")), {"app.py": "import alpha, beta"})
    assert found.severity is Severity.WARNING
    assert found.sentence.endswith("it is there only because other functions of that layer need it")


def test_what_an_extra_brings_was_asked_for() -> None:
    declared = declare(dist("alpha", Edge(name="beta", extra="b")), dist("beta"), extras=("b",))
    assert told(declared, {"app.py": "import alpha, beta"}) == []


MISSING = [("missing-import", "yaml", "functions/orders/app.py:2")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import alpha\nimport yaml", MISSING),
        ("import alpha\ntry:\n    import yaml\nexcept ImportError:\n    yaml = None", []),
        ("import alpha\nimport boto3, os, sys, tomllib, urllib3", []),
        ("import alpha.missing_attribute", []),
        ("import alpha\nimport cgi", [("missing-import", "cgi", "functions/orders/app.py:2")]),
    ],
)
def test_an_import_that_nobody_has(text: str, expected: list[object]) -> None:
    assert told(declare(*BOTH), {"app.py": text}) == expected


def test_layers_from_elsewhere_may_have_it() -> None:
    assert told(declare(*BOTH), {"app.py": "import alpha, yaml"}, external=["arn"]) == []


def test_parts_of_a_namespace_are_told_apart() -> None:
    storage = has("alpha", "google/cloud/storage/__init__.py")
    files = {"app.py": "from google.cloud import storage\nfrom google.cloud import bigquery"}
    assert told(declare(dist("alpha")), files, [storage]) == [
        ("missing-import", "google.cloud.bigquery", "functions/orders/app.py:2")
    ]


def test_code_that_cannot_be_parsed_is_told_and_nothing_else_is_said() -> None:
    assert told(declare(*BOTH), {"app.py": "import json\ndef f(:"}) == [
        ("unparsed-code", "app.py", "functions/orders/app.py:2")
    ]


def test_it_can_be_ignored() -> None:
    files = {"app.py": "import yaml"}
    assert told(declare(*BOTH), files, ignored=["unused-requirement:al*", "missing-import"]) == []


@pytest.mark.parametrize(
    ("name", "runtime", "expected"),
    [
        ("cgi", "python3.12", True),
        ("cgi", "python3.13", False),
        ("tomllib", "python3.10", False),
        ("sys", "python3.13", True),
        ("numpy", "python3.13", False),
    ],
)
def test_the_standard_library_is_the_targets(name: str, runtime: str, expected: bool) -> None:
    assert is_stdlib(name, Target(runtime=runtime, architecture="arm64")) is expected
