"""Whether a plan does what it has to, told without any code of the planner.

One set of rules over plain names and bytes, and a way into it from each form that plans have: the documents
of `plan --what-if`, the values of `layerforge.plan`, the documents of `plan --json`.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from layerforge.model.plan import Demand, LayerPlan
    from layerforge.plan.problem import Layer, Problem


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a function asks for. `room`: bytes for layers. `never`: what no layer of it may hold."""

    needs: frozenset[Hashable]
    room: int
    slots: int
    never: frozenset[Hashable] = frozenset()
    weight: Fraction = Fraction(1)

    def servable(self, sizes: Mapping[Hashable, int]) -> bool:
        needed = sum(sizes[one] for one in self.needs)
        return needed <= self.room and self.slots >= bool(self.needs)


@dataclass(frozen=True, kw_only=True)
class Given:
    """`sizes` in bytes; `kin[item]`: what it may not meet in one function, such as another version of it."""

    sizes: Mapping[Hashable, int]
    functions: Mapping[Hashable, Asked]
    kin: Mapping[Hashable, frozenset[Hashable]] = field(default_factory=dict)


def faults(
    given: Given,
    layers: Mapping[Any, Sequence[Any]],
    taken: Mapping[Any, Sequence[Any]],
    refused: frozenset[Hashable],
) -> list[str]:
    """Everything that is wrong with a plan, in words; nothing if it is right."""
    found = [fault for layer, held in layers.items() for fault in _faults_in(given, layer, held)]
    if found:
        return found
    used = {layer for several in taken.values() for layer in several}
    if idle := set(layers) - used:
        found.append(f"nobody takes {sorted(map(str, idle))}")
    if strange := sorted(str(one) for one in set(taken) - set(given.functions)):
        found.append(f"there are no functions {strange}")
    for name, asked in given.functions.items():
        several = taken.get(name, ())
        if asked.servable(given.sizes) == (name in refused):
            found.append(f"{name} is {'refused' if name in refused else 'served'}, and should not be")
        elif name in refused:
            found += [f"{name} is refused and takes layers"] if several else []
        else:
            found += [f"{name} {fault}" for fault in _faults_of(given, asked, layers, several)]
    return found


def _faults_in(given: Given, layer: Hashable, held: Sequence[Hashable]) -> list[str]:
    found = [] if held else [f"layer {layer} is empty"]
    if len(set(held)) < len(held):
        found.append(f"layer {layer} holds something twice")
    if strange := sorted(str(one) for one in set(held) - set(given.sizes)):
        found.append(f"layer {layer} holds {strange}, which nobody knows")
    return found


def _faults_of(
    given: Given, asked: Asked, layers: Mapping[Any, Sequence[Any]], several: Sequence[Hashable]
) -> list[str]:
    if unknown := [layer for layer in several if layer not in layers]:
        return [f"takes {unknown}, which do not exist"]
    found = []
    held = [item for layer in several for item in layers[layer]]
    total = sum(given.sizes[item] for item in held)
    if len(set(several)) < len(several):
        found.append("takes a layer twice")
    if missing := asked.needs - set(held):
        found.append(f"lacks {sorted(map(str, missing))}")
    if len(several) > asked.slots:
        found.append(f"takes {len(several)} layers in {asked.slots} slots")
    if total > asked.room:
        found.append(f"takes {total} bytes where {asked.room} fit")
    if barred := asked.never.intersection(held):
        found.append(f"takes {sorted(map(str, barred))}, which it never may")
    if any(given.kin.get(item, frozenset()).intersection(held) for item in held):
        found.append("takes two that exclude each other")
    return found


def price(
    given: Given,
    layers: Mapping[Any, Sequence[Any]],
    taken: Mapping[Any, Sequence[Any]],
    *,
    excess_weight: Fraction,
    layer_cost: int,
) -> Fraction:
    """Stored bytes, weighted bytes carried and not needed, and so much for each layer."""
    stored = {layer: sum(given.sizes[item] for item in held) for layer, held in layers.items()}
    carried = Fraction(0)
    for name, several in taken.items():
        if several:
            asked = given.functions[name]
            needed = sum(given.sizes[item] for item in asked.needs)
            carried += asked.weight * (sum(stored[layer] for layer in several) - needed)
    return sum(stored.values()) + excess_weight * carried + layer_cost * len(layers)


