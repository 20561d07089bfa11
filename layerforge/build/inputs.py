"""What decides the bytes of each zip, told without opening a wheel: distributions, packs, code."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from layerforge.build.code import Code, read_code
from layerforge.build.fetch import Fetcher, Wanted
from layerforge.build.pack import Pack
from layerforge.errors import BuildError
from layerforge.model.function import Project
from layerforge.model.lock import Lock
from layerforge.model.plan import Item, LayerPlan, PlannedLayer
from layerforge.plan.demands import item_of
from layerforge.wheels.layout import LAYOUT_VERSION

# What goes into a zip beside the wheels themselves, by the zip's name and the distribution's.
Packs = Mapping[tuple[str, str], tuple[Pack, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerInput:
    """A zip's distributions and all that decides their bytes. `packs` are by distribution.

    With `dedupe`, links lead to one of identical native libraries.
    """

    layer: PlannedLayer
    wanted: tuple[Wanted, ...]
    packs: Mapping[str, tuple[Pack, ...]]
    digest: str
    dedupe: bool = False

    @property
    def all_packs(self) -> tuple[Pack, ...]:
        """Every pack, in the order of the distributions."""
        return tuple(pack for one in self.wanted for pack in self.packs.get(one.distribution.name, ()))


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeInput:
    """A function's code, and the distributions that are bundled with it, if any are."""

    code: Code
    bundle: LayerInput | None = None

    @property
    def digest(self) -> str:
        """Names everything that decides the bytes of its zip."""
        return digest_of_code(self.code, self.bundle.digest if self.bundle else None)


def digest_of_code(code: Code, bundle: str | None) -> str:
    """Names everything that decides the bytes of a code zip; `bundle` is the digest of what is bundled."""
    if bundle is None:
        return code.input_digest
    return hashlib.sha256(f"code {code.input_digest}\0{bundle}".encode()).hexdigest()


def wanted_by_zip(plan: LayerPlan, locks: Sequence[Lock]) -> dict[str, tuple[Wanted, ...]]:
    """The locked distributions of each of `LayerPlan.zips`, sorted, by its name."""
    pinned = {(lock.target, item_of(one).file): one for lock in locks for one in lock.distributions}

    def wanted(layer: PlannedLayer, item: Item) -> Wanted:
        # Of a file that serves several targets, it is the same whichever of them asks for it.
        target = next(target for target in layer.targets if (target, item.file) in pinned)
        return Wanted(target=target, distribution=pinned[target, item.file])

    return {layer.name: tuple(wanted(layer, item) for item in sorted(layer.items)) for layer in plan.zips}


def layer_inputs(
    plan: LayerPlan, locks: Sequence[Lock], fetcher: Fetcher, packs: Packs, *, dedupe: bool = False
) -> dict[str, LayerInput]:
    """The inputs of each of `LayerPlan.zips`, by its name; `dedupe` is for layers only."""
    layers = {layer.name for layer in plan.layers}
    inputs = {}
    wanted = wanted_by_zip(plan, locks)
    for layer in plan.zips:
        ours = {name: held for (of_zip, name), held in packs.items() if of_zip == layer.name}
        links = dedupe and layer.name in layers
        inputs[layer.name] = LayerInput(
            layer=layer,
            wanted=wanted[layer.name],
            packs=ours,
            digest=digest_of_layer(layer, wanted[layer.name], ours, fetcher, dedupe=links),
            dedupe=links,
        )
    return inputs


def digest_of_layer(
    layer: PlannedLayer,
    wanted: Iterable[Wanted],
    packs: Mapping[str, tuple[Pack, ...]],
    fetcher: Fetcher,
    *,
    dedupe: bool = False,
) -> str:
    """Names everything that decides the bytes of a zip's distributions, and what is said of them."""
    targets = " ".join(target.name for target in layer.targets)
    digest = hashlib.sha256(f"layer {LAYOUT_VERSION}\0{targets}\0".encode())
    if dedupe:
        digest.update(b"dedupe\0")
    for one in wanted:
        digest.update(f"{one.distribution.name}\0{fetcher.input_key(one)}\0".encode())
        for pack in packs.get(one.distribution.name, ()):
            names = "\0".join([entry.name for entry in pack.entries])
            digest.update(f"pack {pack.sha256}\0{names}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def code_inputs(project: Project, plan: LayerPlan, inputs: Mapping[str, LayerInput]) -> dict[str, CodeInput]:
    """The code of each function that has some; functions that share a folder share the reading.

    Raises BuildError where distributions are to be bundled with code that is not ours to write.
    """
    sources = {
        function.name: function.source for function in project.functions if function.source is not None
    }
    read = {source: read_code(project.root, source) for source in sorted(set(sources.values()))}
    codes = {name: CodeInput(code=read[source]) for name, source in sources.items()}
    for planned in plan.functions:
        bundle = planned.bundle
        if bundle is None:
            continue
        codes[planned.function] = CodeInput(
            code=_open_code(planned.function, codes.get(planned.function)), bundle=inputs[bundle.name]
        )
    return codes


def _open_code(function: str, found: CodeInput | None) -> Code:
    """The code, if files can be put beside it."""
    if found is not None and found.code.archive is None:
        return found.code
    what = "its code is not a folder of this project" if found is None else "it is a zip already"
    raise BuildError(
        f"nothing can be bundled with the code of {function}: {what}",
        where=found.code.source if found else None,
        hint=f"let {function} take layers (bundle in the config), or point its code at a folder",
    )
