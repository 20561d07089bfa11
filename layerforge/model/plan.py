"""Which distributions go into which layers, and which function takes which: a value, not an act."""

from __future__ import annotations

from dataclasses import dataclass

from layerforge.model.limits import UNZIPPED_LIMIT, Limits
from layerforge.model.target import Target


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Item:
    """A distribution as the planner sees it: a key and its bytes unzipped.

    Two cohorts may pin the same name at different versions, and two targets at different files: these
    are two items. `targets` are those whose functions may take a layer that holds it; none are named
    where it is fit for all.
    """

    name: str
    version: str
    digest: str
    unzipped_size: int
    targets: tuple[Target, ...] = ()

    @property
    def file(self) -> tuple[str, str, str]:
        """What it comes from, whatever its size is said to be."""
        return self.name, self.version, self.digest

    def fits(self, target: Target) -> bool:
        """Whether a function on `target` may take it."""
        return not self.targets or target in self.targets


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    """What one function needs from layers, and what room it leaves them.

    `bundled` is what it needs and finds in its own zip: it is not among `needs`, and the function
    takes no layer that holds another version of it. `code_size`, `external_size` in bytes unzipped;
    `external_layers` counts layers from elsewhere, `reserved_layers` places that are to stay free.
    `limits_key` is where its limits stand in the config. `weight`: for how many functions its bytes
    carried in excess count.
    """

    function: str
    target: Target
    needs: frozenset[Item]
    code_size: int = 0
    external_layers: int = 0
    external_size: int = 0
    bundled: frozenset[Item] = frozenset()
    reserved_layers: int = 0
    limits: Limits = Limits()
    limits_key: str = "limits"
    weight: float = 1.0
    may_bundle: bool = False

    @property
    def slots(self) -> int:
        """How many layers of ours it can take."""
        return self.limits.layers - self.external_layers - self.reserved_layers

    @property
    def room(self) -> int:
        """Bytes that its layers may hold."""
        return self.limits.unzipped - self.own_size - self.external_size

    @property
    def needed_size(self) -> int:
        """Bytes of the distributions that it needs from layers."""
        return sum(item.unzipped_size for item in self.needs)

    @property
    def own_size(self) -> int:
        """Bytes of its own zip: its code and what is bundled with it."""
        return self.code_size + sum(item.unzipped_size for item in self.bundled)

    def bundles_rival(self, item: Item) -> bool:
        """Whether another version of `item` is bundled with it, or another file."""
        return any(one.name == item.name and one.file != item.file for one in self.bundled)

    @property
    def smallest_size(self) -> int:
        """Bytes that count against the limit even if its layers hold nothing but what it needs."""
        return self.own_size + self.external_size + self.needed_size


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedLayer:
    """A layer: its stable name, the targets of the functions that take it, and what it holds; all sorted."""

    name: str
    targets: tuple[Target, ...]
    items: tuple[Item, ...]

    @property
    def runtimes(self) -> tuple[str, ...]:
        """For CompatibleRuntimes."""
        return tuple(sorted({target.runtime for target in self.targets}))

    @property
    def architectures(self) -> tuple[str, ...]:
        """For CompatibleArchitectures."""
        return tuple(sorted({target.architecture for target in self.targets}))

    @property
    def python(self) -> tuple[int, int] | None:
        """The minor version of its interpreter; None where it serves several."""
        versions = {target.python for target in self.targets}
        return versions.pop() if len(versions) == 1 else None

    @property
    def unzipped_size(self) -> int:
        """Bytes of all its distributions."""
        return sum(item.unzipped_size for item in self.items)


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionPlan:
    """The layers that one function takes, in the order in which they are attached. All bytes unzipped.

    `bundled` lies in its own zip, beside its code; `needed_size` is that of what it needs from layers.
    `limit` is what it may hold: Lambda's limit, or the user's budget. `infeasible` is the reason, in
    words, why the function gets no layers.
    """

    function: str
    target: Target
    layers: tuple[str, ...]
    external_layers: int
    external_size: int
    code_size: int
    needed_size: int
    layers_size: int
    limit: int = UNZIPPED_LIMIT
    infeasible: str | None = None
    bundled: tuple[Item, ...] = ()

    @property
    def bundle(self) -> PlannedLayer | None:
        """What is bundled, as the zip of distributions that it is: `<function> (code)`."""
        if not self.bundled:
            return None
        return PlannedLayer(name=f"{self.function} (code)", targets=(self.target,), items=self.bundled)

    @property
    def bundled_size(self) -> int:
        """Bytes of what is bundled, as laid out in a layer: a few more than in the zip of its code."""
        return sum(item.unzipped_size for item in self.bundled)

    @property
    def unzipped_size(self) -> int:
        """What counts against the limit: code and what is bundled with it, layers, those from elsewhere."""
        return self.code_size + self.bundled_size + self.layers_size + self.external_size

    @property
    def carried_excess(self) -> int:
        """Bytes in its layers that it does not need."""
        return self.layers_size - self.needed_size if self.layers else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerPlan:
    """Layers sorted by name, functions sorted by name."""

    layers: tuple[PlannedLayer, ...]
    functions: tuple[FunctionPlan, ...]

    @property
    def zips(self) -> tuple[PlannedLayer, ...]:
        """All that hold distributions: the layers, then what is bundled with functions' code."""
        bundles = [function.bundle for function in self.functions]
        return (*self.layers, *(bundle for bundle in bundles if bundle is not None))
