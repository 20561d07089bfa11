"""What a search changes can be taken back whole, and seating finds what no single union leads to."""

import random

from layerforge.plan.beginning import begin_layers
from layerforge.plan.merging import merge_atoms
from layerforge.plan.problem import Layer, Problem, Room, cost_of, positions, violations
from layerforge.plan.search import improve
from layerforge.plan.seating import Seating
from layerforge.plan.seats import Seats
from layerforge.plan.units import make_units

MIB = 1_048_576


def problem(sizes: list[int], needs: list[int], slots: list[int]) -> Problem:
    """Sizes in MiB; functions with 250 MiB for layers, and a tenth for each byte in excess."""
    everybody = (1 << len(needs)) - 1
    return Problem(
        sizes=tuple(size * MIB for size in sizes),
        needs=tuple(needs),
        rooms=tuple(Room(slots=one, size=250 * MIB) for one in slots),
        excess=(100,) * len(needs),
        rivals=(0,) * len(sizes),
        apart=(0,) * len(sizes),
        carriers=(everybody,) * len(sizes),
    )


def seats(given: Problem, *layers: tuple[int, int]) -> Seats:
    units = make_units(given)
    return Seats(given, units, units.seats(Layer(atoms=atoms, users=users) for atoms, users in layers))


def looked_at(state: Seats) -> object:
    """All that a search sees of its state."""
    layers = {one: (piece.atoms, piece.users, piece.cost) for one, piece in state.layers.items()}
    carried = [state.carried(unit) for unit in range(len(state.seats))]
    return layers, state.holding, state.seats, carried, state.free, state.total


def test_functions_that_need_the_same_in_as_many_slots_are_one_unit() -> None:
    given = problem([1, 2], [0b11, 0b01, 0b11, 0b11, 0], [2, 2, 2, 1, 5])
    units = make_units(given)
    assert units.members == ((1,), (3,), (0, 2))
    assert (units.needs, units.slots, units.price) == ((1, 3, 3), (2, 1, 2), (100, 100, 200))
    layer = Layer(atoms=3, users=0b1101)
    assert units.seats([layer]) == [(3, 0b110)]
    assert units.layers([(3, 0b110)]) == (layer,)


def test_what_was_changed_is_taken_back_whole() -> None:
    given = problem([10, 20, 40], [0b011, 0b101, 0b110], [2, 2, 2])
    # Units are sorted by need, so the functions 0, 1, 2 are the units 0, 1, 2.
    state = seats(given, (0b011, 0b001), (0b101, 0b010), (0b110, 0b100))
    state.settle()
    before = repr(looked_at(state))
    touched: dict[int, int] = {}
    for unit in (0, 2):
        state.remove(unit, touched)
    seating = Seating(state, lambda: 0.5)
    assert all(seating.insert(unit, noise=0.0, blink=0.0) for unit in (2, 0))
    assert repr(looked_at(state)) != before
    state.take_back()
    after = seats(given, (0b011, 0b001), (0b101, 0b010), (0b110, 0b100))
    assert sorted(state.layers) == sorted(after.layers)
    assert looked_at(state) == looked_at(after)


def test_a_search_ends_no_dearer_than_it_began_where_alike_functions_are_seated_otherwise() -> None:
    given = problem([1, 100], [0b01, 0b01, 0b11], [5, 5, 5])
    layers = (Layer(atoms=0b01, users=0b010), Layer(atoms=0b11, users=0b101))
    assert improve(given, layers, work=0) == layers


def test_a_layer_is_split_for_who_needs_half_of_it() -> None:
    # The second needs 100 of the 200 MiB of the first: a layer of them costs 1 MiB, and neither is in excess.
    given = problem([100, 100], [0b11, 0b01], [2, 1])
    units = make_units(given)
    state = Seats(given, units, [(0b11, 0b10)])
    assert Seating(state, lambda: 0.0).insert(0, noise=0.0, blink=0.0)
    assert sorted((one.atoms, one.users) for one in state.layers.values()) == [(0b01, 0b11), (0b10, 0b10)]
    assert {unit: len(state.seats[unit]) for unit in positions(0b11)} == {0: 1, 1: 2}


def test_a_layer_is_not_split_where_its_function_has_no_slot_left() -> None:
    given = problem([100, 100], [0b11, 0b01], [1, 1])
    state = Seats(given, make_units(given), [(0b11, 0b10)])
    assert Seating(state, lambda: 0.0).insert(0, noise=0.0, blink=0.0)
    assert [(one.atoms, one.users) for one in state.layers.values()] == [(0b11, 0b11)]


def test_two_layers_are_not_split_where_their_function_has_one_slot_left() -> None:
    # Either split spares the second 5 MiB of excess for 1 MiB; both would give the first 4 layers.
    given = problem([50, 50, 50, 50], [0b1111, 0b0101], [3, 5])
    units = make_units(given)
    first = units.needs.index(0b1111)
    state = Seats(given, units, [(0b0011, 1 << first), (0b1100, 1 << first)])
    assert Seating(state, lambda: 0.0).insert(1 - first, noise=0.0, blink=0.0)
    assert len(state.seats[first]) == 3
    layers = units.layers((piece.atoms, piece.users) for piece in state.layers.values())
    assert violations(given, layers) == ()


def test_functions_with_few_slots_do_not_make_others_unite() -> None:
    chance = random.Random(3)
    needs = [sum(1 << atom for atom in range(30) if chance.random() < 0.15) or 1 for _ in range(40)]
    sizes = [1 + int(chance.random() ** 3 * 60) for _ in range(30)]
    given = problem(sizes, needs, [chance.choice([1, 2, 4, 5]) for _ in needs])
    begun, merged = begin_layers(given), merge_atoms(given)
    assert violations(given, begun) == ()
    assert cost_of(given, begun).total < cost_of(given, merged).total
