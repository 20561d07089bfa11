from __future__ import annotations

from dataclasses import replace

import pytest

from layerforge.check.chains import required_by
from layerforge.check.limits import find_limit_problems
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import ExternalLayer, Function
from layerforge.model.limits import Limits
from layerforge.model.lock import Distribution, Edge, FunctionRoots, Lock, Root
from layerforge.model.plan import Demand, FunctionPlan, Item, LayerPlan, PlannedLayer
from layerforge.model.requirement import Origin
from layerforge.model.target import Target

MB = 2**20
TARGET = Target(runtime="python3.13", architecture="x86_64")
WRANGLER = Distribution(
    name="awswrangler",
    version="3.14",
    unzipped_size=MB,
    edges=(Edge(name="pyarrow"), Edge(name="redis", extra="r")),
)
PYARROW = Distribution(name="pyarrow", version="26.0.1", unzipped_size=140 * MB)
SCIPY = Distribution(name="scipy", version="1.18.1", unzipped_size=108 * MB)
REDIS = Distribution(name="redis", version="7.0", unzipped_size=MB)
ROOTS = (
    Root(name="awswrangler", origin=Origin(path="functions/orders/requirements.in", line=4)),
    Root(name="scipy", origin=Origin(path="functions/orders/requirements.in", line=2)),
)
LOCK = Lock(
    cohort=TARGET.slug,
    target=TARGET,
    distributions=(WRANGLER, PYARROW, SCIPY, REDIS),
    functions=(FunctionRoots(function="orders", roots=ROOTS),),
    input_digest="",
)


def item(distribution: Distribution) -> Item:
    return Item(
        name=distribution.name,
        version=distribution.version,
        digest=distribution.name,
        unzipped_size=distribution.unzipped_size,
    )


def orders(needs: tuple[Distribution, ...], *, code_size: int = 0) -> Demand:
    return Demand(function="orders", target=TARGET, needs=frozenset(map(item, needs)), code_size=code_size)


def planned(demand: Demand, *, infeasible: str | None = None) -> LayerPlan:
    size = sum(need.unzipped_size for need in demand.needs)
    function = FunctionPlan(
        function="orders",
        target=TARGET,
        layers=() if infeasible else ("all",),
        external_layers=0,
        external_size=0,
        code_size=demand.code_size,
        needed_size=size,
        layers_size=0 if infeasible else size,
        infeasible=infeasible,
    )
    return LayerPlan(layers=(), functions=(function,))


def problems(plan: LayerPlan, demand: Demand, limits: Limits = Limits()) -> tuple[Finding, ...]:
    return find_limit_problems(plan, [replace(demand, limits=limits)], [LOCK], [])


def test_over_the_limit_names_bytes_the_largest_and_who_asked() -> None:
    demand = orders((WRANGLER, PYARROW, SCIPY), code_size=3 * MB)
    (finding,) = problems(planned(demand, infeasible="too large"), demand)
    assert finding == Finding(
        severity=Severity.ERROR,
        code="unzipped-size",
        subject="orders",
        sentence="orders needs 252.0 MB unzipped, 2.0 MB (2,097,152 bytes) over Lambda's 250 MB",
        details=(
            "pyarrow 26.0.1    140.0 MB   required by awswrangler 3.14 (functions/orders/requirements.in:4)",
            "scipy 1.18.1      108.0 MB   required by functions/orders/requirements.in:2",
            "its own code        3.0 MB",
            "awswrangler 3.14    1.0 MB   required by functions/orders/requirements.in:4",
        ),
        hint="split orders, or do without pyarrow; `layerforge plan` shows what it carries. "
        "A container image may hold 10 GB",
    )


def test_the_hint_is_about_what_is_largest() -> None:
    code = orders((SCIPY,), code_size=200 * MB)
    (finding,) = problems(planned(code), code)
    assert finding.hint == (
        "split orders, or make its own code smaller (data can lie in S3). A container image may hold 10 GB"
    )
    elsewhere = replace(orders((SCIPY,)), external_layers=1, external_size=200 * MB)
    (finding,) = problems(planned(elsewhere, infeasible="too large"), elsewhere)
    assert finding.hint == (
        "split orders, or take smaller layers from elsewhere. A container image may hold 10 GB"
    )


def test_exactly_at_the_limit_is_within_it() -> None:
    demand = orders((PYARROW,), code_size=110 * MB)
    assert problems(planned(demand), demand, Limits(warn_at=1.0)) == ()


def test_one_byte_over_the_limit_is_over_it() -> None:
    demand = orders((PYARROW,), code_size=110 * MB + 1)
    (finding,) = problems(planned(demand), demand)
    assert "(1 bytes)" in finding.sentence


