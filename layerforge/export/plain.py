"""For scripts: all of it as JSON, and the layers of each function as shell variables."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from layerforge.export.values import Export

_NOT_IN_A_VARIABLE = re.compile(r"[^A-Z0-9_]+")


def format_json(export: Export) -> str:
    """Layers, functions and, where they were published, ARNs by region."""
    document: dict[str, Any] = {
        "project": export.manifest.project,
        "regions": list(export.regions),
        "layers": [
            {
                "name": layer.name,
                "path": export.path(layer.path),
                "sha256": layer.sha256,
                "code_sha256": layer.code_sha256,
                "runtimes": list(layer.runtimes),
                "architectures": list(layer.architectures),
                "arns": {region: export.arns(region)[layer.name] for region in export.regions},
            }
            for layer in export.layers
        ],
        "functions": {
            name: {
                "target": held.target,
                "layers": list(held.layers),
                "external_layers": list(held.external_layers),
                "code": export.path(held.code.path) if held.code else None,
                "arns": {region: list(export.layers_of(name, region)) for region in export.regions},
            }
            for name, held in sorted(export.manifest.functions.items())
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def format_env(export: Export, region: str) -> str:
    """A line for each function: `LAYERS_ORDERS=arn,arn`, quoted for a POSIX shell.

    Names that are alike but for what a variable cannot hold get a number.
    """
    lines = []
    used: set[str] = set()
    for name in sorted(export.manifest.functions):
        wanted = "LAYERS_" + _NOT_IN_A_VARIABLE.sub("_", name.upper())
        variable, number = wanted, 2
        while variable in used:
            variable, number = f"{wanted}_{number}", number + 1
        used.add(variable)
        lines.append(f"{variable}={shlex.quote(','.join(export.layers_of(name, region)))}\n")
    return "".join(lines)
