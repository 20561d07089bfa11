from __future__ import annotations

import json
from pathlib import Path

import pytest

from layerforge import cli
from layerforge.build.manifest import write_manifest
from layerforge.model.artifact import Manifest
from layerforge.model.publishing import PublishedLayer, published_document
from tests.unit.publish.shop import NUMPY, write_shop

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """A project in the current folder, built, and published to two regions."""
    monkeypatch.chdir(tmp_path)
    built = tmp_path / ".layerforge"
    built.mkdir()
    manifest = write_shop(built)
    write_manifest(built / "manifest.json", manifest)
    layers = tuple(
        PublishedLayer(
            name=layer.name,
            region=region,
            version=1,
            arn=f"arn:aws:lambda:{region}:123456789012:layer:{layer.name}:1",
            code_sha256=layer.code_sha256,
        )
        for layer in manifest.layers
        for region in ("eu-west-1", "us-east-1")
    )
    Path("published.json").write_text(json.dumps({"layers": published_document(layers)}))
    return manifest


def test_to_stdout(shop: Manifest, capsys: Capture) -> None:
    assert cli.run(["export", "terraform"]) == 0
    document = json.loads(capsys.readouterr().out)
    resource = document["resource"]["aws_lambda_layer_version"][NUMPY]
    assert resource["filename"] == f"${{path.module}}/.layerforge/{shop.layers[0].path}"


def test_to_a_file_from_whose_folder_paths_go(shop: Manifest, capsys: Capture) -> None:
    assert cli.run(["export", "json", "-o", "infra/layers.json"]) == 0
    assert capsys.readouterr().out == "wrote infra/layers.json\n"
    document = json.loads(Path("infra/layers.json").read_text())
    assert document["layers"][0]["path"] == f"../.layerforge/{shop.layers[0].path}"


def test_as_one_document(shop: Manifest, capsys: Capture) -> None:
    assert cli.run(["export", "cloudformation", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["format"], document["path"], document["findings"]) == ("cloudformation", None, [])
    assert len(json.loads(document["text"])["Resources"]) == 2


def test_variables_of_one_region(shop: Manifest, capsys: Capture) -> None:
    assert cli.run(["export", "env", "--published", "published.json", "--region", "us-east-1"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first == "LAYERS_BILLING=arn:aws:lambda:us-east-1:123456789012:layer:shop-py313-x86-64-pydantic:1"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["ssm"], "ssm needs --published"),
        (["env"], "layerforge publish --json > published.json"),
        (["terraform", "--region", "eu-west-1"], "--region goes with --published"),
        (["cloudformation", "--published", "published.json"], "takes no --published"),
        (["env", "--published", "published.json"], "--region eu-west-1 (or us-east-1)"),
        (["ssm", "--published", "published.json", "--region", "x"], "published.json: nothing in it is in x"),
        (["ssm", "--published", "broken.json"], "broken.json:1: not JSON"),
        (["ssm", "--published", "dry.json"], "dry.json: not what `layerforge publish` prints"),
        (["ssm", "--published", "other.json"], "other.json: eu-west-1 has other bytes than were built"),
        (["nothing"], "'nothing' is not one of"),
    ],
)
def test_what_cannot_be_exported(shop: Manifest, capsys: Capture, arguments: list[str], error: str) -> None:
    Path("broken.json").write_text("{")
    Path("dry.json").write_text('{"dry_run": true}')
    text = Path("published.json").read_text()
    Path("other.json").write_text(text.replace(shop.layers[0].code_sha256, "other"))
    assert cli.run(["export", *arguments, "-o", "out"]) == 2
    shown = capsys.readouterr()
    assert error in shown.err
    assert shown.out == ""
    assert not Path("out").exists()


def test_nothing_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["export", "json"]) == 4
    assert "run `layerforge build`" in capsys.readouterr().err
