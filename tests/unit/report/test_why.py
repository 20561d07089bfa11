from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from layerforge.errors import UsageError
from layerforge.model.function import Function
from layerforge.model.lock import Distribution, Edge, FunctionRoots, Lock, Root
from layerforge.model.plan import FunctionPlan, LayerPlan, PlannedLayer
from layerforge.model.requirement import Origin, Requirement, RequirementSet
from layerforge.model.target import Target
from layerforge.plan.demands import make_demands
from layerforge.report.why import Locked, explain, find_distribution, find_function
from layerforge.report.why_text import format_overview, format_reason, reasons_document

MB = 2**20
X86 = Target(runtime="python3.13", architecture="x86_64")
ARM = Target(runtime="python3.12", architecture="arm64")


def origin(function: str, line: int) -> Origin:
    return Origin(path=f"functions/{function}/requirements.in", line=line)


def held(name: str, version: str = "1.0", *edges: Edge, size: int = MB) -> Distribution:
    return Distribution(name=name, version=version, unzipped_size=size, edges=edges)


WRANGLER = held(
    "awswrangler",
    "3.14",
    Edge(name="pyarrow", specifier="<27,>=18"),
    Edge(name="redis", extra="cache", specifier=">=5", marker='python_version >= "3.9"'),
    Edge(name="boto3"),
)
PYARROW = held("pyarrow", "26.0.1", size=140 * MB)
BOTO3 = held("boto3", "1.44", Edge(name="botocore"))
LOCKS = (
    Lock(
        cohort=X86.slug,
        target=X86,
        distributions=(WRANGLER, PYARROW, BOTO3, held("botocore"), held("redis", "7.0")),
        functions=(
            FunctionRoots(
                function="orders",
                roots=(
                    Root(name="awswrangler", extras=("cache",), specifier=">=3", origin=origin("orders", 4)),
                    Root(name="pyarrow", origin=origin("orders", 2)),
                ),
            ),
            FunctionRoots(function="plain", roots=(Root(name="awswrangler", origin=origin("plain", 1)),)),
        ),
        input_digest="",
    ),
    Lock(
        cohort=ARM.slug,
        target=ARM,
        distributions=(held("pyarrow", "25.0", size=120 * MB),),
        functions=(
            FunctionRoots(function="reports", roots=(Root(name="pyarrow", origin=origin("reports", 1)),)),
        ),
        input_digest="",
    ),
)


def function(name: str, target: Target, *requirements: Requirement) -> Function:
    return Function(
        name=name,
        target=target,
        source=None,
        requirements=RequirementSet(requirements=requirements),
        origin=Origin(path="template.yaml", line=1),
    )


def asked(name: str, of: str, line: int, marker: str | None = None, specifier: str = "") -> Requirement:
    return Requirement(name=name, marker=marker, specifier=specifier, origin=origin(of, line))


FUNCTIONS = (
    function(
        "orders",
        X86,
        asked("awswrangler", "orders", 4, marker='python_version < "3.15"'),
        asked("pyarrow", "orders", 2),
    ),
    function("plain", X86, asked("awswrangler", "plain", 1)),
    function(
        "reports",
        ARM,
        asked("pyarrow", "reports", 1),
        asked("redis", "reports", 2, 'platform_machine == "x86_64"', ">=6"),
        asked("pywin32", "reports", 3, 'sys_platform == "win32"'),
    ),
)


LAYERS = {
    "base": (X86, ("awswrangler", "boto3", "botocore", "pyarrow")),
    "cache": (X86, ("redis",)),
    "arm": (ARM, ("pyarrow",)),
}
TAKEN = {"orders": ("base", "cache"), "plain": ("base",), "reports": ("arm",)}


