"""Whether what was built is what is locked now, told without reading a zip. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from layerforge.model.artifact import Artifact, CodeArtifact, Manifest
from layerforge.model.finding import Finding, Severity
from layerforge.model.plan import Demand


def stale_reason(manifest: Manifest, demands: Sequence[Demand]) -> str | None:
    """The first difference between what functions need and what they were built with, as a clause.

    Code is compared by its size in bytes: whether it changed otherwise, only `build` finds out.
    """
    layers = {layer.name: layer for layer in manifest.layers}
    for demand in demands:
        built = manifest.functions.get(demand.function)
        if built is None or built.target != demand.target.name:
            return f"{demand.function} was not built as it is now"
        if len(built.external_layers) != demand.external_layers:
            return f"{demand.function} takes other layers from elsewhere"
        if built.code_size != demand.code_size:
            return f"the code of {demand.function} has changed"
        zips = [layers[name] for name in built.layers if name in layers]
        if difference := _difference(demand, [*zips, *([built.code] if built.code else [])]):
            return difference
    return None


def _difference(demand: Demand, zips: Sequence[Artifact | CodeArtifact]) -> str | None:
    held: Mapping[str, str] = {one.name: one.version for zip_ in zips for one in zip_.distributions}
    for item in sorted(demand.needs):
        if held.get(item.name) != item.version:
            found = f"with {item.name} {held[item.name]}" if item.name in held else f"without {item.name}"
            return f"{demand.function} is locked to {item.name} {item.version}, and was built {found}"
    return None


def stale_build(reason: str) -> Finding:
    """What `check` says of a build that it does not look into."""
    return Finding(
        severity=Severity.NOTE,
        code="stale-build",
        subject="build",
        sentence=f"what was built last is not looked into: {reason}",
        hint="`layerforge build` brings it up to date, and tells of its native code and collisions",
    )
