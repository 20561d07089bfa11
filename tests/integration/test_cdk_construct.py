"""CDK itself makes a stack of the construct that `export cdk` writes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from layerforge import cli
from layerforge.build.manifest import write_manifest
from layerforge.model.publishing import PublishedLayer, published_document
from tests.unit.publish.shop import write_shop

# CDK comes from the real index.
pytestmark = [pytest.mark.network, pytest.mark.slow]

APP = """\
import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from {module} import FUNCTIONS, LayerforgeLayers

app = cdk.App(outdir="{module}.out")
stack = cdk.Stack(app, "shop", env=cdk.Environment(region="eu-west-1"))
layers = LayerforgeLayers(stack, "Layers")
for name in FUNCTIONS:
    lambda_.Function(
        stack, name, handler="app.handler", code=lambda_.Code.from_inline("handler = print"),
        runtime=lambda_.Runtime.PYTHON_3_13, layers=layers.of(name),
    )
app.synth()
"""


def synthesise(python: Path, module: str) -> dict[str, dict[str, Any]]:
    """Resources of the stack that CDK makes."""
    Path(f"{module}_app.py").write_text(APP.format(module=module))
    environment = {
        **os.environ,
        "PATH": f"{python.parent}:{os.environ['PATH']}",
        "CDK_DISABLE_VERSION_CHECK": "1",
    }
    done = subprocess.run(
        [str(python), f"{module}_app.py"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    resources: dict[str, dict[str, Any]] = json.loads(Path(f"{module}.out/shop.template.json").read_text())[
        "Resources"
    ]
    return resources


def test_cdk_makes_a_stack_of_the_construct(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cdk: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    manifest = write_shop(tmp_path / ".layerforge")
    write_manifest(tmp_path / ".layerforge/manifest.json", manifest)
    assert cli.run(["export", "cdk", "-o", "built.py"]) == 0
    resources = synthesise(cdk, "built")
    made = {
        key: body["Properties"]["LayerName"]
        for key, body in resources.items()
        if body["Type"] == "AWS::Lambda::LayerVersion"
    }
    assert sorted(made.values()) == sorted(layer.name for layer in manifest.layers)
    attached = sorted(
        [
            made.get(layer["Ref"]) if isinstance(layer, dict) else layer
            for layer in body["Properties"]["Layers"]
        ]
        for body in resources.values()
        if body["Type"] == "AWS::Lambda::Function"
    )
    assert attached == sorted(list(function.layers) for function in manifest.functions.values())

    arns = {
        layer.name: f"arn:aws:lambda:eu-west-1:123456789012:layer:{layer.name}:1" for layer in manifest.layers
    }
    layers = tuple(
        PublishedLayer(
            name=layer.name,
            region="eu-west-1",
            version=1,
            arn=arns[layer.name],
            code_sha256=layer.code_sha256,
        )
        for layer in manifest.layers
    )
    Path("published.json").write_text(json.dumps({"layers": published_document(layers)}))
    assert cli.run(["export", "cdk", "--published", "published.json", "-o", "published.py"]) == 0
    published = synthesise(cdk, "published")
    assert {body["Type"] for body in published.values()} == {"AWS::Lambda::Function", "AWS::IAM::Role"}
    taken = [layer for body in published.values() for layer in body["Properties"].get("Layers", ())]
    assert set(taken) == set(arns.values())
