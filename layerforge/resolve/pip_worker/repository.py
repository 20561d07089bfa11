"""pip-tools' repository with pip's finder looking through the eyes of a Lambda target."""

from __future__ import annotations

import contextlib
import email
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pip._internal.index.package_finder import LinkEvaluator, PackageFinder
from pip._internal.metadata import BaseDistribution, get_metadata_distribution
from pip._internal.models.candidate import InstallationCandidate
from pip._internal.models.format_control import FormatControl
from pip._internal.models.link import Link
from pip._internal.models.target_python import TargetPython
from pip._internal.req import InstallRequirement
from pip._internal.utils.hashes import Hashes
from pip._vendor.packaging import markers
from pip._vendor.packaging.specifiers import SpecifierSet
from pip._vendor.packaging.tags import Tag
from pip._vendor.packaging.utils import canonicalize_name
from piptools.repositories import PyPIRepository

from layerforge.errors import LayerforgeError, PackageIndexError
from layerforge.model.progress import Advance
from layerforge.model.target import Target
from layerforge.resolve.pip_worker.access import Access, redacted
from layerforge.resolve.pip_worker.describe import WheelReader, archive_of_link
from layerforge.resolve.pip_worker.sdist import read_from_sdist
from layerforge.resolve.pip_worker.sources import Builder

_PREFETCHERS = 6


class WheelsFirst(FormatControl):
    """The user's --only-binary and --no-binary, and no sdists but of the projects that have to have one."""

    __slots__ = ["sdists"]

    def __init__(self, given: FormatControl) -> None:
        super().__init__(no_binary=set(given.no_binary), only_binary=set(given.only_binary))
        self.sdists: set[str] = set()

    def get_allowed_formats(self, canonical_name: str) -> frozenset[str]:
        """What pip's evaluator of links asks."""
        allowed = self.allowed_by_user(canonical_name)
        if canonical_name in self.sdists or "binary" not in allowed:
            return allowed
        return allowed & {"binary"}

    def allowed_by_user(self, canonical_name: str) -> frozenset[str]:
        """What the user's options alone allow."""
        return super().get_allowed_formats(canonical_name)


