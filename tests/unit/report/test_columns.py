from __future__ import annotations

import pytest

from layerforge.report.columns import AnyColumn, Column, ListColumn, lay_out

COLUMNS: list[AnyColumn] = [
    Column("layer", ["shop-numpy", "shop-a"]),
    Column("size", ["94.0 MB", "1 B"], right=True),
    ListColumn("holds", [["numpy", "pandas", "tzdata"], ["six"]]),
    ListColumn("for", [["orders", "reports"], []]),
]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (
            None,
            [
                "layer          size  holds                     for",
                "----------  -------  ------------------------  ------------------",
                "shop-numpy  94.0 MB  3: numpy, pandas, tzdata  2: orders, reports",
                "shop-a          1 B  1: six                    0",
            ],
        ),
        (
            60,
            [
                "layer          size  holds                     for",
                "----------  -------  ------------------------  ------------",
                "shop-numpy  94.0 MB  3: numpy, pandas, tzdata  2: orders +1",
                "shop-a          1 B  1: six                    0",
            ],
        ),
        (
            45,
            [
                "layer          size  holds                for",
                "----------  -------  -------------------  ---",
                "shop-numpy  94.0 MB  3: numpy, pandas +1  2",
                "shop-a          1 B  1: six               0",
            ],
        ),
        (
            30,
            [
                "layer          size  holds",
                "----------  -------  ------",
                "shop-numpy  94.0 MB  3",
                "shop-a          1 B  1: six",
            ],
        ),
        (
            5,
            [
                "layer          size",
                "----------  -------",
                "shop-numpy  94.0 MB",
                "shop-a          1 B",
            ],
        ),
    ],
)
def test_lists_give_way_then_columns(width: int | None, lines: list[str]) -> None:
    assert lay_out(COLUMNS, width, dispensable=("for", "holds")) == lines


def test_long_lists_are_counted_where_there_is_room_too() -> None:
    column = ListColumn("holds", [[f"part{n}" for n in range(9)]])
    assert lay_out([column], 200)[2] == "9: part0, part1, part2, part3 +5"
    assert lay_out([column], None)[2].endswith("part7, part8")
