"""`layerforge verify` where there is nothing to run: what it needs is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import KeptShop
from tests.e2e.shop import Shop


@pytest.fixture
def built(kept_shop: KeptShop) -> Shop:
    return kept_shop("built from wheels", _build)


def _build(shop: Shop) -> None:
    shop.write("layerforge.toml", 'template = "template.yaml"\nbuilder = "wheels"\nbytecode = "off"\n')
    ended = shop.run("build")
    assert ended.code == 0, ended.stderr


def test_nothing_is_built(shop: Shop) -> None:
    ended = shop.run("verify")
    assert (ended.code, ended.stdout) == (4, "")
    assert f"{shop.output}: nothing is built here yet\nhint: run `layerforge build`" in ended.stderr


def test_zip_that_is_not_the_manifest_s(built: Shop) -> None:
    damaged = min(built.output.glob("layers/*.zip"))
    damaged.write_bytes(b"?")
    ended = built.run("verify")
    assert ended.code == 4
    assert f"{damaged}: the zip is not the one that the manifest tells of" in ended.stderr


def test_unknown_function(built: Shop) -> None:
    ended = built.run("verify", "Order")
    assert ended.code == 2
    assert "there is no function Order\nhint: did you mean Orders?" in ended.stderr


def test_no_engine(built: Shop, tmp_path: Path) -> None:
    ended = built.run("verify", "--json", DOCKER_HOST=f"unix://{tmp_path}/none.sock")
    assert (ended.code, ended.document["error"]["kind"]) == (6, "ToolError")


def test_values_of_variables_are_not_shown(built: Shop) -> None:
    ended = built.run("verify", "--env", "not a name=hunter2")
    assert (ended.code, "hunter2" in ended.stdout + ended.stderr) == (2, False)
