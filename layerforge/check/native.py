"""Whether the native files that a function mounts load on its target. Pure: told from what was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from layerforge.check.contents import BuiltFunction, NativeFile, ZipContents
from layerforge.check.extension_names import ExtensionName, is_imported_by, parse_extension_name
from layerforge.check.problems import Problem
from layerforge.model.finding import Severity
from layerforge.native.facts import DamagedFile, ElfFile, ForeignFile, Kind
from layerforge.native.loader import Loader, Missing, MissingVersion, MountedFiles
from layerforge.native.optional import is_optional
from layerforge.native.runtime import Presence, RuntimeFacts

_CONTAINER = (
    "build the distribution from its sdist in a container, which takes the library into the wheel "
    "([container] packages, or a recipe), or bring it in lib/ of another layer"
)
_REBUILD = "`layerforge lock`, then `layerforge build`; a zip of yours has to be made for the target itself"
_PROBE = "`layerforge verify` proves it for the image; if the function never loads it: [check] ignore"


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    """A native file with its zip and its path in it."""

    zip: ZipContents
    path: str
    native: NativeFile
    owner: str | None
    name: ExtensionName | None

    @property
    def absolute(self) -> str:
        return f"{self.zip.root}/{self.path}"

    @property
    def is_extension(self) -> bool:
        """Whether Python imports it: its name says so, or it has the entry point."""
        if self.name is None or self.zip.module_path(self.path) is None:
            return False
        found = self.native.found
        return self.name.is_tagged or (isinstance(found, ElfFile) and self.name.stem in found.modules)


def find_native_problems(function: BuiltFunction, facts: RuntimeFacts) -> Iterator[Problem]:
    """What of the function's native code does not load on its target, and what is unsafe about it."""
    yield from _Check(function, facts).run()


