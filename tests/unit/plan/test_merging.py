from __future__ import annotations

from layerforge.plan.merging import Problem, Room, merge_atoms

MB = 1_048_576
WIDE = Room(slots=5, size=250 * MB)


def merge(sizes: list[int], needs: list[int], rooms: list[Room] | None = None) -> tuple[tuple[int, int], ...]:
    """Sizes in MB."""
    return merge_atoms(
        Problem(
            sizes=tuple(size * MB for size in sizes),
            needs=tuple(needs),
            rooms=tuple(rooms or [WIDE] * len(needs)),
            rivals=(0,) * len(sizes),
        )
    )


def test_an_extra_layer_must_earn_one_mib() -> None:
    # One function would carry 9 MB in excess (0.9 MiB of cost): dearer than nothing, cheaper than a layer.
    assert merge([50, 9], [0b01, 0b11]) == ((0b11, 0b11),)
    assert merge([50, 11], [0b01, 0b11]) == ((0b01, 0b11), (0b10, 0b10))


def test_a_second_copy_is_stored_where_it_spares_more_than_ten_from_carrying() -> None:
    one = Room(slots=1, size=250 * MB)
    # Functions 0 to n take atom 0 alone; the last one needs both and has one slot.
    few = merge([50, 40], [0b01] * 5 + [0b11], [WIDE] * 5 + [one])
    many = merge([50, 40], [0b01] * 20 + [0b11], [WIDE] * 20 + [one])
    assert few == ((0b11, 0b111111),)
    assert many == ((0b01, (1 << 20) - 1), (0b11, 1 << 20))


def test_a_function_that_may_not_carry_more_keeps_its_own() -> None:
    tight = Room(slots=1, size=50 * MB)
    assert merge([50, 9], [0b01, 0b11], [tight, Room(slots=1, size=59 * MB)]) == ((0b01, 0b01), (0b11, 0b10))