def locked(*, provided: tuple[str, ...] = (), taken: Mapping[str, tuple[str, ...]] = TAKEN) -> Locked:
    demands = make_demands(FUNCTIONS, LOCKS, code_sizes={}, runtime_provided=provided)
    items = {(d.target, item.name): item for d in demands for item in d.needs}
    layers = tuple(
        PlannedLayer(
            name=name,
            targets=(target,),
            items=tuple(items[target, one] for one in names if (target, one) in items),
        )
        for name, (target, names) in LAYERS.items()
    )
    functions = tuple(
        FunctionPlan(
            function=demand.function,
            target=demand.target,
            layers=taken[demand.function],
            external_layers=0,
            external_size=0,
            code_size=0,
            needed_size=0,
            layers_size=0,
        )
        for demand in demands
    )
    plan = LayerPlan(layers=layers, functions=functions)
    return Locked(functions=FUNCTIONS, locks=LOCKS, demands=demands, plan=plan)


def text(name: str, function: str, held: Locked | None = None, *, limit: int = 10) -> list[str]:
    held = held or locked()
    (reason,) = explain(held, name, functions=[function], limit=limit)
    others = explain(held, name, functions=held.served().keys() - {function}, limit=1)
    return format_reason(name, reason, others, held, width=80).splitlines()


def test_every_chain_is_shown_from_its_requirement_on() -> None:
    assert text("pyarrow", "orders") == [
        "orders (python3.13-x86_64) needs pyarrow 26.0.1 (140.0 MB in base)",
        "",
        "functions/orders/requirements.in:2 asks for pyarrow",
        "",
        'functions/orders/requirements.in:4 asks for awswrangler[cache]>=3; python_version < "3.15"',
        "  awswrangler 3.14 asks for pyarrow<27,>=18",
        "",
        "also needed by plain, reports",
    ]


def test_what_an_extra_brings_is_told_with_the_extra() -> None:
    assert text("redis", "orders")[2:] == [
        'functions/orders/requirements.in:4 asks for awswrangler[cache]>=3; python_version < "3.15"',
        '  awswrangler[cache] 3.14 asks for redis>=5; python_version >= "3.9"',
    ]


def test_more_chains_than_are_shown_are_counted() -> None:
    assert text("pyarrow", "orders", limit=1)[4:6] == ["and 1 more chain", ""]


def test_what_an_extra_would_bring() -> None:
    assert text("redis", "plain") == [
        "plain (python3.13-x86_64) does not need redis",
        "",
        "awswrangler 3.14 would bring it with its extra cache: ask for awswrangler[cache]",
        "",
        "needed by orders",
    ]


def test_what_is_asked_for_elsewhere_only() -> None:
    assert text("redis", "reports")[0] == "reports (python3.12-arm64) does not need redis"
    assert text("redis", "reports")[2] == (
        'functions/reports/requirements.in:2 asks for redis>=6 only where platform_machine == "x86_64", '
        "which does not hold there"
    )
    # Nothing locked has it at all.
    assert text("pywin32", "reports")[2] == (
        'functions/reports/requirements.in:3 asks for pywin32 only where sys_platform == "win32", '
        "which does not hold there"
    )


def test_what_the_runtime_provides_is_in_no_layer() -> None:
    held = locked(provided=("boto3",))
    assert text("botocore", "plain", held)[0] == (
        "plain (python3.13-x86_64) needs botocore 1.0 (1.0 MB), which the runtime provides"
    )
    (reason,) = explain(held, "botocore", functions=["plain"], limit=1)
    assert (reason.provided, reason.layers) == (True, ())


def test_what_is_bundled_lies_in_the_functions_own_zip() -> None:
    held = locked()
    assert held.plan is not None
    demands = tuple(
        replace(d, needs=frozenset(), bundled=d.needs) if d.function == "reports" else d for d in held.demands
    )
    plans = tuple(
        replace(plan, layers=(), bundled=tuple(demands[2].bundled)) if plan.function == "reports" else plan
        for plan in held.plan.functions
    )
    held = replace(held, demands=demands, plan=replace(held.plan, functions=plans))
    assert text("pyarrow", "reports", held)[0] == (
        "reports (python3.12-arm64) needs pyarrow 25.0 (120.0 MB in reports (code))"
    )


