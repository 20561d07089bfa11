from __future__ import annotations

import pytest

from layerforge.errors import StaleLockError
from layerforge.model.function import ExternalLayer, Function
from layerforge.model.lock import (
    Archive,
    Distribution,
    Edge,
    FunctionRoots,
    LocalSource,
    Lock,
    Root,
    VcsSource,
)
from layerforge.model.plan import Demand, Item
from layerforge.model.requirement import Origin
from layerforge.model.target import Target
from layerforge.plan.demands import item_of, make_demands, whole_families

TARGET = Target(runtime="python3.13", architecture="x86_64")
HERE = Origin(path="requirements.in", line=1)


def distribution(name: str, *requires: str, size: int = 1) -> Distribution:
    return Distribution(
        name=name,
        version="1.0",
        wheel=Archive(filename=f"{name}-1.0-py3-none-any.whl", url="https://index.example/x", sha256=name),
        unzipped_size=size,
        edges=tuple(Edge(name=required) for required in requires),
    )


def function(name: str, *layers: ExternalLayer, target: Target = TARGET) -> Function:
    return Function(name=name, target=target, source=None, external_layers=layers, origin=HERE)


def lock(roots: dict[str, tuple[str, ...]], *distributions: Distribution, target: Target = TARGET) -> Lock:
    return Lock(
        cohort=target.slug,
        target=target,
        distributions=distributions,
        functions=tuple(
            FunctionRoots(function=name, roots=tuple(Root(name=root, origin=HERE) for root in asked))
            for name, asked in roots.items()
        ),
        input_digest="",
    )


def names(demand: Demand) -> set[str]:
    return {item.name for item in demand.needs}


def test_a_demand_has_the_closure_and_what_else_takes_room() -> None:
    requests = distribution("requests", "idna", size=7)
    idna = distribution("idna", size=3)
    demands = make_demands(
        [function("orders", ExternalLayer(arn="a", unzipped_size=5), ExternalLayer(arn="b"))],
        [lock({"orders": ("requests",)}, requests, idna)],
        code_sizes={"orders": 11},
    )
    assert demands == (
        Demand(
            function="orders",
            target=TARGET,
            needs=frozenset(
                {
                    Item(
                        name="requests", version="1.0", digest="requests", unzipped_size=7, targets=(TARGET,)
                    ),
                    Item(name="idna", version="1.0", digest="idna", unzipped_size=3, targets=(TARGET,)),
                }
            ),
            code_size=11,
            external_layers=2,
            external_size=5,
        ),
    )


def test_what_the_runtime_provides_goes_with_its_family_and_what_only_it_needs() -> None:
    held = lock(
        {"a": ("boto3", "requests"), "b": ("boto3",), "c": ("jmespath", "six")},
        distribution("boto3", "botocore", "jmespath", "s3transfer"),
        distribution("botocore", "jmespath", "urllib3", "python-dateutil"),
        distribution("jmespath"),
        distribution("python-dateutil", "six"),
        distribution("requests", "urllib3"),
        distribution("s3transfer", "botocore"),
        distribution("six"),
        distribution("urllib3"),
    )
    demands = make_demands(
        [function(name) for name in "abc"], [held], code_sizes={}, runtime_provided=["boto3"]
    )
    assert [names(demand) for demand in demands] == [{"requests", "urllib3"}, set(), {"six"}]


def test_the_same_wheel_is_the_same_item_for_every_target() -> None:
    arm = Target(runtime="python3.12", architecture="arm64")
    demands = make_demands(
        [function("a"), function("b", target=arm)],
        [
            lock({"a": ("idna",)}, distribution("idna")),
            lock({"b": ("idna",)}, distribution("idna"), target=arm),
        ],
        code_sizes={},
    )
    assert demands[0].needs == demands[1].needs
    assert [item.targets for item in demands[0].needs] == [(arm, TARGET)]


def test_what_each_target_builds_or_compiles_is_its_own() -> None:
    arm = Target(runtime="python3.12", architecture="arm64")
    local = Distribution(name="own", version="1.0", local=LocalSource(path="libs/own"), unzipped_size=1)
    for one, across in ((local, "targets"), (distribution("idna"), "architectures")):
        first, second = make_demands(
            [function("a"), function("b", target=arm)],
            [lock({"a": (one.name,)}, one), lock({"b": (one.name,)}, one, target=arm)],
            code_sizes={},
            share_across=across,
        )
        assert [item.targets for item in first.needs] == [(TARGET,)]
        assert not first.needs & second.needs


def test_families_are_whole() -> None:
    assert whole_families(["botocore", "other"]) == {"boto3", "botocore", "jmespath", "other", "s3transfer"}
    assert whole_families([]) == frozenset()


def test_a_function_without_a_lock_is_an_error() -> None:
    with pytest.raises(StaleLockError, match=r"no lock serves orders \(requirements.in:1\)"):
        make_demands([function("orders")], [], code_sizes={})


@pytest.mark.parametrize(
    ("source", "digest"),
    [
        ({"vcs": VcsSource(url="git+https://git.example/x", commit="abc")}, "abc"),
        ({"vcs": VcsSource(url="git+https://git.example/x", commit="abc", subdirectory="p")}, "abc#p"),
        ({"local": LocalSource(path="libs/shared")}, "libs/shared"),
        ({"sdist": Archive(filename="x-1.tar.gz", url="https://index.example/x", sha256="ff")}, "ff"),
    ],
)
def test_an_item_is_known_by_its_file(source: dict[str, object], digest: str) -> None:
    made = item_of(Distribution(name="x", version="1", unzipped_size=1, **source))  # type: ignore[arg-type]
    assert made.digest == digest
