from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from layerforge.build.zip_listing import HeldDistribution, HeldFile, ZipListing
from layerforge.model.lock import Archive, Distribution, Edge, Lock
from layerforge.model.target import Target
from layerforge.report.sbom import Subject, format_sbom, subjects_of
from tests.unit.report.test_inventory import bundling

SHA = "ab" * 32
TARGET = Target(runtime="python3.13", architecture="x86_64")
SUBJECT = Subject(
    name="shop-numpy", path="layers/a.zip", sha256=SHA, targets=frozenset({"python3.13-x86_64"})
)


def held(name: str, license_: str | None, *bundled: HeldFile) -> HeldDistribution:
    return HeldDistribution(
        name=name,
        version="1.0",
        license=license_,
        summary="does it",
        files=1,
        unzipped_size=1,
        largest=(),
        bundled=bundled,
    )


LISTING = ZipListing(
    distributions=(
        held("local", None),
        held(
            "numpy",
            "BSD-3-Clause AND 0BSD",
            HeldFile("python/numpy.libs/libgfortran-040039e1-0352e75f.so.5.0.0", 9, "cd" * 32),
            HeldFile("python/numpy.libs/odd", 1, ""),
        ),
        held("pandas", "MIT"),
        held("private", "LicenseRef-Proprietary"),
    ),
    largest=(),
)


def locked(name: str, *edges: str, url: str = "https://me:hush@index.example/x.whl") -> Distribution:
    return Distribution(
        name=name,
        version="1.0",
        unzipped_size=1,
        wheel=Archive(filename="x.whl", url=url, sha256="ef" * 32),
        edges=tuple(Edge(name=edge) for edge in edges),
    )


LOCKS = (
    Lock(
        cohort="c",
        target=TARGET,
        distributions=(
            locked("pandas", "numpy", "absent"),
            locked("numpy"),
            locked("private", url="file:///home/me/private.whl"),
        ),
        functions=(),
        input_digest="",
    ),
)


def sbom(epoch: int | None = None, listing: ZipListing = LISTING) -> dict[str, Any]:
    text = format_sbom(SUBJECT, listing, LOCKS, epoch=epoch)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    assert isinstance(document, dict)
    return document


def component(name: str) -> dict[str, Any]:
    (found,) = [one for one in sbom()["components"] if one["name"] == name]
    assert isinstance(found, dict)
    return found


def test_distributions_have_purl_licence_and_the_file_that_they_come_from() -> None:
    pandas = component("pandas")
    digest = {"alg": "SHA-256", "content": "ef" * 32}
    assert pandas == {
        "bom-ref": "pkg:pypi/pandas@1.0",
        "description": "does it",
        "externalReferences": [
            {"type": "distribution", "url": "https://index.example/x.whl", "hashes": [digest]}
        ],
        "hashes": [digest],
        "licenses": [{"expression": "MIT"}],
        "name": "pandas",
        "purl": "pkg:pypi/pandas@1.0",
        "type": "library",
        "version": "1.0",
    }
    assert component("numpy")["licenses"] == [{"expression": "BSD-3-Clause AND 0BSD"}]
    assert component("private")["licenses"] == [{"license": {"name": "Proprietary"}}]
    assert "externalReferences" not in component("private")
    assert {"hashes", "licenses"}.isdisjoint(component("local"))


def test_bundled_native_libraries_are_parts_of_theirs() -> None:
    parts = {part["name"]: part for part in component("numpy")["components"]}
    assert set(parts) == {"libgfortran-040039e1", "odd"}
    library = parts["libgfortran-040039e1"]
    assert library["version"] == "5.0.0"
    assert library["hashes"] == [{"alg": "SHA-256", "content": "cd" * 32}]
    assert "version" not in parts["odd"]


def test_dependencies_are_those_of_the_lock_that_lie_in_the_zip() -> None:
    found = {one["ref"]: one.get("dependsOn", []) for one in sbom()["dependencies"]}
    assert found["pkg:pypi/pandas@1.0"] == ["pkg:pypi/numpy@1.0"]
    assert sorted(found[f"zip:{SHA}"]) == [
        f"pkg:pypi/{name}@1.0" for name in ("local", "numpy", "pandas", "private")
    ]


def test_it_is_reproducible_and_has_no_time_unless_told() -> None:
    assert format_sbom(SUBJECT, LISTING, LOCKS, epoch=None) == format_sbom(
        SUBJECT, LISTING, LOCKS, epoch=None
    )
    document = sbom()
    assert "timestamp" not in document["metadata"]
    assert document["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": SHA}]
    assert sbom(epoch=1_700_000_000)["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"
    other = json.loads(format_sbom(replace(SUBJECT, sha256="00" * 32), LISTING, LOCKS, epoch=None))
    assert document["serialNumber"].startswith("urn:uuid:")
    assert other["serialNumber"] != document["serialNumber"]


def test_an_empty_zip_has_an_sbom_too() -> None:
    assert (
        sbom(listing=ZipListing(distributions=(), largest=()))["metadata"]["component"]["name"]
        == "shop-numpy"
    )


@pytest.mark.parametrize("at", [0, 1])
def test_layers_and_bundles_are_subjects(at: int) -> None:
    names = [("base", "layers/base.zip"), ("etl-code", "functions/etl.zip")]
    subject = subjects_of(bundling())[at]
    assert (subject.name, subject.path) == names[at]
    assert subject.targets == {"python3.13-x86_64"}
