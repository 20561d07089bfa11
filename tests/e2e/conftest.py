"""The project that the end-to-end tests work on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.e2e.shop import REQUIREMENTS, TEMPLATE, Shop, offer_wheels
from tests.local_index import LocalIndex, running_index
from tests.wheel_files import MakeSource, MakeWheel

KeptShop = Callable[[str, Callable[[Shop], None]], Shop]


@pytest.fixture
def shop(tmp_path: Path, local_index: LocalIndex, make_wheel: MakeWheel, make_project: MakeSource) -> Shop:
    """Three functions on two targets, a workspace package, wheels that fit one target only."""
    offer_wheels(local_index, make_wheel)
    return _write_shop(Shop(root=tmp_path / "shop", index=local_index), make_project)


@dataclass
class Shelf:
    """Folders (and caches) as tests found them when they were made, by name; one index serves them all."""

    index: LocalIndex
    folder: Path
    kept: set[str] = field(default_factory=set)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """Empty at first."""
    with running_index() as index:
        yield Shelf(index=index, folder=tmp_path_factory.mktemp("shelf"))


@pytest.fixture
def kept_shop(
    tmp_path: Path, isolated_environment: Path, shelf: Shelf, make_wheel: MakeWheel, make_project: MakeSource
) -> KeptShop:
    """`kept_shop(name, make)`: a shop as `make` left it, in a folder and with a cache of this test alone.

    It is made for the first test that asks, and copied for all others: locking and building take seconds.
    """

    def get(name: str, make: Callable[[Shop], None]) -> Shop:
        shop = Shop(root=tmp_path / "shop", index=shelf.index)
        cache, kept = Path(os.environ["LAYERFORGE_CACHE_DIR"]), shelf.folder / name
        if name in shelf.kept:
            shutil.copytree(kept / "root", tmp_path, symlinks=True, dirs_exist_ok=True)
            shutil.copytree(kept / "cache", cache, symlinks=True)
            return shop
        if not shelf.kept:
            offer_wheels(shelf.index, make_wheel)
        make(_write_shop(shop, make_project))
        shutil.copytree(tmp_path, kept / "root", symlinks=True)
        shutil.copytree(cache, kept / "cache", symlinks=True)
        shelf.kept.add(name)
        return shop

    return get


def _write_shop(shop: Shop, make_project: MakeSource) -> Shop:
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
