"""What the user wants of a plan: prices, constraints, and what single functions want of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from layerforge.model.limits import Limits

EFFORTS = ("fast", "normal", "best")
SHARED_ACROSS = ("targets", "architectures", "nothing")
BUNDLE_MODES = ("never", "auto", "all")


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundling:
    """What stays in a function's own zip: `names`, and of the rest nothing, all, or what is better there."""

    mode: str = "never"
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionPlanning:
    """What one function wants of the plan; None where it wants what the project does.

    `weight`: how many functions its carried bytes count for. `reserve_layers`: places that stay free.
    """

    weight: float = 1.0
    bundle: Bundling | None = None
    reserve_layers: int | None = None
    limits: Limits | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedLayer:
    """A layer that the user asks for: `distributions` (empty: all) of what `functions` (empty: all) need.

    `functions` holds names and patterns such as `pay-*`.
    """

    name: str
    distributions: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanSettings:
    """`[plan]` of the config, defaults filled in. Costs in bytes; weights against a stored byte, which is 1.

    `excess_weight`: a byte that a function carries and does not need. `change_weight`: a byte in a layer
    whose distributions are others than before. `attach_cost`: a layer that a function did not take before.
    `share_across`: what may lie between functions that take the same layer. `apart`: sets of
    distributions no two of which may share a layer. `place` leads keys in messages: `layerforge.toml: `,
    or `pyproject.toml: tool.layerforge.`.
    """

    effort: str = "normal"
    excess_weight: float = 0.1
    layer_cost: int = 1_048_576
    change_weight: float = 0.25
    attach_cost: int = 65_536
    most_layers: int | None = None
    reserve_layers: int = 0
    share_across: str = "targets"
    bundle: Bundling = Bundling()
    layers: tuple[NamedLayer, ...] = ()
    apart: tuple[tuple[str, ...], ...] = ()
    place: str = field(default="", compare=False)


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a function is among `patterns` (names, or patterns such as `pay-*`); none of them: any is."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
