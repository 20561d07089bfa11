"""Projects whose sources are compiled: what the tests of containers build."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.e2e.shop import Shop
from tests.local_index import LocalIndex
from tests.native_files import native_files, write_native_sdist

HANDLER = "def handler(event, context):\n    return {'answer': answer()}\n"


def make_shop(
    root: Path, index: LocalIndex, toml: str, functions: Mapping[str, str], *, top: str = ""
) -> Shop:
    """Functions by name, each with its requirements; its handler takes `answer` from the first of them."""
    shop = Shop(root=root, index=index)
    lines = ['name = "shop"', 'runtime = "python3.13"', 'bytecode = "off"', top]
    for name, requirements in functions.items():
        lines += [f"[functions.{name}]", f'source = "{name}"', 'handler = "app.handler"']
        shop.write(f"{name}/requirements.in", requirements)
        shop.write(f"{name}/app.py", f"from {name} import answer\n{HANDLER}")
    shop.write("layerforge.toml", "\n".join([*lines, toml]))
    return shop


def offer(index: LocalIndex, folder: Path, name: str, **options: Any) -> None:
    """An sdist on the index; `options` as `native_files` takes them."""
    index.add(write_native_sdist(folder, name, "1.0", native_files(name, **options)))


def files_of(shop: Shop) -> dict[str, bytes]:
    """The files of all layers."""
    held: dict[str, bytes] = {}
    for layer in shop.manifest["layers"]:
        with zipfile.ZipFile(shop.output / layer["path"]) as opened:
            held |= {name: opened.read(name) for name in opened.namelist()}
    return held
