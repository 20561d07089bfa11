"""Layers stay what they are: on this machine, on another one, and after an upgrade."""

from __future__ import annotations

import shutil
from typing import Any

from tests.e2e.shop import Shop
from tests.wheel_files import MakeWheel

RECORD = "layerforge-plan.toml"
CONFIG = 'name = "shop"\ntemplate = "template.yaml"\n'


def layers(shop: Shop) -> dict[str, list[str]]:
    return {
        layer["name"]: [one["name"] for one in layer["distributions"]] for layer in shop.manifest["layers"]
    }


def codes(findings: list[dict[str, Any]]) -> set[str]:
    return {finding["code"] for finding in findings if finding["subject"] == RECORD}


def test_whoever_builds_from_the_same_files_has_the_same_layers(shop: Shop) -> None:
    shop.write("layerforge.toml", CONFIG)
    locked = shop.run("lock", "--json")
    assert locked.code == 0, locked.stderr
    assert RECORD in locked.document["written"]
    assert codes(locked.document["findings"]) == set()
    written = (shop.root / RECORD).read_bytes()
    again = shop.run("lock")
    assert f"{RECORD}: " in again.stdout
    assert again.stdout.endswith("(unchanged)\n")

    built = shop.run("build", "--locked", "--json")
    assert built.code == 0, built.stderr
    assert codes(built.document["findings"]) == set()
    assert (shop.root / RECORD).read_bytes() == written
    there = layers(shop)
    checked = shop.run("check", "--json")
    assert codes(checked.document["findings"]) == set()

    # Another prices, and nothing else: everybody is told, and nothing changes under --locked.
    shop.write("layerforge.toml", f'{CONFIG}[plan]\nlayer-cost = "1 KB"\n')
    assert codes(shop.run("check", "--json").document["findings"]) == {"stale-plan"}
    assert codes(shop.run("build", "--locked", "--json").document["findings"]) == {"stale-plan"}
    assert codes(shop.run("lock", "--locked", "--json").document["findings"]) == {"stale-plan"}
    assert (shop.root / RECORD).read_bytes() == written
    shop.write("layerforge.toml", CONFIG)
    shutil.rmtree(shop.output)
    assert shop.run("build", "--locked").code == 0
    assert layers(shop) == there


def test_an_upgrade_changes_no_layer_until_it_is_planned_afresh(shop: Shop, make_wheel: MakeWheel) -> None:
    shop.write("layerforge.toml", CONFIG)
    assert shop.run("lock").code == 0
    written = (shop.root / RECORD).read_bytes()
    shop.index.add(
        make_wheel("greeter", "2.0", files={"greeter/__init__.py": "", "greeter/data": b"0" * 999})
    )
    upgraded = shop.run("lock", "--upgrade", "--json").document
    assert RECORD not in upgraded["written"]
    assert upgraded["written"]
    assert (shop.root / RECORD).read_bytes() == written
    assert shop.run("lock", "--replan", "--json").code == 0
    assert shop.run("lock", "--replan", "--locked").code == 2


def test_without_a_record_what_was_built_is_the_start(shop: Shop) -> None:
    shop.write("layerforge.toml", CONFIG)
    assert shop.run("build").code == 0
    record = (shop.root / RECORD).read_text()
    (shop.root / RECORD).unlink()
    checked = shop.run("check", "--json").document
    assert codes(checked["findings"]) == {"plan-not-recorded"}
    # Names that only the manifest can tell.
    renamed = {name: f"{name}-mine" for name in layers(shop)}
    manifest = shop.output / "manifest.json"
    text = manifest.read_text()
    for name, new in renamed.items():
        text = text.replace(f'"{name}"', f'"{new}"')
    manifest.write_text(text)
    assert shop.run("lock").code == 0
    for name, new in renamed.items():
        record = record.replace(f"[layers.{name}]", f"[layers.{new}]").replace(f'"{name}"', f'"{new}"')
    assert (shop.root / RECORD).read_text() == record


def test_a_folder_with_another_name_builds_the_same_layers(shop: Shop) -> None:
    """Without a name in the config, the names of layers are those that are recorded."""
    assert shop.run("build").code == 0
    there = layers(shop)
    shutil.rmtree(shop.output)
    other = Shop(root=shop.root.with_name("workspace"), index=shop.index)
    shutil.copytree(shop.root, other.root)
    assert other.run("build", "--locked").code == 0
    assert layers(other) == there


def test_a_damaged_record_is_named(shop: Shop) -> None:
    shop.write("layerforge.toml", CONFIG)
    assert shop.run("lock").code == 0
    text = (shop.root / RECORD).read_text()
    shop.write(RECORD, "<<<<<<< HEAD\n" + text)
    for command in ("check", "plan", "build", "lock"):
        ended = shop.run(command)
        assert (ended.code, ended.stderr.splitlines()[-2:]) == (
            2,
            [
                f"error: {RECORD}:1: it holds the conflict markers of an unfinished merge",
                "hint: take either side, then run `layerforge lock`: it plans what is missing",
            ],
        )
