"""The layers that there were as a start: what is needed beside them is added, what is not is left."""

from __future__ import annotations

from layerforge.plan.merging import merge_layers
from layerforge.plan.problem import Layer, Problem, bits, union


def continue_layers(problem: Problem) -> tuple[Layer, ...]:
    """Return layers that serve every function, as few of them new as merging finds good; sorted.

    Each function keeps the layers that it took as long as it needs something from them, may take them,
    and has room. What it then lacks is a layer by itself, until merging finds it a place.
    """
    kept: dict[int, int] = {}
    lacking: dict[int, int] = {}
    sizes = {layer: problem.size(layer.atoms) for layer in problem.previous or ()}
    for function, needed in enumerate(problem.needs):
        taken = _keep(problem, function, sizes)
        for layer in taken:
            kept[layer.atoms] = kept.get(layer.atoms, 0) | 1 << function
        for atom in bits(needed & ~union(layer.atoms for layer in taken)):
            lacking[atom] = lacking.get(atom, 0) | 1 << function
    layers = [Layer(atoms=atoms, users=users) for atoms, users in kept.items()]
    layers += [Layer(atoms=1 << atom, users=users) for atom, users in lacking.items()]
    return merge_layers(problem, layers)


def _keep(problem: Problem, function: int, sizes: dict[Layer, int]) -> list[Layer]:
    """The layers that a function took and can go on with, those that carry the least in excess first."""
    bit, needed, room = 1 << function, problem.needs[function], problem.rooms[function]
    mine = [
        layer
        for layer in sizes
        if layer.users & bit
        and layer.atoms & needed
        and all(problem.carriers[atom] & bit for atom in bits(layer.atoms))
        and not any(problem.apart[atom] & layer.atoms for atom in bits(layer.atoms))
    ]
    excess = {layer: sizes[layer] - problem.size(layer.atoms & needed) for layer in mine}
    taken: list[Layer] = []
    held = 0
    # Whatever is carried in excess must leave room for all that is needed.
    spare = room.size - problem.size(needed)
    for layer in sorted(mine, key=lambda layer: (excess[layer], layer)):
        doubled = problem.size(layer.atoms & needed & held)
        useful = layer.atoms & needed & ~held
        whole = held | layer.atoms | needed
        if not useful or excess[layer] + doubled > spare or len(taken) == room.slots:
            continue
        if any(problem.rivals[atom] & whole for atom in bits(layer.atoms)):
            continue
        taken.append(layer)
        held |= layer.atoms
        spare -= excess[layer] + doubled
    return taken
