from __future__ import annotations

import pytest

from layerforge.project.byte_sizes import parse_size


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (1, 1),
        (262_144_000, 262_144_000),
        ("262144000", 262_144_000),
        ("262_144_000", 262_144_000),
        ("250 MB", 262_144_000),
        ("250MiB", 262_144_000),
        ("250 mb", 262_144_000),
        (" 1.5 KB ", 1536),
        ("1 GB", 2**30),
        ("12 B", 12),
        ("12 bytes", 12),
    ],
)
def test_sizes(value: int | str, size: int) -> None:
    assert parse_size(value) == size


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("", "unexpected value '' (expected a size such as '200 MB')"),
        ("much", "unexpected value 'much' (expected a size such as '200 MB')"),
        ("200 MBit", "unexpected value '200 MBit' (expected a size such as '200 MB')"),
        ("-5 MB", "unexpected value '-5 MB' (expected a size such as '200 MB')"),
        ("1e9", "unexpected value '1e9' (expected a size such as '200 MB')"),
        (0, "unexpected value 0 (expected more than 0 bytes)"),
        (-5, "unexpected value -5 (expected more than 0 bytes)"),
        ("0 MB", "unexpected value '0 MB' (expected more than 0 bytes)"),
    ],
)
def test_not_sizes(value: int | str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the sentence is asserted
        parse_size(value)
    assert str(caught.value) == sentence
