from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from layerforge.errors import BuildError, UsageError
from layerforge.verify.built import check_zips, make_checks, read_built
from layerforge.verify.values import ExpectedDistribution, FunctionCheck
from tests.unit.verify.shop import TARGET, build_shop, shop_lock, shop_project

SDK = ("boto3",)


def test_checks_of_a_project(tmp_path: Path) -> None:
    manifest = build_shop(tmp_path)
    checks = make_checks(shop_project(tmp_path, provided=SDK), [shop_lock()], manifest)
    assert checks == (
        FunctionCheck(
            function="orders",
            target=TARGET,
            handler="app.handler",
            layers=manifest.layers,
            external_layers=(),
            code=manifest.functions["orders"].code,
            distributions=(
                ExpectedDistribution(name="boto3", version=None),
                ExpectedDistribution(name="pyyaml", version="6.0"),
            ),
        ),
        FunctionCheck(
            function="reports",
            target=TARGET,
            handler=None,
            layers=manifest.layers,
            external_layers=("arn:other:7",),
            code=manifest.functions["reports"].code,
            distributions=(ExpectedDistribution(name="six", version="1.17"),),
        ),
    )
    check_zips(tmp_path, checks)
    assert read_built(tmp_path) == manifest


def test_functions_by_name(tmp_path: Path) -> None:
    project = shop_project(tmp_path, provided=SDK)
    checks = make_checks(project, [shop_lock()], build_shop(tmp_path), ["reports", "reports"])
    assert [check.function for check in checks] == ["reports"]


def test_function_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        make_checks(shop_project(tmp_path), [shop_lock()], build_shop(tmp_path), ["order"])
    assert (caught.value.headline, caught.value.hint) == (
        "there is no function order",
        "did you mean orders?",
    )


@pytest.mark.parametrize(
    ("lock", "provided", "sentence"),
    [
        ({"pyyaml": "6.1"}, SDK, "orders is locked to pyyaml 6.1, and what was built has pyyaml 6.0"),
        ({}, (), "orders is locked to boto3 1.40, and what was built has no boto3"),
    ],
)
def test_other_versions_than_locked(
    tmp_path: Path, lock: dict[str, str], provided: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(BuildError) as caught:
        make_checks(shop_project(tmp_path, provided=provided), [shop_lock(**lock)], build_shop(tmp_path))
    assert (caught.value.headline, caught.value.hint) == (sentence, "run `layerforge build`")


def test_function_that_was_not_built(tmp_path: Path) -> None:
    manifest = build_shop(tmp_path)
    del manifest.functions["reports"]
    with pytest.raises(BuildError, match="reports was not built as it is now"):
        make_checks(shop_project(tmp_path, provided=SDK), [shop_lock()], manifest)


def test_nothing_built(tmp_path: Path) -> None:
    with pytest.raises(BuildError) as caught:
        read_built(tmp_path)
    assert caught.value.headline == f"{tmp_path}: nothing is built here yet"
    assert caught.value.hint == "run `layerforge build`"


@pytest.mark.parametrize("path", ["layers/base.zip", "functions/orders.zip"])
@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (Path.unlink, "the manifest names this zip, and it is not there"),
        (lambda path: path.write_bytes(b"?"), "the zip is not the one that the manifest tells of"),
    ],
)
def test_zips_that_do_not_fit(
    tmp_path: Path, path: str, damage: Callable[[Path], object], sentence: str
) -> None:
    checks = make_checks(shop_project(tmp_path, provided=SDK), [shop_lock()], build_shop(tmp_path))
    damage(tmp_path / path)
    with pytest.raises(BuildError) as caught:
        check_zips(tmp_path, checks)
    assert caught.value.headline == f"{tmp_path / path}: {sentence}"
