"""What a project is at one time, in the form in which two times are compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from layerforge.model.artifact import Manifest, ManifestFunction
from layerforge.model.lock import Lock
from layerforge.model.plan import Demand, FunctionPlan, LayerPlan


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Held:
    """A distribution as a layer or a function has it; bytes."""

    version: str
    unzipped_size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionState:
    """One function. Bytes unzipped; None is what the source of the state does not tell.

    `carries` is what its layers and its own zip hold, needed or not, by name; where there are no layers,
    what it needs.
    """

    target: str
    carries: Mapping[str, Held]
    needs: Mapping[str, Held] | None = None
    layers: tuple[str, ...] | None = None
    code_size: int | None = None
    unzipped_size: int

    @property
    def rest_size(self) -> int:
        """Bytes beside distributions and code: layers from elsewhere, bytecode that layers share."""
        held = sum(one.unzipped_size for one in self.carries.values())
        return self.unzipped_size - held - (self.code_size or 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerState:
    """One layer; bytes. `zipped_size` is None for a layer that is only planned."""

    distributions: Mapping[str, Held]
    unzipped_size: int
    zipped_size: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """A project by function and by layer. `layers` is None where only a lock is known.

    What was `built` has bytes that a plan does not know of: bytecode, for example.
    """

    label: str
    built: bool = False
    functions: Mapping[str, FunctionState]
    layers: Mapping[str, LayerState] | None


def state_of_manifest(label: str, manifest: Manifest) -> State:
    """What was built."""
    layers = {
        layer.name: LayerState(
            distributions={
                one.name: Held(version=one.version, unzipped_size=one.unzipped_size)
                for one in layer.distributions
            },
            unzipped_size=layer.unzipped_size,
            zipped_size=layer.zipped_size,
        )
        for layer in manifest.layers
    }
    functions = {
        name: FunctionState(
            target=function.target,
            carries=_carried(layers, function.layers) | _bundled(function),
            layers=function.layers,
            code_size=function.code_size,
            unzipped_size=function.unzipped_size,
        )
        for name, function in manifest.functions.items()
    }
    return State(label=label, built=True, functions=functions, layers=layers)


def state_of_plan(
    label: str, plan: LayerPlan, demands: Iterable[Demand], *, unknown_code: frozenset[str] = frozenset()
) -> State:
    """What would be built. `unknown_code` names functions whose code is not there to be measured."""
    layers = {
        layer.name: LayerState(
            distributions={
                item.name: Held(version=item.version, unzipped_size=item.unzipped_size)
                for item in layer.items
            },
            unzipped_size=layer.unzipped_size,
        )
        for layer in plan.layers
    }
    needs = {demand.function: demand for demand in demands}
    functions = {
        one.function: _planned_function(
            one, layers, needs[one.function], known=one.function not in unknown_code
        )
        for one in plan.functions
    }
    return State(label=label, functions=functions, layers=layers)


def _planned_function(
    plan: FunctionPlan, layers: Mapping[str, LayerState], demand: Demand, *, known: bool
) -> FunctionState:
    needed = {
        item.name: Held(version=item.version, unzipped_size=item.unzipped_size)
        for item in (*demand.needs, *demand.bundled)
    }
    bundled = {item.name: needed[item.name] for item in plan.bundled}
    return FunctionState(
        target=plan.target.name,
        # One that fits nowhere has no layers, and still needs what it needs.
        carries=needed if plan.infeasible else _carried(layers, plan.layers) | bundled,
        needs=needed,
        layers=plan.layers,
        code_size=plan.code_size if known else None,
        unzipped_size=demand.smallest_size if plan.infeasible else plan.unzipped_size,
    )


def state_of_locks(label: str, locks: Sequence[Lock]) -> State:
    """What functions need, without layers, code and layers from elsewhere."""
    functions = {}
    for lock in locks:
        held = lock.by_name()
        for roots in lock.functions:
            carries = {
                name: Held(version=held[name].version, unzipped_size=held[name].unzipped_size)
                for name in lock.closure(roots.roots)
            }
            functions[roots.function] = FunctionState(
                target=lock.target.name,
                carries=carries,
                unzipped_size=sum(one.unzipped_size for one in carries.values()),
            )
    return State(label=label, functions=functions, layers=None)


def _bundled(function: ManifestFunction) -> dict[str, Held]:
    held = function.code.distributions if function.code else ()
    return {one.name: Held(version=one.version, unzipped_size=one.unzipped_size) for one in held}


def without_layers(state: State) -> State:
    """The same as far as a lock could tell it: what functions need, and nothing from elsewhere."""
    functions = {}
    for name, one in state.functions.items():
        needs = one.carries if one.needs is None else one.needs
        size = sum(held.unzipped_size for held in needs.values()) + (one.code_size or 0)
        functions[name] = replace(one, carries=needs, layers=None, unzipped_size=size)
    return replace(state, functions=functions, layers=None)


def _carried(layers: Mapping[str, LayerState], names: Iterable[str]) -> dict[str, Held]:
    return {name: held for layer in names for name, held in layers[layer].distributions.items()}
