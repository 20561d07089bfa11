"""The requirements of a function: which files hold them, and what these say."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from layerforge.errors import ConfigError
from layerforge.model.requirement import IndexOptions, Requirement, RequirementSet
from layerforge.project.local_packages import project_files
from layerforge.project.requirement_files.contents import Contents, joined
from layerforge.project.requirement_files.foreign import TELLING, refuse_foreign
from layerforge.project.requirement_files.index_options import combine
from layerforge.project.requirement_files.places import Places, absolute
from layerforge.project.requirement_files.pylock import read_pylock
from layerforge.project.requirement_files.pyproject import (
    both_markers,
    has_poetry_requirements,
    has_requirements,
    names_in,
    read_pyproject,
    read_sourced,
    unknown_name,
)
from layerforge.project.requirement_files.requirements_txt import read_requirements_txt

# In this order: what people write before what tools compile from it. requirements.txt comes
# before pyproject.toml, as it is what `sam build` installs.
_BY_PRECEDENCE = ("requirements.in", "requirements.txt", "pyproject.toml", "pylock.toml")


def find_manifests(root: Path, source: str | None) -> tuple[str, ...]:
    """The requirement file of a function whose code folder is `source`, relative to the root.

    It is the first of requirements.in, requirements.txt, pyproject.toml (one that has [project]
    dependencies or [dependency-groups]) and pylock.toml in the nearest folder, from `source` up to
    the root, that has one. A requirements.in beside a requirements.txt wins: it is the intent, and
    the other what was compiled from it. Code that lies elsewhere (`source` is None) has none.
    Raises ConfigError if the nearest folder with any has only what other tools understand.
    """
    if source is None:
        return ()
    places = Places(root=root.absolute())
    for folder in _folders(places.root, absolute(places.root, source)):
        if found := _manifest_in(folder, places):
            return (places.relative(found),)
        _refuse_foreign_only(folder, places)
    return ()


def _folders(root: Path, start: Path) -> tuple[Path, ...]:
    first = start.parent if start.is_file() else start
    if first.is_relative_to(root):
        return tuple(folder for folder in (first, *first.parents) if folder.is_relative_to(root))
    # Code outside of the root (`CodeUri: ../shared`): its own folder, then the project's.
    return (first, root)


def _manifest_in(folder: Path, places: Places) -> Path | None:
    for name in _BY_PRECEDENCE:
        path = folder / name
        if path.is_file() and (name != "pyproject.toml" or has_requirements(path, places)):
            return path
    return None


def _refuse_foreign_only(folder: Path, places: Places) -> None:
    for name in TELLING:
        if (folder / name).is_file():
            refuse_foreign(folder / name, places.relative(folder / name))
    pyproject = folder / "pyproject.toml"
    if pyproject.is_file() and has_poetry_requirements(pyproject, places):
        read_pyproject(pyproject, places, extras=(), groups=())


def read_requirements(
    root: Path,
    manifests: Sequence[str],
    *,
    extras: Sequence[str] = (),
    groups: Sequence[str] = (),
    project_options: IndexOptions = IndexOptions(),
    environ: Mapping[str, str] | None = None,
    keep_unset: bool = False,
) -> RequirementSet:
    """Read requirement files (relative to the root) and put them together.

    `extras` and `groups` are of the pyproject.toml and pylock.toml among them. `project_options`
    are the base on which the files' own options stand. `environ` (default: the process's) fills
    `${NAME}`; a variable that is not set is an error, or with `keep_unset` stays as it is, for
    those who never ask an index. Raises ConfigError with file and line.
    """
    places = Places(
        root=root.absolute(), environ=os.environ if environ is None else environ, keep_unset=keep_unset
    )
    paths = [absolute(places.root, manifest) for manifest in manifests]
    asked = _Choice(paths, places, extras=extras, groups=groups)
    contents = joined(_read_one(path, places, asked) for path in paths)
    requirements, files = _with_local_projects(contents, places)
    return RequirementSet(
        requirements=requirements,
        constraints=contents.constraints,
        options=combine(contents.settings, project_options),
        files=files,
    )


class _Choice:
    """The extras and groups that are asked for, each checked to be defined by one of the files."""

    def __init__(
        self, paths: Iterable[Path], places: Places, *, extras: Sequence[str], groups: Sequence[str]
    ) -> None:
        self.extras = _normalised(extras)
        self.groups = _normalised(groups)
        self._names: dict[Path, tuple[frozenset[str], frozenset[str]]] = {}
        if not extras and not groups:
            return
        self._names = {path: names_in(path, places) for path in paths if path.name == "pyproject.toml"}
        if any(_is_pylock(path) for path in paths):
            return
        shown = ", ".join(places.relative(path) for path in self._names or paths)
        known = list(self._names.values())
        _check_defined("extra", self.extras, {name for names in known for name in names[0]}, shown)
        _check_defined("group", self.groups, {name for names in known for name in names[1]}, shown)

    def of(self, path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Those extras and groups that this pyproject.toml defines."""
        extras, groups = self._names.get(path, (frozenset(), frozenset()))
        return (
            tuple(name for name in self.extras if name in extras),
            tuple(name for name in self.groups if name in groups),
        )


