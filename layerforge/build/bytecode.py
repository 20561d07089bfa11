"""Bytecode for wheels: made once for each, kept in the cache as packs, put into layers as they stand.

`/opt` is read-only in Lambda, so what ships without bytecode is compiled at every cold start.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from layerforge.build.compilers import ModuleCompiler, Modules, program
from layerforge.build.fetch import Fetcher, Wanted
from layerforge.build.pack import Pack, PackStore
from layerforge.build.store import StoredWheel, read_entry
from layerforge.model.counts import count
from layerforge.model.progress import Progress
from layerforge.plan.demands import item_of
from layerforge.wheels.layout import record_growth

_KIND = "bytecode"
# Sources of so many bytes go into one container or process at once: it bounds memory.
_BATCH = 96 * 2**20

# The bytecode of one distribution (by name) for one runtime.
Part = tuple[str, str]


class Compilation(NamedTuple):
    """A distribution to be compiled for a runtime: a layer may serve several."""

    runtime: str
    wanted: Wanted

    @property
    def file(self) -> tuple[str, ...]:
        """Names what is compiled, and for what, whatever sizes the lock tells."""
        distribution, target = self.wanted.distribution, self.wanted.target
        built_for = target.name if distribution.wheel is None else ""
        return (self.runtime, built_for, *item_of(distribution).file)


@dataclass(frozen=True, kw_only=True, slots=True)
class WheelBytecode:
    """The bytecode of one wanted distribution. `cost` is in bytes unzipped, RECORD's growth included."""

    wheel_sha256: str
    pack: Pack

    @property
    def cost(self) -> int:
        """Bytes that it adds to a layer."""
        return self.pack.size + record_growth((entry.name, entry.size) for entry in self.pack.entries)

    def only(self, modules: frozenset[str]) -> WheelBytecode:
        """The part of it that belongs to `modules` (paths below /opt/python)."""
        wanted = {_bytecode_path(path, self.pack.notes["tag"]) for path in modules}
        kept = tuple(entry for entry in self.pack.entries if entry.name in wanted)
        return replace(self, pack=replace(self.pack, entries=kept))


def _bytecode_path(module: str, tag: str) -> str:
    folder, _, name = module.rpartition("/")
    return "/".join(filter(None, ["python", folder, "__pycache__", f"{name.removesuffix('.py')}.{tag}.pyc"]))


def find_bytecode(
    wanted: Iterable[Wanted], fetcher: Fetcher, packs: PackStore, identity: str
) -> dict[Wanted, WheelBytecode]:
    """What the cache has, told without a wheel, an interpreter or a container."""
    found = {}
    for one in wanted:
        sha256 = fetcher.known_sha256(one)
        pack = packs.find(_KIND, _pack_key(sha256, identity)) if sha256 else None
        if sha256 and pack:
            found[one] = WheelBytecode(wheel_sha256=sha256, pack=pack)
    return found


def make_bytecode(
    wanted: Sequence[Wanted],
    fetcher: Fetcher,
    packs: PackStore,
    compiler: ModuleCompiler,
    progress: Progress,
) -> dict[Wanted, WheelBytecode]:
    """Bytecode of every wanted distribution: what the cache has, and the rest made now.

    Raises what fetching and compiling raise.
    """
    found = find_bytecode(wanted, fetcher, packs, compiler.identity)
    missing = [one for one in wanted if one not in found]
    if not missing:
        return found
    stored = fetcher.fetch(missing)
    wheels = {wheel.sha256: wheel for wheel in stored.values()}
    made: dict[str, Pack] = {}
    label = f"compiling bytecode of {count(len(wheels), 'distribution')}"
    with progress.task(label, total=len(wheels), unit="items") as advance:
        for batch in _batches(wheels.values()):
            made |= _compile(batch, packs, compiler)
            advance(len(batch))
    return found | {
        one: WheelBytecode(wheel_sha256=wheel.sha256, pack=made[wheel.sha256])
        for one, wheel in stored.items()
    }


def _compile(batch: Sequence[StoredWheel], packs: PackStore, compiler: ModuleCompiler) -> dict[str, Pack]:
    modules = [
        Modules(
            name=wheel.sha256[:16],
            label=wheel.filename,
            contents=_contents(wheel),
        )
        for wheel in batch
    ]
    parent = packs.cache.root / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix="bytecode-") as name:
        folder = Path(name)
        skipped = compiler.compile(modules, folder)
        return {
            wheel.sha256: packs.add(
                _KIND,
                _pack_key(wheel.sha256, compiler.identity),
                folder / f"{one.name}.zip",
                notes={
                    "interpreter": compiler.identity,
                    "tag": compiler.identity.partition(" ")[0],
                    "image": compiler.image,
                    "skipped": list(skipped[one.name]),
                },
            )
            for wheel, one in zip(batch, modules, strict=True)
        }


def _pack_key(wheel_sha256: str, identity: str) -> str:
    script = hashlib.sha256(program()).hexdigest()
    return hashlib.sha256(f"{wheel_sha256}\0{identity}\0{script}".encode()).hexdigest()


def _sources(wheel: StoredWheel) -> Iterator[tuple[str, int]]:
    """Modules by path below /opt/python, and where they stand among the wheel's entries."""
    for item in wheel.layout().placed:
        if item.path.startswith("python/") and item.path.endswith(".py") and not item.head:
            yield item.path.removeprefix("python/"), item.member


def _contents(wheel: StoredWheel) -> Iterator[tuple[str, bytes]]:
    for path, at in _sources(wheel):
        yield path, read_entry(wheel, wheel.entries[at])


def _batches(wheels: Iterable[StoredWheel]) -> Iterator[list[StoredWheel]]:
    batch: list[StoredWheel] = []
    size = 0
    for wheel in wheels:
        bytes_of = sum(wheel.entries[at].size for _, at in _sources(wheel))
        if batch and size + bytes_of > _BATCH:
            yield batch
            batch, size = [], 0
        batch.append(wheel)
        size += bytes_of
    if batch:
        yield batch


def choose_within_limits(
    layers: Mapping[str, Mapping[Part, int]], functions: Mapping[str, tuple[Sequence[str], int]]
) -> frozenset[tuple[str, Part]]:
    """Which bytecode fits: pairs of layer and part. Pure, and independent of the order of its input.

    `layers` gives what each part costs in a layer, `functions` the layers of each and the bytes that
    are left to its limit. What costs most comes first: it is what takes longest to compile at a cold
    start.
    """
    left = {name: spare for name, (_, spare) in functions.items()}
    takers: dict[str, list[str]] = {}
    for name, (taken, _) in functions.items():
        for layer in taken:
            takers.setdefault(layer, []).append(name)
    ranked = sorted(
        ((layer, part, cost) for layer, costs in layers.items() for part, cost in costs.items()),
        key=lambda one: (-one[2], one[0], one[1]),
    )
    chosen = set()
    for layer, part, cost in ranked:
        users = takers.get(layer, [])
        if all(left[user] >= cost for user in users):
            chosen.add((layer, part))
            for user in users:
                left[user] -= cost
    return frozenset(chosen)
