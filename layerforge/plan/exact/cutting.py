"""What can be made of halves of layers, and of no plan: cuts that forbid it.

A group with k slots that needs k + 1 atoms has two of them from the same layer, in every plan. Where layers
may be taken by halves, it may take a half that holds all of them, and a half of each of the others alone.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from layerforge.plan.exact.relaxation import Cuts, Flags, Relaxation

# Of what a group needs, so many of the largest atoms are looked at: 252 sets of them at most.
_LARGEST = 10
# How far what is taken must fall short of a cut, and how many cuts a group gets at a time.
_SHORT = 0.05
_MOST = 2


def find_cuts(relaxation: Relaxation, sets: Flags, taken: npt.NDArray[np.floating], known: Cuts) -> Cuts:
    """Return cuts that layers taken in parts fall short of; `taken` of each set, a row, by each group."""
    groups, rows = [], []
    old = {(int(group), atoms.tobytes()) for group, atoms in zip(known.groups, known.atoms, strict=True)}
    for group in np.flatnonzero(~relaxation.single):
        needed = np.flatnonzero(relaxation.needs[group])[:_LARGEST]
        slots = int(relaxation.slots[group])
        if len(needed) <= slots:
            continue
        several = _sets_of(len(needed), slots + 1)
        some = np.flatnonzero(taken[:, group] > 0)
        paired = sets[np.ix_(some, needed)].astype(np.float32) @ several.T >= 2
        least = taken[some, group] @ paired
        for place in np.argsort(least, kind="stable")[:_MOST]:
            atoms = np.zeros(len(relaxation.atoms), dtype=bool)
            atoms[needed[several[place] > 0]] = True
            if least[place] < 1 - _SHORT and (int(group), atoms.tobytes()) not in old:
                groups.append(int(group))
                rows.append(atoms)
    if not rows:
        return Cuts.none(len(relaxation.atoms))
    return Cuts(groups=np.array(groups, dtype=np.intp), atoms=np.array(rows))


@cache
def _sets_of(count: int, size: int) -> npt.NDArray[np.float32]:
    """All sets of so many of `count` things, a row each."""
    places = list(combinations(range(count), size))
    rows = np.zeros((len(places), count), dtype=np.float32)
    for row, chosen in enumerate(places):
        rows[row, list(chosen)] = 1
    return rows
