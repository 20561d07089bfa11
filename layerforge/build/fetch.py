"""Brings what the locks name into the store: wheels from the index, and wheels built from sources."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from layerforge.build.store import StoredWheel, WheelStore
from layerforge.cache import sha256_of
from layerforge.errors import BuildError
from layerforge.model.lock import Archive, Distribution
from layerforge.model.progress import Progress
from layerforge.model.requirement import IndexOptions
from layerforge.model.target import Target
from layerforge.resolve.index import IMAGE_OF_CONTEXT, Index, Selected
from layerforge.resolve.tree import tree_digest

_BUILT = "wheel-of-source"
_MISSING_SHOWN = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A locked distribution for a target. Where it is a source, the wheel is built for the target."""

    target: Target
    distribution: Distribution

    def __str__(self) -> str:
        return f"{self.distribution.name} {self.distribution.version}"


def _no_context(_: Wanted) -> None:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetcher:
    """All that fetching needs: where from, where to, and who is told. `root` is the project root.

    `source_context` tells what a container would build a source in now (`BuiltWheel.context`), None
    where no engine answers: then a wheel counts that was built before, in whatever container. It is
    asked only of sources that were built in one.
    """

    index: Index
    store: WheelStore
    root: Path
    options: IndexOptions
    progress: Progress
    offline: bool = False
    jobs: int = 2
    source_context: Callable[[Wanted], str | None] = _no_context

    def input_key(self, wanted: Wanted) -> str:
        """What stands for `wanted` among the inputs of a layer: its `source_key`, and how it was built.

        To be asked again after `fetch`: only then is it known of a source whether it takes a container.
        """
        key = source_key(wanted, self.root)
        context = self._context(wanted, self._fact(key)) if wanted.distribution.wheel is None else ""
        return f"{key} {context}" if context else key

    def known_sha256(self, wanted: Wanted) -> str | None:
        """The digest of its wheel, told without fetching or building; None of a source never built."""
        if wanted.distribution.wheel is not None:
            return wanted.distribution.wheel.sha256
        built = self._fact(source_key(wanted, self.root))
        if not built or built["context"] != self._context(wanted, built):
            return None
        return built["sha256"]

    def built_in(self, wanted: Wanted) -> str | None:
        """The image that its wheel was built in; None of a wheel from an index, or one built without."""
        if wanted.distribution.wheel is not None:
            return None
        context = self._fact(source_key(wanted, self.root)).get("context")
        match self.store.cache.read_facts(IMAGE_OF_CONTEXT, context) if context else None:
            case {"image": str(image)}:
                return image
        return None

    def _fact(self, key: str) -> dict[str, str]:
        match self.store.cache.read_facts(_BUILT, key):
            case {"filename": str(filename), "sha256": str(sha256), **more}:
                return {"filename": filename, "sha256": sha256, "context": str(more.get("context", ""))}
        return {}

    def _context(self, wanted: Wanted, fact: Mapping[str, str]) -> str:
        """What a container would build it in; "" if it was built without one, or never."""
        known = fact.get("context", "")
        return (self.source_context(wanted) or known) if known else ""

    def fetch(self, wanted: Iterable[Wanted]) -> dict[Wanted, StoredWheel]:
        """Every wanted wheel, from the store or brought into it.

        Raises BuildError, naming what is missing, when `offline` and not all is in the store;
        BadWheelError for wheels that are not what they say; whatever the index raises.
        """
        asked = tuple(dict.fromkeys(wanted))
        found = {one: stored for one in asked if (stored := self._find(one)) is not None}
        missing = [one for one in asked if one not in found]
        if missing and self.offline:
            raise _offline_error(missing)
        wheels = [one for one in missing if one.distribution.wheel is not None]
        found |= self._download(wheels)
        for one in missing:
            if one.distribution.wheel is None:
                found[one] = self._build(one)
        for one, stored in found.items():
            _check_identity(one, stored)
        return found

    def _find(self, wanted: Wanted) -> StoredWheel | None:
        wheel = wanted.distribution.wheel
        if wheel is not None:
            filename, sha256 = wheel.filename, wheel.sha256
        else:
            built = self._fact(source_key(wanted, self.root))
            if not built or built["context"] != self._context(wanted, built):
                return None
            filename, sha256 = built["filename"], built["sha256"]
        return self.store.get(sha256) or self.store.adopt_known(filename=filename, sha256=sha256)

    def _download(self, wanted: Sequence[Wanted]) -> dict[Wanted, StoredWheel]:
        archives = {
            one.distribution.wheel.sha256: one.distribution.wheel for one in wanted if one.distribution.wheel
        }
        if not archives:
            return {}
        sizes = [archive.size for archive in archives.values()]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        count = f"{len(archives)} wheels" if len(archives) > 1 else "1 wheel"
        with (
            _temporary_folder(self.store) as folder,
            _Arrivals(self.store, folder, archives.values(), jobs=self.jobs) as arrivals,
            self.progress.task(f"fetching {count}", total=total, unit="bytes") as advance,
        ):
            self.index.download(
                tuple(archives.values()),
                options=self.options,
                destination=arrivals.destination,
                advance=arrivals.looking(advance),
            )
            stored = arrivals.finish()
        return {one: stored[one.distribution.wheel.sha256] for one in wanted if one.distribution.wheel}

    def _build(self, wanted: Wanted) -> StoredWheel:
        distribution = wanted.distribution
        key = source_key(wanted, self.root)
        source = Selected(
            name=distribution.name,
            version=distribution.version,
            sdist=distribution.sdist,
            vcs=distribution.vcs,
            local=distribution.local,
        )
        with _temporary_folder(self.store) as folder:
            with self.progress.task(f"building {wanted}", total=None, unit="items"):
                path, context = self.index.build_wheel(
                    source, target=wanted.target, options=self.options, root=self.root, directory=folder
                )
            if path.parent != folder:
                # What the index keeps elsewhere stays there: the store takes its own copy.
                path = Path(shutil.copy(path, folder / path.name))
            stored = self.store.add(path, filename=path.name, sha256=sha256_of(path))
        fact = {"filename": stored.filename, "sha256": stored.sha256, "context": context}
        self.store.cache.write_facts(_BUILT, key, fact)
        return stored


