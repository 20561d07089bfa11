"""`[tool.uv]` of a pyproject.toml: where requirements come from, workspaces, indexes.

Source of the format: https://docs.astral.sh/uv/concepts/projects/dependencies/#dependency-sources
and https://docs.astral.sh/uv/concepts/indexes/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from layerforge.errors import ConfigError
from layerforge.model.requirement import Requirement
from layerforge.project.local_packages import read_project_name
from layerforge.project.requirement_files.contents import Setting
from layerforge.project.requirement_files.directives import Option
from layerforge.project.requirement_files.places import Places
from layerforge.project.requirement_files.references import Reference, read_reference
from layerforge.project.requirement_files.requirements_txt import setting
from layerforge.project.requirement_files.toml_text import TomlFile, read_toml

_KINDS = ("path", "workspace", "git", "url", "index")
_KNOWN = {*_KINDS, "editable", "rev", "tag", "branch", "subdirectory", "package"}
_CONDITIONS = ("marker", "extra", "group")
_LISTS = {
    "extra-index-url": "extra-index-url",
    "find-links": "find-links",
    "no-binary-package": "no-binary",
    "no-build-package": "only-binary",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class UvSources:
    """The sources that hold for one pyproject.toml: its own, and those of its workspace."""

    document: TomlFile
    workspace: TomlFile | None
    places: Places

    @property
    def governing(self) -> TomlFile:
        """The file whose `[tool.uv]` settings count: uv takes them from the workspace's root alone."""
        return self.workspace or self.document

    def apply(self, requirement: Requirement) -> Requirement:
        """`requirement` with its source, if one is written for its name. Raises ConfigError."""
        if requirement.name is None or requirement.url or requirement.path:
            return requirement
        for document in (self.document, self.workspace):
            if document and (entry := _entry(document, requirement.name)) is not None:
                return self._sourced(requirement, document, *entry)
        return requirement

    def _sourced(self, requirement: Requirement, document: TomlFile, key: str, value: Any) -> Requirement:
        where = f"tool.uv.sources.{key}"
        entry = _one_table(document, where, value)
        kinds = [kind for kind in _KINDS if kind in entry]
        if len(kinds) != 1:
            raise document.error(where, f"one of {', '.join(_KINDS)} was expected")
        if unknown := sorted(set(entry) - _KNOWN):
            raise document.error(f"{where}.{unknown[0]}", "this key is not known")
        if kinds[0] == "index":
            self._check_index(document, where, str(entry["index"]))
            return requirement
        if kinds[0] == "workspace" and entry["workspace"] is not True:
            return requirement
        target = self._target(requirement, document, where, entry)
        extras = f"[{','.join(requirement.extras)}]" if requirement.extras else ""
        found = read_reference(
            Reference(
                text=f"{requirement.name}{extras} @ {target}",
                places=self.places,
                holder=document.path,
                origin=requirement.origin,
                editable=bool(entry.get("editable", False)) and "path" in entry,
            )
        )
        return replace(found, marker=requirement.marker)

    def _target(
        self, requirement: Requirement, document: TomlFile, where: str, entry: Mapping[str, Any]
    ) -> str:
        subdirectory = f"#subdirectory={entry['subdirectory']}" if "subdirectory" in entry else ""
        if "path" in entry:
            return f"{_as_path(str(entry['path']))}{subdirectory}"
        if "git" in entry:
            revision = next((f"@{entry[key]}" for key in ("rev", "tag", "branch") if key in entry), "")
            return f"git+{str(entry['git']).removeprefix('git+')}{revision}{subdirectory}"
        if "url" in entry:
            return f"{entry['url']}{subdirectory}"
        return self._member(requirement, document, where)

    def _member(self, requirement: Requirement, document: TomlFile, where: str) -> str:
        if self.workspace is None:
            raise document.error(
                where,
                "no pyproject.toml here or above has the [tool.uv.workspace] that it is to be in",
            )
        for folder in _members(self.workspace):
            if read_project_name(folder) == requirement.name:
                return _as_path(str(folder))
        raise document.error(
            where, f"no member of the workspace in {self.workspace.shown} is called {requirement.name}"
        )

    def _check_index(self, document: TomlFile, where: str, name: str) -> None:
        entries = _index_entries(self.governing)
        only = len(entries) == 1 and entries[0].get("name") == name and entries[0].get("default") is True
        if not only:
            raise document.error(
                where,
                f"it is to come from the index {name} alone, which cannot be honoured",
                hint="list the requirement in a requirements file with --index-url or --extra-index-url",
            )

    def settings(self) -> tuple[Setting, ...]:
        """The indexes and options of `[tool.uv]`. Raises ConfigError on what cannot be honoured."""
        document = self.governing
        table = document.table("tool", "uv")
        if table.get("override-dependencies"):
            raise document.error(
                "tool.uv.override-dependencies",
                "overrides cannot be honoured",
                hint="ask for the version that you want in the dependencies, or use constraint-dependencies",
            )
        return tuple(
            setting(option, document.path, self.places, document.origin("tool.uv", option.name, option.value))
            for option in (*_index_options(document), *_plain_options(table))
        )

    def constraints(self) -> tuple[tuple[TomlFile, str], ...]:
        """The texts of `constraint-dependencies`, with the file that holds them."""
        texts = self.governing.table("tool", "uv").get("constraint-dependencies", [])
        return tuple((self.governing, str(text)) for text in texts)


