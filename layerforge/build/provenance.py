"""What the manifest says of files that were made for a layer: by whom, and in which image."""

from __future__ import annotations

from collections.abc import Iterable

from layerforge.build.pack import Pack
from layerforge.model.artifact import LayerBytecode, LayerStripping
from layerforge.model.target import runtime_of_tag


def bytecode_of(packs: Iterable[Pack]) -> tuple[LayerBytecode, ...]:
    """What the manifest says of the bytecode among `packs`: one entry for each runtime, sorted."""
    compiled: dict[str, list[Pack]] = {}
    for pack in packs:
        if "interpreter" in pack.notes:
            compiled.setdefault(runtime_of_tag(pack.notes["tag"]), []).append(pack)
    return tuple(
        LayerBytecode(
            runtime=runtime,
            interpreter=ours[0].notes["interpreter"],
            image=ours[0].notes["image"],
            modules=sum(len(pack.entries) for pack in ours),
            unzipped_size=sum(pack.size for pack in ours),
        )
        for runtime, ours in sorted(compiled.items())
    )


def stripping_of(packs: Iterable[Pack]) -> LayerStripping | None:
    """What the manifest says of the stripped files among `packs`."""
    stripped = [pack for pack in packs if "tool" in pack.notes]
    if not stripped:
        return None
    return LayerStripping(
        tool=stripped[0].notes["tool"],
        image=stripped[0].notes["image"],
        files=sum(len(pack.entries) for pack in stripped),
        saved=sum(pack.notes["saved"] for pack in stripped),
    )
