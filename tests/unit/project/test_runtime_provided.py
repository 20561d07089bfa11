from __future__ import annotations

import pytest

from layerforge.plan.demands import whole_families
from layerforge.project.runtime_provided import SDK_FAMILY, expand_families


@pytest.mark.parametrize("name", ["boto3", "Boto3", "botocore", "s3transfer", "jmespath"])
def test_one_name_stands_for_the_family(name: str) -> None:
    assert expand_families((name,)) == ("boto3", "botocore", "jmespath", "s3transfer")


def test_nothing_is_left_out_unasked() -> None:
    assert expand_families(()) == ()


def test_the_planner_means_the_same_family() -> None:
    assert whole_families(["boto3"]) == frozenset(SDK_FAMILY)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("urllib3", "urllib3 cannot be left out alone: it goes with boto3 where nothing else asks for it"),
        (
            "Python_DateUtil",
            "python-dateutil cannot be left out alone: it goes with boto3 where nothing else asks for it",
        ),
        ("numpy", "the Python runtimes do not bring numpy, only the boto3 family"),
    ],
)
def test_what_cannot_be_left_out(name: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the sentence is asserted
        expand_families((name,))
    assert str(caught.value) == sentence