def find_uv_sources(document: TomlFile, places: Places) -> UvSources:
    """The sources that hold for a pyproject.toml, its workspace looked for in the folders above."""
    return UvSources(document=document, workspace=_workspace_of(document, places), places=places)


def _workspace_of(document: TomlFile, places: Places) -> TomlFile | None:
    for folder in document.path.absolute().parents:
        path = folder / "pyproject.toml"
        if path != document.path and not path.is_file():
            continue
        try:
            candidate = document if path == document.path else read_toml(path, places)
        except ConfigError:
            # Not ours to complain about: it may lie far above the project.
            continue
        if "workspace" in candidate.table("tool", "uv"):
            inside = candidate is document or document.path.parent in _members(candidate)
            return candidate if inside else None
        if path.parent == places.root and document.path.is_relative_to(places.root):
            return None
    return None


def _members(workspace: TomlFile) -> tuple[Path, ...]:
    table = workspace.table("tool", "uv", "workspace")
    folder = workspace.path.parent
    excluded = {path for glob in table.get("exclude", []) for path in folder.glob(str(glob))}
    found = {path for glob in table.get("members", []) for path in folder.glob(str(glob).rstrip("/"))}
    return (folder, *sorted(path for path in found - excluded if (path / "pyproject.toml").is_file()))


def _entry(document: TomlFile, name: str) -> tuple[str, Any] | None:
    from packaging.utils import canonicalize_name

    for key, value in document.table("tool", "uv", "sources").items():
        if canonicalize_name(key) == name:
            return key, value
    return None


def _one_table(document: TomlFile, where: str, value: Any) -> Mapping[str, Any]:
    tables = value if isinstance(value, list) else [value]
    if not all(isinstance(table, Mapping) for table in tables):
        raise document.error(where, f"a table was expected, not {value!r}")
    if len(tables) != 1 or any(condition in tables[0] for condition in _CONDITIONS):
        raise document.error(
            where,
            "sources that depend on a marker, an extra or a group cannot be honoured",
            hint="write the requirements with their URLs or paths and markers into a requirements file",
        )
    table: Mapping[str, Any] = tables[0]
    return table


def _as_path(text: str) -> str:
    return text if text.startswith((".", "/", "file:")) else f"./{text}"


def _index_entries(document: TomlFile) -> list[Mapping[str, Any]]:
    entries = document.table("tool", "uv").get("index", [])
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("url"), str):
            raise document.error("tool.uv.index", "each index must be a table with a url")
    return list(entries)


def _index_options(document: TomlFile) -> Iterator[Option]:
    for entry in _index_entries(document):
        if entry.get("explicit"):
            continue
        if entry.get("format") == "flat":
            yield Option(name="find-links", value=entry["url"])
        else:
            yield Option(name="index-url" if entry.get("default") else "extra-index-url", value=entry["url"])


def _plain_options(table: Mapping[str, Any]) -> Iterator[Option]:
    if index := table.get("index-url"):
        yield Option(name="index-url", value=str(index))
    for key, name in _LISTS.items():
        for value in table.get(key, []):
            yield Option(name=name, value=str(value))
    if table.get("no-index"):
        yield Option(name="no-index")
    if table.get("no-binary") is True:
        yield Option(name="no-binary", value=":all:")
    if table.get("prerelease") == "allow":
        yield Option(name="pre")
