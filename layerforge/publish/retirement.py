"""Which versions nobody uses. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from layerforge.publish.values import LayerUse, LayerVersion


def find_unused(
    versions: Iterable[LayerVersion],
    uses: Mapping[str, tuple[LayerUse, ...]],
    *,
    keep: int,
    kept: Collection[str] = (),
    additional: Collection[str] = (),
) -> tuple[LayerVersion, ...]:
    """Versions that no function uses, except the newest `keep` of each layer and those `kept` (ARNs).

    Layers named in `additional` are about to get one more version, which counts among the newest.
    """
    by_layer: dict[str, list[LayerVersion]] = {}
    for version in versions:
        by_layer.setdefault(version.name, []).append(version)
    unused: list[LayerVersion] = []
    for name in sorted(by_layer):
        ordered = sorted(by_layer[name], key=lambda version: -version.version)
        newest = keep - (name in additional)
        unused += [
            version
            for version in ordered[max(newest, 0) :]
            if version.arn not in kept and not uses.get(version.arn)
        ]
    return tuple(unused)
