"""`python -m tests.images`: make every image, two at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.images.making import connect, make_image
from tests.images.recipe import RECIPES


def main() -> None:
    client = connect()
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(partial(make_image, client), RECIPES):
            pass


if __name__ == "__main__":
    main()
