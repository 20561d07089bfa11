"""The whole stage: a folder of the user to a Project."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from layerforge.errors import ConfigError
from layerforge.model.counts import count, some_of
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import Function, Project, ProjectSettings
from layerforge.model.requirement import IndexOptions, RequirementSet
from layerforge.project.config import Config
from layerforge.project.config_file import CONFIG_NAME, read_config
from layerforge.project.discovery import find_function_folders, find_templates, name_folders
from layerforge.project.functions import FunctionDraft, draft_functions
from layerforge.project.paths import join_path, relative_path
from layerforge.project.plan_contradictions import check_plan_settings
from layerforge.project.recipe_files import read_own_recipes
from layerforge.project.sources import MISSING_CODE_HINT, list_code
from layerforge.project.targets import find_runtime_remarks, places
from layerforge.project.template_tree import TemplateTree, unique_names

# What is taken for functions that were found as folders and of which nothing tells the runtime.
ASSUMED_RUNTIME = "python3.13"
_LONGEST_DEFAULT_NAME = 60

FindManifests = Callable[[Path, str | None], tuple[str, ...]]


class NothingFoundError(ConfigError):
    """There is no config, and nothing that looks like a project."""


class ReadRequirements(Protocol):
    """How requirement files are read (`layerforge.project.requirements.read_requirements`)."""

    def __call__(
        self,
        root: Path,
        manifests: Sequence[str],
        *,
        extras: Sequence[str] = (),
        groups: Sequence[str] = (),
        project_options: IndexOptions,
    ) -> RequirementSet:
        """Read them, in order."""
        ...


def load_project(
    root: Path,
    *,
    config: Path | None = None,
    today: datetime.date | None = None,
    find_manifests: FindManifests | None = None,
    read_requirements: ReadRequirements | None = None,
) -> Project:
    """Read everything that the project at `root` says, from `config` or from what is found there.

    `today` decides which runtimes are deprecated; the two callables read requirement files.
    Raises ConfigError for whatever cannot be honoured, NothingFoundError if there is no function at all.
    """
    from layerforge.project import requirements

    root = root.absolute()
    reading = _Reading(
        root=root,
        find_manifests=find_manifests or requirements.find_manifests,
        read_requirements=read_requirements or requirements.read_requirements,
    )
    settings, files = read_config(root, config=config)
    reading.inputs += files
    # Read now, so that a mistake in one is told before anything is done.
    reading.inputs += [
        recipe.origin for recipe in read_own_recipes(root, settings.container.recipes).values()
    ]
    tree = reading.templates(settings)
    named = unique_names(tree.functions)
    folders = [] if named or settings.functions else reading.folders()
    reading.raise_if_nothing(bool(named or folders or settings.functions))
    if folders and settings.runtime is None:
        settings = reading.assume_runtime(settings, folders)
    drafts, findings = draft_functions(settings, named, folders, measure_layer=reading.measure_layer)
    if not drafts:
        raise ConfigError(
            "none of the functions here can take layers that are built for Python",
            details=[finding.sentence for finding in findings],
            hint="name a function under [functions] in layerforge.toml",
        )
    functions = tuple(reading.function(draft, settings) for draft in drafts)
    check_plan_settings(settings.plan, settings.limits, functions)
    remarks = find_runtime_remarks(functions, today=today or datetime.date.today())  # noqa: DTZ011 - AWS gives days
    return Project(
        root=root,
        settings=_settings(settings, root),
        functions=functions,
        config_file=settings.path,
        templates=tuple(tree.top_templates),
        inputs=tuple(sorted(set(reading.inputs))),
        findings=(*reading.findings, *tree.findings, *findings, *reading.empty_remarks(), *remarks),
    )


def load_templates(root: Path, config: Config) -> TemplateTree:
    """Read the templates of the project at `root`, and nothing else of it.

    Raises ConfigError for one that the config names and that cannot be read.
    """
    from layerforge.project import requirements

    reading = _Reading(
        root=root.absolute(),
        find_manifests=requirements.find_manifests,
        read_requirements=requirements.read_requirements,
    )
    return reading.templates(config)


def _settings(config: Config, root: Path) -> ProjectSettings:
    return ProjectSettings(
        name=config.name or _default_name(root),
        is_named=config.name is not None,
        resolver=config.resolver,
        builder=config.builder,
        bytecode=config.bytecode,
        dedupe_native=config.dedupe_native,
        ignored=config.ignored,
        licenses=config.licenses,
        audit=config.audit,
        container=config.container,
        limits=config.limits,
        plan=config.plan,
        runtime_provided=config.runtime_provided,
        options=config.options,
        output=config.output,
    )


def _default_name(root: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", root.name).strip("-_")
    return name[:_LONGEST_DEFAULT_NAME] or "project"


@dataclass(kw_only=True)
class _Reading:
    """Reads files for one Project, each once, and remembers which ones."""

    root: Path
    find_manifests: FindManifests
    read_requirements: ReadRequirements
    inputs: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    _unreadable: list[ConfigError] = field(default_factory=list)
    _without: list[Function] = field(default_factory=list)
    _found: dict[str | None, tuple[str, ...]] = field(default_factory=dict)
    _sets: dict[tuple[tuple[str, ...], ...], RequirementSet] = field(default_factory=dict)

    def templates(self, config: Config) -> TemplateTree:
        """Read the templates that the config names, else those that are found."""
        tree = TemplateTree(root=self.root)
        if config.templates is not None:
            for path in config.templates:
                tree.add(join_path("", path))
        else:
            self._discover(tree)
        self.inputs += tree.files
        return tree

    def _discover(self, tree: TemplateTree) -> None:
        found = find_templates(self.root)
        self.inputs += found.looked_at
        for path in found.paths:
            try:
                tree.add(path)
            except ConfigError as error:
                self._unreadable.append(error)
                self.findings.append(_unreadable_template(path, error))
        for path in tree.top_templates:
            own = [f for f in tree.functions if f.template.path == path]
            self._note(path, f"found {path} with {count(len(own), 'function')}")
        nested = [f.template.path for f in tree.functions if f.template.path not in tree.top_templates]
        if nested:
            where = some_of(sorted(set(nested)))
            self._note(nested[0], f"found {count(len(nested), 'function')} in nested applications: {where}")

    def folders(self) -> list[tuple[str, str]]:
        """Find functions as folders; gives names and folders."""
        folders = name_folders(find_function_folders(self.root))
        if folders:
            names = [folder for _, folder in folders]
            self._note(names[0], f"found {count(len(names), 'function folder')}: {some_of(names)}")
        return folders

    def raise_if_nothing(self, anything: bool) -> None:
        """Raise ConfigError if there is no function, with the likely reason."""
        if anything:
            return
        if self._unreadable:
            raise self._unreadable[0]
        raise NothingFoundError("no Lambda functions were found here", hint=_nothing_hint(self.root))

    def assume_runtime(self, config: Config, folders: Sequence[tuple[str, str]]) -> Config:
        """Take a runtime for folders, which say nothing of it, and say so."""
        names = some_of([name for name, _ in folders])
        self.findings.append(
            Finding(
                severity=Severity.WARNING,
                code="runtime-assumed",
                subject=names,
                sentence=f"nothing says which runtime {names} {'has' if len(folders) == 1 else 'have'}: "
                f"{ASSUMED_RUNTIME} is assumed",
                hint=f'set runtime = "{ASSUMED_RUNTIME}" in layerforge.toml (`layerforge init` writes one)',
            )
        )
        return replace(config, runtime=ASSUMED_RUNTIME)

    def measure_layer(self, path: str) -> int | None:
        """Measure the content of a layer that a template brings; None where it is not there."""
        if not (self.root / path).exists():
            return None
        try:
            files = list_code(self.root, path)
        except ConfigError:
            return None
        folder = (self.root / path).is_dir()
        self.inputs += [join_path(path, name) for name, _ in files] if folder else [path]
        return sum(size for _, size in files)

    def function(self, draft: FunctionDraft, config: Config) -> Function:
        """Read the requirements of a function."""
        manifests = self._manifests(draft, config)
        asked = (
            self._requirements(manifests, draft, config)
            if manifests
            else RequirementSet(options=config.options)
        )
        self.inputs += [*manifests, *asked.files]
        function = Function(
            name=draft.name,
            target=draft.target,
            source=draft.source,
            handler=draft.handler,
            manifests=manifests,
            requirements=asked,
            external_layers=draft.layers,
            planning=draft.planning,
            origin=draft.origin,
        )
        self._remark(function)
        return function

    def _manifests(self, draft: FunctionDraft, config: Config) -> tuple[str, ...]:
        if draft.manifests is not None:
            named = tuple(join_path("", path) for path in draft.manifests)
            for path in named:
                if not (self.root / path).exists():
                    raise ConfigError(
                        f"the requirement file {path} does not exist",
                        where=f"{config.path}: functions.{draft.name}.requirements",
                        hint="paths are relative to the folder of the config",
                    )
            return named
        if draft.source not in self._found:
            self._found[draft.source] = self.find_manifests(self.root, draft.source)
        return self._found[draft.source]

    def _requirements(
        self, manifests: tuple[str, ...], draft: FunctionDraft, config: Config
    ) -> RequirementSet:
        key = (manifests, draft.extras, draft.groups)
        if key not in self._sets:
            self._sets[key] = self.read_requirements(
                self.root,
                manifests,
                extras=draft.extras,
                groups=draft.groups,
                project_options=config.options,
            )
        return self._sets[key]

    def _remark(self, function: Function) -> None:
        if function.source is not None and not (self.root / function.source).exists():
            self.findings.append(
                Finding(
                    severity=Severity.WARNING,
                    code="code-missing",
                    subject=function.name,
                    sentence=f"the code of {function.name} is not there: {function.source} does not exist",
                    where=str(function.origin),
                    hint=MISSING_CODE_HINT,
                )
            )
        elif not function.manifests and function.source is not None:
            self._without.append(function)

    def empty_remarks(self) -> list[Finding]:
        """Name, in one remark, the functions for which no requirement file was found."""
        if not self._without:
            return []
        names = some_of([function.name for function in self._without])
        return [
            Finding(
                severity=Severity.NOTE,
                code="no-requirements",
                subject=names,
                sentence=f"no requirement file was found for {names}: no layers are built for "
                f"{'it' if len(self._without) == 1 else 'them'}",
                details=places((function.name, function.origin) for function in self._without),
                hint=f"if that is wrong, set requirements under [functions.{self._without[0].name}]",
            )
        ]

    def _note(self, where: str, sentence: str) -> None:
        self.findings.append(
            Finding(
                severity=Severity.NOTE,
                code="discovered",
                subject=where,
                sentence=sentence,
                hint="`layerforge init` writes down what is found",
            )
        )


def _unreadable_template(path: str, error: ConfigError) -> Finding:
    return Finding(
        severity=Severity.WARNING,
        code="unreadable-template",
        subject=path,
        sentence=f"the template {path} is passed over: {error.sentence}",
        where=error.where,
        hint=error.hint,
    )


def _nothing_hint(root: Path) -> str:
    above = next((folder for folder in root.parents if (folder / CONFIG_NAME).is_file()), None)
    if above is not None:
        return f"there is a {relative_path(root, above / CONFIG_NAME)}: go there, or give it with --config"
    return (
        "run this where template.yaml or functions/*/requirements.txt lie, or write a layerforge.toml with "
        '[functions.NAME] and source = "FOLDER"'
    )
