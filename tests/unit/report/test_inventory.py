from __future__ import annotations

import json
from pathlib import Path

import pytest

from layerforge.model.artifact import BuiltDistribution, CodeArtifact, Manifest, ManifestFunction
from layerforge.report.inventory import Copies, FunctionEntry, LargeFile, take_inventory
from layerforge.report.overview import format_overview, inventory_document
from layerforge.report.page import format_page, write_page
from layerforge.report.page_data import page_document
from tests.report_inventories import LIMIT, MB, held, hostile, large, layer, small, zip_listing

NUMPY = held("numpy", "2.3.1", 50 * MB, license_="BSD-3-Clause")
SIX = held("six", "1.17", MB)


def bundling() -> Manifest:
    """A function with numpy in its own zip, beside a layer."""
    base = layer("base", SIX)
    code = CodeArtifact(
        path="functions/etl.zip",
        sha256="",
        code_sha256="",
        zipped_size=1,
        unzipped_size=1,
        input_digest="",
        distributions=(BuiltDistribution(name="numpy", version="2.3.1", unzipped_size=50 * MB),),
    )
    etl = ManifestFunction(
        target="python3.13-x86_64",
        layers=("base",),
        external_layers=("arn:1",),
        code=code,
        code_size=10,
        unzipped_size=51 * MB + 10 + 7,
        carried_excess=3,
    )
    return Manifest(project="shop", layers=(base,), functions={"etl": etl})


def test_functions_add_up() -> None:
    manifest = bundling()
    contents = {"layers/base.zip": zip_listing(SIX), "functions/etl.zip": zip_listing(NUMPY)}
    inventory = take_inventory(manifest, contents, limits={"etl": 99}, default_limit=LIMIT)
    (etl,) = inventory.functions
    (bundled,) = etl.bundled
    assert etl == FunctionEntry(
        name="etl",
        target="python3.13-x86_64",
        layers=("base",),
        external_layers=("arn:1",),
        external_size=7,
        code_size=10,
        bundled=(bundled,),
        unzipped_size=51 * MB + 17,
        carried_excess=3,
        limit=99,
    )
    assert (bundled.name, bundled.license, bundled.file_count) == ("numpy", "BSD-3-Clause", 120)
    assert inventory.releases == {("numpy", "2.3.1"), ("six", "1.17")}
    assert inventory.files[0] == LargeFile(
        path="python/numpy/part0.so",
        unzipped_size=NUMPY.largest[0].size,
        zip="etl (code)",
        distribution="numpy",
    )
    assert [layer.functions for layer in inventory.layers] == [("etl",)]


def test_what_no_zip_tells_is_unknown() -> None:
    inventory = take_inventory(bundling(), {}, limits={}, default_limit=LIMIT)
    assert inventory.licenses == ((None, (("numpy", "2.3.1"), ("six", "1.17"))),)
    assert inventory.files == ()


def test_a_copy_is_needless_where_the_same_serves_the_same_target() -> None:
    arm = ("python3.13", "arm64")
    other = held("numpy", "2.2.0", 40 * MB)
    layers = (
        layer("a", NUMPY, SIX),
        layer("b", NUMPY),
        layer("c", other),
        layer("d", NUMPY, targets=arm),
        layer("e", SIX, targets=arm),
    )
    manifest = Manifest(project="p", layers=layers, functions={})
    inventory = take_inventory(manifest, {}, limits={}, default_limit=LIMIT)
    assert inventory.copies == (
        Copies(
            name="numpy",
            places=(
                ("a", "2.3.1", 50 * MB),
                ("b", "2.3.1", 50 * MB),
                ("c", "2.2.0", 40 * MB),
                ("d", "2.3.1", 50 * MB),
            ),
            versions=("2.2.0", "2.3.1"),
            needless=50 * MB,
        ),
        Copies(name="six", places=(("a", "1.17", MB), ("e", "1.17", MB)), versions=("1.17",), needless=0),
    )


