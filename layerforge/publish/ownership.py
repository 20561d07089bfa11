"""Which of the layers that a function has are this project's, and what it has when ours are replaced."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from layerforge.model.layer_arn import LayerArn, parse_layer_arn
from layerforge.publish.values import LiveFunction, Ours, Slot

_SLUG = r"(?:any|(?:py3\d+-)?(?:x86-64|arm64)|py3\d+)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ownership:
    """Tells layers of a project by their names: those of its manifest, and `<project>-py313-x86-64-...`.

    The latter are of earlier plans: what was split or merged since, and is called otherwise now. After
    the project's name stands what a layer's targets have in common (`layerforge.model.target.shared_slug`).
    """

    project: str
    names: Collection[str] = ()

    def owns_name(self, name: str) -> bool:
        """Whether layers of this project are called so."""
        pattern = rf"{re.escape(self.project)}-{_SLUG}-.+"
        return name in self.names or re.fullmatch(pattern, name) is not None

    def owns(self, arn: LayerArn, function: LiveFunction) -> bool:
        """Whether a layer is this project's, seen from a function that has it: in its account and region."""
        _, _, _, region, account, *_ = function.arn.split(":")
        return (arn.region, arn.account) == (region, account) and self.owns_name(arn.name)


def replace_ours(function: LiveFunction, wanted: Sequence[str], ownership: Ownership) -> tuple[Slot, ...]:
    """What a function has once it takes the layers `wanted` (names, in order) in place of ours.

    Layers from elsewhere stay, in their order, as the later one wins at /opt. Ours come where ours
    were: the first where the first was, and so on; further ones behind the last, and where there were
    none, at the end.
    """
    left = [Ours(name=name) for name in wanted]
    slots: list[Slot] = []
    end = len(function.layers)
    for arn in function.layer_arns:
        parsed = parse_layer_arn(arn)
        if parsed is None or not ownership.owns(parsed, function):
            slots.append(arn)
            continue
        if left:
            slots.append(left.pop(0))
        end = len(slots)
    end = min(end, len(slots))
    return (*slots[:end], *left, *slots[end:])
