"""A built project of two functions, as the tests of this folder need it."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

from layerforge.build.manifest import write_manifest
from layerforge.model.artifact import Artifact, BuiltDistribution, CodeArtifact, Manifest, ManifestFunction
from layerforge.model.function import ExternalLayer, Function, Project, ProjectSettings
from layerforge.model.lock import Distribution, FunctionRoots, Lock, Root
from layerforge.model.requirement import Origin
from layerforge.model.target import Target

TARGET = Target(runtime="python3.13", architecture="x86_64")
RECORD = "python/pyyaml-6.0.dist-info/RECORD"
BASE = {"python/yaml/__init__.py": "", RECORD: "yaml/__init__.py,,\n_yaml.so,,\n../bin/y,,\n"}
TOP = {"python/yaml/__init__.py": "later"}
CODE = {"app.py": "def handler(event, context): ..."}


def write_zip(folder: Path, path: str, files: Mapping[str, str]) -> tuple[str, str]:
    """The digests of a zip, as a manifest has them."""
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(place, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    digest = hashlib.sha256(place.read_bytes())
    return digest.hexdigest(), base64.b64encode(digest.digest()).decode()


def layer(folder: Path, name: str, files: Mapping[str, str], *distributions: tuple[str, str]) -> Artifact:
    path = f"layers/{name}.zip"
    sha256, code_sha256 = write_zip(folder, path, files)
    return Artifact(
        name=name,
        path=path,
        sha256=sha256,
        code_sha256=code_sha256,
        zipped_size=(folder / path).stat().st_size,
        unzipped_size=1,
        runtimes=(TARGET.runtime,),
        architectures=(TARGET.architecture,),
        distributions=tuple(BuiltDistribution(name=n, version=v, unzipped_size=1) for n, v in distributions),
        input_digest="0",
    )


def code(folder: Path, name: str) -> CodeArtifact:
    path = f"functions/{name}.zip"
    sha256, code_sha256 = write_zip(folder, path, CODE)
    return CodeArtifact(
        path=path, sha256=sha256, code_sha256=code_sha256, zipped_size=1, unzipped_size=1, input_digest="0"
    )


def build_shop(folder: Path) -> Manifest:
    """Two functions with the same layers and the same code."""
    layers = (layer(folder, "base", BASE, ("pyyaml", "6.0")), layer(folder, "top", TOP, ("six", "1.17")))
    functions = {
        name: ManifestFunction(
            target=TARGET.name,
            layers=("base", "top"),
            external_layers=external,
            code=code(folder, name),
            code_size=1,
            unzipped_size=1,
            carried_excess=0,
        )
        for name, external in (("orders", ()), ("reports", ("arn:other:7",)))
    }
    manifest = Manifest(project="shop", layers=layers, functions=functions)
    write_manifest(folder / "manifest.json", manifest)
    return manifest


def shop_project(root: Path, *, provided: tuple[str, ...] = ()) -> Project:
    functions = (
        Function(
            name="orders",
            target=TARGET,
            source="src",
            handler="app.handler",
            origin=Origin(path="layerforge.toml"),
        ),
        Function(
            name="reports",
            target=TARGET,
            source="src",
            external_layers=(ExternalLayer(arn="arn:other:7"),),
            origin=Origin(path="layerforge.toml"),
        ),
    )
    return Project(
        root=root, settings=ProjectSettings(name="shop", runtime_provided=provided), functions=functions
    )


def shop_lock(**versions: str) -> Lock:
    pinned = {"pyyaml": "6.0", "six": "1.17", "boto3": "1.40", **versions}
    origin = Origin(path="requirements.in")
    return Lock(
        cohort="py313-x86-64",
        target=TARGET,
        distributions=tuple(Distribution(name=n, version=v, unzipped_size=1) for n, v in pinned.items()),
        functions=(
            FunctionRoots(
                function="orders",
                roots=(Root(name="pyyaml", origin=origin), Root(name="boto3", origin=origin)),
            ),
            FunctionRoots(function="reports", roots=(Root(name="six", origin=origin),)),
        ),
        input_digest="0",
    )
