"""SAM's own program takes the templates that `export sam` writes."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from layerforge import cli
from layerforge.build.manifest import write_manifest
from layerforge.model.publishing import PublishedLayer, published_document
from tests.unit.publish.shop import write_shop

# The program comes from the real index.
pytestmark = [pytest.mark.network, pytest.mark.slow]

TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  orders:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: code, Handler: app.handler, Runtime: python3.13}   # all in one line
  billing:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: code
      Handler: app.handler
      Runtime: python3.13
"""


def run_sam(sam: Path, *arguments: str) -> str:
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-west-1"}
    done = subprocess.run(
        [str(sam), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_sam_validates_and_builds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sam: Path) -> None:
    monkeypatch.chdir(tmp_path)
    manifest = write_shop(tmp_path / ".layerforge")
    write_manifest(tmp_path / ".layerforge/manifest.json", manifest)
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "code").mkdir()
    (tmp_path / "code/app.py").write_text("def handler(event, context): ...\n")
    layers = [
        PublishedLayer(
            name=layer.name,
            region="eu-west-1",
            version=1,
            arn=f"arn:aws:lambda:eu-west-1:123456789012:layer:{layer.name}:1",
            code_sha256=layer.code_sha256,
        )
        for layer in manifest.layers
    ]
    (tmp_path / "published.json").write_text(json.dumps({"layers": published_document(tuple(layers))}))

    assert cli.run(["export", "sam", "--published", "published.json", "-o", "published.yaml"]) == 0
    assert "is a valid SAM Template" in run_sam(sam, "validate", "--lint", "-t", "published.yaml")
    assert cli.run(["export", "sam", "--in-place"]) == 0
    assert "is a valid SAM Template" in run_sam(sam, "validate", "--lint", "-t", "template.yaml")
    run_sam(sam, "build", "-t", "template.yaml")
    built = tmp_path / ".aws-sam/build"
    paths = re.findall(r"ContentUri: (\S+)", (built / "template.yaml").read_text())
    assert sorted((built / path).resolve().name for path in paths) == sorted(
        Path(layer.path).name for layer in manifest.layers
    )
    assert all((built / path).is_file() for path in paths)