def test_what_is_carried_for_others_is_said() -> None:
    held = locked(taken={**TAKEN, "plain": ("base", "cache")})
    assert text("redis", "plain", held)[0] == (
        "plain (python3.13-x86_64) does not need redis, but carries it in cache"
    )
    reasons = explain(held, "redis", functions=held.served(), limit=1)
    overview = format_overview("redis", reasons, held, width=80).splitlines()
    assert overview[-1] == "carried, but not needed, by plain"


def test_overview_has_a_row_for_each_function() -> None:
    held = replace(locked(), plan=None)
    reasons = explain(held, "pyarrow", functions=held.served(), limit=1, count=False)
    assert format_overview("pyarrow", reasons, held, width=None).splitlines() == [
        "pyarrow is needed by 3 of 3 functions",
        "  25.0 (120.0 MB)",
        "  26.0.1 (140.0 MB)",
        "",
        "function  target             version  required by",
        "--------  -----------------  -------  ----------------------------------------------------",
        "orders    python3.13-x86_64  26.0.1   functions/orders/requirements.in:2",
        "plain     python3.13-x86_64  26.0.1   awswrangler 3.14 (functions/plain/requirements.in:1)",
        "reports   python3.12-arm64   25.0     functions/reports/requirements.in:1",
    ]


def test_document() -> None:
    held = replace(locked(), plan=None)
    reasons = explain(held, "redis", functions=["orders", "plain"], limit=5)
    assert reasons_document("redis", reasons) == {
        "distribution": "redis",
        "functions": {
            "orders": {
                "target": "python3.13-x86_64",
                "needed": True,
                "version": "7.0",
                "unzipped_size": MB,
                "provided_by_runtime": False,
                "layers": None,
                "chains": [
                    {
                        "path": "functions/orders/requirements.in",
                        "line": 4,
                        "requirement": "awswrangler[cache]>=3",
                        "steps": [
                            {
                                "distribution": "awswrangler",
                                "extra": "cache",
                                "requirement": 'redis>=5; python_version >= "3.9"',
                            }
                        ],
                    }
                ],
                "more_chains": 0,
                "more_chains_exact": True,
                "would_come_with": [],
            },
            "plain": {
                "target": "python3.13-x86_64",
                "needed": False,
                "version": "7.0",
                "unzipped_size": MB,
                "provided_by_runtime": False,
                "layers": None,
                "chains": [],
                "more_chains": 0,
                "more_chains_exact": True,
                "would_come_with": ["awswrangler[cache]"],
            },
        },
    }


@pytest.mark.parametrize(
    ("function", "sentence", "hint"),
    [
        ("order", "there is no function 'order' in the lock", "did you mean orders?"),
        ("ORDERS", "there is no function 'ORDERS' in the lock", "did you mean orders?"),
        ("zzz", "there is no function 'zzz' in the lock", "functions are orders, plain, reports"),
    ],
)
def test_unknown_functions_are_told_with_the_nearest(function: str, sentence: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_function(locked(), function, distribution="pyarrow")
    assert (caught.value.sentence, caught.value.hint) == (sentence, hint)


def test_swapped_names_are_told() -> None:
    with pytest.raises(UsageError) as caught:
        find_function(locked(), "pyarrow", distribution="orders")
    assert caught.value.hint == "the function comes first: layerforge why orders pyarrow"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Py_Arow", "did you mean pyarrow?"),
        ("orders", "orders is a function: layerforge why orders DISTRIBUTION"),
        ("zzz", "distributions are awswrangler, boto3, botocore, pyarrow, redis"),
    ],
)
def test_unknown_distributions_are_told_with_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_distribution(locked(), name)
    assert caught.value.sentence == f"there is no distribution {name!r} in the lock"
    assert caught.value.hint == hint


def test_names_are_normalised() -> None:
    assert find_distribution(locked(), "PyArrow") == "pyarrow"
