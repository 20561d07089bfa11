from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from layerforge.errors import BuildError
from layerforge.model.artifact import BuiltDistribution
from layerforge.model.publishing import DEFAULT_DESCRIPTION, PublishSettings
from layerforge.publish.licenses import join_licenses, read_licenses
from layerforge.publish.values import Metadata
from layerforge.publish.wanted import format_description, make_wanted
from tests.unit.publish.shop import NUMPY, write_shop


def test_layers_as_they_should_be(tmp_path: Path) -> None:
    manifest = write_shop(tmp_path, license_="BSD-3-Clause")
    wanted = make_wanted(manifest, PublishSettings(), folder=tmp_path, layer_sizes={"arn": 7}, jobs=2)
    numpy, pydantic = wanted.layers
    assert numpy.metadata == Metadata(
        description=f"shop: numpy 1.0 [{manifest.layers[0].sha256[:12]}]",
        license="BSD-3-Clause",
        runtimes=frozenset({"python3.13"}),
        architectures=frozenset({"x86_64"}),
    )
    assert (numpy.name, pydantic.metadata.license, wanted.project) == (NUMPY, "MIT", "shop")
    assert (wanted.functions, wanted.layer_sizes) == (manifest.functions, {"arn": 7})


def test_license_and_description_of_the_config(tmp_path: Path) -> None:
    settings = PublishSettings(description="{layer} on {runtimes} {architectures}", license="Proprietary")
    numpy, _ = make_wanted(write_shop(tmp_path), settings, folder=tmp_path, layer_sizes={}).layers
    assert (numpy.metadata.description, numpy.metadata.license) == (
        "shop-py313-x86-64-numpy on python3.13 x86_64",
        "Proprietary",
    )


def test_zip_that_is_not_there(tmp_path: Path) -> None:
    manifest = write_shop(tmp_path)
    (tmp_path / manifest.layers[0].path).unlink()
    with pytest.raises(BuildError, match="the zip cannot be read") as caught:
        make_wanted(manifest, PublishSettings(), folder=tmp_path, layer_sizes={})
    assert caught.value.hint == "run `layerforge build`"


def test_description_names_as_many_as_fit(tmp_path: Path) -> None:
    layer = write_shop(tmp_path).layers[0]
    many = tuple(
        BuiltDistribution(name=f"distribution-{number:02}", version="1.0", unzipped_size=number)
        for number in range(30)
    )
    text = format_description(DEFAULT_DESCRIPTION, replace(layer, distributions=many), project="shop")
    assert text.startswith("shop: distribution-29 1.0, distribution-28 1.0, ")
    assert text.endswith(f" and 20 more [{layer.sha256[:12]}]")
    assert 230 < len(text) <= 256
    assert len(format_description("x" * 300, layer, project="shop")) == 256
    one = format_description("{distributions}", replace(layer, distributions=many[:1]), project="p" * 300)
    assert one == "distribution-00 1.0"
    assert format_description("{project} {distributions}", layer, project="p" * 250) == "p" * 250 + " 1 dis"


@pytest.mark.parametrize(
    ("licenses", "joined"),
    [
        ((), ""),
        (("MIT",), "MIT"),
        (("MIT", "BSD-3-Clause", "MIT"), "BSD-3-Clause AND MIT"),
        (("MIT AND PSF-2.0", "MIT"), "MIT AND PSF-2.0"),
        (("Apache-2.0 OR MIT", "ISC"), "(Apache-2.0 OR MIT) AND ISC"),
        (("MIT AND (Apache-2.0 OR BSD-2-Clause)",), "(MIT AND (Apache-2.0 OR BSD-2-Clause))"),
    ],
)
def test_licenses_are_joined(licenses: tuple[str, ...], joined: str) -> None:
    assert join_licenses(licenses) == joined


def test_licenses_that_are_too_many() -> None:
    text = join_licenses(f"LicenseRef-{number:03}" for number in range(100))
    assert text.startswith("LicenseRef-000 AND LicenseRef-001")
    assert text.endswith("AND 74 more")
    assert len(text) <= 512
    assert join_licenses(["x" * 600]) == ""


def test_licenses_are_read_from_every_distribution(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "layer.zip", "w") as archive:
        for name, line in {
            "python/a-1.dist-info/METADATA": "License-Expression: MIT",
            "python/lib/python3.13/site-packages/b-1.dist-info/METADATA": "License-Expression: MIT",
            "python/c-1.dist-info/METADATA": "Classifier: License :: OSI Approved :: ISC License (ISCL)",
            "python/d-1.dist-info/METADATA": "Summary: says nothing",
            "python/d/METADATA": "License-Expression: GPL-3.0-only",
        }.items():
            archive.writestr(name, f"Metadata-Version: 2.4\n{line}\n\nLicense-Expression: 0BSD\n")
    assert read_licenses(tmp_path / "layer.zip") == ("ISC", "MIT")
