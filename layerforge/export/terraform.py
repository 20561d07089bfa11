"""Terraform's JSON syntax: layer versions as resources, or the ones that were published, by function.

https://developer.hashicorp.com/terraform/language/syntax/json
"""

from __future__ import annotations

import json
import re
from typing import Any

from layerforge.export.description import describe
from layerforge.export.values import Export
from layerforge.model.artifact import Artifact

_STARTS_A_NAME = re.compile(r"[A-Za-z_]")


def format_terraform(export: Export) -> str:
    """`layers.tf.json`: `local.layerforge_layers["orders"]` is what a function's `layers` takes.

    With published versions there is no resource, and the map is by region first.
    """
    document = _published(export) if export.published else _resources(export)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _resources(export: Export) -> dict[str, Any]:
    names = {layer.name: _resource_name(layer.name) for layer in export.layers}
    functions = {
        _literal(name): [
            *(_literal(arn) for arn in held.external_layers if arn.startswith("arn:")),
            *(f"${{aws_lambda_layer_version.{names[layer]}.arn}}" for layer in held.layers),
        ]
        for name, held in sorted(export.manifest.functions.items())
    }
    resources = {names[layer.name]: _resource(export, layer) for layer in export.layers}
    return {
        **({"resource": {"aws_lambda_layer_version": resources}} if resources else {}),
        **_map(functions, "ARNs of the layers that each function takes, in order"),
    }


def _resource(export: Export, layer: Artifact) -> dict[str, Any]:
    return {
        "layer_name": layer.name,
        "description": _literal(describe(export, layer)),
        "filename": "${path.module}/" + _literal(export.path(layer.path)),
        # As AWS has it: a new version is made when the bytes are others, and only then.
        "source_code_hash": layer.code_sha256,
        "compatible_runtimes": list(layer.runtimes),
        "compatible_architectures": list(layer.architectures),
        "lifecycle": {"create_before_destroy": True},
    }


def _published(export: Export) -> dict[str, Any]:
    by_region = {
        region: {
            _literal(name): [_literal(arn) for arn in export.layers_of(name, region)]
            for name in sorted(export.manifest.functions)
        }
        for region in export.regions
    }
    return _map(by_region, "ARNs of the layers that each function takes, in order, by region")


def _map(value: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "locals": {"layerforge_layers": value},
        "output": {"layerforge_layers": {"description": description, "value": "${local.layerforge_layers}"}},
    }


def _resource_name(layer: str) -> str:
    return layer if _STARTS_A_NAME.match(layer) else f"layer_{layer}"


def _literal(text: str) -> str:
    """Text that stays what it is: in Terraform's JSON every string is a template."""
    return text.replace("${", "$${").replace("%{", "%%{")