class _Check:
    def __init__(self, function: BuiltFunction, facts: RuntimeFacts) -> None:
        self._function = function
        self._target = function.target
        self._facts = facts
        self._files = {one.absolute: one for contents in function.zips for one in _files_of(contents)}
        self._loader = Loader(_mounted(function, self._files), facts, function.target.architecture)
        self._fitting = {
            (one.name.folder, one.name.stem)
            for one in self._files.values()
            if one.name and is_imported_by(one.name, self._target) and self._fits_machine(one)
        }

    def run(self) -> Iterator[Problem]:
        loadable = []
        for _, one in sorted(self._files.items()):
            problem = self._judge_alone(one)
            if problem is not None:
                yield problem
            elif self._is_looked_for(one):
                loadable.append(one)
        yield from self._judge_loading(loadable)
        for one in loadable:
            yield from self._judge_safety(one)

    def _fits_machine(self, one: _File) -> bool:
        found = one.native.found
        return isinstance(found, ElfFile) and found.machine == self._target.architecture

    def _is_looked_for(self, one: _File) -> bool:
        """Whether Python, or a library, may come to load it: not if another file of the module fits."""
        found = one.native.found
        if not isinstance(found, ElfFile) or found.kind is Kind.OTHER:
            return False
        return one.name is None or not one.name.is_tagged or is_imported_by(one.name, self._target)

    def _judge_alone(self, one: _File) -> Problem | None:
        """What can be told from the file and its name."""
        found = one.native.found
        if self._is_spare(one):
            return None
        if isinstance(found, ForeignFile):
            return self._foreign(one, found)
        if isinstance(found, DamagedFile):
            severity = Severity.ERROR if one.name else Severity.WARNING
            return self._problem(
                one,
                severity,
                "damaged-native",
                "is",
                f"no file that can be loaded: {found.reason}",
                hint="fetch or build the distribution again; if it stays so, take another release",
            )
        if found.kind is Kind.OTHER:
            if one.name is None:
                return None
            return self._foreign(one, ForeignFile(what="an object file that was never linked"))
        if found.machine != self._target.architecture:
            return self._other_machine(one, found)
        if one.name and one.name.is_tagged and not is_imported_by(one.name, self._target):
            return self._other_python(one, one.name)
        return None

    def _is_spare(self, one: _File) -> bool:
        """Whether another file of the same module is the one: it may ship for several Pythons and systems."""
        if one.name is None or not one.name.is_tagged:
            return False
        fits = is_imported_by(one.name, self._target) and self._fits_machine(one)
        return not fits and (one.name.folder, one.name.stem) in self._fitting

    def _foreign(self, one: _File, found: ForeignFile) -> Problem:
        if found.system:
            return self._problem(
                one,
                Severity.ERROR if one.is_extension else Severity.WARNING,
                "wrong-platform",
                "is",
                f"for {found.system}, and Lambda runs Linux",
                hint=_REBUILD,
            )
        return self._problem(
            one,
            Severity.ERROR if one.is_extension else Severity.WARNING,
            "not-native",
            "is",
            f"named like a library, and {found.what}",
            hint="nothing can load it: fetch or build the distribution again, or take another release",
        )

    def _other_machine(self, one: _File, found: ElfFile) -> Problem:
        return self._problem(
            one,
            Severity.ERROR if one.is_extension else Severity.WARNING,
            "wrong-architecture",
            "is",
            f"for {found.machine}, and the function is for {self._target.architecture}",
            hint=_REBUILD if one.is_extension else None,
        )

    def _other_python(self, one: _File, name: ExtensionName) -> Problem:
        beside = f"{name.folder}/{name.stem}" if name.folder else name.stem
        has_pure = f"{beside}.py" in one.zip.files or f"{beside}/__init__.py" in one.zip.files
        return self._problem(
            one,
            Severity.WARNING if has_pure else Severity.ERROR,
            "python-mismatch",
            "is",
            f"for {name.made_for}, and {self._target.runtime} does not import it",
            hint=_REBUILD,
        )

    def _judge_loading(self, loadable: list[_File]) -> Iterator[Problem]:
        """What happens when each is loaded: extension modules first, then what none of them brings."""
        reached: set[str] = set()
        told: set[tuple[str, str]] = set()
        for one in sorted(loadable, key=lambda one: not one.is_extension):
            if not one.is_extension and one.absolute in reached:
                continue
            problems, loaded = self._loader.load(one.absolute)
            reached |= loaded
            for problem in problems:
                what = problem.version if isinstance(problem, MissingVersion) else problem.library
                key = (problem.by, what)
                if key not in told:
                    told.add(key)
                    yield self._explain(problem, certain=one.is_extension)

    def _explain(self, problem: Missing | MissingVersion, *, certain: bool) -> Problem:
        culprit = self._files[problem.by]
        if isinstance(problem, MissingVersion):
            return self._missing_version(problem, culprit, certain=certain)
        return self._missing_library(problem, culprit, certain=certain)

    def _missing_library(self, problem: Missing, one: _File, *, certain: bool) -> Problem:
        library, runtime = problem.library, self._target.runtime
        hint = _CONTAINER
        details: tuple[str, ...] = ()
        rest = f", which neither {runtime} nor a layer of the function has"
        if library.startswith("libc.musl-"):
            hint = (
                "it was built for Alpine Linux (musl): take the manylinux wheel, or build it in a container"
            )
        elif problem.elsewhere:
            certain = False
            rest = ", which lies where the loader does not look"
            details = (f"there is {problem.elsewhere}",)
            hint = "its package may load it first by itself, which `layerforge verify` proves"
        elif problem.presence is Presence.IMAGE:
            certain = False
            rest = f", which AWS's image of {runtime} has, and the managed runtime need not have"
            hint = _PROBE
        elif self._function.external_layers:
            certain = False
            rest += " (layers from elsewhere were not looked into)"
        if source := self._facts.absent.get(library):
            details = (*details, f"functions were seen to miss {library}: {source}")
        if is_optional(one.zip.module_path(one.path) or ""):
            hint = "its package imports it only where it can"
        return self._problem(
            one,
            self._severity(one, certain=certain),
            "missing-library",
            "needs",
            rest,
            item=library,
            items="libraries",
            hint=hint,
            names=(library,),
            details=details,
        )

    def _missing_version(self, problem: MissingVersion, one: _File, *, certain: bool) -> Problem:
        version, library, runtime = problem.version, problem.library, self._target.runtime
        hint = f"take a release with a wheel for {runtime}, or build it from its sdist in a container"
        if problem.at is not None:
            rest = f", and {problem.at} has it not"
            hint = "the two do not belong together: take another release of one of them"
        elif problem.presence is Presence.IMAGE:
            certain = False
            rest = f", which newer images of {runtime} have, and not every function has yet"
            hint = _PROBE
        else:
            rest = f", and {runtime} has {problem.highest or 'it not'}"
        return self._problem(
            one,
            self._severity(one, certain=certain),
            "glibc-too-old" if version.startswith("GLIBC_") else "library-too-old",
            "needs",
            rest,
            item=f"{version} of {library}",
            items="symbol versions",
            hint=hint,
            names=(library, version),
        )

    def _severity(self, one: _File, *, certain: bool) -> Severity:
        if is_optional(one.zip.module_path(one.path) or ""):
            return Severity.NOTE
        return Severity.ERROR if certain else Severity.WARNING

    def _judge_safety(self, one: _File) -> Iterator[Problem]:
        found = one.native.found
        assert isinstance(found, ElfFile)
        if found.executable_stack:
            yield self._problem(
                one,
                Severity.WARNING,
                "executable-stack",
                "needs",
                "an executable stack, which makes every overflow of a buffer worse",
                hint="it was linked without -z noexecstack, or from assembler that says nothing of it: "
                "tell its authors",
            )
        if found.text_relocations:
            yield self._problem(
                one,
                Severity.WARNING,
                "text-relocations",
                "has",
                "text relocations: its code is written to when it is loaded",
                hint="it was built without -fPIC: tell its authors",
            )

    def _problem(
        self,
        one: _File,
        severity: Severity,
        code: str,
        verb: str,
        rest: str,
        *,
        item: str = "",
        items: str = "",
        hint: str | None = None,
        names: tuple[str, ...] = (),
        details: tuple[str, ...] = (),
    ) -> Problem:
        return Problem(
            severity=severity,
            code=code,
            zip=one.zip.name,
            place=one.zip.label,
            path=one.path,
            owner=one.owner,
            verb=verb,
            rest=rest,
            item=item,
            items=items,
            hint=hint,
            names=names,
            details=details,
            functions=frozenset({self._function.name}),
        )


def _files_of(contents: ZipContents) -> Iterator[_File]:
    owners = contents.owners
    for path, native in contents.natives.items():
        owner = owners.get(path)
        yield _File(
            zip=contents,
            path=path,
            native=native,
            owner=owner.label if owner else None,
            name=parse_extension_name(path),
        )


def _mounted(function: BuiltFunction, files: Mapping[str, _File]) -> MountedFiles:
    import posixpath

    links = {}
    for contents in function.zips:
        for path, listed in contents.files.items():
            if listed.link is not None:
                absolute = f"{contents.root}/{path}"
                links[absolute] = posixpath.normpath(posixpath.join(posixpath.dirname(absolute), listed.link))
    elves = {path: one.native.found for path, one in files.items() if isinstance(one.native.found, ElfFile)}
    return MountedFiles(files=elves, links=links)
