"""Whether a file loads: glibc's search for libraries, played on what a function mounts. Pure.

The order is that of ld.so(8): RPATH of the file and of those that loaded it (unless RUNPATH is there),
LD_LIBRARY_PATH, RUNPATH, the system's folders. Lambda's LD_LIBRARY_PATH names the system's folders
first (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html), so a library of the
system goes before one that only RUNPATH leads to.
"""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from layerforge.native.facts import ElfFile, Needs
from layerforge.native.runtime import Presence, RuntimeFacts, kind_of, version_number

TASK_ROOT = "/var/task"
OPT = "/opt"
# What LD_LIBRARY_PATH names after the runtime's own folders.
_MOUNTED = (TASK_ROOT, f"{TASK_ROOT}/lib", f"{OPT}/lib")
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
# A chain of links that is longer leads nowhere (Linux follows 40).
_LINKS_MAX = 40


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Missing:
    """`by` needs `library`, and nothing leads to it; `elsewhere` is where a file of that name lies.

    `presence` is IMAGE where the runtime's image has it, and the runtime need not.
    """

    by: str
    library: str
    presence: Presence
    elsewhere: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class MissingVersion:
    """`by` needs a symbol version that `library` lacks: the runtime's, or the one at the path `at`.

    `presence` is IMAGE where the library of the runtime's image has it. `highest` is what there is.
    """

    by: str
    library: str
    version: str
    presence: Presence
    at: str | None = None
    highest: str | None = None


Problem = Missing | MissingVersion


@dataclass(frozen=True, kw_only=True, slots=True)
class MountedFiles:
    """What may be loaded, by absolute path: ELF files, and symbolic links to them (path to path)."""

    files: Mapping[str, ElfFile]
    links: Mapping[str, str]

    def get(self, path: str) -> ElfFile | None:
        """The file at a path, or at the end of its links."""
        for _ in range(_LINKS_MAX):
            if path in self.files:
                return self.files[path]
            if path not in self.links:
                return None
            path = self.links[path]
        return None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Loaded:
    path: str
    file: ElfFile
    by: _Loaded | None = None


class Loader:
    """Loads files of one function, each as if it were the first; answers are remembered."""

    def __init__(self, mounted: MountedFiles, facts: RuntimeFacts, architecture: str) -> None:
        self._mounted = mounted
        self._facts = facts
        self._architecture = architecture
        self._by_name: dict[str, list[str]] = {}
        for path, file in mounted.files.items():
            for name in {posixpath.basename(path), file.soname or ""} - {""}:
                self._by_name.setdefault(name, []).append(path)

    def load(self, path: str) -> tuple[tuple[Problem, ...], frozenset[str]]:
        """What goes wrong when the file at `path` is loaded, and the paths of all that come with it."""
        file = self._mounted.get(path)
        if file is None:
            return (), frozenset()
        first = _Loaded(path=path, file=file)
        # By the names under which others ask for it, None for the runtime's own.
        known: dict[str, _Loaded | None] = {file.soname or posixpath.basename(path): first}
        loaded = [first]
        problems: set[Problem] = set()
        waiting = deque([first])
        while waiting:
            current = waiting.popleft()
            for name in current.file.needed:
                if name in known:
                    continue
                found = self._find(name, current)
                known[name] = found if isinstance(found, _Loaded) else None
                if isinstance(found, _Loaded):
                    known.setdefault(found.file.soname or name, found)
                    loaded.append(found)
                    waiting.append(found)
                elif found is not Presence.MANAGED:
                    problems.add(self._missing(name, current.path, found))
        missing = {problem.library for problem in problems if isinstance(problem, Missing)}
        for one in loaded:
            problems.update(self._check_versions(one, known, missing))
        ordered = sorted(problems, key=lambda problem: (type(problem).__name__, problem.by, problem.library))
        return tuple(ordered), frozenset(one.path for one in loaded)

    def _find(self, name: str, by: _Loaded) -> _Loaded | Presence:
        if "/" in name:
            path = _normal(name, by.path, self._architecture)
            found = self._mounted.get(path)
            return _Loaded(path=path, file=found, by=by) if found else Presence.ABSENT
        for folder in self._folders_of_rpath(by):
            if inside := self._in_folder(folder, name, by):
                return inside
        presence = self._facts.library(name)
        if presence is Presence.MANAGED:
            return presence
        runpath = _split(by.file.runpath, by.path, self._architecture)
        for folder in (*_MOUNTED, *runpath):
            if inside := self._in_folder(folder, name, by):
                return inside
        return presence

    def _folders_of_rpath(self, by: _Loaded) -> Iterator[str]:
        if by.file.runpath is not None:
            return
        current: _Loaded | None = by
        while current is not None:
            if current.file.runpath is None:
                yield from _split(current.file.rpath, current.path, self._architecture)
            current = current.by

    def _in_folder(self, folder: str, name: str, by: _Loaded) -> _Loaded | None:
        path = f"{folder}/{name}"
        file = self._mounted.get(path)
        # The loader passes over files for another machine, and looks on.
        if file is None or file.machine != self._architecture:
            return None
        return _Loaded(path=path, file=file, by=by)

    def _missing(self, name: str, by: str, presence: Presence) -> Missing:
        elsewhere = self._by_name.get(posixpath.basename(name), [])
        return Missing(
            by=by, library=name, presence=presence, elsewhere=min(elsewhere) if elsewhere else None
        )

    def _check_versions(
        self, one: _Loaded, known: Mapping[str, _Loaded | None], missing: set[str]
    ) -> Iterator[MissingVersion]:
        for needs in one.file.requires:
            if needs.library in missing:
                continue
            found = known.get(needs.library)
            absent = (
                self._absent_of_runtime(one, needs) if found is None else _absent_of_file(one, needs, found)
            )
            # Who needs GLIBC_2.34 mostly needs the versions before it as well.
            highest: dict[tuple[str, Presence], MissingVersion] = {}
            for problem in sorted(absent, key=lambda problem: version_number(problem.version)):
                highest[kind_of(problem.version), problem.presence] = problem
            yield from highest.values()

    def _absent_of_runtime(self, one: _Loaded, needs: Needs) -> Iterator[MissingVersion]:
        versions = self._facts.versions.get(needs.library)
        if versions is None:
            return
        for version in needs.versions:
            presence = versions.presence(version)
            if presence in (Presence.IMAGE, Presence.ABSENT):
                yield MissingVersion(
                    by=one.path,
                    library=needs.library,
                    version=version,
                    presence=presence,
                    highest=versions.highest(version),
                )


def _absent_of_file(one: _Loaded, needs: Needs, found: _Loaded) -> Iterator[MissingVersion]:
    # A library without any version at all is taken, with a warning of the loader.
    defined = frozenset(found.file.defines)
    for version in needs.versions if defined else ():
        if version not in defined:
            yield MissingVersion(
                by=one.path,
                library=needs.library,
                version=version,
                presence=Presence.ABSENT,
                at=found.path,
            )


def _split(folders: str | None, path: str, architecture: str) -> tuple[str, ...]:
    if not folders:
        return ()
    return tuple(_normal(folder, path, architecture) for folder in folders.split(":") if folder)


def _normal(text: str, path: str, architecture: str) -> str:
    """A folder of RPATH as an absolute path; what is relative is so to the folder of the process."""
    values = {"ORIGIN": posixpath.dirname(path), "LIB": "lib64", "PLATFORM": _MACHINES[architecture]}
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", value).replace(f"${name}", value)
    return posixpath.normpath(posixpath.join(TASK_ROOT, text))
