from __future__ import annotations

import json

import pytest

from tests.e2e.conftest import KeptShop
from tests.e2e.shop import Shop


@pytest.fixture
def built(kept_shop: KeptShop) -> Shop:
    return kept_shop("built", _build)


def _build(shop: Shop) -> None:
    ended = shop.run("build", "-q")
    assert ended.code == 0, ended.stderr


def test_report_shows_what_was_built(built: Shop) -> None:
    asked = len(built.index.requests)
    ended = built.run("report")
    assert ended.code == 0
    assert "python/matrix/data.bin" in ended.stdout
    assert ended.stdout.splitlines()[-1].startswith("3 functions, ")
    document = built.run("report", "--json").document
    assert document["html"] is None
    layers = {layer["name"]: layer for layer in built.manifest["layers"]}
    assert {one["name"]: one["unzipped_size"] for one in document["layers"]} == {
        name: layer["unzipped_size"] for name, layer in layers.items()
    }
    assert document["largest_files"][0]["unzipped_size"] == 200_000
    assert [finding["code"] for finding in document["findings"]] == [
        finding["code"] for finding in built.run("check", "--json").document["findings"]
    ]
    assert len(built.index.requests) == asked


def test_report_writes_a_page(built: Shop) -> None:
    ended = built.run("report", "--html", "out/report.html")
    assert ended.code == 0
    assert ended.stdout.startswith("wrote out/report.html (")
    page = (built.root / "out/report.html").read_text()
    data = page.split('id="data">')[1].split("</script>")[0]
    assert {one["name"] for one in json.loads(data)["functions"]} == {"Orders", "Billing", "Reports"}
    # The same again, byte for byte.
    assert built.run("report", "--html", "again.html").code == 0
    assert (built.root / "again.html").read_text() == page
    assert built.run("report", "--html", "again.html", "--json").document["html"] == "again.html"


def test_report_writes_sboms(built: Shop) -> None:
    ended = built.run("report", "--sbom", "sboms", "--html", "report.html")
    assert ended.code == 0
    names = {layer["name"] for layer in built.manifest["layers"]}
    assert ended.stdout.splitlines()[-1] == f"wrote {len(names)} SBOMs into sboms"
    written = {path.name: path.read_text() for path in (built.root / "sboms").iterdir()}
    assert set(written) == {f"{name}.cdx.json" for name in names}
    purls = {one["purl"] for text in written.values() for one in json.loads(text)["components"]}
    assert "pkg:pypi/matrix@2.0" in purls
    assert "pkg:pypi/shopkit@1.0" in purls
    again = built.run("report", "--sbom", "again", "--json").document
    assert {path.read_text() for path in map(built.root.joinpath, again["sboms"])} == set(written.values())
    dated = built.run("report", "--sbom", "sboms", SOURCE_DATE_EPOCH="1700000000")
    assert dated.code == 0
    assert '"2023-11-14T22:13:20Z"' in (built.root / "sboms" / next(iter(written))).read_text()
    refused = built.run("report", "--sbom", "sboms", SOURCE_DATE_EPOCH="today")
    assert refused.code == 2
    assert "SOURCE_DATE_EPOCH is 'today', which is not a number of seconds" in refused.stderr


def test_report_of_another_folder(built: Shop) -> None:
    built.output.rename(built.root / "elsewhere")
    assert built.run("report", "-o", "elsewhere").code == 0
    ended = built.run("report")
    assert ended.code == 4
    assert "nothing is built here yet" in ended.stderr


def test_report_tells_that_the_project_moved_on(built: Shop) -> None:
    built.write("functions/orders/requirements.in", "greeter<1.2\n")
    ended = built.run("report", "--json")
    assert ended.code == 0
    (finding,) = [one for one in ended.document["findings"] if one["code"] == "not-checked"]
    assert finding["sentence"] == "the lock does not fit the requirements"


def test_report_of_a_damaged_zip_ends_with_4(built: Shop) -> None:
    layer = built.output / built.manifest["layers"][0]["path"]
    layer.write_bytes(b"PK\5\6 not a zip")
    ended = built.run("report", LAYERFORGE_CACHE_DIR=str(built.root / "fresh"))
    assert ended.code == 4
    assert f"{layer}: the zip cannot be read" in ended.stderr


def test_page_that_cannot_be_written(built: Shop) -> None:
    built.write("file", "")
    ended = built.run("report", "--html", "file/report.html")
    assert ended.code == 4
    assert "cannot use" in ended.stderr
