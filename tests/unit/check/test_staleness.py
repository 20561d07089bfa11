from __future__ import annotations

from dataclasses import replace

import pytest

from layerforge.check.staleness import stale_build, stale_reason
from layerforge.model.artifact import Artifact, BuiltDistribution, Manifest, ManifestFunction
from layerforge.model.finding import Finding, Severity
from layerforge.model.plan import Demand, Item
from layerforge.model.target import Target

TARGET = Target(runtime="python3.13", architecture="x86_64")


def layer(name: str, **held: str) -> Artifact:
    return Artifact(
        name=name,
        path=f"layers/{name}.zip",
        sha256="",
        code_sha256="",
        zipped_size=0,
        unzipped_size=0,
        runtimes=(),
        architectures=(),
        distributions=tuple(
            BuiltDistribution(name=one, version=version, unzipped_size=0) for one, version in held.items()
        ),
        input_digest="",
    )


BUILT = ManifestFunction(
    target="python3.13-x86_64",
    layers=("a", "b"),
    external_layers=("arn:x",),
    code=None,
    code_size=10,
    unzipped_size=0,
    carried_excess=0,
)
MANIFEST = Manifest(
    project="shop",
    layers=(layer("a", numpy="2.3", extra="1"), layer("b", six="1.16")),
    functions={"orders": BUILT},
)


def item(name: str, version: str) -> Item:
    return Item(name=name, version=version, digest="", unzipped_size=0)


DEMAND = Demand(
    function="orders",
    target=TARGET,
    needs=frozenset({item("numpy", "2.3"), item("six", "1.16")}),
    code_size=10,
    external_layers=1,
)


@pytest.mark.parametrize(
    ("demand", "reason"),
    [
        (DEMAND, None),
        (replace(DEMAND, function="billing"), "billing was not built as it is now"),
        (
            replace(DEMAND, target=replace(TARGET, architecture="arm64")),
            "orders was not built as it is now",
        ),
        (replace(DEMAND, external_layers=0), "orders takes other layers from elsewhere"),
        (replace(DEMAND, code_size=11), "the code of orders has changed"),
        (
            replace(DEMAND, needs=frozenset({item("numpy", "2.4")})),
            "orders is locked to numpy 2.4, and was built with numpy 2.3",
        ),
        (
            replace(DEMAND, needs=frozenset({item("attrs", "25.1")})),
            "orders is locked to attrs 25.1, and was built without attrs",
        ),
    ],
)
def test_what_makes_a_build_stale(demand: Demand, reason: str | None) -> None:
    assert stale_reason(MANIFEST, [DEMAND, demand]) == reason


def test_what_is_said_of_it() -> None:
    assert stale_build("the code of orders has changed") == Finding(
        severity=Severity.NOTE,
        code="stale-build",
        subject="build",
        sentence="what was built last is not looked into: the code of orders has changed",
        hint="`layerforge build` brings it up to date, and tells of its native code and collisions",
    )
