"""What changed between two states of a project: versions, bytes, layers, functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from layerforge.check.states import FunctionState, Held, LayerState, State, without_layers

OWN_CODE = "its own code"
ELSEWHERE = "layers from elsewhere"
_Same = Callable[[Held, Held], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One thing that makes a layer or a function larger or smaller; None where it is not there."""

    name: str
    before: Held | None
    after: Held | None

    @property
    def growth(self) -> int:
        """Bytes more than before."""
        return (self.after.unzipped_size if self.after else 0) - (
            self.before.unzipped_size if self.before else 0
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class DistributionChange:
    """A distribution that functions of `targets` have in other versions than before; bytes of one copy.

    `before` and `after` hold more than one version where functions differ. `functions` have it now
    (or had it, if it is gone).
    """

    name: str
    targets: tuple[str, ...]
    before: tuple[Held, ...]
    after: tuple[Held, ...]
    functions: tuple[str, ...]

    @property
    def growth(self) -> int:
        """Bytes of all its versions more than before."""
        return sum(one.unzipped_size for one in self.after) - sum(one.unzipped_size for one in self.before)


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerChange:
    """A layer that is new, gone or other than before, with the distributions that make the difference."""

    name: str
    before: LayerState | None
    after: LayerState | None
    parts: tuple[Part, ...]

    @property
    def growth(self) -> int:
        """Bytes unzipped more than before."""
        return _growth(self.before, self.after)


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionChange:
    """A function that is new, gone or other than before. `parts` make the difference, largest first."""

    name: str
    before: FunctionState | None
    after: FunctionState | None
    parts: tuple[Part, ...]

    @property
    def growth(self) -> int:
        """Bytes unzipped more than before, as far as both sides tell."""
        return _growth(self.before, self.after)


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """All that changed; the largest differences first. `layers` is None where a side does not know them."""

    before: State
    after: State
    distributions: tuple[DistributionChange, ...]
    layers: tuple[LayerChange, ...] | None
    functions: tuple[FunctionChange, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed that both sides know of."""
        return not (self.distributions or self.layers or self.functions)


def compare(before: State, after: State) -> Difference:
    """Hold two states against each other. What one of them does not know is not compared.

    Where one was built and the other only planned, a distribution counts as changed if its version is.
    """
    same = _same_bytes if before.built == after.built else _same_version
    layers = None
    if before.layers is None or after.layers is None:
        before, after = without_layers(before), without_layers(after)
    else:
        layers = _layer_changes(before.layers, after.layers, same)
    return Difference(
        before=before,
        after=after,
        distributions=_distribution_changes(before, after, same),
        layers=layers,
        functions=_function_changes(before.functions, after.functions, same),
    )


def _same_bytes(one: Held, other: Held) -> bool:
    return one == other


def _same_version(one: Held, other: Held) -> bool:
    # Code and layers from elsewhere have no version: their bytes are all there is to compare.
    return one.version == other.version if one.version else one == other


def _growth(before: LayerState | FunctionState | None, after: LayerState | FunctionState | None) -> int:
    return (after.unzipped_size if after else 0) - (before.unzipped_size if before else 0)


def _distribution_changes(before: State, after: State, same: _Same) -> tuple[DistributionChange, ...]:
    was, now = _by_target(before), _by_target(after)
    merged: dict[tuple[str, tuple[Held, ...], tuple[Held, ...]], DistributionChange] = {}
    for target, name in sorted(was.keys() | now.keys()):
        old, new = was.get((target, name), {}), now.get((target, name), {})
        if len(old) == len(new) and all(map(same, sorted(old), sorted(new))):
            continue
        users = {function for held in (new or old).values() for function in held}
        change = DistributionChange(
            name=name,
            targets=(target,),
            before=tuple(sorted(old)),
            after=tuple(sorted(new)),
            functions=tuple(sorted(users)),
        )
        # The same change for several targets is one change.
        key = (name, change.before, change.after)
        known = merged.get(key)
        merged[key] = change if known is None else _joined(known, change)
    return tuple(
        sorted(merged.values(), key=lambda change: (-abs(change.growth), change.name, change.targets))
    )


def _joined(first: DistributionChange, second: DistributionChange) -> DistributionChange:
    return replace(
        first,
        targets=(*first.targets, *second.targets),
        functions=tuple(sorted({*first.functions, *second.functions})),
    )


def _by_target(state: State) -> dict[tuple[str, str], dict[Held, list[str]]]:
    """Functions by target and name of a distribution that they need, and by the version that they have."""
    found: dict[tuple[str, str], dict[Held, list[str]]] = {}
    for function, one in state.functions.items():
        for name, held in (one.carries if one.needs is None else one.needs).items():
            found.setdefault((one.target, name), {}).setdefault(held, []).append(function)
    return found


def _layer_changes(
    before: Mapping[str, LayerState], after: Mapping[str, LayerState], same: _Same
) -> tuple[LayerChange, ...]:
    changes = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        parts = _parts(old.distributions if old else {}, new.distributions if new else {}, same)
        if old is None or new is None or parts:
            changes.append(LayerChange(name=name, before=old, after=new, parts=parts))
    return tuple(sorted(changes, key=lambda change: (-abs(change.growth), change.name)))


def _function_changes(
    before: Mapping[str, FunctionState], after: Mapping[str, FunctionState], same: _Same
) -> tuple[FunctionChange, ...]:
    changes = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is not None and new is not None:
            old, new = _comparable(old, new)
        parts = _parts(_contents(old), _contents(new), same)
        if old is None or new is None or parts or old.target != new.target:
            changes.append(FunctionChange(name=name, before=old, after=new, parts=parts))
    return tuple(sorted(changes, key=lambda change: (-abs(change.growth), change.name)))


def _comparable(old: FunctionState, new: FunctionState) -> tuple[FunctionState, FunctionState]:
    """Leave out the code where one side does not know it."""
    if old.code_size is None or new.code_size is None:
        return _without_code(old), _without_code(new)
    return old, new


def _without_code(state: FunctionState) -> FunctionState:
    return replace(state, code_size=None, unzipped_size=state.unzipped_size - (state.code_size or 0))


def _contents(state: FunctionState | None) -> dict[str, Held]:
    """Everything that a function's bytes consist of, by name."""
    if state is None:
        return {}
    contents = dict(state.carries)
    for name, size in ((OWN_CODE, state.code_size or 0), (ELSEWHERE, state.rest_size)):
        if size:
            contents[name] = Held(version="", unzipped_size=size)
    return contents


def _parts(before: Mapping[str, Held], after: Mapping[str, Held], same: _Same) -> tuple[Part, ...]:
    names: Iterable[str] = sorted(before.keys() | after.keys())
    parts = [Part(name=name, before=before.get(name), after=after.get(name)) for name in names]
    changed = [part for part in parts if not (part.before and part.after and same(part.before, part.after))]
    return tuple(sorted(changed, key=lambda part: (-abs(part.growth), part.name)))
