"""CloudFormation: a stack of the layers, and a stack of SSM parameters that name them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-layerversion.html
"""

from __future__ import annotations

import json
from typing import Any

from layerforge.export.description import describe
from layerforge.export.values import Export, unique_ids
from layerforge.model.artifact import Artifact
from layerforge.project.managed_layers import ARNS

_VERSION = "2010-09-09"


def format_cloudformation(export: Export) -> str:
    """A template of layer versions whose zips lie in a bucket, under `<prefix><sha256>.zip`.

    `layerforge publish` through S3 leaves them there. Each layer's ARN is an output and an export,
    `<stack>-<layer>`.
    """
    ids = unique_ids((layer.name for layer in export.layers), prefix="Layer")
    document = {
        "AWSTemplateFormatVersion": _VERSION,
        "Description": f"Lambda layers of {export.manifest.project}",
        "Parameters": {
            "Bucket": {"Type": "String", "Description": "The bucket that holds the zips of the layers"},
            "Prefix": {"Type": "String", "Default": "", "Description": "What their keys begin with"},
        },
        "Resources": {ids[layer.name]: _layer_version(export, layer) for layer in export.layers},
        "Outputs": {
            ids[layer.name]: {
                "Description": describe(export, layer),
                "Value": {"Ref": ids[layer.name]},
                "Export": {"Name": {"Fn::Sub": f"${{AWS::StackName}}-{layer.name}"}},
            }
            for layer in export.layers
        },
    }
    return _text(document)


def _layer_version(export: Export, layer: Artifact) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::LayerVersion",
        # Functions of other stacks may still have the version that this one replaces.
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "LayerName": layer.name,
            "Description": describe(export, layer),
            "CompatibleRuntimes": list(layer.runtimes),
            "CompatibleArchitectures": list(layer.architectures),
            "Content": {
                "S3Bucket": {"Ref": "Bucket"},
                "S3Key": {"Fn::Sub": f"${{Prefix}}{layer.sha256}.zip"},
            },
        },
    }


def format_ssm(export: Export) -> str:
    """A template of SSM parameters: `/<project>/layers/<layer>`, and a list for each function.

    One template for all regions that were published to.
    """
    project = export.manifest.project
    layer_ids = unique_ids(layer.name for layer in export.layers)
    function_ids = unique_ids(export.manifest.functions)
    parameters: dict[str, Any] = {}
    for name, identity in layer_ids.items():
        parameters[f"Layer{identity}"] = _parameter(
            f"/{project}/layers/{name}", "String", find_arn(identity), f"The layer {name}"
        )
    for name, identity in function_ids.items():
        held = export.manifest.functions[name]
        elsewhere = [arn for arn in held.external_layers if arn.startswith("arn:")]
        values = [*elsewhere, *(find_arn(layer_ids[layer]) for layer in held.layers)]
        if values:
            value = {"Fn::Join": [",", values]}
            parameters[f"Function{identity}"] = _parameter(
                f"/{project}/functions/{name}/layers", "StringList", value, f"The layers of {name}, in order"
            )
    document = {
        "AWSTemplateFormatVersion": _VERSION,
        "Description": f"ARNs of the Lambda layers of {project}",
        **({"Mappings": {ARNS: arn_mapping(export, layer_ids)}} if layer_ids else {}),
        "Resources": parameters,
    }
    return _text(document)


def arn_mapping(export: Export, ids: dict[str, str]) -> dict[str, dict[str, str]]:
    """ARNs by region and by the layer's logical id, for `Fn::FindInMap`."""
    return {
        region: {ids[name]: arn for name, arn in sorted(export.arns(region).items()) if name in ids}
        for region in export.regions
    }


def find_arn(identity: str) -> dict[str, Any]:
    """Look the ARN of a layer up in the mapping, for the region that is deployed to."""
    return {"Fn::FindInMap": [ARNS, {"Ref": "AWS::Region"}, identity]}


def _parameter(name: str, kind: str, value: Any, description: str) -> dict[str, Any]:
    properties = {"Name": name, "Type": kind, "Value": value, "Description": description}
    return {"Type": "AWS::SSM::Parameter", "Properties": properties}


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
