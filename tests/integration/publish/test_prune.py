"""`layerforge prune`: what is there, who uses it, and what goes."""

from __future__ import annotations

import pytest

from tests.integration.publish.conftest import Shop, arn
from tests.unit.publish.shop import NUMPY, PYDANTIC

pytestmark = pytest.mark.aws


@pytest.fixture
def crowded(shop: Shop) -> Shop:
    """Six versions of a layer: 1 is used by a version with an alias, 4 by $LATEST."""
    client = shop.client("lambda")
    for number in range(6):
        shop.build(numpy=b"numpy %d" % number)
        assert shop.run("publish", "-q").code == 0
    shop.create_function("orders", arn(NUMPY, 1))
    client.publish_version(FunctionName="orders")
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")
    client.update_function_configuration(FunctionName="orders", Layers=[arn(NUMPY, 4)])
    client.publish_layer_version(LayerName="insights", Content={"ZipFile": b"zip"})
    shop.aws.heal()
    # Of everything there is more than one page.
    shop.aws.page = 2
    return shop


def test_shows_and_deletes_nothing(crowded: Shop) -> None:
    ended = crowded.run("prune", "--keep", "2")
    assert ended.code == 0, ended.stderr
    lines = [" ".join(line.split()) for line in ended.stdout.splitlines()]
    assert lines[0].split() == ["region", "layer", "version", "created", "zipped", "used", "by"]
    today = lines[2].split()[3]
    assert lines[2:] == [
        f"eu-west-1 {NUMPY} 3 {today} 370 B goes nobody",
        f"eu-west-1 {NUMPY} 2 {today} 370 B goes nobody",
        f"eu-west-1 {NUMPY} 6 {today} stays nobody, one of the last",
        f"eu-west-1 {NUMPY} 5 {today} stays nobody, one of the last",
        f"eu-west-1 {NUMPY} 4 {today} stays orders:$LATEST",
        f"eu-west-1 {NUMPY} 1 {today} stays orders:1 (live)",
        f"eu-west-1 {PYDANTIC} 1 {today} stays nobody, one of the last",
        "",
        "2 of 7 versions could go, 740 B: run it with --delete",
    ]
    assert crowded.versions()[NUMPY] == [6, 5, 4, 3, 2, 1]


def test_deletes_what_nobody_uses(crowded: Shop) -> None:
    ended = crowded.run("prune", "--keep", "1", "--delete", "--json")
    assert ended.code == 0, ended.stderr
    document = ended.document
    assert sorted(document["deleted"]) == [arn(NUMPY, 2), arn(NUMPY, 3), arn(NUMPY, 5)]
    assert document["freed"] == 3 * 370
    assert crowded.versions() == {"insights": [1], NUMPY: [6, 4, 1], PYDANTIC: [1]}
    assert document["versions"][-2] == {
        "region": "eu-west-1",
        "name": NUMPY,
        "version": 1,
        "arn": arn(NUMPY, 1),
        "created": document["versions"][-2]["created"],
        "used_by": [{"function": "orders", "version": "1", "aliases": ["live"]}],
        "size": None,
        "goes": False,
    }
    ended = crowded.run("prune", "--delete")
    assert ended.stdout.endswith("deleted 0 versions, 0 B freed\n")


def test_layers_of_earlier_plans_go_too(shop: Shop) -> None:
    client = shop.client("lambda")
    for _ in range(2):
        client.publish_layer_version(LayerName="shop-py312-arm64-old", Content={"ZipFile": b"zip"})
    client.publish_layer_version(LayerName="shop-tools", Content={"ZipFile": b"zip"})
    ended = shop.run("prune", "--keep", "1", "--delete", "--json")
    assert ended.document["deleted"] == [arn("shop-py312-arm64-old", 1)]
    (shop.root / ".layerforge/manifest.json").unlink()
    ended = shop.run("prune")
    assert ended.code == 2
    assert ended.stderr == (
        "error: layerforge.toml: nothing says whose layers are meant\n"
        'hint: set name = "..." there, or run `layerforge build` first\n'
    )
    shop.config('name = "shop"\n')
    assert (
        shop.run("prune").stdout.splitlines()[-1] == "1 version, all used or among the last: nothing could go"
    )


def test_no_layers(shop: Shop) -> None:
    assert shop.run("prune").stdout == "there are no layers of this project\n"


def test_shared_layers(shop: Shop) -> None:
    shop.config('[publish.permissions]\naccounts = ["111111111111"]\n')
    ended = shop.run("prune")
    assert "these layers are shared: functions of other accounts that use them are not seen" in ended.stderr
