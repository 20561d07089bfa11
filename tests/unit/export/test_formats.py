from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_all  # type: ignore[import-untyped]

from layerforge.errors import ConfigError
from layerforge.export.cdk import format_cdk
from layerforge.export.cloudformation import format_cloudformation, format_ssm
from layerforge.export.plain import format_env, format_json
from layerforge.export.terraform import format_terraform
from layerforge.export.values import Export, find_omissions, hold_published, unique_ids
from layerforge.model.artifact import Artifact, BuiltDistribution, Manifest
from layerforge.model.publishing import PublishedLayer, StorageSettings
from layerforge.publish.plan import object_key
from layerforge.publish.wanted import make_layer
from tests.unit.publish.shop import NUMPY, PYDANTIC, function

ELSEWHERE = "arn:aws:lambda:eu-west-1:464622532012:layer:Datadog-Python313:110"


def artifact(name: str) -> Artifact:
    return Artifact(
        name=name,
        path=f"layers/{name}.zip",
        sha256=name[-5:].ljust(64, "0"),
        code_sha256=f"code-{name}",
        zipped_size=10,
        unzipped_size=20,
        runtimes=("python3.13",),
        architectures=("x86_64",),
        distributions=(BuiltDistribution(name="numpy", version="2.4.0", unzipped_size=20),),
        input_digest="0" * 64,
    )


def published(name: str, region: str = "eu-west-1", version: int = 3) -> PublishedLayer:
    return PublishedLayer(
        name=name,
        region=region,
        version=version,
        arn=f"arn:aws:lambda:{region}:123456789012:layer:{name}:{version}",
        code_sha256=f"code-{name}",
    )


MANIFEST = Manifest(
    project="shop",
    layers=(artifact(PYDANTIC), artifact(NUMPY)),
    functions={
        "orders": function(NUMPY, PYDANTIC, external=(ELSEWHERE,)),
        "orders-v2": function(PYDANTIC),
        "orders_v2": function(),
    },
)
BUILT = Export(manifest=MANIFEST, zips="../.layerforge")
PUBLISHED = replace(
    BUILT,
    published=tuple(
        published(name, where) for where in ("eu-west-1", "us-east-1") for name in (NUMPY, PYDANTIC)
    ),
)
NUMPY_ARN, PYDANTIC_ARN = published(NUMPY).arn, published(PYDANTIC).arn
DESCRIBED = "shop: numpy 2.4.0 [numpy0000000]"


def test_cloudformation_has_a_version_of_each_layer_and_its_output() -> None:
    document = json.loads(format_cloudformation(BUILT))
    identity = "LayerShopPy313X8664Numpy"
    assert document["Resources"][identity] == {
        "Type": "AWS::Lambda::LayerVersion",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "LayerName": NUMPY,
            "Description": DESCRIBED,
            "CompatibleRuntimes": ["python3.13"],
            "CompatibleArchitectures": ["x86_64"],
            "Content": {
                "S3Bucket": {"Ref": "Bucket"},
                "S3Key": {"Fn::Sub": f"${{Prefix}}{'numpy'.ljust(64, '0')}.zip"},
            },
        },
    }
    assert document["Outputs"][identity] == {
        "Description": DESCRIBED,
        "Value": {"Ref": identity},
        "Export": {"Name": {"Fn::Sub": f"${{AWS::StackName}}-{NUMPY}"}},
    }
    assert len(document["Resources"]) == len(document["Outputs"]) == 2


def test_cloudformation_looks_where_publish_puts_the_zips() -> None:
    document = json.loads(format_cloudformation(BUILT))
    key = document["Resources"]["LayerShopPy313X8664Numpy"]["Properties"]["Content"]["S3Key"]["Fn::Sub"]
    layer = make_layer(artifact(NUMPY), project="shop", description="{layer}", license_="MIT")
    storage = StorageSettings(prefix="layers/")
    assert key.replace("${Prefix}", "layers/") == object_key(layer, storage)


def complaints(text: str) -> list[str]:
    """Errors and warnings of all rules; what is for information speaks of documentation alone."""
    return [str(match) for match in lint_all(text) if not match.rule.id.startswith("I")]


