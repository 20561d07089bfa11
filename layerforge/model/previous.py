"""The plan that there was, by names alone: what the next one starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Where a plan is recorded, in the project root.
PLAN_FILE = "layerforge-plan.toml"


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviousLayer:
    """A layer that there was: its targets and distributions by name, both sorted."""

    name: str
    targets: tuple[str, ...]
    distributions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviousFunction:
    """What a function took. `bundled` names what stayed in its own zip.

    `asked` is a digest of what it needed and allowed then; empty where nobody recorded that.
    """

    layers: tuple[str, ...]
    bundled: tuple[str, ...] = ()
    asked: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class PreviousPlan:
    """A plan that there was. Layers are sorted by name; functions are by name.

    `settings` is a digest of what the config said of plans then; empty where nobody recorded that.
    `project` is what the layers' names begin with, `source` the file that tells all this.
    """

    layers: tuple[PreviousLayer, ...]
    functions: Mapping[str, PreviousFunction] = field(default_factory=dict)
    settings: str = ""
    project: str = ""
    source: str = field(default="", compare=False)
