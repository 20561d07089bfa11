"""Layers in a template that `layerforge export sam` wrote: they are results, and say nothing of a project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LAYER_TYPES = ("AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion")
MANAGER = {"ManagedBy": "layerforge"}
"""The Metadata of a resource that is ours."""
ARNS = "LayerforgeLayers"
"""The mapping from region and layer to the ARN of what was published."""
COPY_OF = "LayerforgeCopyOf"
"""Stands in the Metadata of a template that was made of another one."""


def managed_layers(resources: Any) -> dict[str, Mapping[str, Any]]:
    """The layer resources that are ours, by logical id, of the `Resources` of a decoded template."""
    return {
        str(key): resource
        for key, resource in (resources.items() if isinstance(resources, dict) else ())
        if isinstance(resource, dict)
        and resource.get("Type") in LAYER_TYPES
        and isinstance(resource.get("Metadata"), dict)
        and resource["Metadata"].get("ManagedBy") == MANAGER["ManagedBy"]
    }


def is_managed_use(item: Any, managed: Mapping[str, Any]) -> bool:
    """Whether an item of a function's `Layers` is one of ours: a `Ref` to one, or found in our mapping."""
    if not isinstance(item, dict) or len(item) != 1:
        return False
    if isinstance(reference := item.get("Ref"), str):
        return reference in managed
    found = item.get("Fn::FindInMap")
    return isinstance(found, list) and bool(found) and found[0] == ARNS
