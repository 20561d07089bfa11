"""A bound from an ascent: duals are priced on the way, and what gains at them is climbed over next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf

from layerforge.plan.exact.ascent import Ascent
from layerforge.plan.exact.pricing import Duals, chosen, price, proven_by
from layerforge.plan.exact.relaxation import Flags, Relaxation

# Duals are priced again after so much of the work, or so many times what pricing took the last time.
_STOP = 0.025
_CLIMBED = 3.0
# Where steps are shortest after so much of the work, the rest goes into layers that still gain.
_WAY = 0.85
_CLIMBED_AT_LAST = 0.5
# What part of its cost a layer may gain before it is looked for then.
_CONTENT = 0.001
# How much of the way is climbed before cuts are looked for, and between that and the next time.
_FIRST_CUT = 0.35
_CUT = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Climbed:
    """Duals at which no layer gains, the bound that they prove, and layers that nearly gain."""

    duals: Duals
    bound: int
    layers: tuple[tuple[Flags, Flags], ...]


def climb(
    relaxation: Relaxation,
    sets: Iterable[Flags],
    *,
    work: int,
    cutting: bool,
    progress: Callable[[int], None],
) -> tuple[Climbed, int]:
    """Return the best duals found, and what work it took; `sets` of atoms are known to begin with.

    `cutting`: whether to look for cuts. `progress` gets the bound.
    """
    ascent = Ascent(relaxation, sets)
    pricing, stop, cut = 0, 0.0, _FIRST_CUT if cutting else inf
    best: Climbed | None = None

    def share() -> float:
        return min(1.0, (ascent.work + pricing) / (_WAY * work))

    while best is None or ascent.work + pricing < work:
        while ascent.work + pricing < min(stop, work) or not ascent.work:
            ascent.climb(share())
        scale = ascent.scale()
        duals = ascent.duals(scale)
        priced = price(relaxation, duals, least=_CONTENT)
        pricing += priced.cells
        bound = proven_by(relaxation, duals, priced)
        if best is None or bound > best.bound:
            scale *= 1 + min(priced.excess, 1.0)
            best = Climbed(duals=ascent.duals(scale), bound=bound, layers=tuple(ascent.layers(scale)))
            progress(bound)
        ascent.add(offer.atoms for offer in chosen(priced.offers))
        if ascent.work + pricing > cut * work:
            ascent.cut(share())
            cut += _CUT
        times = _CLIMBED if share() < 1 else _CLIMBED_AT_LAST
        stop = ascent.work + pricing + max(times * priced.cells, _STOP * work)
    return best, ascent.work + pricing
