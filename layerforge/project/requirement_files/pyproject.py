"""pyproject.toml: dependencies and extras (PEP 621), groups (PEP 735), sources of `[tool.uv]`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from layerforge.errors import ConfigError
from layerforge.model.requirement import Requirement
from layerforge.project.requirement_files.contents import Contents
from layerforge.project.requirement_files.places import Places
from layerforge.project.requirement_files.references import Reference, read_reference
from layerforge.project.requirement_files.toml_text import TomlFile, read_toml
from layerforge.project.requirement_files.uv_sources import UvSources, find_uv_sources

_EXPORT = "poetry export -f requirements.txt -o requirements.txt"


def has_requirements(path: Path, places: Places) -> bool:
    """Whether a pyproject.toml says what its code requires, rather than how tools behave."""
    document = read_toml(path, places)
    project = document.table("project")
    return (
        "dependencies" in project
        or "optional-dependencies" in project
        or "dependencies" in project.get("dynamic", [])
        or "dependency-groups" in document.data
    )


def has_poetry_requirements(path: Path, places: Places) -> bool:
    """Whether it asks for anything but Python in Poetry's own table."""
    table = read_toml(path, places).table("tool", "poetry")
    return bool(set(table.get("dependencies", {})) - {"python"})


def read_pyproject(path: Path, places: Places, *, extras: Iterable[str], groups: Iterable[str]) -> Contents:
    """Read the dependencies, and those of the extras and groups that are asked for.

    The dependencies always count: a group comes on top. Raises ConfigError with the key or line.
    """
    document = read_toml(path, places)
    reader = _Reader(document=document, sources=find_uv_sources(document, places), places=places)
    _refuse_foreign(document, places)
    requirements = [*reader.dependencies()]
    for extra in extras:
        requirements += reader.optional(extra)
    for group in groups:
        requirements += reader.group(group)
    return Contents(
        requirements=tuple(dict.fromkeys(requirements)),
        constraints=reader.constraints(),
        settings=reader.sources.settings(),
        files=reader.files(),
    )


def read_sourced(path: Path, places: Places, *, extras: Iterable[str]) -> Contents:
    """Those dependencies of a local project that it takes from a path or URL.

    They may be in `[project]`, in `[tool.uv.sources]` or in Poetry's table. The metadata of its wheel
    tells only their names, and an index would be asked for them: so they are asked for beside it. A
    project that cannot be read so has none.
    """
    document = read_toml(path, places)
    reader = _Reader(document=document, sources=find_uv_sources(document, places), places=places)
    project = document.table("project")
    if "dependencies" in project.get("dynamic", []):
        return Contents()
    known = {_normal(key) for key in project.get("optional-dependencies", {})}
    found = [*reader.dependencies(), *_poetry_paths(document, places)]
    for extra in extras:
        found += reader.optional(extra) if extra in known else ()
    return Contents(
        requirements=tuple(requirement for requirement in found if requirement.path or requirement.url),
        files=reader.files(),
    )


def _poetry_paths(document: TomlFile, places: Places) -> Iterator[Requirement]:
    """`models = {path = "../models", develop = true}`; extras alone bring what is optional."""
    for name, value in document.table("tool", "poetry", "dependencies").items():
        for entry in value if isinstance(value, list) else [value]:
            path = entry.get("path") if isinstance(entry, Mapping) and not entry.get("optional") else None
            if not isinstance(path, str):
                continue
            extras = f"[{','.join(map(str, entry['extras']))}]" if entry.get("extras") else ""
            marker = f" ; {entry['markers']}" if entry.get("markers") else ""
            place = path if path.startswith((".", "/")) else f"./{path}"
            yield read_reference(
                Reference(
                    text=f"{name}{extras} @ {place}{marker}",
                    places=places,
                    holder=document.path,
                    origin=document.origin("tool.poetry.dependencies", name),
                )
            )


def names_in(path: Path, places: Places) -> tuple[frozenset[str], frozenset[str]]:
    """Normalised names of the extras and of the groups that a pyproject.toml defines."""
    document = read_toml(path, places)
    extras = document.table("project", "optional-dependencies")
    return frozenset(map(_normal, extras)), frozenset(map(_normal, document.table("dependency-groups")))


def unknown_name(kind: str, name: str, known: Iterable[str], where: str) -> ConfigError:
    """The error for an extra or group that is asked for and defined nowhere."""
    import difflib

    listed = sorted(known)
    near = difflib.get_close_matches(name, listed, n=1)
    choice = f"did you mean {near[0]}?" if near else f"it defines {', '.join(listed) or 'none'}"
    return ConfigError(f"the {kind} {name} is asked for and not defined", where=where, hint=choice)


