"""Templates as they lie on disk: read once each, nested applications followed."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from layerforge.errors import ConfigError
from layerforge.model.finding import Finding, Severity
from layerforge.model.requirement import Origin
from layerforge.model.url import redact
from layerforge.project.loops import EndlessLoopError
from layerforge.project.template import NestedApplication, Template, TemplateFunction, read_template
from layerforge.project.template_text import LARGEST_TEMPLATE, NAME_THEM_HINT, parse_template

# CloudFormation nests stacks, but nobody nests them like this without a mistake.
_DEEPEST = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class LocatedFunction:
    """A function, and the template that it and its layers stand in."""

    function: TemplateFunction
    template: Template


@dataclass(kw_only=True)
class TemplateTree:
    """Collects what templates say. `files` are all that were read, relative to the root."""

    root: Path
    functions: list[LocatedFunction] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    top_templates: list[str] = field(default_factory=list)
    _bodies: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _nested: set[str] = field(default_factory=set)

    def add(self, path: str) -> None:
        """Read the template at `path` (relative to the root) and those nested in it.

        Raises ConfigError, with the line, if it cannot be read.
        """
        if path in self._nested or path in self.top_templates:
            return
        body = self._body(path)
        self._read(body, path, {}, (), (path,))
        self.top_templates.append(path)

    def _read(
        self,
        body: Mapping[str, Any],
        path: str,
        parameters: Mapping[str, Any],
        application: tuple[str, ...],
        open_paths: tuple[str, ...],
    ) -> None:
        try:
            template = read_template(body, path=path, parameters=parameters, application=application)
        except EndlessLoopError as error:
            raise ConfigError(
                "its Fn::ForEach give more resources than a template may have",
                where=path,
                hint=NAME_THEM_HINT,
            ) from error
        self.functions += [LocatedFunction(function=f, template=template) for f in template.functions]
        self.findings += [_open_loop(origin) for origin in template.open_loops]
        for nested in template.applications:
            self._follow(nested, application, open_paths)

    def _follow(
        self, nested: NestedApplication, application: tuple[str, ...], open_paths: tuple[str, ...]
    ) -> None:
        reason = self._why_not(nested, open_paths)
        path = nested.location
        if reason is None and path is not None:
            try:
                body = self._body(path)
                self._claim(path)
                self._read(
                    body, path, nested.parameters, (*application, nested.logical_id), (*open_paths, path)
                )
            except ConfigError as error:
                reason = error.headline
            else:
                return
        self.findings.append(
            Finding(
                severity=Severity.NOTE,
                code="nested-application",
                subject=nested.logical_id,
                sentence=f"the nested application {nested.logical_id} is passed over: "
                f"{redact(reason or nested.words)}",
                where=str(nested.origin),
            )
        )

    def _claim(self, path: str) -> None:
        """Note that a template is nested: what was read of it on its own does not count any more."""
        self._nested.add(path)
        if path in self.top_templates:
            self.top_templates.remove(path)
            self.functions = [f for f in self.functions if f.template.path != path or f.function.application]

    def _why_not(self, nested: NestedApplication, open_paths: tuple[str, ...]) -> str | None:
        if nested.location is None:
            return f"{nested.words} is not a file in this project"
        if nested.location in open_paths:
            return f"{nested.location} leads back to itself"
        if len(open_paths) > _DEEPEST:
            return "it is nested too deeply"
        if _is_build_folder(nested.location):
            return f"{nested.location} lies in a build folder"
        if not (self.root / nested.location).is_file():
            return f"there is no file {nested.location}; it may have to be built first"
        return None

    def _body(self, path: str) -> Mapping[str, Any]:
        if path not in self._bodies:
            text = read_text(self.root / path, shown=path)
            self.files.append(path)
            self._bodies[path] = parse_template(text, path=path)
        return self._bodies[path]


def read_text(file: Path, *, shown: str) -> str:
    """Read a template's text; a byte order mark is taken off.

    Raises ConfigError if it is not there, not readable, not UTF-8, or far too large.
    """
    try:
        size = file.stat().st_size
        if size > LARGEST_TEMPLATE:
            raise ConfigError(
                f"a template of {size:,} bytes cannot be read (CloudFormation takes at most 1 MB)",
                where=shown,
                hint=NAME_THEM_HINT,
            )
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"the template cannot be read ({error.strerror})",
            where=shown,
            hint="correct `template` in the config",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError("the template is not UTF-8", where=shown, hint="save it as UTF-8") from error


def unique_names(functions: Iterable[LocatedFunction]) -> list[tuple[str, LocatedFunction]]:
    """Name every function: by its logical id, and by its template's place too where two share one.

    A function's name depends on its own place alone, so that a further template changes no name
    but those that it collides with. What is the same in all is one function (a template nested twice).
    """
    distinct = list({_identity(located): located for located in functions}.values())
    by_id: dict[str, list[LocatedFunction]] = {}
    for located in distinct:
        by_id.setdefault(_plain_id(located).lower(), []).append(located)
    named: list[tuple[str, LocatedFunction]] = []
    taken: set[str] = {name for name, group in by_id.items() if len(group) == 1}
    for located in distinct:
        sharing = by_id[_plain_id(located).lower()]
        name = _plain_id(located) if len(sharing) == 1 else _qualified(located, sharing, taken)
        taken.add(name.lower())
        named.append((name, located))
    return named


def _identity(located: LocatedFunction) -> str:
    return repr(replace(located.function, application=()))


def _plain_id(located: LocatedFunction) -> str:
    """Return the logical id. CloudFormation takes letters and digits alone, and it becomes a file's name."""
    return re.sub(r"[^A-Za-z0-9]", "", located.function.logical_id) or "function"


def _qualified(located: LocatedFunction, sharing: list[LocatedFunction], taken: set[str]) -> str:
    place = _place(located.template.path)
    in_place = [other for other in sharing if other.template.path == located.template.path]
    application = located.function.application if len(in_place) > 1 else ()
    parts = [place, *(re.sub(r"[^A-Za-z0-9]", "", part) for part in application), _plain_id(located)]
    name = "-".join(part for part in parts if part)
    candidate, number = name, 2
    while candidate.lower() in taken:
        candidate, number = f"{name}-{number}", number + 1
    return candidate


def _place(path: str) -> str:
    """Return a template's place as part of a name: `services-api`; nothing for the root's template."""
    stem = posixpath.basename(path).split(".")[0]
    parts = [*posixpath.dirname(path).split("/"), "" if stem == "template" else stem]
    kept = [re.sub(r"[^A-Za-z0-9_-]+", "-", part).strip("-_") for part in parts]
    return "-".join(part for part in kept if part)


def _is_build_folder(path: str) -> bool:
    return bool({".aws-sam", "cdk.out"} & set(path.split("/")))


def _open_loop(origin: Origin) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        code="unknown-loop",
        subject=str(origin),
        sentence="what this Fn::ForEach loops over cannot be known: functions that it makes are passed over",
        where=str(origin),
        hint="give its parameter a default, or name the functions under [functions] in layerforge.toml",
    )
