"""What a layer version says of itself: the same words, whoever publishes it."""

from __future__ import annotations

from layerforge.export.values import Export
from layerforge.model.artifact import Artifact
from layerforge.publish.wanted import format_description


def describe(export: Export, layer: Artifact) -> str:
    """The description of a layer, as `layerforge publish` would give it; at most 256 characters."""
    return format_description(export.description, layer, project=export.manifest.project)
