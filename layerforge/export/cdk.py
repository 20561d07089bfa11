"""CDK: a Python module with a construct, whose data are ours and whose code is always the same."""

from __future__ import annotations

from importlib.resources import files
from pprint import pformat
from typing import Any

from layerforge.export.description import describe
from layerforge.export.values import Export

_HEAD = '''\
"""Lambda layers of {project}. Written by `layerforge export cdk`: write it again rather than edit it."""

import os

from aws_cdk import Aws, CfnMapping, RemovalPolicy, Stack, Token
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

ARCHITECTURES = {{"x86_64": lambda_.Architecture.X86_64, "arm64": lambda_.Architecture.ARM_64}}
'''


def format_cdk(export: Export) -> str:
    """`layerforge_layers.py`: assets of the zips, or references to the versions that were published."""
    layers = {
        layer.name: {
            "path": export.path(layer.path),
            "description": describe(export, layer),
            "runtimes": list(layer.runtimes),
            "architectures": list(layer.architectures),
        }
        for layer in export.layers
    }
    functions = {
        name: {
            "elsewhere": [arn for arn in held.external_layers if arn.startswith("arn:")],
            "layers": list(held.layers),
        }
        for name, held in sorted(export.manifest.functions.items())
    }
    arns = {region: export.arns(region) for region in export.regions}
    body = files("layerforge.export").joinpath("layerforge_layers.py.txt").read_text(encoding="utf-8")
    data = _constant("LAYERS", layers) + _constant("FUNCTIONS", functions) + _constant("ARNS", arns)
    return _HEAD.format(project=export.manifest.project) + data + body


def _constant(name: str, value: dict[str, Any]) -> str:
    return f"{name} = {pformat(value, width=100, sort_dicts=False)}\n"
