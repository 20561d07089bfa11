from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import layerforge
from layerforge.build.manifest import format_manifest, parse_manifest, read_manifest, write_manifest
from layerforge.errors import BuildError
from layerforge.model.artifact import (
    Artifact,
    BuiltDistribution,
    CodeArtifact,
    LayerBytecode,
    LayerStripping,
    Manifest,
    ManifestFunction,
)

LAYER = Artifact(
    name="shop-numpy",
    path="layers/shop-numpy-aaaaaaaaaaaa.zip",
    sha256="a" * 64,
    code_sha256="qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=",
    zipped_size=10,
    unzipped_size=20,
    runtimes=("python3.13",),
    architectures=("x86_64",),
    distributions=(BuiltDistribution(name="numpy", version="2.3.1", unzipped_size=20),),
    input_digest="b" * 64,
)
COMPILED = replace(
    LAYER,
    name="shop-any-requests",
    runtimes=("python3.12", "python3.13"),
    architectures=("arm64", "x86_64"),
    bytecode=tuple(
        LayerBytecode(
            runtime=f"python3.{minor}",
            interpreter=f"cpython-3{minor} 3.{minor}.1 zlib 1.3.1",
            image=image,
            modules=2,
            unzipped_size=7,
        )
        for minor, image in ((12, None), (13, "python@sha256:5d7a"))
    ),
)
FUNCTION = ManifestFunction(
    target="python3.13-x86_64",
    layers=("shop-numpy",),
    external_layers=("arn:aws:lambda:eu-west-1:123456789012:layer:other:7",),
    code=CodeArtifact(
        path="functions/orders-cccccccccccc.zip",
        sha256="c" * 64,
        code_sha256="zMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMw=",
        zipped_size=3,
        unzipped_size=2,
        input_digest="d" * 64,
        distributions=(BuiltDistribution(name="six", version="1.17.0", unzipped_size=1),),
        bytecode=(replace(COMPILED.bytecode[1], unzipped_size=1),),
        stripped=LayerStripping(tool="strip", image="build", files=1, saved=1),
    ),
    code_size=2,
    unzipped_size=22,
    carried_excess=0,
)
MANIFEST = Manifest(
    project="shop",
    layers=(COMPILED, LAYER),
    functions={"orders": FUNCTION, "inline": replace(FUNCTION, code=None, code_size=0, unzipped_size=20)},
)


def test_there_and_back() -> None:
    assert parse_manifest(format_manifest(MANIFEST), where="manifest.json") == MANIFEST


def test_order_of_layers_and_functions_does_not_matter() -> None:
    other = replace(LAYER, name="shop-a")
    text = format_manifest(replace(MANIFEST, layers=(LAYER, other)))
    swapped = dict(reversed(MANIFEST.functions.items()))
    assert format_manifest(replace(MANIFEST, layers=(other, LAYER), functions=swapped)) == text
    assert list(json.loads(text)["functions"]) == ["inline", "orders"]


def test_it_keeps_to_the_schema_that_ships() -> None:
    # Untyped, and typed stubs are one more thing to install.
    jsonschema: Any = importlib.import_module("jsonschema")
    path = Path(layerforge.__file__).parent / "schemas" / "manifest.schema.json"
    schema = json.loads(path.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    document = json.loads(format_manifest(MANIFEST))
    validator.validate(document)
    for broken in ({**document, "version": 2}, {**document, "layers": [{}]}, {"version": 1}):
        assert not validator.is_valid(broken)


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in json.loads(format_manifest(MANIFEST)).items() if name != key}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "{",
            (
                "m.json: this is not JSON "
                "(Expecting property name enclosed in double quotes: line 1 column 2 (char 1))"
            ),
        ),
        ("[]", "m.json: unexpected list (expected dict)"),
        ("{}", "m.json: version: this key is missing"),
        ('{"version": true}', "m.json: version: unexpected bool (expected int)"),
        ('{"version": 2}', "m.json: this manifest has format version 2, and this layerforge reads version 1"),
        (json.dumps(without("layers")), "m.json: layers: this key is missing"),
        (
            json.dumps(without("layers") | {"layers": [3]}),
            "m.json: layers[0]: unexpected int (expected dict)",
        ),
        (
            format_manifest(MANIFEST).replace('"zipped_size": 10', '"zipped_size": "10"'),
            "m.json: layers[0].zipped_size: unexpected str (expected int)",
        ),
        (
            format_manifest(MANIFEST).replace('"python3.13"', "313"),
            "m.json: layers[0].runtimes[1]: unexpected int (expected str)",
        ),
        (
            format_manifest(MANIFEST).replace('"carried_excess": 0', '"carried": 0'),
            "m.json: functions.inline.carried_excess: this key is missing",
        ),
    ],
)
def test_refuses(text: str, sentence: str) -> None:
    with pytest.raises(BuildError) as caught:
        parse_manifest(text, where="m.json")
    assert str(caught.value) == sentence


def test_unknown_keys_of_later_minor_versions_are_passed_over() -> None:
    document = {**json.loads(format_manifest(MANIFEST)), "later": 1}
    assert parse_manifest(json.dumps(document), where="m.json") == MANIFEST


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    with pytest.raises(BuildError) as caught:
        read_manifest(path)
    assert str(caught.value) == f"{path}: there is no manifest"
    write_manifest(path, MANIFEST)
    assert read_manifest(path) == MANIFEST
    assert [child.name for child in tmp_path.iterdir() if "manifest" in child.name] == ["manifest.json"]
