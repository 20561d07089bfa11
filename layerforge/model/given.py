"""A planning problem as somebody states it, apart from any project: sizes, needs, limits and prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenFunction:
    """What a function needs, by name; its own code in bytes; how many layers it may take.

    `weight`: for how many functions its bytes carried in excess count.
    """

    needs: frozenset[str]
    code_size: int
    most_layers: int
    weight: Fraction = Fraction(1)


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenInstance:
    """`sizes`: bytes unzipped of each distribution. `limit`: bytes of layers and code in a function.

    A plan costs its stored bytes, `excess_weight` times the weighted bytes that functions carry and do
    not need, and `layer_cost` bytes for each layer.
    """

    sizes: Mapping[str, int]
    functions: Mapping[str, GivenFunction]
    limit: int
    excess_weight: Fraction
    layer_cost: int
