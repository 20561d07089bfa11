"""Wheels of an index without what only debuggers read: stripped in the build image, kept as packs.

Only where the config asks for it (`[container] strip`). What is built from source is stripped as it is
built (`scripts/build_wheel.py`), so that locks already have the smaller sizes.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from layerforge.build.fetch import Fetcher, Wanted
from layerforge.build.pack import Pack, PackStore
from layerforge.build.store import StoredWheel, read_entry
from layerforge.containers.engine import Container, ContainerEngine, FileIn, Image, Outcome
from layerforge.containers.images import Images
from layerforge.containers.stripping import KeptFile, Stripping, parse_stripping, strip_program
from layerforge.errors import BuildError, ToolError
from layerforge.model.container import ContainerSettings
from layerforge.model.counts import count
from layerforge.model.finding import Finding, Severity
from layerforge.model.lock import Lock
from layerforge.model.target import Target

_KIND = "stripped"
_ROOT = "/tmp/layerforge"  # noqa: S108 - in a container that nobody else has
_OUT = f"{_ROOT}/out"
# What holds no machine code, whatever is in it: not worth sending.
_TEXTS = (".py", ".pyi", ".pyc", ".txt", ".md", ".rst", ".json", ".h", ".hpp", ".pxd", ".pyx", ".c")
_PATHS_SHOWN = 5
# What is said of one file, and of several.
_KEPT = {
    "put_back": (
        "keeps its debug symbols, as it no longer loads without",
        "keep their debug symbols, as they no longer load without",
    ),
    "untried": (
        "keeps its debug symbols, as it cannot be tried without",
        "keep their debug symbols, as they cannot be tried without",
    ),
}
_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class StrippedWheel:
    """A wheel's stripped files. `change` is in bytes unzipped, RECORD's included: negative, or 0."""

    pack: Pack
    change: int


@dataclass(kw_only=True)
class Stripper:
    """Strips wheels for the targets of locks.

    `open_engine` gives an engine or raises ToolError. `findings` grow with what kept its symbols, and why.
    """

    settings: ContainerSettings
    fetcher: Fetcher
    open_engine: Callable[[], ContainerEngine]
    findings: list[Finding] = field(default_factory=list)

    def strip(self, locks: Sequence[Lock]) -> Stripped:
        """Strip what the config names. Raises ToolError where no engine or image is to be had."""
        wanted = _wanted(locks, self.settings)
        if not wanted:
            return Stripped(locks=tuple(locks), wheels={})
        engine = self.open_engine()
        images = Images(engine, self.settings, self.fetcher.progress)
        packs = PackStore(self.fetcher.store.cache)
        label = f"stripping {count(len(wanted), 'distribution')}"
        stored = self.fetcher.fetch(wanted.values())
        with (
            self.fetcher.progress.task(label, total=len(wanted), unit="items") as advance,
            ThreadPoolExecutor(min(_AT_ONCE, len(wanted)), thread_name_prefix="strip") as pool,
        ):

            def strip_one(one: Wanted) -> StrippedWheel:
                image = images.build(one.target)
                key = _pack_key(stored[one].sha256, image)
                pack = packs.find(_KIND, key)
                if pack is None:
                    pack = self._run(engine, image, one.target, stored[one], packs, key)
                advance(1)
                return StrippedWheel(pack=pack, change=_change(pack, stored[one]))

            try:
                done = dict(zip(wanted, pool.map(strip_one, wanted.values()), strict=True))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                engine.stop_all()
                raise
        for key, one in wanted.items():
            self.findings += _kept(str(one), done[key].pack)
        return Stripped(locks=_resized(locks, done), wheels=done)

    def _run(
        self,
        engine: ContainerEngine,
        image: Image,
        target: Target,
        wheel: StoredWheel,
        packs: PackStore,
        key: str,
    ) -> Pack:
        names = [item.path for item in wheel.layout().placed if _may_be_native(item.path) and not item.head]
        request = {"trees": [{"root": "/opt", "files": names, "archive": f"{_OUT}/stripped.zip"}]}
        container = Container(
            image=image.id,
            architecture=image.architecture,
            command=(f"/var/lang/bin/{target.runtime}", f"{_ROOT}/strip_files.py", f"{_ROOT}/request.json"),
            environment=image.environment,
            purpose=f"strip {wheel.filename}",
            memory=self.settings.memory,
            cpus=self.settings.cpus,
            timeout=self.settings.timeout,
        )
        parent = packs.cache.root / "tmp"
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent, prefix="strip-") as name:
            folder = Path(name)
            files = _files(wheel, frozenset(names), request)
            outcome = engine.run(container, files=files, take=_OUT, into=folder)
            tool, stripping = _read(outcome, wheel, image)
            return packs.add(
                _KIND,
                key,
                folder / "stripped.zip",
                notes={
                    "tool": tool,
                    "image": image.digest or f"{image.reference} {image.id}",
                    "saved": stripping.saved,
                    "put_back": [list(one) for one in stripping.put_back],
                    "untried": [list(one) for one in stripping.untried],
                },
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class Stripped:
    """Locks with the sizes that distributions have now, and what was made of which wheel.

    `wheels` are by architecture and the wheel's sha256: one file is stripped alike for all targets.
    """

    locks: tuple[Lock, ...]
    wheels: Mapping[tuple[str, str], StrippedWheel]

    def packs(
        self,
        wanted: Mapping[str, Sequence[Wanted]],
        others: Mapping[tuple[str, str], tuple[Pack, ...]],
    ) -> dict[tuple[str, str], tuple[Pack, ...]]:
        """`others` with the stripped files of each layer's distributions in front (`wanted`, by layer)."""
        placed = dict(others)
        for layer, ones in wanted.items():
            for one in ones:
                stripped = self.wheels.get(_key_of(one))
                if stripped is not None and stripped.pack.entries:
                    key = (layer, one.distribution.name)
                    placed[key] = (stripped.pack, *placed.get(key, ()))
        return placed


