"""The best plan that can be made of given sets of atoms: a mixed-integer program.

For each set it is decided whether it becomes a layer, and for each group which of the layers it takes.
Sets come from the proof: those that come nearest to paying at its duals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import highspy
import numpy as np

from layerforge.plan.exact.highs import INFINITY, Solver
from layerforge.plan.exact.master import COST, MIB
from layerforge.plan.exact.relaxation import Flags, Relaxation
from layerforge.plan.problem import Layer, Problem

# How many sets, how many decisions, how many nodes: what is done in some ten seconds, counted, not timed.
_MOST_SETS = 400
_MOST_TAKINGS = 8000
_MOST_NODES = 300
_GAP = 1e-5


@dataclass(slots=True)
class _Model:
    """Columns and rows as they are added."""

    costs: list[float] = field(default_factory=list)
    rows: list[tuple[float, float, list[int], list[float]]] = field(default_factory=list)

    def column(self, cost: float) -> int:
        self.costs.append(cost)
        return len(self.costs) - 1

    def row(self, lower: float, upper: float, columns: Sequence[int], entries: Sequence[float]) -> None:
        self.rows.append((lower, upper, list(columns), list(entries)))


def choose_layers(
    problem: Problem, relaxation: Relaxation, sets: Sequence[Flags], start: Sequence[Layer]
) -> tuple[Layer, ...]:
    """Return the best plan that is found, or none. It may break what the relaxation leaves out.

    `sets` by falling promise, those of `start` in front: from there a better one is looked for.
    """
    rooms = [min(problem.rooms[f].size for f in members) for members in relaxation.members]
    usable = _usable(relaxation, sets, rooms)
    model = _Model()
    chosen: list[int] = []
    taking: dict[tuple[int, int], int] = {}
    for place, (atoms, groups) in enumerate(usable):
        chosen.append(model.column((relaxation.stored[atoms].sum() + relaxation.layer) / COST))
        for group in groups:
            excess = relaxation.excess[group, atoms].sum() + _carried_twice(problem, relaxation, group, atoms)
            taking[group, place] = model.column(float(excess) / COST)
            model.row(-INFINITY, 0.0, (taking[group, place], chosen[place]), (1.0, -1.0))
    for group, room in enumerate(rooms):
        _serve(model, relaxation, group, room, usable, taking)
    values = _solve(model, _values_of(relaxation, usable, chosen, taking, start, len(model.costs)))
    if values is None:
        return ()
    layers = []
    for place, (atoms, groups) in enumerate(usable):
        users = [group for group in groups if values[taking[group, place]] > 0.5]
        if users:
            layers.append(
                Layer(
                    atoms=sum(1 << relaxation.atoms[atom] for atom in np.flatnonzero(atoms)),
                    users=sum(1 << function for group in users for function in relaxation.members[group]),
                )
            )
    return tuple(sorted(layers))


def _usable(
    relaxation: Relaxation, sets: Sequence[Flags], rooms: Sequence[int]
) -> list[tuple[Flags, list[int]]]:
    """Sets, each with the groups that could take it, as many as can be dealt with."""
    usable: list[tuple[Flags, list[int]]] = []
    takings = 0
    for atoms in sets[:_MOST_SETS]:
        size = float(relaxation.sizes[atoms].sum())
        met = relaxation.needs[:, atoms].any(axis=1)
        whole = ~relaxation.single | ~(relaxation.needs & ~atoms).any(axis=1)
        fits = np.array([size <= room for room in rooms]) & ~relaxation.barred[:, atoms].any(axis=1)
        groups = np.flatnonzero(met & whole & fits).tolist()
        if takings + len(groups) > _MOST_TAKINGS:
            break
        takings += len(groups)
        usable.append((atoms, groups))
    return usable


def _carried_twice(problem: Problem, relaxation: Relaxation, group: int, atoms: Flags) -> float:
    """What the needs of a group in a set cost, if they are carried; less the needs once is paid outside."""
    price = sum(problem.excess[function] for function in relaxation.members[group])
    return float(price * relaxation.sizes[atoms & relaxation.needs[group]].sum())


def _serve(
    model: _Model,
    relaxation: Relaxation,
    group: int,
    room: int,
    usable: Sequence[tuple[Flags, list[int]]],
    taking: dict[tuple[int, int], int],
) -> None:
    """Every need in a layer that the group takes, in its slots and its bytes."""
    places = [place for place in range(len(usable)) if (group, place) in taking]
    columns = [taking[group, place] for place in places]
    for atom in np.flatnonzero(relaxation.needs[group]):
        holding = [taking[group, place] for place in places if usable[place][0][atom]]
        model.row(1.0, INFINITY, holding, [1.0] * len(holding))
    model.row(-INFINITY, float(relaxation.slots[group]), columns, [1.0] * len(columns))
    sizes = [float(relaxation.sizes[usable[place][0]].sum()) / MIB for place in places]
    model.row(-INFINITY, room / MIB, columns, sizes)


def _values_of(
    relaxation: Relaxation,
    usable: Sequence[tuple[Flags, list[int]]],
    chosen: Sequence[int],
    taking: dict[tuple[int, int], int],
    start: Sequence[Layer],
    count: int,
) -> list[float]:
    """The plan that there is, as values of the program."""
    values = [0.0] * count
    places = {atoms.tobytes(): place for place, (atoms, _) in enumerate(usable)}
    for layer in start:
        place = places.get(relaxation.column_of(layer).tobytes())
        if place is None:
            continue
        values[chosen[place]] = 1.0
        for group, members in enumerate(relaxation.members):
            if (group, place) in taking and any(layer.users >> function & 1 for function in members):
                values[taking[group, place]] = 1.0
    return values


def _solve(model: _Model, start: list[float]) -> list[float] | None:
    solver = Solver()
    solver.setOptionValue("mip_max_nodes", _MOST_NODES)
    solver.setOptionValue("mip_rel_gap", _GAP)
    count = len(model.costs)
    nothing = np.array([], dtype=np.int32)
    solver.addCols(
        count,
        np.array(model.costs),
        np.zeros(count),
        np.ones(count),
        0,
        nothing,
        nothing,
        np.array([], float),
    )
    integer = np.full(count, highspy.HighsVarType.kInteger)
    solver.changeColsIntegrality(count, np.arange(count, dtype=np.int32), integer)
    for lower, upper, columns, entries in model.rows:
        solver.addRow(lower, upper, len(columns), np.array(columns, dtype=np.int32), np.array(entries))
    known = highspy.HighsSolution()
    known.col_value = start
    solver.setSolution(known)
    solver.run_interruptibly()
    if solver.getInfo().primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        return None
    return list(solver.getSolution().col_value)
