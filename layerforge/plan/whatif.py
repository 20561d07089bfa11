"""A plan for an instance that somebody states, apart from any project (`layerforge plan --what-if`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from fractions import Fraction
from math import floor, lcm

from layerforge.model.given import GivenFunction, GivenInstance
from layerforge.model.plan import Item
from layerforge.model.progress import Progress
from layerforge.plan.exact.proving import prove as prove_cost
from layerforge.plan.floor import floor_of
from layerforge.plan.names import LEAST_FOR_BASE, name_layers
from layerforge.plan.problem import SCALE, Layer, Prices, Problem, Room, bits
from layerforge.plan.solving import Effort, solve

_PREFIX = "layer"
# Prices that are no whole parts of a byte at this scale are rounded down: the bound stays one.
_FINEST = 100 * SCALE


@dataclass(frozen=True, kw_only=True, slots=True)
class Stated:
    """An instance as a problem: what its indices stand for, and how many parts of a byte prices count.

    `infeasible`: functions that no plan can serve, and why; they are not in the problem, and neither
    are those that need nothing.
    """

    given: GivenInstance
    problem: Problem
    atoms: tuple[tuple[str, ...], ...]
    functions: tuple[str, ...]
    scale: int
    infeasible: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class InstancePlan:
    """Distributions by layer, layers by function; `cost` and `lower_bound` in bytes, rounded.

    No plan costs less than `lower_bound`.
    """

    layers: Mapping[str, tuple[str, ...]]
    functions: Mapping[str, tuple[str, ...]]
    cost: int
    lower_bound: int
    infeasible: Mapping[str, str]


def plan_instance(
    given: GivenInstance,
    *,
    effort: Effort = Effort.NORMAL,
    prove: bool = False,
    progress: Progress | None = None,
) -> InstancePlan:
    """Plan an instance; the same whatever the order of its keys.

    `prove`: bound the cost as well as HiGHS can, and take what it finds that is cheaper. Raises
    ToolError if that is not installed.
    """
    stated = state(given)
    problem = stated.problem
    with progress.task("planning layers", total=None, unit="items") if progress else nullcontext():
        layers = solve(problem, effort=effort)
    bound = floor_of(problem)
    if prove:
        with progress.task("proving a bound", total=None, unit="items") if progress else nullcontext():
            proof = prove_cost(problem, layers)
        layers, bound = proof.layers, proof.lower_bound
    return describe(stated, layers, lower_bound=bound)


def state(given: GivenInstance) -> Stated:
    """Turn names into indices, and prices into whole parts of a byte."""
    infeasible = {
        name: reason
        for name in sorted(given.functions)
        if (reason := _why_infeasible(given, given.functions[name]))
    }
    asking = tuple(
        name for name in sorted(given.functions) if given.functions[name].needs and name not in infeasible
    )
    functions = [given.functions[name] for name in asking]
    atoms, needs = _make_atoms(functions)
    prices = [given.excess_weight * function.weight for function in functions]
    scale = min(lcm(SCALE, *{price.denominator for price in prices}), _FINEST)
    return Stated(
        given=given,
        problem=Problem(
            sizes=tuple(sum(given.sizes[name] for name in atom) for atom in atoms),
            needs=needs,
            rooms=tuple(
                Room(slots=function.most_layers, size=given.limit - function.code_size)
                for function in functions
            ),
            excess=tuple(floor(scale * price) for price in prices),
            rivals=(0,) * len(atoms),
            apart=(0,) * len(atoms),
            carriers=((1 << len(functions)) - 1,) * len(atoms),
            prices=Prices(stored=scale, layer=scale * given.layer_cost),
        ),
        atoms=atoms,
        functions=asking,
        scale=scale,
        infeasible=infeasible,
    )


def describe(stated: Stated, layers: Sequence[Layer], *, lower_bound: int) -> InstancePlan:
    """Name the layers of a solution; `lower_bound` is the problem's."""
    contents = [
        tuple(sorted(name for atom in bits(layer.atoms) for name in stated.atoms[atom])) for layer in layers
    ]
    names = _name(stated, layers, contents)
    took: dict[str, list[str]] = {name: [] for name in sorted(stated.given.functions)}
    for layer, name in zip(layers, names, strict=True):
        for function in bits(layer.users):
            took[stated.functions[function]].append(name)
    held = dict(sorted(zip(names, contents, strict=True)))
    attached = {function: tuple(sorted(several)) for function, several in took.items()}
    return InstancePlan(
        layers=held,
        functions=attached,
        cost=round(_cost(stated.given, held, attached)),
        lower_bound=round(Fraction(lower_bound, stated.scale)),
        infeasible=stated.infeasible,
    )


def _why_infeasible(given: GivenInstance, function: GivenFunction) -> str | None:
    needed = sum(given.sizes[name] for name in function.needs)
    total = needed + function.code_size
    if total > given.limit:
        return (
            f"needs {total:,} bytes unzipped, {total - given.limit:,} over the cap of {given.limit:,} "
            f"(distributions {needed:,}, code {function.code_size:,})"
        )
    if function.needs and function.most_layers < 1:
        return f"has no slot for a layer (max_layers is 0), and {needed:,} bytes of distributions need one"
    return None


def _make_atoms(functions: Sequence[GivenFunction]) -> tuple[tuple[tuple[str, ...], ...], tuple[int, ...]]:
    """Group names that the same functions need, sorted; and say which groups each function needs."""
    users: dict[str, int] = {}
    for position, function in enumerate(functions):
        for name in function.needs:
            users[name] = users.get(name, 0) | 1 << position
    groups: dict[int, list[str]] = {}
    for name in sorted(users):
        groups.setdefault(users[name], []).append(name)
    needs = [0] * len(functions)
    for atom, mask in enumerate(groups):
        for position in bits(mask):
            needs[position] |= 1 << atom
    return tuple(tuple(names) for names in groups.values()), tuple(needs)


def _name(stated: Stated, layers: Sequence[Layer], contents: Sequence[Sequence[str]]) -> tuple[str, ...]:
    everybody = (1 << len(stated.functions)) - 1
    is_base = [layer.users == everybody and len(stated.functions) >= LEAST_FOR_BASE for layer in layers]
    return name_layers(
        [
            [Item(name=name, version="", digest="", unzipped_size=stated.given.sizes[name]) for name in names]
            for names in contents
        ],
        prefixes=[_PREFIX] * len(layers),
        bases=[place for place, base in enumerate(is_base) if base],
    )


def _cost(
    given: GivenInstance, layers: Mapping[str, Sequence[str]], functions: Mapping[str, Sequence[str]]
) -> Fraction:
    """What the plan costs, from names and bytes alone; what cannot be served costs nothing."""
    sizes = {layer: sum(given.sizes[name] for name in names) for layer, names in layers.items()}
    excess = Fraction(0)
    for name, taken in functions.items():
        function = given.functions[name]
        if taken:
            held = sum(sizes[layer] for layer in taken)
            excess += function.weight * (held - sum(given.sizes[need] for need in function.needs))
    return sum(sizes.values()) + given.excess_weight * excess + given.layer_cost * len(layers)