def test_own_budget_is_named_as_such() -> None:
    demand = orders((PYARROW,))
    (finding,) = problems(planned(demand), demand, Limits(unzipped=100 * MB))
    assert finding.sentence == (
        "orders needs 140.0 MB unzipped, 40.0 MB (41,943,040 bytes) over the 100.0 MB that [limits] allows"
    )


def test_a_budget_of_the_function_is_named_as_its_own() -> None:
    demand = replace(orders((PYARROW,)), limits_key="functions.orders.limits")
    (finding,) = problems(planned(demand), demand, Limits(unzipped=100 * MB))
    assert finding.sentence == (
        "orders needs 140.0 MB unzipped, 40.0 MB (41,943,040 bytes) over the 100.0 MB "
        "that [functions.orders.limits] allows"
    )


def test_close_to_the_limit_is_a_warning() -> None:
    demand = orders((PYARROW, SCIPY))
    (finding,) = problems(planned(demand), demand)
    assert (finding.severity, finding.sentence) == (
        Severity.WARNING,
        "orders uses 248.0 MB of 250.0 MB unzipped",
    )


def test_no_free_slot_is_an_error_of_its_own() -> None:
    demand = orders((SCIPY,))
    (finding,) = problems(
        planned(demand, infeasible="all 5 layers are taken by layers from elsewhere"), demand
    )
    assert (finding.code, finding.sentence) == (
        "no-plan",
        "orders cannot be given its layers: all 5 layers are taken by layers from elsewhere",
    )
    assert finding.hint == ("take fewer layers from elsewhere with orders, or ship it as a container image")


@pytest.mark.parametrize(
    ("takers", "sentence"),
    [
        (["orders"], "orders takes arn:other:7, whose size is not known: it counts as 0 bytes"),
        (
            ["orders", "billing"],
            "orders and 1 other function take arn:other:7, whose size is not known: it counts as 0 bytes",
        ),
        (
            ["orders", "billing", "users"],
            "orders and 2 other functions take arn:other:7, whose size is not known: it counts as 0 bytes",
        ),
    ],
)
def test_layer_of_unknown_size_is_warned_about_once(takers: list[str], sentence: str) -> None:
    functions = [
        Function(
            name=name,
            target=TARGET,
            source=None,
            external_layers=(
                ExternalLayer(arn="arn:other:7"),
                ExternalLayer(arn="arn:known:1", unzipped_size=1),
            ),
            origin=Origin(path="template.yaml", line=7),
        )
        for name in takers
    ]
    plan = LayerPlan(layers=(), functions=())
    (finding,) = find_limit_problems(plan, [orders(())], [], functions)
    assert (finding.sentence, finding.where) == (sentence, "template.yaml:7")
    assert finding.hint == (
        'write its unzipped size into layerforge.toml, under [layer-sizes]: "arn:other:7" = "12 MB"'
    )


def test_required_by_follows_extras_only_where_asked() -> None:
    with_extra = (Root(name="awswrangler", extras=("r",), origin=Origin(path="a.in", line=1)),)
    assert required_by(LOCK.by_name(), with_extra, "redis") == "awswrangler 3.14 (a.in:1)"
    assert required_by(LOCK.by_name(), ROOTS, "redis") == "nobody"


def test_required_by_prefers_the_shortest_chain() -> None:
    both = (*ROOTS, Root(name="pyarrow", origin=Origin(path="z.in", line=9)))
    assert required_by(LOCK.by_name(), both, "pyarrow") == "z.in:9"


@pytest.mark.parametrize(
    ("limit", "hint"),
    [
        (
            150 * MB,
            'give a part of it a layer of its own ([plan.layers.NAME] distributions = ["pyarrow"])',
        ),
        (100 * MB, "pyarrow alone is larger: raise layer in [limits]"),
    ],
)
def test_a_layer_over_its_budget_names_the_largest(limit: int, hint: str) -> None:
    layer = PlannedLayer(name="data", targets=(TARGET,), items=(item(SCIPY), item(PYARROW)))
    plan = LayerPlan(layers=(layer,), functions=())
    assert find_limit_problems(plan, [], [], [], layer_limit=248 * MB) == ()
    (finding,) = find_limit_problems(plan, [], [], [], layer_limit=limit)
    over = 248 * MB - limit
    assert finding == Finding(
        severity=Severity.ERROR,
        code="layer-size",
        subject="data",
        sentence=f"layer data holds 248.0 MB unzipped, {over // MB}.0 MB ({over:,} bytes) over the "
        f"{limit // MB}.0 MB that [limits] layer allows",
        details=("pyarrow 26.0.1  140.0 MB", "scipy 1.18.1    108.0 MB"),
        hint=hint,
    )