@pytest.mark.parametrize("text", [format_cloudformation(BUILT), format_ssm(PUBLISHED)], ids=["layers", "ssm"])
def test_cfn_lint_has_nothing_against_a_template(text: str) -> None:
    assert complaints(text) == []


def test_cfn_lint_would_tell() -> None:
    text = format_cloudformation(BUILT).replace('"python3.13"', '"python2.0"')
    assert [one[:6] for one in complaints(text)] == ["[E3030", "[E3030"]


def test_ssm_has_parameters_of_layers_and_functions() -> None:
    document = json.loads(format_ssm(PUBLISHED))
    mapping = document["Mappings"]["LayerforgeLayers"]
    assert mapping["eu-west-1"] == {"ShopPy313X8664Numpy": NUMPY_ARN, "ShopPy313X8664Pydantic": PYDANTIC_ARN}
    found = {one["Properties"]["Name"]: one["Properties"]["Value"] for one in document["Resources"].values()}
    numpy, pydantic = (
        {"Fn::FindInMap": ["LayerforgeLayers", {"Ref": "AWS::Region"}, f"ShopPy313X8664{name}"]}
        for name in ("Numpy", "Pydantic")
    )
    assert found == {
        f"/shop/layers/{NUMPY}": numpy,
        f"/shop/layers/{PYDANTIC}": pydantic,
        "/shop/functions/orders/layers": {"Fn::Join": [",", [ELSEWHERE, numpy, pydantic]]},
        "/shop/functions/orders-v2/layers": {"Fn::Join": [",", [pydantic]]},
    }


def test_terraform_makes_versions_and_maps_functions_to_them() -> None:
    document = json.loads(format_terraform(BUILT))
    assert document["resource"]["aws_lambda_layer_version"][NUMPY] == {
        "layer_name": NUMPY,
        "description": DESCRIBED,
        "filename": f"${{path.module}}/../.layerforge/layers/{NUMPY}.zip",
        "source_code_hash": f"code-{NUMPY}",
        "compatible_runtimes": ["python3.13"],
        "compatible_architectures": ["x86_64"],
        "lifecycle": {"create_before_destroy": True},
    }
    numpy, pydantic = (f"${{aws_lambda_layer_version.{name}.arn}}" for name in (NUMPY, PYDANTIC))
    assert document["locals"] == {
        "layerforge_layers": {
            "orders": [ELSEWHERE, numpy, pydantic],
            "orders-v2": [pydantic],
            "orders_v2": [],
        }
    }


def test_terraform_with_published_versions_has_no_resource() -> None:
    document = json.loads(format_terraform(PUBLISHED))
    assert set(document) == {"locals", "output"}
    assert document["locals"]["layerforge_layers"]["eu-west-1"] == {
        "orders": [ELSEWHERE, NUMPY_ARN, PYDANTIC_ARN],
        "orders-v2": [PYDANTIC_ARN],
        "orders_v2": [],
    }


def test_terraform_takes_what_looks_like_a_template_as_text() -> None:
    document = json.loads(format_terraform(replace(BUILT, description="${{x}} %{{y}} {layer}")))
    assert (
        document["resource"]["aws_lambda_layer_version"][NUMPY]["description"] == f"$${{x}} %%{{y}} {NUMPY}"
    )


def test_cdk_module_holds_the_data() -> None:
    data: dict[str, Any] = {}
    text = format_cdk(PUBLISHED)
    # Without aws_cdk: what comes before the construct, and after the imports.
    exec(text[text.index("LAYERS =") : text.index("class LayerforgeLayers")], data)
    assert data["LAYERS"][NUMPY] == {
        "path": f"../.layerforge/layers/{NUMPY}.zip",
        "description": DESCRIBED,
        "runtimes": ["python3.13"],
        "architectures": ["x86_64"],
    }
    assert data["FUNCTIONS"]["orders"] == {"elsewhere": [ELSEWHERE], "layers": [NUMPY, PYDANTIC]}
    assert data["ARNS"]["eu-west-1"] == {NUMPY: NUMPY_ARN, PYDANTIC: PYDANTIC_ARN}
    compile(text, "layerforge_layers.py", "exec")