def _check_defined(kind: str, asked: Iterable[str], known: set[str], where: str) -> None:
    for name in asked:
        if name not in known:
            raise unknown_name(kind, name, known, where)


def _normalised(names: Sequence[str]) -> tuple[str, ...]:
    if not names:
        return ()
    from packaging.utils import canonicalize_name

    return tuple(dict.fromkeys(canonicalize_name(name) for name in names))


def _is_pylock(path: Path) -> bool:
    return path.name == "pylock.toml" or (path.name.startswith("pylock.") and path.suffix == ".toml")


def _read_one(path: Path, places: Places, asked: _Choice) -> Contents:
    shown = places.relative(path)
    refuse_foreign(path, shown)
    if path.name == "pyproject.toml":
        extras, groups = asked.of(path)
        return read_pyproject(path, places, extras=extras, groups=groups)
    if _is_pylock(path):
        return read_pylock(path, places, extras=asked.extras, groups=asked.groups)
    if path.suffix in {".toml", ".lock", ".yml", ".yaml", ".json", ".py", ".cfg"}:
        raise ConfigError(
            "this file has no format that requirements are read from",
            where=shown,
            hint="a requirements file, pyproject.toml or pylock.toml was expected",
        )
    return read_requirements_txt(path, places)


def _with_local_projects(
    contents: Contents, places: Places
) -> tuple[tuple[Requirement, ...], tuple[str, ...]]:
    """Add what local projects take from the same repository, and the files that said so."""
    requirements = dict.fromkeys(contents.requirements)
    files = dict.fromkeys(contents.files)
    named = (*contents.requirements, *contents.constraints)
    for path in dict.fromkeys(item.path for item in named if item.path):
        folder = absolute(places.root, path)
        read = project_files(folder) if folder.is_dir() else (folder,)
        files.update(dict.fromkeys(map(places.relative, read)))
    for item in contents.requirements:
        for sourced in _sourced_below(item, places, frozenset()):
            requirements.update(dict.fromkeys(sourced.requirements))
            files.update(dict.fromkeys(sourced.files))
    return tuple(requirements), tuple(files)


def _sourced_below(item: Requirement, places: Places, above: frozenset[str]) -> Iterator[Contents]:
    """What the local project `item` takes from the repository, and what that takes in turn.

    `above` are the projects that led here: two projects may ask for each other.
    """
    manifest = absolute(places.root, item.path or ".") / "pyproject.toml"
    if item.path is None or item.path in above or not manifest.is_file():
        return
    sourced = read_sourced(manifest, places, extras=item.extras)
    found = [replace(other, marker=both_markers(item.marker, other.marker)) for other in sourced.requirements]
    above = above | {item.path}
    yield replace(sourced, requirements=tuple(other for other in found if other.path not in above))
    for other in found:
        yield from _sourced_below(other, places, above)
