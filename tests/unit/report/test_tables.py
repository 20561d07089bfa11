from __future__ import annotations

from layerforge.model.plan import FunctionPlan, Item, LayerPlan, PlannedLayer
from layerforge.model.target import Target
from layerforge.report.tables import FunctionRow, LayerRow, format_tables, rows_of_plan

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
        "function  target             layers  unzipped  of 250.0 MB  excess  dominated by",
        "--------  -----------------  ------  --------  -----------  ------  -------------",
        "orders    python3.13-x86_64       2  125.0 MB          50%  1.0 MB  numpy 59.0 MB",
    ]


def test_narrow_terminal_cuts_lines_rather_than_wrapping_them() -> None:
    layers = (LayerRow(name="a" * 40, zipped=None, unzipped=0, distributions=(), functions=()),)
    assert max(map(len, format_tables(layers, (), limit=1, width=30).splitlines())) == 30


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
        layers=(PlannedLayer(name="base", target=TARGET, items=(numpy,)),),
        functions=(function,),
    )
    (layer,), (row,) = rows_of_plan(plan)
    assert (layer.functions, layer.unzipped, layer.zipped) == (("orders",), 50, None)
    assert (row.unzipped, row.excess, row.dominated_by) == (57, 0, "numpy 0.0 MB")
