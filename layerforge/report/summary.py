"""The last lines: what was done, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from layerforge.model.counts import count

if TYPE_CHECKING:
    from pathlib import Path

    from layerforge.model.artifact import Manifest


def summarise_build(manifest: Manifest, built: Sequence[str], *, folder: Path, directory: Path) -> str:
    """Say what a build did, and where its zips are as seen from `directory`.

    `built` names the zips that were not there before: layers by name, and code.
    """
    shown = folder.relative_to(directory) if folder.is_relative_to(directory) else folder
    layers = {layer.name for layer in manifest.layers}
    new_layers = len(layers.intersection(built))
    new_codes = len(built) - new_layers
    codes = sum(1 for function in manifest.functions.values() if function.code)
    everything = _zips(len(layers), codes)
    if not built:
        return f"{everything} in {shown}: nothing changed, nothing was done"
    if (new_layers, new_codes) == (len(layers), codes):
        return f"built {everything} in {shown}"
    return f"built {_zips(new_layers, new_codes)}; {shown} holds {everything}"


def _zips(layers: int, codes: int) -> str:
    counted = [*([count(layers, "layer")] if layers else []), *([count(codes, "code zip")] if codes else [])]
    return " and ".join(counted) or "no zips"
