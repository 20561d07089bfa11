"""Everything that can be told of what was built: native code, collisions, copies; for all functions at once.

What many functions mount together is judged once: most of a project's functions share their layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from layerforge.cache import Cache
from layerforge.check.collisions import find_collisions_between, find_collisions_in, find_twice
from layerforge.check.contents import BuiltFunction, ZipContents
from layerforge.check.identical import find_identical_between, find_identical_in, wasted_bytes
from layerforge.check.import_findings import make_import_findings
from layerforge.check.import_memory import ImportMemory
from layerforge.check.native import find_native_problems
from layerforge.check.problems import Problem, make_findings
from layerforge.check.reading import UnreadableZipError, ZipFile, read_contents
from layerforge.check.runtime_sdk import find_unmet_sdk
from layerforge.check.shadowing import find_shadowed_layers, find_shadowed_sdk, find_shadowed_stdlib
from layerforge.check.unused import Declared, ImportVerdict, judge_imports
from layerforge.check.verdicts import BuiltVerdict, Judging, NativeSummary
from layerforge.check.zip_texts import ZipTexts
from layerforge.errors import BuildError
from layerforge.model.artifact import Manifest
from layerforge.model.counts import count
from layerforge.model.finding import Finding, Severity
from layerforge.model.progress import Progress
from layerforge.model.target import ARCHITECTURES, RUNTIMES, Target
from layerforge.native.facts import ElfFile
from layerforge.native.runtime import ProbedRuntime, RuntimeFacts, kind_of, runtime_facts, version_number
from layerforge.project.runtime_provided import SDK_FAMILY

_KINDS_TOLD = ("GLIBC", "GLIBCXX", "CXXABI", "GCC")


def judge_built(
    manifest: Manifest,
    judging: Judging,
    cache: Cache,
    *,
    jobs: int,
    progress: Progress,
    declared: Mapping[str, Declared] | None = None,
) -> BuiltVerdict:
    """Read every zip of the manifest and say what is wrong.

    `declared` by function: imports are held against it. Raises BuildError if a zip is not there, or not
    the manifest's.
    """
    zips = list(_zip_files(manifest, judging.folder))
    contents, unreadable = _read_all(zips, cache, jobs, progress)
    functions = tuple(_functions(manifest, contents))
    problems = _Judge(functions, judging.probed or {}).run()
    imports = _judge_imports(manifest, functions, zips, contents, declared or {}, cache, progress)
    findings = (
        *make_findings([*problems, *unreadable], judging.ignored),
        *make_import_findings(imports, declared or {}, judging.ignored),
        *_find_unmet_sdk(manifest, declared or {}, judging),
    )
    natives = [summary for _, one in sorted(contents.items()) if (summary := _summarise(one))]
    return BuiltVerdict(findings=findings, natives=tuple(natives))


def _find_unmet_sdk(
    manifest: Manifest, declared: Mapping[str, Declared], judging: Judging
) -> tuple[Finding, ...]:
    if not judging.probed:
        return ()
    targets = {name: function.target for name, function in manifest.functions.items()}
    return find_unmet_sdk(declared, targets, judging.probed, judging.ignored)


def _zip_files(manifest: Manifest, folder: Path) -> Iterator[ZipFile]:
    for layer in manifest.layers:
        yield ZipFile(name=layer.name, is_code=False, path=folder / layer.path, sha256=layer.sha256)
    for name, function in manifest.functions.items():
        if code := function.code:
            yield ZipFile(name=name, is_code=True, path=folder / code.path, sha256=code.sha256)


def _read_all(
    zips: Sequence[ZipFile], cache: Cache, jobs: int, progress: Progress
) -> tuple[dict[tuple[bool, str], ZipContents], list[Problem]]:
    """Contents by kind and name, and a problem for each zip that nobody can look into."""
    contents: dict[tuple[bool, str], ZipContents] = {}
    unreadable: list[Problem] = []

    def read(one: ZipFile) -> ZipContents | Problem:
        try:
            return read_contents(one, cache)
        except UnreadableZipError as error:
            return _unreadable(one, error)

    label = f"looking into {count(len(zips), 'zip')}"
    with (
        progress.task(label, total=len(zips), unit="items") as advance,
        ThreadPoolExecutor(max(1, min(jobs, len(zips))), thread_name_prefix="zip") as pool,
    ):
        try:
            for one, found in zip(zips, pool.map(read, zips), strict=True):
                if isinstance(found, Problem):
                    unreadable.append(found)
                else:
                    contents[one.is_code, one.name] = found
                advance(1)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return contents, unreadable


def _judge_imports(
    manifest: Manifest,
    functions: Sequence[BuiltFunction],
    zips: Sequence[ZipFile],
    contents: Mapping[tuple[bool, str], ZipContents],
    declared: Mapping[str, Declared],
    cache: Cache,
    progress: Progress,
) -> dict[str, ImportVerdict]:
    """The imports of functions whose zips could all be looked into: nothing is known of the others."""
    whole = [
        one
        for one in functions
        if one.code and one.name in declared and len(one.layers) == len(manifest.functions[one.name].layers)
    ]
    if not whole:
        return {}
    files = {
        contents[one.is_code, one.name].label: one for one in zips if (one.is_code, one.name) in contents
    }
    verdicts = {}
    with (
        ZipTexts(files) as texts,
        ImportMemory(cache, {label: one.sha256 for label, one in files.items()}) as memory,
        progress.task("following imports", total=len(whole), unit="items") as advance,
    ):
        for one in whole:
            verdicts[one.name] = judge_imports(one, declared[one.name], texts.read, memory.parse)
            advance(1)
    return verdicts


def _unreadable(one: ZipFile, error: UnreadableZipError) -> Problem:
    return Problem(
        severity=Severity.WARNING,
        code="unreadable-zip",
        zip=one.name,
        place=f"the code of {one.name}" if one.is_code else f"layer {one.name}",
        path=one.path.name,
        verb="is",
        rest=f"not looked into: {error.sentence}",
        hint="zip readers need not agree on it: make it with another tool, or name the folder as source",
    )


def _functions(
    manifest: Manifest, contents: Mapping[tuple[bool, str], ZipContents]
) -> Iterator[BuiltFunction]:
    for name, function in sorted(manifest.functions.items()):
        yield BuiltFunction(
            name=name,
            target=_parse_target(function.target, name),
            layers=tuple(contents[False, one] for one in function.layers if (False, one) in contents),
            code=contents.get((True, name)),
            external_layers=function.external_layers,
        )


def _parse_target(text: str, function: str) -> Target:
    runtime, _, architecture = text.rpartition("-")
    if runtime not in RUNTIMES or architecture not in ARCHITECTURES:
        raise BuildError(
            f"the manifest says that {function} runs on {text!r}, which is not known",
            hint="run `layerforge build` to write it anew",
        )
    return Target(runtime=runtime, architecture=architecture)


class _Judge:
    """All checks, each over what it depends on and no more."""

    def __init__(self, functions: Sequence[BuiltFunction], probed: Mapping[str, ProbedRuntime]) -> None:
        self._functions = functions
        self._facts: Callable[[Target], RuntimeFacts] = lambda target: runtime_facts(
            target, probed.get(target.name)
        )

    def run(self) -> Iterator[Problem]:
        seen: dict[int, ZipContents] = {}
        groups: dict[tuple[object, ...], list[BuiltFunction]] = {}
        for function in self._functions:
            seen |= {id(contents): contents for contents in function.zips}
            ids = tuple(id(layer) for layer in function.layers)
            groups.setdefault((function.target, ids, function.external_layers), []).append(function)
        for contents in seen.values():
            yield from find_collisions_in(contents)
            yield from find_identical_in(contents)
        for group in groups.values():
            yield from self._layers(group)
        for function in self._functions:
            yield from self._code(function)

    def _layers(self, group: Sequence[BuiltFunction]) -> Iterator[Problem]:
        """What the layers of several functions say on their own."""
        first = group[0]
        if not first.layers:
            return
        names = frozenset(function.name for function in group)
        shared = replace(first, code=None)
        found = (
            find_native_problems(shared, self._facts(first.target)),
            find_collisions_between(shared),
            find_identical_between(shared),
        )
        for problems in found:
            yield from (replace(problem, functions=names) for problem in problems)
        bare = frozenset(function.name for function in group if not _brings_sdk(function))
        yield from (replace(problem, functions=bare) for problem in find_shadowed_sdk(shared) if bare)
        for layer in first.layers:
            yield from find_shadowed_stdlib(layer, first.target, names)

    def _code(self, function: BuiltFunction) -> Iterator[Problem]:
        """What a function's own code adds to that."""
        code = function.code
        if code is None:
            return
        yield from find_shadowed_stdlib(code, function.target, frozenset({function.name}))
        yield from find_shadowed_layers(function)
        if code.natives:
            facts = self._facts(function.target)
            yield from _only_of(code, find_native_problems(function, facts))
            yield from find_identical_between(function)
        if code.installed:
            yield from find_twice(function)
        if _brings_sdk(function):
            yield from find_shadowed_sdk(function)


def _brings_sdk(function: BuiltFunction) -> bool:
    return function.code is not None and not function.code.modules.keys().isdisjoint(SDK_FAMILY)


def _only_of(code: ZipContents, problems: Iterable[Problem]) -> Iterator[Problem]:
    """Those of the code itself: what its layers say was told for them."""
    return (problem for problem in problems if problem.zip == code.name and problem.place == code.label)


def _summarise(contents: ZipContents) -> NativeSummary | None:
    elves = [
        (native.size, native.found)
        for native in contents.natives.values()
        if isinstance(native.found, ElfFile)
    ]
    if not elves:
        return None
    versions: dict[str, str] = {}
    for _, elf in elves:
        for needs in elf.requires:
            for version in needs.versions:
                kind = kind_of(version)
                if kind in _KINDS_TOLD and version_number(version) > version_number(versions.get(kind, "")):
                    versions[kind] = version
    return NativeSummary(
        zip=contents.name,
        files=len(elves),
        size=sum(size for size, _ in elves),
        copied=wasted_bytes((contents,)),
        machines=tuple(sorted({elf.machine for _, elf in elves})),
        highest=tuple(versions[kind] for kind in _KINDS_TOLD if kind in versions),
    )
