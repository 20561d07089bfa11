"""A made-up project over a year: upgrades, new and removed functions, requirements that come and go."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from layerforge.model.plan import Demand, Item, LayerPlan
from layerforge.model.planning import PlanSettings
from layerforge.model.previous import PreviousPlan
from layerforge.model.target import Target
from layerforge.plan.costs import price_plan
from layerforge.plan.keeping import record_plan
from layerforge.plan.planner import make_layer_plan

MB = 1_048_576
TARGET = Target(runtime="python3.13", architecture="x86_64")
# Bytes in MB of what functions ask for: a few large, many small.
LARGE = {
    "numpy": 70,
    "pandas": 62,
    "pyarrow": 120,
    "scipy": 100,
    "cryptography": 13,
    "pillow": 20,
    "lxml": 15,
}
KINDS = ("data", "web", "media", "plain")
LIKED = {
    "data": ("numpy", "pandas", "pyarrow", "scipy"),
    "web": ("cryptography", "lxml"),
    "media": ("pillow", "numpy"),
    "plain": (),
}


@dataclass
class Year:
    """The project as it is; `step` changes it as a week's work might. Deterministic by its seed."""

    seed: int
    functions: int
    sizes: dict[str, int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    needs: dict[str, set[str]] = field(default_factory=dict)
    made: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.sizes = {name: size * MB for name, size in LARGE.items()}
        for number in range(50):
            self.sizes[f"lib{number:02}"] = int(MB * self.random.choice((0.1, 0.3, 0.5, 1, 1, 2, 3, 5, 8)))
        self.versions = dict.fromkeys(self.sizes, 1)
        for _ in range(self.functions):
            self.add()

    def add(self) -> str:
        """A new function, like the others."""
        kind = self.random.choice(KINDS)
        liked = LIKED[kind]
        large = set(self.random.sample(liked, min(len(liked), self.random.randint(0, 2))))
        small = [name for name in self.sizes if name not in LARGE]
        base = set(small[:6]) if self.random.random() < 0.9 else set()
        name = f"f{self.made:03}"
        self.made += 1
        self.needs[name] = large | base | set(self.random.sample(small, self.random.randint(1, 7)))
        return name

    def upgrade(self) -> str:
        """New versions of some distributions, a little larger or smaller."""
        for name in self.random.sample(sorted(self.sizes), self.random.randint(1, 8)):
            self.versions[name] += 1
            self.sizes[name] = int(self.sizes[name] * self.random.uniform(0.95, 1.07))
        return "upgrade"

    def change(self) -> str:
        """One of the things that change what functions need."""
        name = self.random.choice(sorted(self.needs))
        what = self.random.choice(("add", "remove", "require", "require", "drop"))
        if what == "add":
            self.add()
        elif what == "remove" and len(self.needs) > 2:
            del self.needs[name]
        elif what == "require":
            self.needs[name].add(self.random.choice(sorted(self.sizes)))
        elif len(self.needs[name]) > 1:
            self.needs[name].remove(self.random.choice(sorted(self.needs[name])))
        return what

    def weeks(self, count: int) -> Iterator[str]:
        """What each week brings: mostly upgrades."""
        for week in range(count):
            yield self.change() if week % 3 == 2 else self.upgrade()

    def demands(self) -> tuple[Demand, ...]:
        items = {
            name: Item(name=name, version=str(self.versions[name]), digest="", unzipped_size=size)
            for name, size in self.sizes.items()
        }
        return tuple(
            Demand(function=name, target=TARGET, needs=frozenset(items[one] for one in needs), code_size=MB)
            for name, needs in sorted(self.needs.items())
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Week:
    """What a week's plan changed: layers whose set of names is new, their bytes, functions touched.

    `cost` is without the price of change.
    """

    what: str
    renewed: int
    renewed_bytes: int
    touched: int
    renamed: int
    cost: float


def live(year: Year, *, keep: bool, settings: PlanSettings, weeks: int = 52) -> Iterator[Week]:
    """Plan each week, from the plan before or afresh."""
    plan, record = _plan(year, None, settings)
    for what in year.weeks(weeks):
        after, next_record = _plan(year, record if keep else None, settings)
        yield _compare(what, plan, after, price_plan(after, year.demands(), settings, None).total)
        plan, record = after, next_record


def _plan(
    year: Year, previous: PreviousPlan | None, settings: PlanSettings
) -> tuple[LayerPlan, PreviousPlan]:
    demands = year.demands()
    plan = make_layer_plan(demands, prefix="shop", settings=settings, previous=previous)
    return plan, record_plan(plan, demands, settings, prefix="shop")


def _compare(what: str, before: LayerPlan, after: LayerPlan, cost: float) -> Week:
    def names(plan: LayerPlan) -> dict[frozenset[str], str]:
        return {frozenset(item.name for item in layer.items): layer.name for layer in plan.layers}

    old, new = names(before), names(after)
    renewed = [layer for layer in after.layers if frozenset(item.name for item in layer.items) not in old]
    took = {function.function: function.layers for function in before.functions}
    return Week(
        what=what,
        renewed=len(renewed),
        renewed_bytes=sum(layer.unzipped_size for layer in renewed),
        touched=sum(took.get(f.function, f.layers) != f.layers for f in after.functions),
        renamed=sum(old[held] != name for held, name in new.items() if held in old),
        cost=cost,
    )
