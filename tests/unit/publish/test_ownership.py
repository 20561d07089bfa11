from __future__ import annotations

import pytest

from layerforge.publish.ownership import Ownership, replace_ours
from layerforge.publish.values import Ours
from tests.aws_fakes import layer_arn, live_function

OWNERSHIP = Ownership(project="shop", names=frozenset({"shop-custom"}))
A, B, C = "shop-py313-x86-64-a", "shop-py313-x86-64-b", "shop-py313-x86-64-c"
OLD = layer_arn("shop-py312-arm64-old", 4)
FIRST, LAST = layer_arn("insights", 53, account="999999999999"), layer_arn("config", 1)
THEIRS, ELSEWHERE = layer_arn(A, 1, account="999999999999"), layer_arn(A, 1, region="us-east-1")
EXTENSION = "arn:aws:lambda:::awslayer:AmazonLinux1803"


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("shop-py313-x86-64-numpy", True),
        ("shop-py310-arm64-boto3-digest", True),
        # Layers for several runtimes or architectures.
        ("shop-py313-pydantic", True),
        ("shop-arm64-cryptography", True),
        ("shop-any-requests", True),
        ("shop-custom", True),
        ("shop-py313-", False),
        ("shop-insights", False),
        ("other-shop-py313-x86-64-numpy", False),
        ("shop-two-py313-x86-64-numpy", False),
        ("shopping-py313-x86-64-numpy", False),
    ],
)
def test_names(name: str, ours: bool) -> None:
    assert OWNERSHIP.owns_name(name) is ours


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        ((), (A, B), (Ours(name=A), Ours(name=B))),
        ((OLD,), (A,), (Ours(name=A),)),
        # Where ours were, ours are; what is not ours keeps its place and its order.
        ((FIRST, OLD, LAST), (A,), (FIRST, Ours(name=A), LAST)),
        ((OLD, FIRST, layer_arn(A, 1), LAST), (A, B), (Ours(name=A), FIRST, Ours(name=B), LAST)),
        # Further ones come behind the last of ours, and fewer leave no gap.
        ((OLD, FIRST), (A, B, C), (Ours(name=A), Ours(name=B), Ours(name=C), FIRST)),
        ((OLD, FIRST, layer_arn(A, 1), LAST), (A,), (Ours(name=A), FIRST, LAST)),
        ((OLD, FIRST), (), (FIRST,)),
        # Where none was ours, at the end.
        ((FIRST, EXTENSION), (A,), (FIRST, EXTENSION, Ours(name=A))),
        # The same name elsewhere is somebody else's.
        (
            (layer_arn(A, 1, account="999999999999"),),
            (A,),
            (layer_arn(A, 1, account="999999999999"), Ours(name=A)),
        ),
        ((layer_arn(A, 1, region="us-east-1"),), (A,), (layer_arn(A, 1, region="us-east-1"), Ours(name=A))),
    ],
)
def test_replace_ours(before: tuple[str, ...], wanted: tuple[str, ...], after: tuple[object, ...]) -> None:
    assert replace_ours(live_function("orders", *before), wanted, OWNERSHIP) == after
