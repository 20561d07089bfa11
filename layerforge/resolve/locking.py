"""From a project to its locks: one cohort per target, split only where requirements contradict."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from layerforge.errors import BuildError, ResolutionError, ToolError
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import Function, Project
from layerforge.model.lock import Distribution, Edge, FunctionRoots, Lock, Root
from layerforge.model.progress import Progress
from layerforge.model.requirement import Requirement, urls_with_credentials
from layerforge.model.target import Target
from layerforge.model.url import redact, strip_credentials
from layerforge.resolve.cohorts import part_suffix
from layerforge.resolve.digest import input_digest, specifier_key
from layerforge.resolve.edges import make_distribution
from layerforge.resolve.freshness import is_fresh, reader_below
from layerforge.resolve.index import Engine, Index, Selected
from layerforge.resolve.joint import Joint, applying, join_functions
from layerforge.resolve.partition import Oracle, Part, Partition, divide, reasons_within
from layerforge.resolve.preferences import make_preferences, target_order

_NAMES_SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class LockResult:
    """Locks sorted by cohort, and what is worth telling of them."""

    locks: tuple[Lock, ...]
    findings: tuple[Finding, ...] = ()


def lock_project(
    project: Project,
    *,
    previous: tuple[Lock, ...],
    engine: Engine,
    index: Index,
    progress: Progress,
    upgrade: bool = False,
    upgrade_packages: frozenset[str] = frozenset(),
) -> LockResult:
    """Resolve every target of the project and describe what was chosen.

    Pins of `previous` are kept where they still fit, except under `upgrade` and for the names in
    `upgrade_packages`; a target for which nothing changed is taken over as it is. New pins follow
    those of other functions and targets, so that layers can be shared (`make_preferences`).

    Raises ResolutionError (ContradictionError, NoFittingFileError, PackageIndexError among them).
    """
    kept = () if upgrade else previous
    dropped = frozenset(re.sub(r"[-_.]+", "-", name).lower() for name in upgrade_packages)
    run = _Run(
        project=project,
        previous=kept,
        engine=engine,
        index=index,
        progress=progress,
        dropped=dropped,
    )
    locks: list[Lock] = []
    findings: list[Finding] = []
    for target in sorted({f.target for f in project.functions}, key=target_order):
        functions = tuple(f for f in project.functions if f.target == target)
        result = run.lock_target(target, functions, made=tuple(locks))
        locks += result.locks
        findings += result.findings
    return LockResult(locks=tuple(sorted(locks, key=lambda lock: lock.cohort)), findings=tuple(findings))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    project: Project
    previous: tuple[Lock, ...]
    engine: Engine
    index: Index
    progress: Progress
    dropped: frozenset[str]

    def lock_target(
        self, target: Target, functions: tuple[Function, ...], *, made: tuple[Lock, ...]
    ) -> LockResult:
        """Lock the functions of one target; `made` are the locks of this run so far."""
        if unchanged := self._unchanged(target, functions):
            return LockResult(locks=unchanged, findings=_extra_findings(unchanged, functions))
        joint = join_functions(functions, target=target, options=self.project.settings.options)
        oracle = self._oracle(joint, functions, made)
        partition = divide(oracle)
        if len(partition.parts) > 1:
            self.progress.note(
                f"{target.name}: requirements contradict, so its functions are resolved "
                f"in {len(partition.parts)} parts"
            )
        locks: list[Lock] = []
        for position, part in enumerate(partition.parts):
            cohort = f"{target.slug}{part_suffix(position)}"
            # What one part was given, the next may follow: they then share these layers at least.
            follower = self._oracle(joint, part.functions, (*made, *locks))
            if follower.preferences == oracle.preferences:
                follower = oracle
            locks.append(self._lock_part(cohort, part, follower))
        findings = [
            *_split_findings(partition, joint),
            *_extra_findings(locks, functions),
            *(finding for lock in locks for finding in _missing_findings(lock)),
        ]
        return LockResult(locks=tuple(locks), findings=tuple(findings))

    def _unchanged(self, target: Target, functions: Sequence[Function]) -> tuple[Lock, ...]:
        """Previous locks of a target, if they still say all and nothing of theirs is to be upgraded."""
        locks = tuple(lock for lock in self.previous if lock.target == target)
        named = {function.name: function for function in functions}
        served = [roots.function for lock in locks for roots in lock.functions]
        if sorted(served) != sorted(named):
            return ()
        if any(d.name in self.dropped for lock in locks for d in lock.distributions):
            return ()
        read = reader_below(self.project.root)
        for lock in locks:
            ours = [named[roots.function] for roots in lock.functions]
            if not is_fresh(lock, ours, self.project, read):
                return ()
        # Lines may have moved without a change of meaning.
        return tuple(replace(lock, functions=_function_roots(_of(lock, named), lock)) for lock in locks)

    def _oracle(self, joint: Joint, functions: Sequence[Function], made: Sequence[Lock]) -> Oracle:
        preferences = make_preferences(
            joint.target, functions, previous=self.previous, made=made, dropped=self.dropped
        )
        return Oracle(joint, engine=self.engine, root=self.project.root, preferences=preferences)

    def _lock_part(self, cohort: str, part: Part, oracle: Oracle) -> Lock:
        target, project = oracle.joint.target, self.project
        answer = oracle.ask(part.elements)
        if isinstance(answer, ResolutionError):
            raise answer
        distributions = self._describe(answer, part, oracle)
        functions = sorted(part.functions, key=lambda function: function.name)
        bare = Lock(cohort=cohort, target=target, distributions=distributions, functions=(), input_digest="")
        lock = replace(
            bare,
            functions=_function_roots(functions, bare),
            input_digest=input_digest(
                functions,
                target=target,
                options=project.settings.options,
                local=[one.local.path for one in distributions if one.local],
                read=reader_below(project.root),
            ),
        )
        return _prune_edges(lock)

    def _describe(
        self, selected: tuple[Selected, ...], part: Part, oracle: Oracle
    ) -> tuple[Distribution, ...]:
        if not selected:
            return ()
        target = oracle.joint.target
        members = [i for i in range(len(oracle.joint.elements)) if part.elements >> i & 1]
        request = oracle.joint.request(members, root=self.project.root, preferences=())
        options = replace(request.options, direct_urls=urls_with_credentials(request.requirements))
        try:
            described = self.index.describe(selected, target=target, options=options, root=self.project.root)
        except (BuildError, ToolError) as error:
            # It begins with the name of what could not be built: say who asks for that, where it is plain.
            error.where = error.where or _asked_at(error.sentence.partition(" ")[0], part.functions)
            raise
        return tuple(sorted((make_distribution(one, target=target) for one in described), key=_by_name))


def _by_name(distribution: Distribution) -> str:
    return distribution.name


def _asked_at(name: str, functions: Iterable[Function]) -> str | None:
    """Where a requirement of that name stands."""
    places = (one.origin for f in functions for one in f.requirements.requirements if one.name == name)
    return next((str(place) for place in sorted(places)), None)


def _of(lock: Lock, named: dict[str, Function]) -> list[Function]:
    return [named[roots.function] for roots in lock.functions]


def _function_roots(functions: Iterable[Function], lock: Lock) -> tuple[FunctionRoots, ...]:
    return tuple(
        FunctionRoots(
            function=function.name,
            roots=tuple(sorted({_root(requirement, lock) for requirement in applying(function)})),
        )
        for function in functions
    )


def _root(requirement: Requirement, lock: Lock) -> Root:
    return Root(
        name=requirement.name or _name_of(requirement, lock),
        extras=tuple(sorted(requirement.extras)),
        specifier=specifier_key(requirement.specifier),
        origin=requirement.origin,
    )


def _name_of(requirement: Requirement, lock: Lock) -> str:
    """Find which distribution a URL or path without a name turned out to be."""
    for distribution in lock.distributions:
        if requirement.path is not None and _is_at_path(distribution, requirement):
            return distribution.name
        if requirement.url is not None and _is_at_url(distribution, requirement.url):
            return distribution.name
    place = requirement.path or redact(requirement.url or "")
    raise ResolutionError(
        f"nothing says which distribution {place} holds",
        where=str(requirement.origin),
        hint=f"write its name in front: `NAME @ {place}`",
    )


def _is_at_path(distribution: Distribution, requirement: Requirement) -> bool:
    path = posixpath.normpath(posixpath.join(requirement.path or "", requirement.subdirectory or ""))
    archive = distribution.wheel or distribution.sdist
    if distribution.local is not None:
        return posixpath.normpath(distribution.local.path) == path
    return (
        archive is not None
        and archive.filename == posixpath.basename(path)
        and unquote(archive.url).endswith(f"/{posixpath.basename(path)}")
    )


def _is_at_url(distribution: Distribution, url: str) -> bool:
    archive = distribution.wheel or distribution.sdist
    if distribution.vcs is not None:
        return _repository(distribution.vcs.url) == _repository(url)
    return archive is not None and _file_url(archive.url) == _file_url(url)


def _file_url(url: str) -> str:
    return strip_credentials(url).partition("#")[0]


def _repository(url: str) -> tuple[str, str]:
    """Host and path of a git URL, without `git+`, user, revision and fragment."""
    parts = urlsplit(strip_credentials(url).removeprefix("git+"))
    return parts.netloc.rpartition("@")[2], parts.path.partition("@")[0]


def _prune_edges(lock: Lock) -> Lock:
    """Drop the edges of extras that nobody asks for: they would be most of the file."""
    opened = _opened_extras(lock)
    return replace(
        lock,
        distributions=tuple(
            replace(d, edges=tuple(e for e in d.edges if e.extra is None or (d.name, e.extra) in opened))
            for d in lock.distributions
        ),
    )


def _opened_extras(lock: Lock) -> set[tuple[str, str | None]]:
    held = lock.by_name()
    asked: list[Root | Edge] = [root for roots in lock.functions for root in roots.roots]
    seen: set[tuple[str, str | None]] = set()
    while asked:
        one = asked.pop()
        for extra in (None, *one.extras):
            if (one.name, extra) not in seen and one.name in held:
                seen.add((one.name, extra))
                asked += [edge for edge in held[one.name].edges if edge.extra == extra]
    return seen


def _split_findings(partition: Partition, joint: Joint) -> list[Finding]:
    """Name both sides of each contradiction that the parts are made for."""
    if len(partition.parts) < 2:
        return []
    cohorts = [
        f"{joint.target.slug}{part_suffix(position)}: {_some([f.name for f in part.functions])}"
        for position, part in enumerate(partition.parts)
    ]
    findings = []
    for conflict in partition.conflicts:
        sides = [e for i, e in enumerate(joint.elements) if conflict.elements >> i & 1]
        names = sorted({name for side in sides for name, _ in side.asked_by})
        findings.append(
            Finding(
                severity=Severity.WARNING,
                code="cohort-split",
                subject=joint.target.name,
                sentence=f"{', '.join(side.sentence() for side in sides)}: "
                "resolved apart, so they share less",
                where=str(sides[0].asked_by[0][1]),
                details=(*(reasons_within(conflict.error) if conflict.error else ()), *cohorts),
                hint=f"let {_some(names)} ask for the same to share their layers",
            )
        )
    return findings


def _some(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _extra_findings(locks: Iterable[Lock], functions: Iterable[Function]) -> tuple[Finding, ...]:
    """Warn of extras that a distribution does not have: pip passes over them with a word, too."""
    targets = {function.name: function.target.name for function in functions}
    found: dict[str, Finding] = {}
    for lock in locks:
        held = lock.by_name()
        for roots in lock.functions:
            for root in roots.roots:
                distribution = held.get(root.name)
                for extra in root.extras:
                    if distribution is None or extra in distribution.provided_extras:
                        continue
                    finding = _unknown_extra(root, extra, distribution, targets[roots.function])
                    found.setdefault(f"{finding.where} {finding.sentence}", finding)
    return tuple(found.values())


def _unknown_extra(root: Root, extra: str, distribution: Distribution, target: str) -> Finding:
    known = distribution.provided_extras
    offered = f"its extras are {', '.join(known)}" if known else "it has no extras"
    return Finding(
        severity=Severity.WARNING,
        code="unknown-extra",
        subject=target,
        sentence=f"{distribution.name} {distribution.version} has no extra {extra!r}, so it brings nothing",
        where=str(root.origin),
        hint=f"{offered}; correct or remove [{extra}]",
    )


def _missing_findings(lock: Lock) -> list[Finding]:
    """Warn of what the metadata requires and the resolver left out: imports would fail there."""
    held = lock.by_name()
    return [
        Finding(
            severity=Severity.WARNING,
            code="missing-dependency",
            subject=lock.target.name,
            sentence=f"{d.name} {d.version} requires {edge.name}, which the resolver left out",
            hint=f"ask for {display_edge(edge)} where {d.name} is asked for",
        )
        for d in lock.distributions
        for edge in d.edges
        if edge.name not in held
    ]


def display_edge(edge: Edge) -> str:
    """`httpx[http2]`."""
    return f"{edge.name}[{','.join(edge.extras)}]" if edge.extras else edge.name