def test_env_has_a_variable_for_each_function() -> None:
    text = format_env(PUBLISHED, "eu-west-1")
    assert text == (
        f"LAYERS_ORDERS={ELSEWHERE},{NUMPY_ARN},{PYDANTIC_ARN}\nLAYERS_ORDERS_V2={PYDANTIC_ARN}\nLAYERS_ORDERS_V2_2=''\n"
    )
    shown = subprocess.run(
        ["sh", "-c", f'{text}printf "%s" "$LAYERS_ORDERS_V2"'], capture_output=True, check=True
    )
    assert shown.stdout.decode() == PYDANTIC_ARN


def test_json_has_layers_and_functions() -> None:
    document = json.loads(format_json(PUBLISHED))
    assert document["regions"] == ["eu-west-1", "us-east-1"]
    assert document["layers"][0]["path"] == f"../.layerforge/layers/{NUMPY}.zip"
    assert document["layers"][0]["arns"]["eu-west-1"] == NUMPY_ARN
    assert document["functions"]["orders"] == {
        "target": "python3.13-x86_64",
        "layers": [NUMPY, PYDANTIC],
        "external_layers": [ELSEWHERE],
        "code": "../.layerforge/functions/orders.zip",
        "arns": {
            "eu-west-1": [ELSEWHERE, NUMPY_ARN, PYDANTIC_ARN],
            "us-east-1": [ELSEWHERE, published(NUMPY, "us-east-1").arn, published(PYDANTIC, "us-east-1").arn],
        },
    }


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ((), "no layer versions are in it"),
        ((published(NUMPY),), f"eu-west-1 lacks {PYDANTIC}"),
        (
            (replace(published(NUMPY), code_sha256="other"), published(PYDANTIC)),
            f"eu-west-1 has other bytes than were built of {NUMPY}",
        ),
    ],
)
def test_what_was_published_must_be_what_is_built(layers: tuple[PublishedLayer, ...], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        hold_published(MANIFEST, layers, where="published.json")
    assert caught.value.headline == f"published.json: {sentence}"


def test_what_is_left_out_is_told() -> None:
    held = function(NUMPY, external=("SharedLayer",))
    assert held.code
    code = replace(held.code, distributions=(BuiltDistribution(name="six", version="1", unzipped_size=1),))
    export = Export(manifest=replace(MANIFEST, functions={"orders": replace(held, code=code)}))
    found = [(one.code, one.details) for one in find_omissions(export, deploys_code=False)]
    assert found == [("export-without-code", ("orders",)), ("export-without-layer", ("orders: SharedLayer",))]
    assert [one.code for one in find_omissions(export, deploys_code=True)] == ["export-without-layer"]
    assert find_omissions(BUILT, deploys_code=False) == ()


def test_ids_that_are_alike_get_numbers() -> None:
    assert unique_ids(["a-b", "a_b", "aB"], taken=["AB2"]) == {"a-b": "AB", "aB": "AB3", "a_b": "AB4"}


def test_terraform_reads_it(tmp_path: Path) -> None:
    """The provider is not here: resources become terraform_data, whose `input` is what we wrote."""
    import shutil

    terraform = shutil.which("terraform")
    document = json.loads(format_terraform(BUILT))
    resources = document["resource"].pop("aws_lambda_layer_version")
    document["resource"]["terraform_data"] = {
        name: {"lifecycle": one.pop("lifecycle"), "input": one} for name, one in resources.items()
    }
    text = (
        json.dumps(document).replace("aws_lambda_layer_version.", "terraform_data.").replace(".arn}", ".id}")
    )
    assert "aws_lambda" not in text
    if terraform is None:
        return
    (tmp_path / "layers.tf.json").write_text(text)
    for arguments in (["init", "-backend=false", "-input=false"], ["validate"]):
        done = subprocess.run(
            [terraform, f"-chdir={tmp_path}", *arguments, "-no-color"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
