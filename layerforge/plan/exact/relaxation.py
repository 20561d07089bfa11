"""A `Problem` as arrays, without what the bound does not look at.

Every plan of the problem is a plan of the relaxation, and costs no more there: so what no plan of the
relaxation falls below, no plan of the problem does. Relaxed is:

- functions that need the same, with as many slots, are one *group*, with the most room among them;
- a needed atom that a function carries twice fits the second time;
- the prices of change, `apart` and `most_layers` are left out.

`carriers` are honoured, and so are `rivals` of what a function needs.

Prices are whole thousandths of a byte, held in floats. All sums stay below 2**52, so that adding them
is exact, in any order; `Relaxation.of` refuses a problem where they would not.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

import numpy as np
import numpy.typing as npt

from layerforge.plan.problem import Layer, Problem, bits

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

# Sums of whole numbers stay exact in floats below this.
EXACT = 2**52


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """How many layers hold an atom, `least` and `most` by its index; and at last, how many there are."""

    least: Numbers
    most: Numbers

    @classmethod
    def any(cls, atoms: int) -> Counts:
        """As many as there may be."""
        return cls(least=np.zeros(atoms + 1), most=np.full(atoms + 1, np.inf))

    def split(self, place: int, below: int) -> tuple[Counts, Counts]:
        """Return those with `below` or fewer, and those with more."""
        least, most = self.least.copy(), self.most.copy()
        least[place] = below + 1
        most[place] = below
        return Counts(least=self.least, most=most), Counts(least=least, most=self.most)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cuts:
    """What holds of every plan, and not of halves of layers; a row of `atoms` and one of `groups` each.

    The group needs the atoms, one more than it has slots: so some layer that it takes holds two of them.
    """

    groups: Places
    atoms: Flags

    @classmethod
    def none(cls, atoms: int) -> Cuts:
        """Return no cuts, of so many atoms."""
        return cls(groups=np.zeros(0, dtype=np.intp), atoms=np.zeros((0, atoms), dtype=bool))

    def __len__(self) -> int:
        return len(self.groups)

    def __add__(self, others: Cuts) -> Cuts:
        return Cuts(
            groups=np.concatenate([self.groups, others.groups]), atoms=np.vstack([self.atoms, others.atoms])
        )

    def only(self, rows: Flags) -> Cuts:
        """Return some of them."""
        return Cuts(groups=self.groups[rows], atoms=self.atoms[rows])


@dataclass(frozen=True, kw_only=True, slots=True)
class Relaxation:
    """Atoms by falling size, and groups of functions.

    `atoms[i]` is the atom of the problem that is i here, `members[g]` the functions of a group.
    `sizes` in bytes, `stored` what storing an atom once costs, `excess[g, a]` what it costs that a
    group carries an atom that it does not need (0 where it does), `foreign` its bytes where it does not;
    `twice[g, a]` what it costs to carry one again that it needs (0 where it does not, or has one slot).
    `barred[g, a]`: the group takes no layer that holds the atom. `spare[g]`: bytes that it can carry in
    excess. `single[g]`: the group has one slot, so it takes only layers that hold all its needs. `unit`: what
    every price is a multiple of.
    """

    atoms: tuple[int, ...]
    members: tuple[tuple[int, ...], ...]
    sizes: Numbers
    stored: Numbers
    needs: Flags
    excess: Numbers
    twice: Numbers
    foreign: Numbers
    barred: Flags
    slots: Numbers
    spare: Numbers
    single: Flags
    layer: float
    unit: int

    @classmethod
    def of(cls, problem: Problem) -> Relaxation | None:
        """Return none if prices are too large for sums of floats to be exact."""
        used = 0
        for needed in problem.needs:
            used |= needed
        atoms = tuple(sorted(bits(used), key=lambda atom: (-problem.sizes[atom], atom)))
        most = (sum(problem.excess) + problem.prices.stored) * sum(problem.sizes)
        most += problem.prices.layer * (len(problem.needs) + 1)
        if most >= EXACT:
            return None
        grouped: dict[tuple[int, int, int], list[int]] = {}
        for function, (needed, room) in enumerate(zip(problem.needs, problem.rooms, strict=True)):
            if needed:
                grouped.setdefault((needed, room.slots, _barred(problem, function)), []).append(function)
        sizes = np.array([problem.sizes[atom] for atom in atoms], dtype=float)
        needs = np.array([[needed >> atom & 1 for atom in atoms] for needed, _, _ in grouped], dtype=bool)
        barred = np.array([[mask >> atom & 1 for atom in atoms] for _, _, mask in grouped], dtype=bool)
        price = np.array([sum(problem.excess[f] for f in members) for members in grouped.values()], float)
        rooms = [max(problem.rooms[f].size for f in members) for members in grouped.values()]
        slots = np.array([slots for _, slots, _ in grouped], dtype=float)
        single = slots == 1
        foreign = np.where(needs, 0.0, sizes)
        return cls(
            atoms=atoms,
            members=tuple(tuple(members) for members in grouped.values()),
            sizes=sizes,
            stored=sizes * problem.prices.stored,
            needs=needs,
            excess=foreign * price[:, None],
            twice=np.where(needs & ~single[:, None], sizes, 0.0) * price[:, None],
            foreign=foreign,
            barred=barred,
            slots=slots,
            spare=np.array(rooms, dtype=float) - (needs * sizes).sum(axis=1),
            single=single,
            layer=float(problem.prices.layer),
            unit=_unit(problem, atoms),
        )

    def column_of(self, layer: Layer) -> Flags:
        """Atoms of a layer of the problem, as flags."""
        return np.array([layer.atoms >> atom & 1 for atom in self.atoms], dtype=bool)


def _barred(problem: Problem, function: int) -> int:
    """Atoms that a function never carries: not made for it, or another version of what it needs."""
    barred = 0
    for atom, carriers in enumerate(problem.carriers):
        if not carriers >> function & 1 or problem.rivals[atom] & problem.needs[function]:
            barred |= 1 << atom
    return barred


def _unit(problem: Problem, atoms: tuple[int, ...]) -> int:
    """Return the greatest step that all costs of the relaxation are made of."""
    sizes = gcd(*(problem.sizes[atom] for atom in atoms)) if atoms else 0
    return gcd(problem.prices.layer, sizes * gcd(problem.prices.stored, *problem.excess)) or 1
