"""The project that the end-to-end tests work on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.shop import REQUIREMENTS, TEMPLATE, Shop, offer_wheels
from tests.local_index import LocalIndex
from tests.wheel_files import MakeSource, MakeWheel


@pytest.fixture
def shop(tmp_path: Path, local_index: LocalIndex, make_wheel: MakeWheel, make_project: MakeSource) -> Shop:
    """Three functions on two targets, a workspace package, wheels that fit one target only."""
    offer_wheels(local_index, make_wheel)
    shop = Shop(root=tmp_path / "shop", index=local_index)
    shop.write("template.yaml", TEMPLATE)
    shop.write("functions/common.in", "greeter\n")
    for name, text in REQUIREMENTS.items():
        shop.write(f"functions/{name}/requirements.in", text)
        shop.write(
            f"functions/{name}/app.py",
            f"import greeter\n\ndef handler(event, context):\n    return '{name}'\n",
        )
    make_project("shopkit", requires=["greeter>=1"], directory=shop.root / "libs" / "shopkit")
    return shop
