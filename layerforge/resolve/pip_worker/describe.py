"""What wheels say of themselves: from the cache, from disk, or by range requests."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from pip._internal.models.link import Link

from layerforge.cache import Cache, sha256_of
from layerforge.errors import ResolutionError
from layerforge.model.lock import Archive
from layerforge.model.progress import Progress
from layerforge.model.url import strip_credentials
from layerforge.resolve.index import Described, Selected
from layerforge.resolve.pip_worker.access import Access, local_path
from layerforge.resolve.pip_worker.ranges import RangesNotAnsweredError, open_local, open_remote
from layerforge.resolve.pip_worker.sources import Builder
from layerforge.resolve.pip_worker.transfer import bring
from layerforge.wheels.facts import WheelFacts, read_facts

_THREADS = 8
# Raised when what is remembered of a wheel changes its meaning.
_FACTS_FORMAT = 1


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """Facts, with what is known of the file now. `sha256` is "" if nobody told or computed it."""

    facts: WheelFacts
    sha256: str
    size: int | None


class WheelReader:
    """Reads each wheel once: concurrent callers for one URL wait for the first."""

    def __init__(self, access: Access, cache: Cache) -> None:
        self._access = access
        self._cache = cache
        self._done: dict[str, Read] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def facts_of_link(self, link: Link) -> WheelFacts:
        """Facts of a link that pip found."""
        return self.read(archive_of_link(link, self._access)).facts

    def read(self, archive: Archive, *, need_digest: bool = False) -> Read:
        """Facts of a wheel; with `need_digest`, the file is brought if nobody told its digest."""
        with self._lock:
            lock = self._locks.setdefault(archive.url, threading.Lock())
        with lock:
            known = self._done.get(archive.url)
            if known is None or (need_digest and not known.sha256):
                known = self._done[archive.url] = self._read(archive, need_digest=need_digest)
            return known

    def _read(self, archive: Archive, *, need_digest: bool) -> Read:
        if archive.sha256 and (remembered := self._remembered(archive)):
            return remembered
        if path := local_path(archive.url):
            return self._read_file(path, archive, sha256=sha256_of(path))
        if archive.sha256 and (blob := self._cache.intact(archive.sha256)):
            return self._read_file(blob, archive, sha256=archive.sha256)
        if archive.sha256 or not need_digest:
            try:
                stream, size = open_remote(self._access, archive.url)
            except RangesNotAnsweredError:
                pass
            else:
                return self._read_stream(stream, archive, sha256=archive.sha256, size=size)
        sha256 = bring(self._access, archive, self._cache)
        return self._read_file(self._cache.blob(sha256), archive, sha256=sha256)

    def _read_file(self, path: Path, archive: Archive, *, sha256: str) -> Read:
        stream, size = open_local(path)
        return self._read_stream(stream, archive, sha256=sha256, size=size)

    def _read_stream(self, stream: BinaryIO, archive: Archive, *, sha256: str, size: int) -> Read:
        with stream:
            facts = read_facts(stream, filename=archive.filename)
        if sha256:
            value = {"format": _FACTS_FORMAT, "size": size, **dataclasses.asdict(facts)}
            self._cache.write_facts("wheel", sha256, value)
        return Read(facts=facts, sha256=sha256, size=size)

    def _remembered(self, archive: Archive) -> Read | None:
        value = self._cache.read_facts("wheel", archive.sha256)
        if not isinstance(value, dict) or value.get("format") != _FACTS_FORMAT:
            return None
        try:
            facts = WheelFacts(**{field.name: value[field.name] for field in dataclasses.fields(WheelFacts)})
            return Read(facts=facts, sha256=archive.sha256, size=value["size"])
        except KeyError:
            return None


def describe(
    selected: Sequence[Selected], *, reader: WheelReader, builder: Builder, progress: Progress
) -> tuple[Described, ...]:
    """Sizes and METADATA of all, in the order given."""
    with (
        progress.task("reading wheels", total=len(selected), unit="items") as advance,
        ThreadPoolExecutor(_THREADS, thread_name_prefix="describe") as pool,
    ):

        def one(wanted: Selected) -> Described:
            described = _describe(wanted, reader, builder)
            advance(1)
            return described

        futures = [pool.submit(one, wanted) for wanted in selected]
        try:
            return tuple(future.result() for future in futures)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _describe(selected: Selected, reader: WheelReader, builder: Builder) -> Described:
    if selected.wheel is not None:
        read = reader.read(selected.wheel, need_digest=True)
        _check_identity(selected, read.facts)
        size = read.size if selected.wheel.size is None else selected.wheel.size
        wheel = dataclasses.replace(selected.wheel, sha256=read.sha256, size=size)
        return _described(dataclasses.replace(selected, wheel=wheel), read.facts)
    if selected.sdist is not None:
        selected = dataclasses.replace(selected, sdist=builder.bring_sdist(selected.sdist))
    built = builder.build(selected)
    with built.path.open("rb") as stream:
        return _described(selected, read_facts(stream, filename=built.filename))


def _described(selected: Selected, facts: WheelFacts) -> Described:
    return Described(selected=selected, unzipped_size=facts.unzipped_size, metadata=facts.metadata)


def _check_identity(selected: Selected, facts: WheelFacts) -> None:
    if facts.name != selected.name and selected.wheel is not None:
        raise ResolutionError(
            f"{selected.wheel.filename} says that it is {facts.name}, not {selected.name}",
            hint="the index serves a wrong file, or the wheel was renamed",
        )


def archive_of_link(link: Link, access: Access) -> Archive:
    """A link as a value without credentials (this process keeps them)."""
    url = access.remember(link.url_without_fragment)
    return Archive(
        filename=link.filename, url=strip_credentials(url), sha256=(link._hashes or {}).get("sha256", "")
    )