def check_document(instance: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    """Hold the document of `plan --what-if --json` against its instance: the plan, its cost, its bound."""
    given = Given(
        sizes=instance["dists"],
        functions={
            name: Asked(
                needs=frozenset(one["needs"]),
                room=instance["cap"] - one["code"],
                slots=one["max_layers"],
                weight=Fraction(str(one.get("weight", 1))),
            )
            for name, one in instance["functions"].items()
        },
    )
    layers, taken = document["layers"], document["functions"]
    refused = frozenset(document["infeasible"])
    assert faults(given, layers, taken, refused) == []
    assert set(taken) == set(given.functions)
    weight = Fraction(str(instance["lam_num"])) / Fraction(str(instance["lam_den"]))
    cost = price(given, layers, taken, excess_weight=weight, layer_cost=instance["mu"])
    assert document["cost"] == round(cost)
    assert 0 <= document["lower_bound"] <= document["cost"]


def check_project(document: Mapping[str, Any], needs: Mapping[str, frozenset[str]]) -> None:
    """Hold the document of `plan --json` against the names that each function needs, and its own figures.

    For projects of the default settings, where nothing stays in a function's own zip.
    """
    layers = {layer["name"]: layer for layer in document["layers"]}
    carried = 0
    assert set(document["functions"]) == set(needs)
    for name, one in document["functions"].items():
        taken = [layers[layer] for layer in one["layers"]]
        held = [item for layer in taken for item in layer["distributions"]]
        sizes = {item["name"]: item["unzipped_size"] for item in held}
        total = sum(layer["unzipped_size"] for layer in taken)
        excess = total - sum(sizes[needed] for needed in needs[name])
        assert len(set(one["layers"])) == len(taken) <= 5
        assert all(one["target"] in layer["targets"] for layer in taken)
        assert len({(item["name"], item["version"]) for item in held}) == len(sizes)
        assert one["unzipped_size"] == one["code_size"] + total <= 262_144_000
        assert one["carried_excess"] == excess
        carried += excess
    stored = sum(item["unzipped_size"] for layer in layers.values() for item in layer["distributions"])
    cost = document["cost"]
    assert {layer for one in document["functions"].values() for layer in one["layers"]} == set(layers)
    assert (cost["stored"], cost["carried"]) == (stored, carried)
    assert cost["total"] == stored + carried / 10 + 1_048_576 * len(layers)


def check_layer_plan(demands: Sequence[Demand], plan: LayerPlan) -> None:
    """Hold a plan against what was asked for, where nothing stays in a function's own zip."""
    items = {item for demand in demands for item in demand.needs}
    named: dict[str, set[Hashable]] = {}
    for item in items:
        named.setdefault(item.name, set()).add(item)
    given = Given(
        sizes={item: item.unzipped_size for item in items},
        functions={
            demand.function: Asked(
                needs=frozenset(demand.needs),
                room=demand.limits.unzipped - demand.code_size - demand.external_size,
                slots=demand.limits.layers - demand.external_layers - demand.reserved_layers,
                never=frozenset(item for item in items if item.targets and demand.target not in item.targets),
            )
            for demand in demands
        },
        kin={item: frozenset(named[item.name] - {item}) for item in items},
    )
    assert (
        faults(
            given,
            {layer.name: layer.items for layer in plan.layers},
            {one.function: one.layers for one in plan.functions},
            frozenset(one.function for one in plan.functions if one.infeasible),
        )
        == []
    )


def check_solution(problem: Problem, layers: Sequence[Layer]) -> None:
    """Hold layers by index against their problem."""
    atoms = range(len(problem.sizes))
    functions = range(len(problem.needs))

    def among(mask: int, everything: range) -> frozenset[Hashable]:
        return frozenset(one for one in everything if mask >> one & 1)

    given = Given(
        sizes=dict(enumerate(problem.sizes)),
        functions={
            one: Asked(
                needs=among(problem.needs[one], atoms),
                room=problem.rooms[one].size,
                slots=problem.rooms[one].slots,
                never=frozenset(atom for atom in atoms if not problem.carriers[atom] >> one & 1),
            )
            for one in functions
        },
        kin={atom: among(problem.rivals[atom], atoms) for atom in atoms},
    )
    held: dict[Hashable, list[Hashable]] = {
        place: sorted(among(layer.atoms, atoms), key=str) for place, layer in enumerate(layers)
    }
    taken: dict[Hashable, list[Hashable]] = {
        one: [place for place, layer in enumerate(layers) if layer.users >> one & 1] for one in functions
    }
    assert faults(given, held, taken, frozenset()) == []
    for atom in atoms:
        assert not any(atom in of and among(problem.apart[atom], atoms) & {*of} for of in held.values())