def _key_of(wanted: Wanted) -> tuple[str, str]:
    wheel = wanted.distribution.wheel
    return wanted.target.architecture, wheel.sha256 if wheel else ""


def _wanted(locks: Sequence[Lock], settings: ContainerSettings) -> dict[tuple[str, str], Wanted]:
    """Each wheel that is to be stripped once, with the first of its targets."""
    names = set(settings.strip or ())
    asked = [
        Wanted(target=lock.target, distribution=one)
        for lock in sorted(locks, key=lambda lock: lock.target)
        for one in lock.distributions
        if not names.isdisjoint({one.name, "*"})
        and one.wheel is not None
        # Nothing in a wheel for any platform is the machine's.
        and not one.wheel.filename.endswith("-any.whl")
    ]
    found: dict[tuple[str, str], Wanted] = {}
    for one in sorted(asked, key=lambda one: (str(one), one.target)):
        found.setdefault(_key_of(one), one)
    return found


def _pack_key(wheel_sha256: str, image: Image) -> str:
    script = hashlib.sha256(strip_program()).hexdigest()
    return hashlib.sha256(f"{wheel_sha256}\0{image.id}\0{script}".encode()).hexdigest()


def _may_be_native(path: str) -> bool:
    return not path.endswith(_TEXTS) and ".dist-info/" not in path


def _files(wheel: StoredWheel, names: frozenset[str], request: Mapping[str, Any]) -> Iterator[FileIn]:
    """One file at a time: all of a large wheel would fill the memory."""
    yield FileIn(f"{_ROOT}/strip_files.py", strip_program())
    yield FileIn(f"{_ROOT}/request.json", json.dumps(request).encode())
    # The folder of results has to be there: it comes with a file of its own.
    yield FileIn(f"{_OUT}/.keep", b"")
    for item in wheel.layout().placed:
        if item.path in names:
            mode = 0o755 if item.executable else 0o644
            yield FileIn(f"/opt/{item.path}", read_entry(wheel, wheel.entries[item.member]), mode)


def _read(outcome: Outcome, wheel: StoredWheel, image: Image) -> tuple[str, Stripping]:
    lines = outcome.stdout.decode(errors="replace").splitlines()
    try:
        answer = json.loads(lines[-1]) if lines and outcome.code == 0 else None
    except ValueError:
        answer = None
    match answer:
        case {"missing": str(program)}:
            raise ToolError(
                f"{image.reference} has no `{program}`, which takes debug symbols out",
                hint="put binutils into the build image, or remove `strip` from [container] of the config",
            )
        case {"tool": str(tool), "trees": [dict(tree)]}:
            return tool, parse_stripping(tree)
    raise BuildError(
        f"{wheel.filename} could not be stripped in {image.reference}",
        details=(f"exit code {outcome.code}", *outcome.stderr.splitlines()[-10:]),
        hint="leave it out of `strip` in [container] of the config",
    )


def _change(pack: Pack, wheel: StoredWheel) -> int:
    before = {item.path: wheel.entries[item.member].size for item in wheel.layout().placed}
    # A row of RECORD ends with the size in digits.
    return sum(
        entry.size - before[entry.name] + len(str(entry.size)) - len(str(before[entry.name]))
        for entry in pack.entries
    )


def _resized(locks: Sequence[Lock], wheels: Mapping[tuple[str, str], StrippedWheel]) -> tuple[Lock, ...]:
    def size(lock: Lock, index: int) -> int:
        one = lock.distributions[index]
        stripped = wheels.get(_key_of(Wanted(target=lock.target, distribution=one)))
        return one.unzipped_size + (stripped.change if stripped else 0)

    return tuple(
        replace(
            lock,
            distributions=tuple(
                replace(one, unzipped_size=size(lock, index)) for index, one in enumerate(lock.distributions)
            ),
        )
        for lock in locks
    )


def _kept(label: str, pack: Pack) -> Iterator[Finding]:
    for kind, (of_one, of_several) in _KEPT.items():
        kept = [KeptFile(*one) for one in pack.notes[kind]]
        more = len(kept) - _PATHS_SHOWN
        if kept:
            yield Finding(
                severity=Severity.NOTE,
                code=f"strip-{kind.replace('_', '-')}",
                subject=label,
                sentence=f"{count(kept, 'file')} of {label} {of_one if len(kept) == 1 else of_several}",
                details=(
                    *(f"{one.name.removeprefix('python/')}: {one.why}" for one in kept[:_PATHS_SHOWN]),
                    *([f"and {more} more"] if more > 0 else []),
                ),
            )
