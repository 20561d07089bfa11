from __future__ import annotations

from dataclasses import replace

import pytest

from layerforge.model.plan import FunctionPlan, Item, LayerPlan, PlannedLayer
from layerforge.model.target import Target
from layerforge.report.tables import SHOWN_ROWS, FunctionRow, LayerRow, format_tables, rows_of_plan

MB = 2**20
TARGET = Target(runtime="python3.13", architecture="x86_64")


def test_tables_show_layers_and_functions() -> None:
    layers = (
        LayerRow(
            name="shop-py313-x86-64-numpy",
            zipped=18 * MB,
            unzipped=60 * MB,
            distributions=(("six", "1.17", MB), ("numpy", "2.3.1", 59 * MB)),
            functions=("orders", "billing"),
        ),
    )
    functions = (
        FunctionRow(
            name="orders",
            target="python3.13-x86_64",
            layers=("shop-py313-x86-64-numpy",),
            external_layers=1,
            code=MB,
            unzipped=125 * MB,
            excess=MB,
            dominated_by="numpy 59.0 MB",
        ),
    )
    shown = format_tables(layers, functions, limit=250 * MB, width=None)
    assert shown.splitlines() == [
        "layer                     zipped  unzipped  distributions  functions",
        "-----------------------  -------  --------  -------------  ------------------",
        "shop-py313-x86-64-numpy  18.0 MB   60.0 MB  2: numpy, six  2: orders, billing",
        "",
        "function  target             layers    of 250.0 MB  not needed  largest part",
        "--------  -----------------  ------  -------------  ----------  -------------",
        "orders    python3.13-x86_64       2  125.0 MB  50%      1.0 MB  numpy 59.0 MB",
    ]


def test_planned_layers_have_no_zipped_size() -> None:
    layers = (LayerRow(name="a", zipped=None, unzipped=MB, distributions=(), functions=("orders",)),)
    assert format_tables(layers, (), limit=1, width=None).splitlines()[:3] == [
        "layer  unzipped  distributions  functions",
        "-----  --------  -------------  ---------",
        "a        1.0 MB  0              1: orders",
    ]


def many(count: int) -> tuple[tuple[LayerRow, ...], tuple[FunctionRow, ...]]:
    layers = tuple(
        LayerRow(
            name=f"shop-py313-x86-64-part{at}",
            zipped=at * MB,
            unzipped=2 * at * MB,
            distributions=(("charset-normalizer", "1", 2), ("idna", "1", 1)),
            functions=tuple(f"function{n}" for n in range(at)),
        )
        for at in range(1, count + 1)
    )
    functions = tuple(
        FunctionRow(
            name=f"function{at}",
            target="python3.13-x86_64",
            layers=("a",),
            external_layers=0,
            code=0,
            unzipped=at * MB,
            excess=0,
            dominated_by="numpy 59.0 MB",
        )
        for at in range(1, count + 1)
    )
    return layers, functions


def test_what_is_large_comes_first_and_the_rest_is_counted() -> None:
    lines = format_tables(*many(200), limit=250 * MB, width=120).splitlines()
    assert len(lines) == 2 * (2 + SHOWN_ROWS + 1) + 1
    assert lines[2].startswith("shop-py313-x86-64-part200  200.0 MB  400.0 MB  ")
    assert lines[22] == "and 180 smaller, 31.8 GB together; -v shows all"
    assert lines[26].startswith("function200  python3.13-x86_64       1  200.0 MB  80%  ")
    assert lines[46] == "and 180 more, none above 180.0 MB; -v shows all"


def test_everything_is_shown_where_asked_for() -> None:
    lines = format_tables(*many(200), limit=250 * MB, width=None).splitlines()
    assert len(lines) == 2 * (2 + 200) + 1
    assert "function198, function199" in lines[2]


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_tables_fit_the_terminal(width: int) -> None:
    assert max(map(len, format_tables(*many(30), limit=250 * MB, width=width).splitlines())) <= width


def test_function_that_does_not_fit_stands_first() -> None:
    _, functions = many(2)
    refused = replace(functions[0], problem="all 5 layers are taken", layers=(), unzipped=7)
    lines = format_tables((), (*functions, refused), limit=250 * MB, width=80).splitlines()
    assert lines[4:] == [
        "function1  python3.13-x86_64       -  does not fit",
        "function2  python3.13-x86_64       1   2.0 MB   1%  numpy 59.0 MB",
        "function1  python3.13-x86_64       1   1.0 MB   0%  numpy 59.0 MB",
    ]


def test_no_layers_is_said() -> None:
    assert format_tables((), (), limit=1, width=None).startswith("No layers: no function requires anything.")


def test_rows_of_a_plan_name_users_and_what_dominates() -> None:
    numpy = Item(name="numpy", version="2.3.1", digest="n", unzipped_size=50)
    function = FunctionPlan(
        function="orders",
        target=TARGET,
        layers=("base",),
        external_layers=0,
        external_size=0,
        code_size=7,
        needed_size=50,
        layers_size=50,
    )
    plan = LayerPlan(
        layers=(PlannedLayer(name="base", targets=(TARGET,), items=(numpy,)),),
        functions=(function,),
    )
    (layer,), (row,) = rows_of_plan(plan)
    assert (layer.functions, layer.unzipped, layer.zipped) == (("orders",), 50, None)
    assert (row.unzipped, row.excess, row.dominated_by) == (57, 0, "numpy 50 B")


def test_what_is_bundled_has_a_column_of_its_own() -> None:
    six = Item(name="six", version="1.17", digest="s", unzipped_size=30 * 1024)
    function = FunctionPlan(
        function="orders",
        target=TARGET,
        layers=(),
        external_layers=0,
        external_size=0,
        code_size=7 * 1024,
        needed_size=0,
        layers_size=0,
        limit=MB,
        bundled=(six,),
    )
    layers, functions = rows_of_plan(LayerPlan(layers=(), functions=(function,)))
    assert format_tables(layers, functions, limit=MB, width=None).splitlines()[2:] == [
        "function  target             layers     of 1.0 MB  bundled  largest part",
        "--------  -----------------  ------  ------------  -------  ------------",
        "orders    python3.13-x86_64       0  37.0 KB   4%  30.0 KB  six 30.0 KB",
    ]