def _refuse_foreign(document: TomlFile, places: Places) -> None:
    project = document.table("project")
    if "dependencies" in project.get("dynamic", []):
        files = document.table("tool", "setuptools", "dynamic").get("dependencies", {})
        named = files.get("file") if isinstance(files, Mapping) else None
        shown = named if isinstance(named, str) else ", ".join(named) if named else None
        raise document.error(
            "project.dynamic",
            "the dependencies are computed by the build backend and cannot be read from this file",
            hint=f"name {shown} in the function's `requirements` instead"
            if shown
            else "list them under [project] dependencies, or write them into a requirements file",
        )
    if "project" not in document.data and has_poetry_requirements(document.path, places):
        raise document.error(
            "tool.poetry.dependencies",
            "Poetry's own table of dependencies is not supported",
            hint=f"move them to [project] dependencies, or run `{_EXPORT}`",
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Reader:
    document: TomlFile
    sources: UvSources
    places: Places

    def files(self) -> tuple[str, ...]:
        workspace = self.sources.workspace
        return tuple(dict.fromkeys([self.document.shown, *([workspace.shown] if workspace else [])]))

    def dependencies(self) -> Iterator[Requirement]:
        table = self.document.table("project")
        texts = _strings(self.document, "project.dependencies", table.get("dependencies", []))
        yield from self._requirements("project", "dependencies", texts, ())

    def optional(self, name: str, seen: tuple[str, ...] = ()) -> Iterator[Requirement]:
        if name in seen:
            return
        table = self.document.table("project", "optional-dependencies")
        key = _key(self.document, "project.optional-dependencies", table, name)
        if key is None:
            known = map(_normal, table)
            raise unknown_name("extra", name, known, f"{self.document.shown}: project.optional-dependencies")
        texts = _strings(self.document, f"project.optional-dependencies.{key}", table[key])
        yield from self._requirements("project.optional-dependencies", key, texts, (*seen, name))

    def group(self, name: str, chain: tuple[str, ...] = ()) -> Iterator[Requirement]:
        where = f"{self.document.shown}: dependency-groups"
        table = self.document.table("dependency-groups")
        key = _key(self.document, "dependency-groups", table, name)
        if key is None:
            raise unknown_name("group", name, map(_normal, table), where)
        chain = (*chain, _normal(name))
        if not isinstance(table[key], list):
            raise self.document.error(f"dependency-groups.{key}", "a list was expected")
        for position, entry in enumerate(table[key]):
            if isinstance(entry, str):
                yield from self._requirements("dependency-groups", key, (entry,), ())
                continue
            included = entry.get("include-group") if isinstance(entry, Mapping) and len(entry) == 1 else None
            place = f"dependency-groups.{key}[{position}]"
            if not isinstance(included, str):
                raise self.document.error(place, 'a requirement or {include-group = "name"} was expected')
            if _normal(included) in chain:
                circle = " > ".join((*chain[chain.index(_normal(included)) :], _normal(included)))
                raise self.document.error(place, f"groups include each other in a circle: {circle}")
            yield from self.group(included, chain)

    def constraints(self) -> tuple[Requirement, ...]:
        found = []
        for document, text in self.sources.constraints():
            origin = document.origin("tool.uv", "constraint-dependencies", text)
            found.append(
                read_reference(Reference(text=text, places=self.places, holder=document.path, origin=origin))
            )
        return tuple(found)

    def _requirements(
        self, table: str, key: str, texts: Iterable[str], seen: tuple[str, ...]
    ) -> Iterator[Requirement]:
        own = _normal(str(self.document.table("project").get("name", "")))
        for text in texts:
            requirement = read_reference(
                Reference(
                    text=_with_folder(text, self.document.path.parent),
                    places=self.places,
                    holder=self.document.path,
                    origin=self.document.origin(table, key, text),
                )
            )
            if requirement.name == own and own and not requirement.url and not requirement.path:
                # `shop[all] = ["shop[pdf,mail]"]`: the project's own extras under one name.
                for extra in requirement.extras:
                    yield from _under_marker(self.optional(extra, seen), requirement.marker)
            else:
                yield self.sources.apply(requirement)


def _under_marker(requirements: Iterable[Requirement], marker: str | None) -> Iterator[Requirement]:
    for requirement in requirements:
        yield replace(requirement, marker=both_markers(marker, requirement.marker))


def both_markers(first: str | None, second: str | None) -> str | None:
    """A marker that holds where both hold."""
    if first and second:
        return f"({first}) and ({second})"
    return first or second


def _with_folder(text: str, folder: Path) -> str:
    # How hatch and PDM spell the folder of the project in a direct reference.
    return text.replace("{root:uri}", folder.as_uri()).replace("${PROJECT_ROOT}", str(folder).lstrip("/"))


def _strings(document: TomlFile, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise document.error(key, "a list of strings was expected")
    return tuple(value)


def _key(document: TomlFile, table_name: str, table: Mapping[str, Any], name: str) -> str | None:
    keys = [key for key in table if _normal(key) == _normal(name)]
    if len(keys) > 1:
        raise document.error(table_name, f"{' and '.join(keys)} are the same name")
    return keys[0] if keys else None


def _normal(name: str) -> str:
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)
