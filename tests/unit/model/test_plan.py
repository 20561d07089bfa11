from __future__ import annotations

import pytest

from layerforge.model.limits import DIRECT_UPLOAD_LIMIT, LAYERS_PER_FUNCTION, UNZIPPED_LIMIT, Limits
from layerforge.model.plan import FunctionPlan, Item, PlannedLayer
from layerforge.model.target import Target

TARGET = Target(runtime="python3.13", architecture="x86_64")


def item(name: str, size: int) -> Item:
    return Item(name=name, version="1.0", digest="", unzipped_size=size)


def test_a_layer_is_as_large_as_what_it_holds() -> None:
    layer = PlannedLayer(name="shop-a", targets=(TARGET,), items=(item("a", 1), item("b", 20)))
    assert layer.unzipped_size == 21
    assert PlannedLayer(name="shop-b", targets=(TARGET,), items=()).unzipped_size == 0


@pytest.mark.parametrize(
    ("targets", "runtimes", "architectures", "python"),
    [
        ("python3.13-x86_64", "python3.13", "x86_64", (3, 13)),
        ("python3.13-arm64 python3.13-x86_64", "python3.13", "arm64 x86_64", (3, 13)),
        ("python3.12-arm64 python3.13-x86_64", "python3.12 python3.13", "arm64 x86_64", None),
        ("python3.12-arm64 python3.13-arm64", "python3.12 python3.13", "arm64", None),
    ],
)
def test_what_a_layer_is_compatible_with(
    targets: str, runtimes: str, architectures: str, python: tuple[int, int] | None
) -> None:
    named = (name.split("-") for name in targets.split())
    held = tuple(Target(runtime=runtime, architecture=machine) for runtime, machine in named)
    layer = PlannedLayer(name="shop-a", targets=held, items=())
    assert (layer.runtimes, layer.architectures, layer.python) == (
        tuple(runtimes.split()),
        tuple(architectures.split()),
        python,
    )


@pytest.mark.parametrize(
    ("layers", "layers_size", "needed", "unzipped", "excess"),
    [
        (("shop-a", "shop-b"), 500, 300, 500 + 7 + 40, 200),
        (("shop-a",), 300, 300, 300 + 7 + 40, 0),
        # A function that gets no layers carries nothing, though it needs something.
        ((), 0, 300, 7 + 40, 0),
    ],
)
def test_what_counts_against_the_limit(
    layers: tuple[str, ...], layers_size: int, needed: int, unzipped: int, excess: int
) -> None:
    plan = FunctionPlan(
        function="orders",
        target=TARGET,
        layers=layers,
        external_layers=1,
        external_size=40,
        code_size=7,
        needed_size=needed,
        layers_size=layers_size,
    )
    assert (plan.unzipped_size, plan.carried_excess) == (unzipped, excess)


def test_the_limits_are_lambdas() -> None:
    assert (UNZIPPED_LIMIT, LAYERS_PER_FUNCTION, DIRECT_UPLOAD_LIMIT) == (262_144_000, 5, 52_428_800)
    assert Limits() == Limits(unzipped=262_144_000, layers=5, warn_at=0.9)