def source_key(wanted: Wanted, root: Path) -> str:
    """A digest that names what a wheel is made of: its own sha256, or the state of its source and the target.

    Raises BuildError if a local source is not there.
    """
    distribution = wanted.distribution
    if distribution.wheel is not None:
        return distribution.wheel.sha256
    parts = (distribution.name, distribution.version, wanted.target.name, _source_state(distribution, root))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _source_state(distribution: Distribution, root: Path) -> str:
    if distribution.sdist is not None:
        return f"sdist {distribution.sdist.sha256}"
    if distribution.vcs is not None:
        return f"git {distribution.vcs.commit} {distribution.vcs.subdirectory or ''}"
    if distribution.local is None:
        raise BuildError(f"the lock names no file for {distribution.name}", hint="run `layerforge lock`")
    path = root / distribution.local.path
    if path.is_file():
        return f"file {sha256_of(path)}"
    if not path.is_dir():
        raise BuildError(
            f"the source of {distribution.name} is not there",
            where=distribution.local.path,
            hint="if it was moved, run `layerforge lock`",
        )
    return f"tree {tree_digest(path)}"


class _Arrivals:
    """Verifies wheels while others still arrive.

    An index puts a file at its destination all at once (`Index.download`). Should one write it bit
    by bit, the size tells; and a wheel that then fails is looked at again when all are there.
    """

    def __init__(self, store: WheelStore, folder: Path, archives: Iterable[Archive], *, jobs: int) -> None:
        self._store = store
        self._folder = folder
        self._waiting = {archive.sha256: archive for archive in archives}
        self._futures: dict[str, Future[StoredWheel]] = {}
        self._pool = ThreadPoolExecutor(max(1, jobs), thread_name_prefix="verify")

    def __enter__(self) -> _Arrivals:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def destination(self, archive: Archive) -> Path:
        return self._folder / archive.sha256

    def looking(self, advance: Callable[[int], None]) -> Callable[[int], None]:
        """`advance`, which also looks for wheels that have arrived."""

        def advance_and_look(amount: int) -> None:
            advance(amount)
            for archive in tuple(self._waiting.values()):
                with contextlib.suppress(FileNotFoundError):
                    if self.destination(archive).stat().st_size == archive.size:
                        self._start(archive)

        return advance_and_look

    def _start(self, archive: Archive) -> None:
        # `advance` may be called from several threads: only one of them gets the archive.
        if self._waiting.pop(archive.sha256, None) is not None:
            self._futures[archive.sha256] = self._pool.submit(self._verify, archive)

    def _verify(self, archive: Archive) -> StoredWheel:
        return self._store.add(self.destination(archive), filename=archive.filename, sha256=archive.sha256)

    def finish(self) -> dict[str, StoredWheel]:
        """All wheels by sha256, once the index has brought the last one."""
        for archive in tuple(self._waiting.values()):
            self._start(archive)
        return {sha256: future.result() for sha256, future in self._futures.items()}


@contextlib.contextmanager
def _temporary_folder(store: WheelStore) -> Iterator[Path]:
    parent = store.cache.root / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _offline_error(missing: Sequence[Wanted]) -> BuildError:
    names = sorted({f"{one} for {one.target.name}" for one in missing})
    more = len(names) - _MISSING_SHOWN
    count = f"{len(names)} distributions are" if len(names) > 1 else "1 distribution is"
    return BuildError(
        f"{count} not in the cache, and --offline forbids to fetch",
        details=(*names[:_MISSING_SHOWN], *([f"and {more} more"] if more > 0 else [])),
        hint="build once without --offline",
    )


def _check_identity(wanted: Wanted, stored: StoredWheel) -> None:
    distribution = wanted.distribution
    if stored.name == distribution.name and stored.version == distribution.version:
        return
    from packaging.utils import canonicalize_version

    versions = {canonicalize_version(version) for version in (stored.version, distribution.version)}
    # A project of the user may tell its version from git: it moves with each commit.
    if stored.name != distribution.name or (len(versions) > 1 and distribution.local is None):
        raise BuildError(
            f"it holds {stored.name} {stored.version}, where the lock says {wanted}",
            where=stored.filename,
            hint="run `layerforge lock`",
        )
