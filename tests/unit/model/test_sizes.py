from __future__ import annotations

import pytest

from layerforge.model.sizes import format_size


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KB"),
        (1_048_575, "1.0 MB"),
        (262_144_000, "250.0 MB"),
        (327_575_142, "312.4 MB"),
        (3 * 1024**3, "3.0 GB"),
        (-2048, "-2.0 KB"),
    ],
)
def test_sizes_are_shown_as_aws_counts_them(size: int, shown: str) -> None:
    assert format_size(size) == shown
