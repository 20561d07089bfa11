"""What is to be solved, by index and in integers, and what a solution costs.

An *atom* is a set of distributions that exactly the same functions need. A layer is a set of atoms
that some functions take. Choose layers so that every function finds its needs in at most its slots
and its bytes, at the least cost:

    stored bytes + 0.1 x sum over functions of weight x bytes carried in excess + 1 MiB x layers

in words: a second copy is stored only where that spares more than ten functions from carrying it,
and an extra layer must earn 1 MiB. Where there is a plan already, a layer whose distributions are
new costs a quarter of its bytes more (it is uploaded, and unpacked cold), and so does each function
that takes a layer which it did not take before, a little. The cost is a sum over layers, so a move
is priced by the layers that it touches.

Sets are bit masks (of atoms, of functions). Prices are in thousandths of a byte, so that all
arithmetic is on integers: the same input gives the same plan on every machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

SCALE = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """What a function leaves to layers: how many, and bytes unzipped."""

    slots: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """In thousandths of a byte: what a stored byte, a layer, a byte in a new layer, a new attachment cost.

    The price of a byte carried in excess is each function's own (`Problem.excess`).
    """

    stored: int = SCALE
    layer: int = SCALE * 1_048_576
    renewed: int = SCALE // 4
    attached: int = SCALE * 65_536


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Layer:
    """A mask of atoms and the mask of the functions that take it."""

    atoms: int
    users: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Atoms and functions by index.

    `sizes[atom]` in bytes; `needs[function]` a mask of atoms; `excess[function]` what it costs that
    this function carries a byte which it does not need (0.1 x weight x SCALE).
    `rivals[atom]`: atoms that hold the same distribution at another version; these may never meet in
    one function. `apart[atom]`: atoms that may not share a layer with it. `carriers[atom]`: functions
    that may take a layer which holds it (their target accepts its files); needs are within it.
    `previous`: the layers there were, where a plan is to stay put; `known`: functions there were.
    `most_layers`: no more layers than that, where there is such a bound.

    Each function must fit by itself: its needs within its room, and at least one slot if it needs anything.
    """

    sizes: tuple[int, ...]
    needs: tuple[int, ...]
    rooms: tuple[Room, ...]
    excess: tuple[int, ...]
    rivals: tuple[int, ...]
    apart: tuple[int, ...]
    carriers: tuple[int, ...]
    prices: Prices = Prices()
    previous: tuple[Layer, ...] | None = None
    known: int = 0
    most_layers: int | None = None

    def size(self, atoms: int) -> int:
        """Bytes of a set of atoms."""
        sizes = self.sizes
        return sum(sizes[atom] for atom in bits(atoms))


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What a solution costs, by what it is for; all in thousandths of a byte.

    `excess` is weighted. `change` is what differs from the previous plan.
    """

    stored: int
    excess: int
    layers: int
    change: int

    @property
    def total(self) -> int:
        """The sum, which is to be least."""
        return self.stored + self.excess + self.layers + self.change


def cost_of(problem: Problem, layers: Sequence[Layer]) -> Cost:
    """Price layers that serve every function (that they do is not looked at)."""
    prices = problem.prices
    sizes = [problem.size(layer.atoms) for layer in layers]
    carried = [0] * len(problem.needs)
    for layer, size in zip(layers, sizes, strict=True):
        for function in bits(layer.users):
            carried[function] += size
    excess = sum(
        price * (held - problem.size(needed))
        for price, held, needed in zip(problem.excess, carried, problem.needs, strict=True)
    )
    before = {layer.atoms: layer.users for layer in problem.previous or ()}
    change = 0
    if problem.previous is not None:
        for layer, size in zip(layers, sizes, strict=True):
            if layer.atoms not in before:
                change += prices.renewed * size
            added = layer.users & ~before.get(layer.atoms, 0) & problem.known
            change += prices.attached * added.bit_count()
    return Cost(
        stored=prices.stored * sum(sizes), excess=excess, layers=prices.layer * len(layers), change=change
    )


def violations(problem: Problem, layers: Sequence[Layer]) -> tuple[str, ...]:
    """Name whatever a solution breaks; an empty tuple says that it serves every function."""
    found = [*_broken_by_layers(problem, layers)]
    for function, (needed, room) in enumerate(zip(problem.needs, problem.rooms, strict=True)):
        taken = [layer for layer in layers if layer.users >> function & 1]
        held = union(layer.atoms for layer in taken)
        size = sum(problem.size(layer.atoms) for layer in taken)
        if needed & ~held:
            found.append(f"function {function} lacks atoms {[*bits(needed & ~held)]}")
        if len(taken) > room.slots:
            found.append(f"function {function} takes {len(taken)} layers in {room.slots} slots")
        if taken and size > room.size:
            found.append(f"function {function} takes {size} bytes where {room.size} fit")
        found += [
            f"function {function} takes atom {atom} and a rival of it"
            for atom in bits(held)
            if problem.rivals[atom] & held
        ]
    if problem.most_layers is not None and len(layers) > problem.most_layers:
        found.append(f"{len(layers)} layers where {problem.most_layers} are allowed")
    return tuple(found)


def _broken_by_layers(problem: Problem, layers: Sequence[Layer]) -> Iterator[str]:
    for position, layer in enumerate(layers):
        for atom in bits(layer.atoms):
            if problem.apart[atom] & layer.atoms:
                yield f"layer {position} holds atom {atom} and one to be kept apart from it"
            if layer.users & ~problem.carriers[atom]:
                yield f"layer {position} holds atom {atom}, which some of its functions may not carry"


def bits(mask: int) -> Iterator[int]:
    """Return the positions that are set, lowest first."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


_IN_BYTE = tuple(tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256))


def positions(mask: int) -> list[int]:
    """Return the positions that are set, lowest first, as `bits`: four times as fast where many are."""
    if not mask & (mask - 1):
        # Most masks of units that a search asks for are of one.
        return [mask.bit_length() - 1] if mask else []
    found = []
    start = 0
    for byte in mask.to_bytes((mask.bit_length() + 7) // 8, "little"):
        if byte:
            found += [start + bit for bit in _IN_BYTE[byte]]
        start += 8
    return found


def union(masks: Iterable[int]) -> int:
    """Return what is in any of them."""
    whole = 0
    for mask in masks:
        whole |= mask
    return whole
