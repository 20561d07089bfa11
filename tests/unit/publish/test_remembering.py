from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerforge.publish.remembering import Remembered, format_remembered, parse_remembered, remembering_keys
from tests.aws_fakes import function_arn, layer_arn

FUNCTION = function_arn("orders")
A, B = layer_arn("shop-a", 3), layer_arn("other", 7, account="999999999999")


@pytest.mark.parametrize(
    ("remembered", "value"),
    [
        (Remembered(layers=()), "."),
        (Remembered(layers=(A, B)), f"shop-a:3 {B} ."),
        (Remembered(layers=(A,), alias="live", version="12"), "shop-a:3 alias=live@12 ."),
        (Remembered(layers=(), alias="live", version="$LATEST"), "alias=live@latest ."),
    ],
)
def test_there_and_back(remembered: Remembered, value: str) -> None:
    (tag,) = format_remembered(remembered, function_arn=FUNCTION)
    assert (tag.key, tag.value) == ("layerforge:previous", value)
    assert parse_remembered({tag.key: tag.value, "stage": "prod"}, function_arn=FUNCTION) == remembered


def test_long_names_take_several_tags_and_old_ones_behind_them_do_not_count() -> None:
    remembered = Remembered(layers=tuple(layer_arn(letter * 140, 1) for letter in "abcde"))
    tags = {tag.key: tag.value for tag in format_remembered(remembered, function_arn=FUNCTION)}
    assert sorted(tags) == [
        "layerforge:previous",
        *(f"layerforge:previous-{number}" for number in range(2, 6)),
    ]
    assert parse_remembered(tags, function_arn=FUNCTION) == remembered
    shorter = Remembered(layers=(A,))
    tags |= {tag.key: tag.value for tag in format_remembered(shorter, function_arn=FUNCTION)}
    assert parse_remembered(tags, function_arn=FUNCTION) == shorter
    assert len(remembering_keys(tags)) == 5


@pytest.mark.parametrize("value", ["", "shop-a:3", "by hand .", "shop-a ."])
def test_what_somebody_else_wrote(value: str) -> None:
    assert parse_remembered({"layerforge:previous": value}, function_arn=FUNCTION) is None


def test_nothing_is_remembered() -> None:
    assert parse_remembered({"stage": "prod"}, function_arn=FUNCTION) is None


_NAMES = st.text("abcXYZ019-_", min_size=1, max_size=140)
_ARNS = st.builds(
    layer_arn, _NAMES, st.integers(1, 10**6), account=st.sampled_from(["123456789012", "999999999999"])
)


@given(st.lists(_ARNS, max_size=5), st.none() | _NAMES)
def test_whatever_there_was(layers: list[str], alias: str | None) -> None:
    remembered = Remembered(layers=tuple(layers), alias=alias, version="3" if alias else None)
    tags = format_remembered(remembered, function_arn=FUNCTION)
    assert all(len(tag.value) <= 256 for tag in tags)
    assert parse_remembered({tag.key: tag.value for tag in tags}, function_arn=FUNCTION) == remembered
