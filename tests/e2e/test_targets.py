"""Functions on two targets: what the same wheel serves is stored once, and works on both."""

from __future__ import annotations

import os
import zipfile

import pytest

from tests.e2e.shop import Shop
from tests.local_index import LocalIndex
from tests.wheel_files import MakeWheel

# More than an extra layer has to earn, and nothing that deflate could make small.
BULK = 1_500_000


@pytest.fixture
def shared(shop: Shop, local_index: LocalIndex, make_wheel: MakeWheel) -> Shop:
    """The shop, with a large pure wheel that a function of each target asks for."""
    files: dict[str, bytes | str] = {
        "bulky/__init__.py": "def main(): print('bulky')\n",
        "bulky/data": os.urandom(BULK),
    }
    programs = {"console_scripts": {"bulky": "bulky:main"}}
    local_index.add(make_wheel("bulky", "1.0", files=files, entry_points=programs))
    for name in ("orders", "reports"):
        path = shop.root / f"functions/{name}/requirements.in"
        path.write_text(path.read_text() + "bulky\n")
    return shop


def test_a_pure_wheel_is_stored_once_for_two_targets(shared: Shop) -> None:
    ended = shared.run("build")
    assert ended.code == 0, ended.stderr
    manifest = shared.manifest
    holding = [
        layer for layer in manifest["layers"] if any(one["name"] == "bulky" for one in layer["distributions"])
    ]
    (layer,) = holding
    assert layer["name"] == "shop-any-bulky"
    assert layer["runtimes"] == ["python3.12", "python3.13"]
    assert layer["architectures"] == ["arm64", "x86_64"]
    takers = {name for name, one in manifest["functions"].items() if layer["name"] in one["layers"]}
    assert takers >= {"Orders", "Reports"}
    with zipfile.ZipFile(shared.output / layer["path"]) as archive:
        assert archive.read("bin/bulky").startswith(b"#!   /var/lang/bin/python3\n")
    # What is made for one target is in none of its layers.
    assert not {"matrix", "speedups"} & {one["name"] for one in layer["distributions"]}


def test_bytecode_that_counts_keeps_runtimes_apart(shared: Shop) -> None:
    shared.write("layerforge.toml", 'name = "shop"\ntemplate = "template.yaml"\nbytecode = "used"\n')
    shared.run("lock")
    layers = shared.run("plan", "--json").document["layers"]
    assert {layer["name"] for layer in layers if layer["name"].endswith("-bulky")} == {
        "shop-py312-arm64-bulky",
        "shop-py313-x86-64-bulky",
    }
    assert all(len(layer["targets"]) == 1 for layer in layers)


def test_targets_share_nothing_where_that_is_asked_for(shared: Shop) -> None:
    config = 'name = "shop"\ntemplate = "template.yaml"\n[plan]\nshare-across = "nothing"\n'
    shared.write("layerforge.toml", config)
    shared.run("lock")
    layers = shared.run("plan", "--json").document["layers"]
    assert all(len(layer["targets"]) == 1 for layer in layers)
