"""What stands in for the world in unit tests: an engine, an index and a progress that remember."""

from __future__ import annotations

import contextlib
import hashlib
import io
import threading
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from packaging.markers import Marker
from packaging.metadata import Metadata
from packaging.requirements import Requirement as ParsedRequirement
from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import Version

from layerforge.errors import BuildError, PackageIndexError
from layerforge.model.lock import Archive
from layerforge.model.progress import Advance
from layerforge.model.requirement import IndexOptions
from layerforge.model.target import Target
from layerforge.resolve.engine import ContradictionError, NoFittingFileError, Offer, newest_offers
from layerforge.resolve.index import BuiltWheel, Described, ResolveRequest, Selected
from tests.wheel_files import metadata_text, wheel_filename

_FILES = "https://index.example/files"


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A version on the fake index, with one wheel for each of `tags` (PEP 425 triples) or an sdist."""

    name: str
    version: str = "1.0"
    requires: tuple[str, ...] = ()
    extras: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tags: tuple[str, ...] = ("py3-none-any",)
    sdist: bool = False
    requires_python: str | None = None
    unzipped_size: int = 1000

    @property
    def metadata(self) -> str:
        """The text of METADATA."""
        return metadata_text(
            self.name,
            self.version,
            requires=self.requires,
            extras=self.extras,
            requires_python=self.requires_python,
        )

    def wheel(self, target: Target) -> Archive | None:
        """The wheel that fits best."""
        order = {tag: position for position, tag in enumerate(target.tags())}
        fitting = [
            (min(order[tag] for tag in parse_tag(text) if tag in order), text)
            for text in self.tags
            if any(tag in order for tag in parse_tag(text))
        ]
        return archive(wheel_filename(self.name, self.version, min(fitting)[1])) if fitting else None

    def select(self, target: Target) -> Selected | None:
        """What an engine would choose for `target`, None where nothing fits."""
        if self.requires_python and not SpecifierSet(self.requires_python).contains(_full_python(target)):
            return None
        name = canonicalize_name(self.name)
        if wheel := self.wheel(target):
            return Selected(name=name, version=self.version, wheel=wheel)
        if self.sdist:
            filename = f"{name.replace('-', '_')}-{self.version}.tar.gz"
            return Selected(name=name, version=self.version, sdist=archive(filename))
        return None

    def offer(self, target: Target) -> Offer:
        """What the index says of it when nothing fits `target`."""
        excluded = self.requires_python and not SpecifierSet(self.requires_python).contains(
            _full_python(target)
        )
        return Offer(
            version=self.version,
            tags=self.tags,
            sdist=self.sdist,
            requires_python=self.requires_python if excluded else None,
        )


def archive(filename: str, content: bytes | None = None, *, url: str | None = None) -> Archive:
    """A file on the fake index; its content is its name unless given."""
    data = filename.encode() if content is None else content
    return Archive(
        filename=filename,
        url=url or f"{_FILES}/{filename}",
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
    )


class FakeEngine:
    """Newest versions that satisfy all requirements, preferences first; no search beyond that.

    `requests` holds every question. Raises what the Protocol promises.
    """

    def __init__(self, *releases: Release) -> None:
        self.requests: list[ResolveRequest] = []
        self._releases: dict[str, list[Release]] = {}
        for release in releases:
            self._releases.setdefault(canonicalize_name(release.name), []).append(release)

    def resolve(self, request: ResolveRequest) -> tuple[Selected, ...]:
        self.requests.append(request)
        return _Resolution(self._releases, request).run()


@dataclass(frozen=True, slots=True)
class _Asked:
    requirement: ParsedRequirement
    parent: str | None


class _Resolution:
    def __init__(self, releases: Mapping[str, list[Release]], request: ResolveRequest) -> None:
        self._releases = releases
        self._request = request
        self._target = request.target
        self._environment = request.target.marker_environment()
        self._preferred = {pin.name: pin.version for pin in request.preferences}
        self._constraints = [
            ParsedRequirement(f"{constraint.name}{constraint.specifier}")
            for constraint in request.constraints
            if constraint.name
        ]

    def run(self) -> tuple[Selected, ...]:
        chosen: dict[str, Release] = {}
        # Each round asks with what the last round's choices require, until nothing moves.
        for _ in range(50):
            asked = self._asked(chosen)
            fresh = {name: self._choose(name, wanted) for name, wanted in sorted(asked.items())}
            if fresh == chosen:
                return tuple(self._select(chosen[name]) for name in sorted(chosen))
            chosen = fresh
        raise AssertionError("the fake engine found no fixed point: give it a simpler table")

    def _asked(self, chosen: Mapping[str, Release]) -> dict[str, list[_Asked]]:
        asked: dict[str, list[_Asked]] = {}
        waiting = [_Asked(ParsedRequirement(text), None) for text in self._roots()]
        opened: set[tuple[str, str]] = set()
        while waiting:
            one = waiting.pop(0)
            name = canonicalize_name(one.requirement.name)
            if one not in asked.setdefault(name, []):
                asked[name].append(one)
            for extra in {"", *one.requirement.extras}:
                if name in chosen and (name, extra) not in opened:
                    opened.add((name, extra))
                    waiting += self._required(chosen[name], extra)
        return asked

    def _roots(self) -> Iterator[str]:
        for requirement in self._request.requirements:
            extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
            parsed = ParsedRequirement(f"{requirement.name}{extras}{requirement.specifier}")
            if requirement.marker is None or _holds(requirement.marker, self._environment):
                yield str(parsed)

    def _required(self, release: Release, extra: str) -> Iterator[_Asked]:
        texts = release.extras.get(extra, ()) if extra else release.requires
        for text in texts:
            parsed = ParsedRequirement(text)
            if parsed.marker is None or parsed.marker.evaluate({**self._environment, "extra": extra}):
                parsed.marker = None
                yield _Asked(parsed, f"{release.name} {release.version}")

    def _choose(self, name: str, asked: Sequence[_Asked]) -> Release:
        limits = [one.requirement.specifier for one in asked]
        limits += [one.specifier for one in self._constraints if canonicalize_name(one.name) == name]
        known = self._releases.get(name, [])
        fitting = [release for release in known if all(limit.contains(release.version) for limit in limits)]
        possible = [release for release in fitting if release.select(self._target)]
        if possible:
            preferred = self._preferred.get(name)
            return max(possible, key=lambda one: (one.version == preferred, Version(one.version)))
        if known and not fitting and len(limits) > 1:
            sides = [(str(one.requirement), one.parent) for one in asked]
            raise ContradictionError(sides=sides, target=self._target)
        raise NoFittingFileError(
            requirement=str(asked[0].requirement),
            target=self._target,
            offers=newest_offers(release.offer(self._target) for release in fitting or known),
            required_by=asked[0].parent,
        )

    def _select(self, release: Release) -> Selected:
        selected = release.select(self._target)
        assert selected is not None
        return selected


class FakeIndex:
    """Describes releases and brings files out of memory.

    Wheels given as paths are described by their own METADATA, releases by what they say. `failing`
    filenames raise PackageIndexError. `described` and `downloaded` remember, in order. `context` is
    what wheels of sources were built in.
    """

    def __init__(self, *releases: Release, wheels: Iterable[Path] = ()) -> None:
        self.described: list[str] = []
        self.downloaded: list[str] = []
        self.failing: set[str] = set()
        self.context = ""
        self.contents: dict[str, bytes] = {path.name: path.read_bytes() for path in wheels}
        self._releases: dict[tuple[str, str], Release] = {
            (canonicalize_name(one.name), one.version): one for one in releases
        }
        self._lock = threading.Lock()

    def archive(self, filename: str) -> Archive:
        """The file as an engine would tell of it."""
        return archive(filename, self.contents.get(filename))

    def describe(
        self, selected: Sequence[Selected], *, target: Target, options: IndexOptions, root: Path
    ) -> tuple[Described, ...]:
        return tuple(self._describe(one) for one in selected)

    def _describe(self, selected: Selected) -> Described:
        with self._lock:
            self.described.append(f"{selected.name} {selected.version}")
        file = selected.wheel or selected.sdist
        self._may_fail(file.filename if file else selected.name)
        if release := self._releases.get((selected.name, selected.version)):
            return Described(
                selected=selected, unzipped_size=release.unzipped_size, metadata=release.metadata
            )
        if selected.wheel is None or selected.wheel.filename not in self.contents:
            raise AssertionError(f"the fake index knows no {selected.name} {selected.version}")
        content = self.contents[selected.wheel.filename]
        return Described(selected=selected, unzipped_size=unzipped_size(content), metadata=_metadata(content))

    def download(
        self,
        archives: Sequence[Archive],
        *,
        options: IndexOptions,
        destination: Callable[[Archive], Path],
        advance: Callable[[int], None],
    ) -> None:
        for file in archives:
            self._may_fail(file.filename)
            content = self.contents.get(file.filename, file.filename.encode())
            if hashlib.sha256(content).hexdigest() != file.sha256:
                raise PackageIndexError(f"{file.filename} does not have the digest that the lock has")
            path = destination(file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            with self._lock:
                self.downloaded.append(file.filename)
            advance(len(content))

    def build_wheel(
        self, source: Selected, *, target: Target, options: IndexOptions, root: Path, directory: Path
    ) -> BuiltWheel:
        for filename, content in self.contents.items():
            name, version, _, _ = parse_wheel_filename(filename)
            if (name, str(version)) == (source.name, source.version):
                directory.mkdir(parents=True, exist_ok=True)
                path = directory / filename
                path.write_bytes(content)
                return BuiltWheel(path, self.context)
        raise BuildError(f"the fake index builds no {source.name} {source.version}")

    def _may_fail(self, filename: str) -> None:
        if filename in self.failing:
            raise PackageIndexError(f"index.example did not send {filename}")


@dataclass(slots=True)
class RecordedTask:
    """A task that was shown; `ended` is set when it was left."""

    label: str
    total: int | None
    unit: str
    done: int = 0
    ended: bool = False


class RecordingProgress:
    """Shows nothing and remembers all."""

    def __init__(self) -> None:
        self.tasks: list[RecordedTask] = []
        self.notes: list[str] = []
        self.details: list[str] = []
        self._lock = threading.Lock()

    def task(
        self, label: str, *, total: int | None, unit: Literal["bytes", "items"]
    ) -> AbstractContextManager[Advance]:
        return self._task(RecordedTask(label=label, total=total, unit=unit))

    @contextlib.contextmanager
    def _task(self, task: RecordedTask) -> Iterator[Advance]:
        with self._lock:
            self.tasks.append(task)

        def advance(amount: int) -> None:
            with self._lock:
                task.done += amount

        try:
            yield advance
        finally:
            task.ended = True

    def note(self, text: str) -> None:
        with self._lock:
            self.notes.append(text)

    def detail(self, text: str) -> None:
        with self._lock:
            self.details.append(text)


def unzipped_size(wheel: bytes) -> int:
    """Bytes of all entries of a wheel."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as opened:
        return sum(info.file_size for info in opened.infolist())


def _metadata(wheel: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(wheel)) as opened:
        name = next(name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        text = opened.read(name).decode()
    Metadata.from_email(text, validate=True)
    return text


def _full_python(target: Target) -> str:
    return target.marker_environment()["python_full_version"]


def _holds(marker: str, environment: Mapping[str, str]) -> bool:
    return Marker(marker).evaluate(dict(environment))
