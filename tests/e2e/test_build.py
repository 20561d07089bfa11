"""The main job, as a user runs it."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import jsonschema
import pytest

from layerforge.cache import Cache
from tests.e2e.shop import Shop
from tests.wheel_files import MakeWheel


def distributions(shop: Shop, function: str) -> dict[str, str]:
    """What the layers of a function hold, by name."""
    manifest = shop.manifest
    taken = manifest["functions"][function]["layers"]
    return {
        held["name"]: held["version"]
        for layer in manifest["layers"]
        if layer["name"] in taken
        for held in layer["distributions"]
    }


def test_build_makes_layers_that_run(shop: Shop, tmp_path: Path) -> None:
    ended = shop.run("build")
    assert ended.code == 0, ended.stderr
    orders, billing = distributions(shop, "Orders"), distributions(shop, "Billing")
    # A layer of its own must earn 1 MiB, so small things that others need may be carried too.
    assert orders.items() >= {"greeter": "1.2", "matrix": "2.0", "speedups": "3.0"}.items()
    assert billing.items() >= {"greeter": "1.2", "shopkit": "1.0"}.items()
    assert distributions(shop, "Reports") == {"greeter": "1.2", "matrix": "2.0"}
    assert shop.manifest["functions"]["Reports"]["target"] == "python3.12-arm64"
    opt = unpack_layers(shop, "Orders", tmp_path / "opt")
    code = (
        "import greeter, matrix, speedups, importlib.metadata as m;"
        "print(m.version('greeter'), sorted(e.name for e in m.entry_points(group='console_scripts')"
        " if e.value == 'greeter:main'), m.distribution('matrix').read_text('INSTALLER').strip())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(opt / "python")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1.2 ['greet'] layerforge\n"
    assert os.access(opt / "bin" / "greet", os.X_OK) or (opt / "bin" / "greet").is_file()


def unpack_layers(shop: Shop, function: str, destination: Path) -> Path:
    manifest = shop.manifest
    for layer in manifest["layers"]:
        if layer["name"] in manifest["functions"][function]["layers"]:
            with zipfile.ZipFile(shop.output / layer["path"]) as archive:
                assert archive.testzip() is None
                archive.extractall(destination)
    return destination


def test_build_reports_layers_functions_and_what_was_passed_over(shop: Shop) -> None:
    ended = shop.run("build")
    assert "layer " in ended.stdout
    assert "Orders    python3.13-x86_64" in ended.stdout
    assert "of 250.0 MB" in ended.stdout
    assert "Thumbnails" in ended.stderr
    assert "template.yaml" in ended.stderr


def test_manifest_fits_the_schema_that_ships(shop: Shop) -> None:
    shop.run("build")
    schema = json.loads(
        importlib.resources.files("layerforge").joinpath("schemas/manifest.schema.json").read_text()
    )
    jsonschema.validate(shop.manifest, schema)
    for layer in shop.manifest["layers"]:
        assert (shop.output / layer["path"]).stat().st_size == layer["zipped_size"]


def test_recorded_sizes_are_the_built_ones(shop: Shop) -> None:
    planned = {}
    shop.run("lock")
    for layer in shop.run("plan", "--json").document["layers"]:
        planned[layer["name"]] = layer["unzipped_size"]
    shop.run("build")
    built = {}
    for layer in shop.manifest["layers"]:
        with zipfile.ZipFile(shop.output / layer["path"]) as archive:
            built[layer["name"]] = sum(info.file_size for info in archive.infolist())
        assert layer["unzipped_size"] == built[layer["name"]]
    assert planned == built


def test_same_lock_same_bytes_in_another_place(shop: Shop, tmp_path: Path) -> None:
    shop.write("layerforge.toml", 'name = "shop"\ntemplate = "template.yaml"\n')
    shop.run("build")
    elsewhere = Shop(root=tmp_path / "else where", index=shop.index)
    shutil.copytree(shop.root, elsewhere.root, ignore=shutil.ignore_patterns(".layerforge"))
    ended = elsewhere.run("build", "--locked", LAYERFORGE_CACHE_DIR=str(tmp_path / "other-cache"))
    assert ended.code == 0, ended.stderr
    assert elsewhere.zips() == shop.zips()
    assert (elsewhere.output / "manifest.json").read_bytes() == (shop.output / "manifest.json").read_bytes()


def test_nothing_changed_means_nothing_done(shop: Shop) -> None:
    shop.run("build")
    before = {path: path.stat().st_mtime_ns for path in shop.output.rglob("*")}
    shop.index.forget_requests()
    ended = shop.run("build")
    assert ended.stdout.endswith("nothing changed, nothing was done\n")
    assert {path: path.stat().st_mtime_ns for path in shop.output.rglob("*")} == before
    assert shop.index.count() == 0


def test_warnings_stay_while_nothing_changes(shop: Shop) -> None:
    limits = "[limits]\nunzipped = 210000\nwarn-at = 0.5\n"
    shop.write("layerforge.toml", f'name = "shop"\ntemplate = "template.yaml"\n{limits}')
    first = shop.run("build", "--json").document["findings"]
    assert "near-limit" in {finding["code"] for finding in first}
    again = shop.run("build", "--json").document
    assert again["built"] == []
    assert again["findings"] == first
    assert "uses 197" in shop.run("build").stderr


def test_changed_function_rebuilds_only_what_it_touches(shop: Shop) -> None:
    shop.run("build")
    before = shop.zips()
    shop.write("functions/orders/app.py", "def handler(event, context):\n    return 'changed'\n")
    ended = shop.run("build", "--json")
    assert ended.document["built"] == ["Orders (code)"]
    after = shop.zips()
    assert {path for path in before if path.startswith("layers/")} == {
        path for path in after if path.startswith("layers/")
    }
    assert len(set(after) - set(before)) == 1
    assert len(after) == len(before)


def test_changed_workspace_package_rebuilds_its_layer(shop: Shop) -> None:
    shop.run("build")
    (shop.root / "libs/shopkit/shopkit").mkdir(exist_ok=True)
    (package,) = (shop.root / "libs/shopkit").rglob("__init__.py")
    package.write_text("CHANGED = True\n")
    document = shop.run("build", "--json").document
    assert len(document["built"]) == 1
    (layer,) = [layer for layer in document["layers"] if layer["name"] in document["built"]]
    assert "shopkit" in [held["name"] for held in layer["distributions"]]
    with zipfile.ZipFile(shop.output / layer["path"]) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith("shopkit/__init__.py")]
        assert archive.read(name) == b"CHANGED = True\n"


def test_removed_zip_is_built_again(shop: Shop) -> None:
    shop.run("build")
    before = shop.zips()
    next((shop.output / "layers").iterdir()).unlink()
    assert shop.run("build").code == 0
    assert shop.zips() == before


def test_offline_builds_from_the_cache_and_names_what_is_missing(shop: Shop, tmp_path: Path) -> None:
    shop.run("build")
    shutil.rmtree(shop.output)
    shop.index.forget_requests()
    assert shop.run("build", "--offline").code == 0
    assert shop.index.count() == 0
    shutil.rmtree(shop.output)
    ended = shop.run("build", "--offline", LAYERFORGE_CACHE_DIR=str(tmp_path / "empty"))
    assert ended.code == 4
    assert "  matrix 2.0 for python3.13-x86_64\n" in ended.stderr


def test_stale_lock_is_refused_under_locked_and_says_why(shop: Shop) -> None:
    shop.run("build")
    shop.write("functions/orders/requirements.in", "greeter>=3\n")
    for command in ("lock", "build", "plan"):
        ended = shop.run(command, "--locked")
        assert ended.code == 3
        assert "greeter" in ended.stderr
        assert "functions/orders/requirements.in:1" in ended.stderr
    assert shop.run("check").code == 3


def test_pins_stay_until_they_are_upgraded(shop: Shop) -> None:
    shop.write("functions/common.in", "greeter<1.2\n")
    shop.run("lock")
    shop.write("functions/common.in", "greeter\n")
    assert shop.run("lock").code == 0
    assert (
        'version = "1.0"' in (shop.root / "pylock.py313-x86-64.toml").read_text().split('name = "greeter"')[1]
    )
    assert shop.run("lock", "--upgrade-package", "Greeter").code == 0
    assert (
        'version = "1.2"' in (shop.root / "pylock.py313-x86-64.toml").read_text().split('name = "greeter"')[1]
    )


def test_locking_again_gives_the_same_bytes(shop: Shop) -> None:
    shop.run("lock")
    before = {path.name: path.read_bytes() for path in shop.root.glob("pylock.*.toml")}
    assert sorted(before) == ["pylock.py312-arm64.toml", "pylock.py313-x86-64.toml"]
    shop.run("lock", "--upgrade")
    assert {path.name: path.read_bytes() for path in shop.root.glob("pylock.*.toml")} == before


def test_locking_does_not_download_wheels(shop: Shop) -> None:
    shop.run("lock")
    assert shop.index.bytes_sent("/files/*.whl") < 200_000


def test_password_of_the_index_is_used_and_never_written(shop: Shop) -> None:
    shop.index.protect()
    ended = shop.run("build", "-v", PIP_INDEX_URL=shop.index.url_with_credentials)
    assert ended.code == 0, ended.stderr
    cache = Path(os.environ["LAYERFORGE_CACHE_DIR"])
    written = [p for folder in (shop.root, cache) for p in folder.rglob("*") if p.is_file()]
    for secret in shop.index.secrets:
        assert not [path for path in written if secret.encode() in path.read_bytes()]


def test_password_in_a_direct_url_serves_a_later_build(
    shop: Shop, make_wheel: MakeWheel, tmp_path: Path
) -> None:
    wheel = make_wheel("private", "1.0", directory=tmp_path)
    shop.index.add(wheel)
    shop.index.protect()
    with_credentials = shop.index.url_with_credentials
    url = with_credentials.replace("/simple/", f"/files/{wheel.name}")
    shop.write("functions/orders/requirements.in", f"greeter\nprivate @ {url}\n")
    ended = shop.run("build", PIP_INDEX_URL=with_credentials)
    assert ended.code == 0, ended.stderr
    for secret in shop.index.secrets:
        assert not [path for path in shop.root.glob("pylock.*") if secret in path.read_text()]
    # Another process, to which nobody but the requirement tells the password.
    shutil.rmtree(shop.output)
    Cache().blob(hashlib.sha256(wheel.read_bytes()).hexdigest()).unlink()
    ended = shop.run("build", "--locked")
    assert ended.code == 0, ended.stderr
    assert distributions(shop, "Orders")["private"] == "1.0"


def test_init_writes_what_discovery_finds(shop: Shop) -> None:
    assert shop.run("init").code == 0
    assert shop.run("init").code == 2
    by_discovery = Shop(root=shop.root, index=shop.index).run("plan", "--json").document
    (shop.root / "layerforge.toml").unlink()
    assert shop.run("plan", "--json").document["functions"] == by_discovery["functions"]


@pytest.mark.parametrize("arguments", [("build",), ("lock",), ("plan",), ("check",)])
def test_json_is_one_document_and_stderr_is_silent(shop: Shop, arguments: tuple[str, ...]) -> None:
    shop.run("lock")
    ended = shop.run(*arguments, "--json")
    assert isinstance(ended.document["findings"], list)
    assert ended.stderr == ""


def test_check_passes_then_refuses_what_is_too_large(shop: Shop) -> None:
    shop.run("lock")
    shop.index.forget_requests()
    ended = shop.run("check")
    assert ended.code == 0
    assert ended.stdout.startswith("3 functions are within the limits; the largest, ")
    shop.write("layerforge.toml", 'name = "shop"\ntemplate = "template.yaml"\n[limits]\nunzipped = 100000\n')
    ended = shop.run("check")
    assert ended.code == 5
    assert "Orders needs 197.5 KB unzipped" in ended.stderr
    assert "required by functions/orders/requirements.in:2" in ended.stderr
    refused = shop.run("build")
    assert refused.code == 5
    assert not shop.output.exists()
    assert shop.index.count() == 0


def test_check_sees_code_that_grew(shop: Shop) -> None:
    shop.write("layerforge.toml", 'name = "shop"\ntemplate = "template.yaml"\n[limits]\nunzipped = 1000000\n')
    shop.run("lock")
    assert shop.run("check").code == 0
    (shop.root / "functions/billing/model.bin").write_bytes(bytes(1_000_001))
    ended = shop.run("check")
    assert ended.code == 5
    assert "its own code" in ended.stderr


def test_builds_keep_the_cache_below_its_bound(shop: Shop) -> None:
    cache = Cache()
    unused = cache.blob("ab" * 32)
    unused.parent.mkdir(parents=True)
    unused.write_bytes(bytes(2 * 2**20))
    os.utime(unused, (0, 0))
    assert shop.run("build", LAYERFORGE_CACHE_MAX_MB="many").code == 2
    assert shop.run("build", LAYERFORGE_CACHE_MAX_MB="2").code == 0
    assert not unused.exists()
    assert cache.blob(matrix_digest(shop)).exists()
    shutil.rmtree(shop.output)
    assert shop.run("build", "--offline").code == 0


def matrix_digest(shop: Shop) -> str:
    text = (shop.root / "pylock.py312-arm64.toml").read_text()
    return text.split('name = "matrix-2.0')[1].split('sha256 = "')[1].split('"')[0]


def test_check_needs_no_credentials_of_the_index(shop: Shop) -> None:
    text = (
        f"--index-url http://${{INDEX_USER}}:${{INDEX_TOKEN}}@127.0.0.1:{shop.index.port}/simple/\ngreeter\n"
    )
    shop.write("functions/common.in", text)
    assert shop.run("lock").code == 2
    assert shop.run("lock", INDEX_USER="me", INDEX_TOKEN="hunter2").code == 0
    ended = shop.run("check")
    assert ended.code == 0, ended.stderr