class TargetFinder(PackageFinder):
    """Finds files for the target; pages are fetched ahead, in threads, and every link is kept.

    A project that has not one fitting wheel at any version is searched for sdists at once.
    """

    def __init__(self, plain: PackageFinder, formats: WheelsFirst) -> None:
        self.__dict__.update(plain.__dict__)
        self.formats = formats
        self.format_control = formats
        self.links: dict[str, list[Link]] = {}
        self._pages: dict[str, Future[list[InstallationCandidate]]] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(_PREFETCHERS, thread_name_prefix="index")

    def evaluate_links(
        self, link_evaluator: LinkEvaluator, links: Iterable[Link]
    ) -> list[InstallationCandidate]:
        """Keep all links, so that a failure can tell what was on offer."""
        found = list(links)
        self.links.setdefault(canonicalize_name(link_evaluator.project_name), []).extend(found)
        return super().evaluate_links(link_evaluator, found)

    def find_all_candidates(self, project_name: str) -> list[InstallationCandidate]:
        """Every file that fits, from the page that may be on its way already."""
        return self.ahead(project_name).result()

    def ahead(self, project_name: str) -> Future[list[InstallationCandidate]]:
        """Start to fetch the page of a project, once."""
        name = canonicalize_name(project_name)
        with self._lock:
            if name not in self._pages:
                self._pages[name] = self._pool.submit(self._load, name)
            return self._pages[name]

    def may_offer(self, project_name: str, version: str) -> bool:
        """Whether a file of that version fits: yes, as long as the page that tells was not fetched."""
        name = canonicalize_name(project_name)
        with self._lock:
            page = self._pages.get(name)
        if page is None or not page.done() or page.cancelled() or page.exception() is not None:
            return True
        return any(str(candidate.version) == version for candidate in page.result())

    def _load(self, name: str) -> list[InstallationCandidate]:
        candidates = self._read_pages(name)
        if candidates or "source" not in self.formats.allowed_by_user(name) or name in self.formats.sdists:
            return candidates
        self.formats.sdists.add(name)
        self.forget(name, keep_page=True)
        return self._read_pages(name)

    def _read_pages(self, name: str) -> list[InstallationCandidate]:
        try:
            return super().find_all_candidates(name)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # pip takes what an index sends as JSON for granted.
            asked = self.search_scope.get_index_urls_locations(name)
            raise PackageIndexError(
                f"what {' or '.join(redacted(asked))} sends is not the page of a package index",
                details=[f"{type(error).__name__}: {error}"],
                hint="open it in a browser: a proxy or a login may answer in place of the index",
            ) from error

    def forget(self, name: str, *, keep_page: bool = False) -> None:
        """Judge the links of a project anew."""
        self.links.pop(name, None)
        self._all_candidates.pop(name, None)
        for key in [key for key in self._best_candidates if key[0] == name]:
            del self._best_candidates[key]
        if not keep_page:
            self._pages.pop(name, None)

    def submit(self, work: Callable[[], object]) -> None:
        """Do something ahead that may be of use; what fails will fail again where it is needed."""

        def quietly() -> None:
            with contextlib.suppress(LayerforgeError):
                work()

        with contextlib.suppress(RuntimeError):
            self._pool.submit(quietly)

    def close(self) -> None:
        """Start nothing more."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class TargetRepository(PyPIRepository):
    """What pip-tools' resolver asks; made for one target and one set of index options."""

    def __init__(
        self,
        access: Access,
        target: Target,
        *,
        flags: list[str],
        cache_dir: Path,
        reader: WheelReader,
        builder: Builder,
    ) -> None:
        super().__init__(flags, cache_dir=str(cache_dir))
        self._session = access.session
        self._access = access
        self._target = target
        self._reader = reader
        self._builder = builder
        self.resolver: Any = None
        self.advance: Advance = lambda _: None
        self.formats = WheelsFirst(self.options.format_control)
        self.target_python = make_target_python(target)
        plain = self.command._build_package_finder(
            options=self.options, session=self.session, target_python=self.target_python
        )
        self._finder: TargetFinder = TargetFinder(plain, self.formats)
        self._wrap_command()

    @property
    def finder(self) -> TargetFinder:
        """The one for the target."""
        return self._finder

    def _wrap_command(self) -> None:
        command: Any = self.command
        make_resolver, make_preparer = command.make_resolver, command.make_requirement_preparer

        def resolver_for_target(**given: Any) -> Any:
            self.resolver = make_resolver(**given, py_version_info=self.target_python.py_version_info)
            return self.resolver

        def preparer_with_ranges(**given: Any) -> Any:
            preparer = make_preparer(**given)
            fetch = preparer._fetch_metadata_only
            preparer._fetch_metadata_only = lambda req: self._metadata(req) or fetch(req)
            return preparer

        command.make_resolver = resolver_for_target
        command.make_requirement_preparer = preparer_with_ranges

    def _metadata(self, req: InstallRequirement) -> BaseDistribution | None:
        link = req.link
        if link is None or link.is_vcs or link.is_existing_dir():
            return None
        if link.is_wheel:
            text = self._reader.facts_of_link(link).metadata.encode()
        elif (static := self._static_metadata(link)) is not None:
            text = static
        else:
            return None
        self.advance(1)
        name = canonicalize_name(str(email.message_from_bytes(text)["Name"]))
        distribution = get_metadata_distribution(text, link.filename, name)
        self._look_ahead(distribution)
        return distribution

    def _static_metadata(self, link: Link) -> bytes | None:
        """PKG-INFO of an sdist if it promises to hold for its wheels (PEP 643): no backend has to run.

        Where it has to, and what it builds is not for this machine, a container tells.
        """
        sdist = self._builder.bring_sdist(archive_of_link(link, self._access))
        static = static_metadata(self._builder.cache.blob(sdist.sha256))
        if static is not None:
            return static
        told = self._builder.native_metadata(sdist)
        return None if told is None else told.encode()

    def _look_ahead(self, distribution: BaseDistribution) -> None:
        """Fetch what the requirements of `distribution` will most likely lead to."""
        for requirement in distribution.iter_dependencies():
            name = canonicalize_name(requirement.name)
            if requirement.url is None and name not in self._finder.links:
                self.look_ahead(name, requirement.specifier)

    def look_ahead(self, name: str, specifier: SpecifierSet) -> None:
        """Fetch the page of `name`, and the facts of the file that is best by `specifier` alone."""

        def read_best(page: Future[list[InstallationCandidate]]) -> None:
            if page.cancelled() or page.exception() is not None:
                return
            # As the resolver will ask, so that it finds the candidates sorted already.
            best = self._finder.find_best_candidate(name, specifier, Hashes()).best_candidate
            if best is not None and best.link.is_wheel:
                self._finder.submit(lambda: self._reader.facts_of_link(best.link))

        self._finder.ahead(name).add_done_callback(read_best)


def make_target_python(target: Target) -> TargetPython:
    """The target's tags and version, for pip's finder."""
    version = target.marker_environment()["python_full_version"]
    made = TargetPython(py_version_info=tuple(int(part) for part in re.findall(r"\d+", version)[:3]))
    made._valid_tags = [Tag(tag.interpreter, tag.abi, tag.platform) for tag in target.tags()]
    return made


@contextlib.contextmanager
def markers_of(target: Target) -> Iterator[None]:
    """Within the block, pip evaluates markers as the target's interpreter would."""
    host = markers.default_environment
    markers.default_environment = target.marker_environment  # type: ignore[assignment]
    try:
        yield
    finally:
        markers.default_environment = host


def static_metadata(sdist: Path) -> bytes | None:
    """PKG-INFO where it is final for what resolution reads (Metadata-Version 2.2 or later, not dynamic)."""
    text = read_from_sdist(sdist, "PKG-INFO")
    if text is None:
        return None
    fields = email.message_from_bytes(text)
    major, _, minor = (fields["Metadata-Version"] or "0.0").partition(".")
    if not (major.isdecimal() and minor.isdecimal()) or (int(major), int(minor)) < (2, 2):
        return None
    dynamic = {value.lower() for value in fields.get_all("Dynamic", [])}
    if dynamic & {"requires-dist", "requires-python", "provides-extra", "version"}:
        return None
    return text
