"""SAM and CloudFormation: the layers in the user's own template, of which nothing else changes.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-resource-layerversion.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from layerforge.errors import ConfigError, LimitError
from layerforge.export.cloudformation import arn_mapping, find_arn
from layerforge.export.description import describe
from layerforge.export.template_changes import (
    Change,
    ListChange,
    MappingChange,
    New,
    apply_changes,
    plain,
)
from layerforge.export.template_edits import change_template
from layerforge.export.values import Export, unique_ids
from layerforge.model.artifact import Artifact, ManifestFunction
from layerforge.model.counts import some_of
from layerforge.model.finding import Finding, Severity
from layerforge.model.limits import LAYERS_PER_FUNCTION
from layerforge.project.managed_layers import (
    ARNS,
    COPY_OF,
    LAYER_TYPES,
    MANAGER,
    is_managed_use,
    managed_layers,
)
from layerforge.project.template import FUNCTION_TYPES
from layerforge.project.template_text import line_of, parse_template

_SUBSTITUTED = re.compile(r"\$\{([A-Za-z0-9]+)[.}]")
_SERVERLESS = "AWS::Serverless-"


@dataclass(frozen=True, kw_only=True, slots=True)
class UserTemplate:
    """A template of the user, and `functions`: names in the manifest by logical id.

    Several names are those of a template that is nested several times. `path` is what errors call it.
    `copy_of` is set where the result is to be another file than this.
    """

    path: str
    text: str
    functions: Mapping[str, tuple[str, ...]]
    copy_of: str | None = None


def format_sam(export: Export, template: UserTemplate, *, with_code: bool = False) -> str:
    """The template with layers for its functions: resources made of the zips, or ARNs of what was published.

    What was written before is brought up to date, and taken away where it is not needed any more.
    `with_code` makes functions take their code zips too. Raises ConfigError, with the line, where the
    template leaves no place for that; LimitError if a function would have too many layers.
    """
    body = parse_template(template.text, path=template.path)
    changes = _Changes(export=export, template=template, body=body, with_code=with_code).make()
    return change_template(template.text, changes, path=template.path)


@dataclass(frozen=True, kw_only=True)
class _Changes:
    export: Export
    template: UserTemplate
    body: Mapping[str, Any]
    with_code: bool

    def make(self) -> list[Change]:
        """All changes; those of the functions first."""
        self._check_globals()
        ids = self._ids()
        changes = [
            *(change for key in self._functions for change in self._of_function(key, ids)),
            *self._of_resources(ids),
            *self._of_mappings(ids),
            *self._of_metadata(),
        ]
        self._check_references(changes, ids)
        return changes

    # What is there.

    @cached_property
    def _resources(self) -> Mapping[str, Any]:
        resources = self.body.get("Resources")
        return resources if isinstance(resources, dict) else {}

    @cached_property
    def _managed(self) -> dict[str, Mapping[str, Any]]:
        return managed_layers(self._resources)

    @cached_property
    def _functions(self) -> dict[str, ManifestFunction]:
        """What was built of each function, by logical id. Raises ConfigError if there is none."""
        built = self.export.manifest.functions
        found = {}
        for key, resource in self._resources.items():
            names = [name for name in self.template.functions.get(key, ()) if name in built]
            if isinstance(resource, dict) and resource.get("Type") in FUNCTION_TYPES and names:
                found[str(key)] = built[names[0]]
                if any(built[name].layers != found[key].layers for name in names):
                    raise ConfigError(
                        f"{some_of(names)} are one function of this template, with different layers",
                        where=self._where(self._resources, key),
                        hint="attach these with `layerforge publish --attach`",
                    )
        if not found:
            raise ConfigError(
                "none of the functions that were built are in it",
                where=self.template.path,
                details=[f"built: {some_of(sorted(built))}"],
                hint="give the template that they come from with --template, or build again",
            )
        return found

    def _ids(self) -> dict[str, str]:
        """Logical ids of the layers that are needed, by name; one that is there keeps its own."""
        needed = sorted({name for held in self._functions.values() for name in held.layers})
        if self.export.published:
            return unique_ids(needed)
        there: dict[str, str] = {}
        for key, resource in self._managed.items():
            there.setdefault(str(_mapping(resource.get("Properties")).get("LayerName")), key)
        kept = {name: there[name] for name in needed if name in there}
        taken = {str(key) for section in self.body.values() for key in _mapping(section)}
        new = unique_ids((name for name in needed if name not in kept), prefix="Layer", taken=taken)
        return {**kept, **new}

    # Functions.

    def _of_function(self, key: str, ids: Mapping[str, str]) -> list[Change]:
        needed = [self._use(ids[name]) for name in self._functions[key].layers]
        properties = self._resources[key].get("Properties")
        code = self._code(key)
        if not isinstance(properties, dict):
            if not needed and not code:
                return []
            raise ConfigError(
                f"{key} has no Properties that could take layers",
                where=self._where(self._resources, key),
                hint="give it Properties, with its code, handler and runtime",
            )
        path = ("Resources", key, "Properties")
        layers = self._arranged(key, properties, needed)
        self._check_number(key, len(properties.get("Layers", ())) if layers is None else len(layers))
        changes: list[Change] = []
        put = {name: value for name, value in code.items() if plain(properties.get(name)) != value}
        if layers is not None and "Layers" not in properties:
            put["Layers"] = [item.value for item in layers if isinstance(item, New)]
        elif layers:
            changes.append(ListChange(path=(*path, "Layers"), items=layers))
        removed = ("Layers",) if layers == () else ()
        if put or removed:
            changes.append(MappingChange(path=path, removed=removed, put=tuple(put.items())))
        return changes

    def _arranged(
        self, key: str, properties: Mapping[str, Any], needed: Sequence[Any]
    ) -> tuple[int | New, ...] | None:
        """What the list of a function becomes; None if it stays as it is."""
        there = properties.get("Layers")
        if there is None:
            return tuple(New(value=value) for value in needed) or None
        if not isinstance(there, list):
            if not needed:
                return None
            raise ConfigError(
                f"the Layers of {key} are not a list, so that none can be added",
                where=self._where(properties, "Layers"),
                hint="write them as a list, with conditions inside: - !If [Prod, arn:..., !Ref AWS::NoValue]",
            )
        items = plain(there)
        arranged = arrange(items, needed, [is_managed_use(item, self._managed) for item in items])
        return None if arranged == tuple(range(len(items))) else arranged

    def _use(self, identity: str) -> dict[str, Any]:
        return find_arn(identity) if self.export.published else {"Ref": identity}

    def _code(self, key: str) -> dict[str, Any]:
        code = self._functions[key].code
        if not self.with_code or code is None:
            return {}
        name = "CodeUri" if self._resources[key]["Type"] == FUNCTION_TYPES[0] else "Code"
        return {name: self.export.path(code.path)}

    # What functions refer to.

    def _of_resources(self, ids: Mapping[str, str]) -> list[Change]:
        wanted = {} if self.export.published else self._layers(ids)
        removed = tuple(key for key in self._managed if key not in wanted)
        put = tuple((key, value) for key, value in wanted.items() if plain(self._resources.get(key)) != value)
        after = next(reversed(self._managed), None)
        if not removed and not put:
            return []
        return [MappingChange(path=("Resources",), removed=removed, put=put, after=after)]

    def _layers(self, ids: Mapping[str, str]) -> dict[str, Any]:
        transforms = self.body.get("Transform")
        names = transforms if isinstance(transforms, list) else [transforms]
        is_sam = any(isinstance(name, str) and name.startswith(_SERVERLESS) for name in names)
        make = _serverless_layer if is_sam else _plain_layer
        layers = {layer.name: layer for layer in self.export.layers}
        return {identity: make(self.export, layers[name]) for name, identity in ids.items()}

    def _of_mappings(self, ids: Mapping[str, str]) -> list[Change]:
        section = self.body.get("Mappings")
        there = plain(_mapping(section))
        wanted = arn_mapping(self.export, dict(ids)) if self.export.published and ids else None
        if there.get(ARNS) == wanted:
            return []
        if wanted is None:
            is_all = there.keys() == {ARNS}
            path, removed = ((), "Mappings") if is_all else (("Mappings",), ARNS)
            change = MappingChange(path=path, removed=(removed,))
        elif section is None:
            change = MappingChange(path=(), put=(("Mappings", {ARNS: wanted}),), before="Resources")
        else:
            change = MappingChange(path=("Mappings",), put=((ARNS, wanted),))
        return [change]

    def _of_metadata(self) -> list[Change]:
        origin = self.template.copy_of
        if origin is None:
            return []
        if isinstance(self.body.get("Metadata"), dict):
            return [MappingChange(path=("Metadata",), put=((COPY_OF, origin),))]
        return [MappingChange(path=(), put=(("Metadata", {COPY_OF: origin}),), before="Resources")]

    # What must hold.

    def _globals(self) -> list[Any]:
        layers = _mapping(_mapping(self.body.get("Globals")).get("Function")).get("Layers")
        return layers if isinstance(layers, list) else []

    def _check_globals(self) -> None:
        if any(is_managed_use(item, self._managed) for item in plain(self._globals())):
            function = self.body["Globals"]["Function"]
            raise ConfigError(
                "Globals gives a layer of layerforge to all functions",
                where=self._where(function, "Layers"),
                hint="take it out there: each function gets the layers that it needs",
            )

    def _check_number(self, key: str, own: int) -> None:
        # SAM adds a function's own list to the one in Globals.
        shared = len(self._globals()) if self._resources[key]["Type"] == FUNCTION_TYPES[0] else 0
        if self._functions[key].layers and own + shared > LAYERS_PER_FUNCTION:
            raise LimitError(
                f"{key} would have {own + shared} layers, and Lambda allows {LAYERS_PER_FUNCTION}",
                where=self._where(self._resources, key),
                hint="run `layerforge build` again: it plans with the layers that the template has now",
            )

    def _check_references(self, changes: Sequence[Change], ids: Mapping[str, str]) -> None:
        """Nothing may refer to a layer that goes; functions that were built do not any more."""
        gone = self._managed.keys() - ({} if self.export.published else set(ids.values()))
        if not gone:
            return
        for place, name in _references(apply_changes(plain(self.body), changes), ()):
            if name in gone:
                raise ConfigError(
                    f"this refers to the layer {name}, which is not needed any more and would be taken out",
                    where=f"{self.template.path}: {'.'.join(place)}",
                    hint="take the reference out first",
                )

    def _where(self, mapping: Mapping[str, Any], key: str) -> str:
        line = next((line_of(own) for own in mapping if own == key), None)
        return f"{self.template.path}:{line}" if line else self.template.path


def arrange(items: Sequence[Any], needed: Sequence[Any], is_ours: Sequence[bool]) -> tuple[int | New, ...]:
    """The list that holds `needed` at the place of the first of ours, and around it what is not ours."""
    place = is_ours.index(True) if any(is_ours) else len(items)
    others = [number for number, ours in enumerate(is_ours) if not ours]
    following = next((number for number in others if number > place), len(items))
    middle: list[int | New] = []
    candidates = list(range(place, following))
    for value in needed:
        same = next((number for number in candidates if items[number] == value), None)
        middle.append(New(value=value) if same is None else same)
        if same is not None:
            candidates = [number for number in candidates if number > same]
    return (*(one for one in others if one < place), *middle, *(one for one in others if one > place))


def _serverless_layer(export: Export, layer: Artifact) -> dict[str, Any]:
    return {
        "Type": LAYER_TYPES[0],
        "Metadata": dict(MANAGER),
        "Properties": {
            "LayerName": layer.name,
            "Description": describe(export, layer),
            "ContentUri": export.path(layer.path),
            "CompatibleRuntimes": list(layer.runtimes),
            "CompatibleArchitectures": list(layer.architectures),
            # A version that a function of another stack, or a rollback, still needs stays.
            "RetentionPolicy": "Retain",
        },
    }


def _plain_layer(export: Export, layer: Artifact) -> dict[str, Any]:
    return {
        "Type": LAYER_TYPES[1],
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Metadata": dict(MANAGER),
        "Properties": {
            "LayerName": layer.name,
            "Description": describe(export, layer),
            "Content": export.path(layer.path),
            "CompatibleRuntimes": list(layer.runtimes),
            "CompatibleArchitectures": list(layer.architectures),
        },
    }


def find_unreached(export: Export, template: UserTemplate) -> tuple[Finding, ...]:
    """Functions that were built and get no layers here: they stand elsewhere, or in a loop."""
    resources = _mapping(parse_template(template.text, path=template.path).get("Resources"))
    looped = {name for key, names in template.functions.items() if key not in resources for name in names}
    reached = {name for key, names in template.functions.items() if key in resources for name in names}
    built = export.manifest.functions
    elsewhere = sorted(built.keys() - reached - looped)
    in_loops = [name for name in sorted(looped) if name in built and built[name].layers]
    findings = []
    if in_loops:
        findings.append(
            Finding(
                severity=Severity.WARNING,
                code="export-without-function",
                subject=template.path,
                sentence=f"an Fn::ForEach makes {some_of(in_loops)}: layers cannot be written there",
                where=template.path,
                hint="write these functions out, or attach with `layerforge publish --attach`",
            )
        )
    if elsewhere:
        findings.append(
            Finding(
                severity=Severity.NOTE,
                code="export-without-function",
                subject=template.path,
                sentence=f"not in {template.path}: {some_of(elsewhere)}",
                where=template.path,
            )
        )
    return tuple(findings)


def _references(value: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The logical ids that a template refers to, and where."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item, place)
        return
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        if key in {"Ref", "DependsOn"} and isinstance(inner, str):
            yield place, inner
        elif key in {"DependsOn", "Fn::GetAtt"} and isinstance(inner, list):
            yield from ((place, one) for one in inner if isinstance(one, str))
        elif key == "Fn::Sub":
            text = inner[0] if isinstance(inner, list) and inner else inner
            yield from ((place, name) for name in _SUBSTITUTED.findall(str(text)))
        else:
            yield from _references(inner, place if key.startswith("Fn::") else (*place, key))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
