"""How each distribution is built: what the config asks for, and what recipes know."""

from __future__ import annotations

from collections.abc import Callable

from layerforge.model.container import ContainerSettings
from layerforge.resolve.compile.order import Instructions


def make_instructions(settings: ContainerSettings) -> Callable[[str], Instructions]:
    """Instructions by the normalised name of a distribution ("" where nobody knows it)."""

    def of(name: str) -> Instructions:
        packages = [
            package
            for one in settings.packages
            if one.distribution in {name, "*"}
            for package in one.packages
        ]
        return Instructions(packages=tuple(dict.fromkeys(packages)))

    return of