def test_licences_that_nobody_knows_come_first() -> None:
    assert [(name, len(releases)) for name, releases in small().licenses] == [
        (None, 1),
        ("BSD-3-Clause", 2),
        ("MIT", 2),
        ("PSF-2.0", 1),
    ]


def test_tables_for_a_terminal() -> None:
    lines = format_overview(small(), width=100).splitlines()
    assert lines[:7] == [
        "stored more than once  versions  copies  needless  where",
        "---------------------  --------  ------  --------  ------------------------------",
        "numpy                  1: 2.3.1       2   50.0 MB  2: shop-py313-x86-64-pandas +1",
        "",
        "largest files           unzipped  distribution  in",
        "----------------------  --------  ------------  ------------------------",
        "python/scipy/part0.so    27.0 MB  scipy         shop-py313-x86-64-scipy",
    ]
    assert lines[16:21] == [
        "and 9 more; -v shows all",
        "",
        "licence       distributions",
        "------------  -----------------------",
        "unknown       1: shopkit",
    ]
    assert "python/shopkit/part0.so" in format_overview(small(), width=None)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_tables_fit_the_terminal(width: int) -> None:
    *tables, _ = format_overview(large(50, 20), width=width).splitlines()
    assert max(map(len, tables)) <= width


def test_the_sum_of_it() -> None:
    assert format_overview(small(), width=100).splitlines()[-1] == (
        "3 functions, 3 layers (84.7 MB zipped, 254.2 MB unzipped), 6 distributions; 2 findings"
    )


def test_document_is_json() -> None:
    document = json.loads(json.dumps(inventory_document(small())))
    assert document["project"] == "shop"
    assert document["copies"][0]["needless_size"] == 50 * MB
    assert document["functions"]["billing"]["limit"] == LIMIT
    assert document["licenses"][0] == {"license": None, "distributions": ["shopkit 1.0"]}


def test_page_names_what_occurs_often_by_its_position() -> None:
    document = page_document(small())
    assert document["releases"][0] == ["numpy", "2.3.1", "BSD-3-Clause"]
    assert document["layers"][2]["held"][0][:3] == (0, 50 * MB, 120)
    assert document["functions"][2]["layers"] == [0, 1, 2]
    assert document["licenses"][0] == [None, [4]]
    assert [finding["severity"] for finding in document["findings"]] == ["error", "warning"]
    assert document["moreFindings"] == 0


def test_page_of_a_thousand_functions_is_bounded() -> None:
    document = page_document(large())
    files = sum(len(held[3]) for layer in document["layers"] for held in layer["held"])
    assert files < 4000
    assert len(format_page(large())) < 1_000_000


def test_same_inventory_same_page() -> None:
    assert format_page(small()) == format_page(small())


def test_page_needs_nothing_from_elsewhere() -> None:
    page = format_page(small())
    assert "http:" not in page
    assert "https:" not in page
    assert "src=" not in page
    assert "@import" not in page
    assert "url(" not in page


def test_names_are_never_markup() -> None:
    page = format_page(hostile())
    # The two scripts of the page, and no other.
    assert page.count("<script") == 2
    assert page.count("</script") == 2
    assert page.count("</style") == 1
    assert "<img" not in page
    assert "<svg" not in page
    # A place for a value is only one in the template itself.
    assert page.count("default-src 'none'") == 1
    assert "\u202e" not in page


def test_page_is_whole_or_not_there(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "report.html"
    size = write_page(file, hostile())
    assert file.stat().st_size == size
    assert [path.name for path in file.parent.iterdir()] == ["report.html"]


def test_empty_project() -> None:
    empty = take_inventory(
        Manifest(project="new", layers=(), functions={}), {}, limits={}, default_limit=LIMIT
    )
    assert "there are no functions" in format_page(empty)
    assert format_overview(empty, width=80) == (
        "0 functions, 0 layers (0 B zipped, 0 B unzipped), 0 distributions; 0 findings"
    )
