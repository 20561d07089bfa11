"""`layerforge doctor` with a real engine: what is there is found, and started."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.containers.engine import Image
from tests.integration.containers.native_shop import make_shop
from tests.local_index import LocalIndex
from tests.wheel_files import MakeWheel

pytestmark = [pytest.mark.container, pytest.mark.slow]


def test_engine_and_images_are_found(
    tmp_path: Path,
    local_index: LocalIndex,
    container_toml: str,
    make_wheel: MakeWheel,
    run_image_313: Image,
) -> None:
    local_index.add(make_wheel("fine"))
    shop = make_shop(tmp_path / "shop", local_index, container_toml, {"fine": "fine\n"})
    ended = shop.run("doctor", "--json")
    assert ended.code == 0, ended.stdout
    seen = {(one["topic"], one["subject"]): one for one in ended.document["observations"]}
    engine = seen["container-engine", ""]
    assert (engine["state"], " x86_64, " in engine["sentence"]) == ("ok", True)
    assert engine["details"][-1].endswith(": an engine answers")
    run = seen["images", "run image of python3.13-x86_64"]
    assert (run["state"], run["sentence"]) == (
        "ok",
        f"{run_image_313.reference} is here ({run_image_313.id[:19]})",
    )
    assert seen["images", "build image of python3.13-x86_64"]["state"] == "ok"
    assert not [one for one in ended.document["observations"] if one["state"] in {"missing", "warning"}]
    shop.write(
        "layerforge.toml",
        (shop.root / "layerforge.toml").read_text().replace("-run:python3.13", "-no:python3.13"),
    )
    absent = shop.run("doctor", "--json")
    seen = {(one["topic"], one["subject"]): one for one in absent.document["observations"]}
    assert seen["images", "run image of python3.13-x86_64"]["state"] == "warning"
