"""What `build` and `check` say of the zips: native code that cannot load, files in each other's way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.shop import Ended, Shop
from tests.elf_files import AARCH64, make_elf
from tests.local_index import LocalIndex
from tests.wheel_files import MakeWheel

TAG = "cp313-cp313-manylinux_2_17_x86_64"
CONFIG = """\
name = "shop"
runtime = "python3.13"
builder = "wheels"
bytecode = "off"

[functions.orders]
source = "functions/orders"

[functions.billing]
source = "functions/billing"
"""
MISSING = (
    "error: python/vision/_vision.cpython-313-x86_64-linux-gnu.so of vision 1.0 "
    "(layer shop-py313-x86-64-vision) needs libGL.so.1, which neither python3.13 nor a layer of the "
    "function has"
)


@pytest.fixture
def shop(tmp_path: Path, local_index: LocalIndex, make_wheel: MakeWheel) -> Shop:
    """Two functions, one of which takes a wheel whose native module needs a library that is not there."""
    module = make_elf(
        needed=["libGL.so.1", "libc.so.6"], requires={"libc.so.6": ["GLIBC_2.17"]}, modules=["_vision"]
    )
    path = "vision/_vision.cpython-313-x86_64-linux-gnu.so"
    local_index.add(make_wheel("vision", files={"vision/__init__.py": "", path: module}, tag=TAG))
    local_index.add(make_wheel("greeter"))
    local_index.add(make_wheel("cv", files={"cv2/__init__.py": "a", "cv2/x.py": "a"}))
    local_index.add(make_wheel("cv-headless", files={"cv2/__init__.py": "bb", "cv2/x.py": "bb"}))
    shop = Shop(root=tmp_path / "shop", index=local_index)
    shop.write("layerforge.toml", CONFIG)
    for name, required in {"orders": "vision", "billing": "greeter"}.items():
        shop.write(f"functions/{name}/requirements.in", f"{required}\n")
        shop.write(f"functions/{name}/app.py", f"import {required}\n\ndef handler(event, context): ...\n")
    return shop


def codes(ended: Ended) -> list[str]:
    return [finding["code"] for finding in ended.document["findings"]]


def test_native_code_that_cannot_load_ends_build_and_check_with_8(shop: Shop) -> None:
    built = shop.run("build")
    assert built.code == 8, built.stderr
    assert MISSING in built.stderr
    assert "\n  mounted by billing, orders\n" in built.stderr
    # What was built is there: whoever never loads the module may use it.
    assert len(shop.zips()) == 3
    again = shop.run("build")
    assert (again.code, MISSING in again.stderr) == (8, True)
    assert "nothing changed, nothing was done" in again.stdout
    checked = shop.run("check")
    assert (checked.code, MISSING in checked.stderr) == (8, True)
    assert checked.stdout == "1 problem in 2 functions\n"


def test_json_carries_native_code_and_findings(shop: Shop) -> None:
    for command in ("build", "build", "check"):
        ended = shop.run(command, "--json")
        assert (ended.code, codes(ended)) == (8, ["missing-library"])
        (native,) = ended.document["native"].values()
        assert native["highest_versions"] == ["GLIBC_2.17"]
        assert (native["files"], native["copied_bytes"], native["machines"]) == (1, 0, ["x86_64"])
    assert ended.document["built"] == "current"


def test_imports_are_held_against_requirements(shop: Shop) -> None:
    shop.write("layerforge.toml", f'{CONFIG}[check]\nignore = ["missing-library"]\n')
    shop.write("functions/billing/app.py", "import yaml\n\ndef handler(event, context): ...\n")
    expected = [
        ("missing-import", "functions/billing/app.py:1"),
        ("unused-requirement", "functions/billing/requirements.in:1"),
    ]
    for command in ("build", "check"):
        ended = shop.run(command, "--json")
        assert ended.code == 0
        assert [(one["code"], one["where"]) for one in ended.document["findings"]] == expected


@pytest.mark.parametrize("pattern", ["missing-library", "missing-library:libGL.*", "missing-library:vision"])
def test_findings_can_be_ignored(shop: Shop, pattern: str) -> None:
    shop.write("layerforge.toml", f'{CONFIG}[check]\nignore = ["{pattern}"]\n')
    built, checked = shop.run("build", "--json"), shop.run("check", "--json")
    assert (built.code, codes(built), checked.code, codes(checked)) == (0, [], 0, [])


def test_an_ignored_finding_comes_back_with_the_config(shop: Shop) -> None:
    shop.write("layerforge.toml", f'{CONFIG}[check]\nignore = ["missing-library"]\n')
    assert shop.run("build").code == 0
    shop.write("layerforge.toml", CONFIG)
    assert shop.run("check").code == 8
    ended = shop.run("build")
    assert (ended.code, MISSING in ended.stderr) == (8, True)
    assert "nothing was done" in ended.stdout


def test_check_looks_into_what_is_locked_only(shop: Shop) -> None:
    assert shop.run("lock").code == 0
    ended = shop.run("check", "--json")
    assert (ended.code, ended.document["built"], codes(ended)) == (0, "none", [])
    shop.run("build")
    shop.write("functions/billing/more.py", "x = 1\n")
    ended = shop.run("check", "--json")
    assert (ended.code, ended.document["built"], codes(ended)) == (0, "stale", ["stale-build"])
    assert ended.document["findings"][0]["sentence"] == (
        "what was built last is not looked into: the code of billing has changed"
    )
    shop.run("build")
    assert shop.run("check").code == 8


def test_check_finds_another_output_folder(shop: Shop) -> None:
    shop.run("build", "-o", "out")
    assert shop.run("check").code == 0
    assert shop.run("check", "-o", "out").code == 8


def test_zips_that_are_gone_are_told_and_no_error(shop: Shop) -> None:
    shop.run("build")
    for path in shop.output.rglob("*.zip"):
        path.unlink()
    cold = str(shop.root / "cold-cache")
    ended = shop.run("check", "--json", LAYERFORGE_CACHE_DIR=cold)
    assert (ended.code, ended.document["built"], codes(ended)) == (0, "stale", ["stale-build"])
    shop.write(".layerforge/manifest.json", "{}")
    ended = shop.run("check", "--json", LAYERFORGE_CACHE_DIR=cold)
    assert (ended.code, codes(ended)) == (0, ["stale-build"])
    assert "version: this key is missing" in ended.document["findings"][0]["sentence"]


def test_collisions_are_told_of_layers_that_were_built_before(shop: Shop) -> None:
    shop.write("functions/orders/requirements.in", "cv\ncv-headless\n")
    shop.write("functions/billing/requirements.in", "")
    expected = " have other contents in cv-headless 1.0, which had to give way\n"
    first = shop.run("build")
    assert (first.code, expected in first.stderr) == (0, True)
    assert "warning: 2 files of cv 1.0 (layer shop-py313-x86-64-cv" in first.stderr
    # Something else is built, and this layer is not.
    shop.write("functions/billing/more.py", "x = 1\n")
    second = shop.run("build")
    assert (second.code, expected in second.stderr) == (0, True)
    assert second.stdout.splitlines()[-1].startswith("built 1 code zip;")


def test_code_that_was_made_for_another_machine(shop: Shop) -> None:
    shop.write("functions/orders/requirements.in", "")
    path = shop.root / "functions/billing/_own.abi3.so"
    path.write_bytes(make_elf(machine=AARCH64, modules=["_own"]))
    ended = shop.run("build")
    assert ended.code == 8
    assert (
        "error: _own.abi3.so of the code of billing is for arm64, and the function is for x86_64"
        in ended.stderr
    )


def test_a_verdict_is_made_anew_where_no_cache_has_it(shop: Shop) -> None:
    shop.run("build")
    ended = shop.run("check", "--json", LAYERFORGE_CACHE_DIR=str(shop.root / "another-cache"))
    assert (ended.code, codes(ended)) == (8, ["missing-library"])
