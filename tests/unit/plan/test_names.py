from __future__ import annotations

from layerforge.model.plan import Item
from layerforge.plan.names import name_layers


def items(**sizes: int) -> tuple[Item, ...]:
    return tuple(
        Item(name=name, version="1.0", digest="", unzipped_size=size) for name, size in sorted(sizes.items())
    )


def test_the_largest_distribution_gives_the_name() -> None:
    assert name_layers([items(attrs=1, numpy=9), items(six=2)], prefixes=["shop-py313", "shop-any"]) == (
        "shop-py313-numpy",
        "shop-any-six",
    )


def test_layers_with_the_same_largest_distribution_name_more_of_theirs() -> None:
    contents = [items(numpy=9), items(numpy=9, pandas=8), items(numpy=9, six=1), items(numpy=9)]
    assert name_layers(contents, prefixes=["p", "p", "p", "q"]) == (
        "p-numpy",
        "p-numpy-pandas",
        "p-numpy-six",
        "q-numpy",
    )


def test_signs_that_aws_does_not_take_are_replaced() -> None:
    assert name_layers([items(numpy=9)], prefixes=["My shop.io/py313"]) == ("My-shop-io-py313-numpy",)


def test_names_are_cut_at_140_characters_and_stay_unique() -> None:
    first, second = name_layers([items(numpy=9), items(six=9)], prefixes=["x" * 150] * 2)
    assert (len(first), len(second)) == (140, 140)
    assert first != second
