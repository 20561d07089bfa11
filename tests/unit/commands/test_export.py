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


TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  orders: # takes them
    Type: AWS::Serverless::Function
    Properties: {CodeUri: ., Handler: app.handler, Runtime: python3.13}
"""
NOTE = "not in template.yaml: billing"


def test_template_on_stdout(shop: Manifest, capsys: Capture) -> None:
    Path("template.yaml").write_text(TEMPLATE)
    assert cli.run(["export", "sam"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(TEMPLATE[:-2] + ", Layers: [!Ref Layer")
    assert f"ContentUri: .layerforge/{shop.layers[0].path}\n" in shown.out
    assert NOTE in shown.err
    assert Path("template.yaml").read_text() == TEMPLATE


def test_template_in_place(shop: Manifest, capsys: Capture) -> None:
    file = Path("infra/template.yaml")
    file.parent.mkdir()
    file.write_bytes(b"\xef\xbb\xbf" + TEMPLATE.replace("\n", "\r\n").encode())
    file.chmod(0o640)
    Path("infra/link").symlink_to("template.yaml")
    assert cli.run(["export", "sam", "--in-place", "--template", "infra/link"]) == 0
    assert capsys.readouterr().out == "wrote infra/link\n"
    written = file.read_bytes()
    assert written.startswith(b"\xef\xbb\xbfTransform")
    assert f"ContentUri: ../.layerforge/{shop.layers[0].path}\r\n".encode() in written
    assert (file.stat().st_mode & 0o777, Path("infra/link").is_symlink()) == (0o640, True)
    assert cli.run(["export", "sam", "--in-place", "--template", "infra/template.yaml"]) == 0
    assert capsys.readouterr().out == "infra/template.yaml is up to date already\n"
    assert file.read_bytes() == written


def test_copy_of_a_template_is_none_of_the_project(shop: Manifest, capsys: Capture) -> None:
    Path("template.yaml").write_text(TEMPLATE)
    assert cli.run(["export", "sam", "-o", "deploy.yaml", "--code", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["path"], document["text"]) == ("deploy.yaml", None)
    assert "CodeUri: .layerforge/functions/orders.zip" in Path("deploy.yaml").read_text()
    # The copy is no second template.
    assert cli.run(["export", "sam", "-o", "deploy.yaml"]) == 0
    assert "CodeUri: ." in Path("deploy.yaml").read_text()
    assert Path("template.yaml").read_text() == TEMPLATE


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["sam"], "which"),
        (["sam", "--template", "template.yaml", "--code"], "--code goes with -o FILE"),
        (["sam", "--template", "template.yaml", "--in-place", "-o", "out.yaml"], "exclude each other"),
        (["sam", "--template", "template.yaml", "-o", "infra/out.yaml"], "must lie where template.yaml does"),
        (["sam", "--template", "nothing.yaml"], "'nothing.yaml' does not exist"),
        (["json", "--in-place"], "are for `layerforge export sam`"),
        (["sam", "--template", "broken.yaml"], "broken.yaml:3: it is neither YAML nor JSON"),
        (["sam", "--template", "latin.yaml"], "latin.yaml: the template is not UTF-8"),
    ],
)
def test_what_cannot_be_written(shop: Manifest, capsys: Capture, arguments: list[str], error: str) -> None:
    Path("infra").mkdir()
    Path("template.yaml").write_text(TEMPLATE)
    Path("infra/template.yaml").write_text(TEMPLATE)
    Path("broken.yaml").write_text("Resources:\n - [\n")
    Path("latin.yaml").write_bytes(b"Resources: {\xe9: {}}")
    assert cli.run(["export", *arguments]) == 2
    shown = capsys.readouterr()
    assert error in shown.err
    assert shown.out == ""
    assert not list(Path().rglob("out.yaml"))


def test_no_template_to_write(shop: Manifest, capsys: Capture) -> None:
    assert cli.run(["export", "sam"]) == 2
    assert "no template was found here" in capsys.readouterr().err
