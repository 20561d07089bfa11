"""A manifest with two layers and two functions, its zips, and what AWS has of it."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from layerforge.model.artifact import Artifact, BuiltDistribution, CodeArtifact, Manifest, ManifestFunction
from layerforge.model.publishing import PublishSettings
from layerforge.publish.values import (
    LayerVersion,
    LiveLayer,
    LiveRegion,
    MatchedFunction,
    Metadata,
    Wanted,
    WantedLayer,
)
from layerforge.publish.wanted import make_wanted
from tests.aws_fakes import layer_arn, live_function

NUMPY = "shop-py313-x86-64-numpy"
PYDANTIC = "shop-py313-x86-64-pydantic"
MB = 2**20


def metadata(description: str = "shop", **changes: Any) -> Metadata:
    values: dict[str, Any] = {
        "description": description,
        "license": "MIT",
        "runtimes": frozenset({"python3.13"}),
        "architectures": frozenset({"x86_64"}),
    }
    return Metadata(**{**values, **changes})


def layer(
    name: str, *, digest: str = "one", zipped: int = 1000, unzipped: int = 5000, **changes: Any
) -> WantedLayer:
    values: dict[str, Any] = {
        "name": name,
        "path": f"layers/{name}-{digest}.zip",
        "sha256": f"sha-{digest}",
        "code_sha256": f"code-{digest}",
        "zipped_size": zipped,
        "unzipped_size": unzipped,
        "metadata": metadata(f"shop {digest}"),
    }
    return WantedLayer(**{**values, **changes})


def function(*layers: str, external: tuple[str, ...] = (), **changes: Any) -> ManifestFunction:
    values: dict[str, Any] = {
        "target": "python3.13-x86_64",
        "layers": layers,
        "external_layers": external,
        "code": CodeArtifact(
            path="functions/orders.zip",
            sha256="0" * 64,
            code_sha256="built",
            zipped_size=10,
            unzipped_size=20,
            input_digest="0" * 64,
        ),
        "code_size": 20,
        "unzipped_size": 20 + 5000 * len(layers),
        "carried_excess": 0,
    }
    if "code_size" in changes:
        values["code"] = replace(values["code"], unzipped_size=changes["code_size"])
    return ManifestFunction(**{**values, **changes})


def wanted(
    *layers: WantedLayer, functions: dict[str, ManifestFunction] | None = None, **changes: Any
) -> Wanted:
    chosen = layers or (layer(NUMPY), layer(PYDANTIC, digest="two"))
    taken = {"orders": function(*(one.name for one in chosen))} if functions is None else functions
    return Wanted(project="shop", layers=chosen, functions=taken, **changes)


def version(of: WantedLayer, number: int = 3, *, region: str = "eu-west-1", **changes: Any) -> LayerVersion:
    """A version that is the same as a layer."""
    same = LayerVersion(
        name=of.name,
        version=number,
        arn=layer_arn(of.name, number, region=region),
        metadata=of.metadata,
        code_sha256=of.code_sha256,
        size=of.zipped_size,
    )
    return replace(same, **changes)


def region(*layers: LiveLayer, of: Wanted, name: str = "eu-west-1", **changes: Any) -> LiveRegion:
    """A region that has `layers`, in the order of the wanted ones; none of the others."""
    names = [one.name for one in of.layers]
    there = dict(zip(names, [*layers, *[LiveLayer()] * len(names)], strict=False))
    return LiveRegion(region=name, layers=there, **changes)


def has(of: WantedLayer, number: int = 3, **changes: Any) -> LiveLayer:
    """A live layer whose newest version is the same."""
    return LiveLayer(newest=number, versions=(version(of, number),), **changes)


def matched(name: str, *attached: str, function_name: str | None = None, **changes: Any) -> MatchedFunction:
    live = live_function(function_name or name, *attached, **changes.pop("live", {}))
    return MatchedFunction(function=name, name=f"function {name}", live=live, **changes)


def write_shop(folder: Path, *, numpy: bytes = b"numpy 1", license_: str = "MIT") -> Manifest:
    """Zips of two layers, and the manifest of two functions that take them."""
    layers = [
        _artifact(folder, NUMPY, {"python/numpy/__init__.py": numpy, **_dist_info("numpy", license_)}),
        _artifact(folder, PYDANTIC, {"python/pydantic.py": b"pydantic", **_dist_info("pydantic", "MIT")}),
    ]
    sizes = {one.name: one.unzipped_size for one in layers}
    return Manifest(
        project="shop",
        layers=tuple(layers),
        functions={
            "orders": function(NUMPY, PYDANTIC, unzipped_size=20 + sum(sizes.values())),
            "billing": function(PYDANTIC, unzipped_size=20 + sizes[PYDANTIC]),
        },
    )


def shop_wanted(folder: Path, settings: PublishSettings | None = None, **changes: Any) -> Wanted:
    manifest = write_shop(folder, **changes)
    return make_wanted(manifest, settings or PublishSettings(), folder=folder, layer_sizes={})


def _dist_info(name: str, license_: str) -> dict[str, bytes]:
    text = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nLicense-Expression: {license_}\n"
    return {f"python/{name}-1.0.dist-info/METADATA": text.encode()}


def _artifact(folder: Path, name: str, files: dict[str, bytes]) -> Artifact:
    path = folder / "layers" / f"{name}.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in files.items():
            archive.writestr(zipfile.ZipInfo(member), data)
    digest = hashlib.sha256(path.read_bytes()).digest()
    return Artifact(
        name=name,
        path=f"layers/{name}.zip",
        sha256=digest.hex(),
        code_sha256=base64.b64encode(digest).decode(),
        zipped_size=path.stat().st_size,
        unzipped_size=sum(map(len, files.values())),
        runtimes=("python3.13",),
        architectures=("x86_64",),
        distributions=(
            BuiltDistribution(
                name=name.rpartition("-")[2], version="1.0", unzipped_size=sum(map(len, files.values()))
            ),
        ),
        input_digest="0" * 64,
    )
