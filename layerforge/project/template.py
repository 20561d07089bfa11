"""What one template says of its functions and nested applications. Nothing on disk is looked at."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from layerforge.model.requirement import Origin
from layerforge.project.intrinsics import NO_VALUE, Scope, Unknown, as_text, words_of
from layerforge.project.loops import PREFIX as LOOP_PREFIX
from layerforge.project.loops import expand_loops
from layerforge.project.managed_layers import LAYER_TYPES, is_managed_use, managed_layers
from layerforge.project.paths import join_path
from layerforge.project.template_text import line_of

FUNCTION_TYPES = ("AWS::Serverless::Function", "AWS::Lambda::Function")
APPLICATION_TYPES = ("AWS::Serverless::Application", "AWS::CloudFormation::Stack")
_REMOTE = re.compile(r"(?i)(?:https?|s3)://")


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerUse:
    """A layer that a function takes: an ARN or the template's words, and its logical id if it is ours."""

    words: str
    resource: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateFunction:
    """A function as its template has it, whatever its runtime.

    `runtime` and `architecture` are text, Unknown, or None where nothing is said; `source` is
    relative to the project root, Unknown, or None for inline code and code that lies in S3.
    """

    logical_id: str
    origin: Origin
    application: tuple[str, ...] = ()
    runtime: str | Unknown | None = None
    architecture: str | Unknown | None = None
    source: str | Unknown | None = None
    handler: str | None = None
    layers: tuple[LayerUse, ...] = ()
    is_image: bool = False
    build_method: str | None = None
    is_built_elsewhere: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class NestedApplication:
    """A nested stack. `location` is relative to the project root; None where it is not a local file."""

    logical_id: str
    origin: Origin
    location: str | None
    words: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateLayer:
    """A layer that the template makes; `content` is a folder or zip, relative to the project root."""

    logical_id: str
    content: str | None
    is_built: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """What layerforge takes from a template. `open_loops` are `Fn::ForEach` that cannot be written out."""

    path: str
    functions: tuple[TemplateFunction, ...] = ()
    applications: tuple[NestedApplication, ...] = ()
    layers: tuple[TemplateLayer, ...] = ()
    open_loops: tuple[Origin, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Resource:
    logical_id: str
    type: str
    origin: Origin
    properties: Mapping[str, Any]
    metadata: Mapping[str, Any]


def read_template(
    body: Mapping[str, Any],
    *,
    path: str,
    parameters: Mapping[str, Any] | None = None,
    application: tuple[str, ...] = (),
) -> Template:
    """Read a decoded template that lies at `path` (relative to the project root).

    `parameters` are what a parent stack passes, and win over defaults; `application` are the
    logical ids of the nested stacks that lead here. Raises EndlessLoopError for a loop without end.
    """
    scope = make_scope(body, parameters or {})
    folder = posixpath.dirname(path)
    global_properties = _mapping(_mapping(body.get("Globals")).get("Function"))
    managed = managed_layers(body.get("Resources"))
    functions, applications, layers, open_loops = [], [], [], []
    for key, resource, line_key in expand_loops(_mapping(body.get("Resources")), scope):
        origin = Origin(path=path, line=line_of(line_key))
        if isinstance(key, str) and key.startswith(LOOP_PREFIX):
            if _speaks_of_functions(resource):
                open_loops.append(origin)
            continue
        if key in managed:
            continue
        read = _read_resource(key, _without_layers(resource, managed), origin, scope)
        if read is None:
            continue
        if read.type in FUNCTION_TYPES:
            functions.append(_function(read, scope, global_properties, folder, application))
        elif read.type in APPLICATION_TYPES:
            applications.append(_nested(read, folder))
        elif read.type in LAYER_TYPES:
            layers.append(_layer(read, folder))
    return Template(
        path=path,
        functions=tuple(functions),
        applications=tuple(applications),
        layers=tuple(layers),
        open_loops=tuple(open_loops),
    )


def _speaks_of_functions(loop: Any) -> bool:
    text = repr(loop)
    return any(kind in text for kind in (*FUNCTION_TYPES, *APPLICATION_TYPES))


def make_scope(body: Mapping[str, Any], given: Mapping[str, Any]) -> Scope:
    """Say what names stand for: parameters by what is given, else by their defaults."""
    declared = _mapping(body.get("Parameters"))
    values = {str(name): _parameter(str(name), _mapping(parameter)) for name, parameter in declared.items()}
    for name in values.keys() & given.keys():
        values[name] = _given(given[name], _mapping(declared[name]))
    base = Scope(
        parameters=values,
        mappings=_mapping(body.get("Mappings")),
        resources=frozenset(str(key) for key in _mapping(body.get("Resources"))),
    )
    conditions = {
        str(key): condition for key, condition, _ in expand_loops(_mapping(body.get("Conditions")), base)
    }
    resources = {str(key) for key, _, _ in expand_loops(_mapping(body.get("Resources")), base)}
    return Scope(
        parameters=values, mappings=base.mappings, conditions=conditions, resources=frozenset(resources)
    )


def _parameter(name: str, parameter: Mapping[str, Any]) -> Any:
    kind = parameter.get("Type")
    # The default of these is the name of a parameter in Parameter Store, whose value we cannot know.
    stored = isinstance(kind, str) and kind.startswith("AWS::SSM::")
    default = parameter.get("Default")
    allowed = parameter.get("AllowedValues")
    if default is None and isinstance(allowed, list) and len(allowed) == 1:
        default = allowed[0]
    if stored or as_text(default) is None:
        return Unknown(words=f"!Ref {name}")
    if isinstance(default, str) and "{{resolve:" in default:
        return Unknown(words=default)
    return _given(default, parameter)


def _given(value: Any, parameter: Mapping[str, Any]) -> Any:
    kind = parameter.get("Type")
    text = as_text(value)
    if text is None:
        return value
    if isinstance(kind, str) and (kind == "CommaDelimitedList" or kind.startswith("List<")):
        return [item.strip() for item in text.split(",")] if text.strip() else []
    return text


def _without_layers(resource: Any, managed: Mapping[str, Any]) -> Any:
    """A resource without the layers that `layerforge export sam` gave it: they are not from elsewhere."""
    properties = _mapping(_mapping(resource).get("Properties"))
    layers = properties.get("Layers")
    if not isinstance(layers, list):
        return resource
    others = [item for item in layers if not is_managed_use(item, managed)]
    return {**resource, "Properties": {**properties, "Layers": others}}


def _read_resource(key: Any, resource: Any, origin: Origin, scope: Scope) -> _Resource | None:
    if not (isinstance(key, str) and isinstance(resource, dict) and isinstance(resource.get("Type"), str)):
        return None
    return _Resource(
        logical_id=str(key),
        type=resource["Type"],
        origin=origin,
        properties=_resolved_mapping(resource.get("Properties"), scope),
        metadata=_resolved_mapping(resource.get("Metadata"), scope),
    )


# Nothing else decides; what functions hold besides (policies, events) is large and is left alone.
_TAKEN = frozenset(
    {
        "Architectures", "BuildMethod", "Code", "CodeUri", "Content", "ContentUri", "Handler", "ImageUri",
        "InlineCode", "Layers", "Location", "PackageType", "Parameters", "Runtime", "SkipBuild",
        "TemplateURL", "aws:asset:path", "aws:asset:property",
    }
)  # fmt: skip


def _resolved_mapping(value: Any, scope: Scope) -> dict[str, Any]:
    pairs = {str(key): scope.resolve(item) for key, item in _mapping(value).items() if key in _TAKEN}
    return {key: item for key, item in pairs.items() if item is not None and item is not NO_VALUE}


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def _function(
    resource: _Resource,
    scope: Scope,
    global_properties: Mapping[str, Any],
    folder: str,
    application: tuple[str, ...],
) -> TemplateFunction:
    is_sam = resource.type == FUNCTION_TYPES[0]
    own = resource.properties
    inherited = _resolved_mapping(global_properties, scope) if is_sam else {}
    held = {**inherited, **own}
    # SAM adds a function's own list to the one in Globals; for one architecture that makes no sense.
    if isinstance(inherited.get("Layers"), list) and isinstance(own.get("Layers"), list):
        held["Layers"] = [*inherited["Layers"], *own["Layers"]]
    method = _text_or_none(resource.metadata.get("BuildMethod"))
    return TemplateFunction(
        logical_id=resource.logical_id,
        origin=resource.origin,
        application=application,
        runtime=_runtime(held.get("Runtime"), method),
        architecture=_architecture(held.get("Architectures")),
        source=_sam_source(own, inherited, folder) if is_sam else _source(resource, folder),
        handler=_text_or_none(held.get("Handler")),
        layers=_layer_uses(held.get("Layers")),
        is_image=_is_image(held),
        build_method=method,
        is_built_elsewhere=as_text(resource.metadata.get("SkipBuild")) in {"true", "True"},
    )


def _is_image(held: Mapping[str, Any]) -> bool:
    code = held.get("Code")
    return (
        held.get("PackageType") == "Image"
        or ("ImageUri" in held and held.get("PackageType") != "Zip")
        or (isinstance(code, dict) and "ImageUri" in code)
    )


def _runtime(value: Any, method: str | None) -> str | Unknown | None:
    text = as_text(value)
    if text is None and method and method.startswith("python"):
        return method
    return text if text is not None or value is None else _as_unknown(value)


def _architecture(value: Any) -> str | Unknown | None:
    items = value if isinstance(value, list) else [value]
    if len(items) == 1 and not isinstance(items[0], Unknown):
        return as_text(items[0])
    return _as_unknown(value) if items else None


def _as_unknown(value: Any) -> Unknown:
    if isinstance(value, list) and len(value) == 1:
        return _as_unknown(value[0])
    return value if isinstance(value, Unknown) else Unknown(words=words_of(value))


def _text_or_none(value: Any) -> str | None:
    return str(value) if isinstance(value, str) else None


def _sam_source(own: Mapping[str, Any], inherited: Mapping[str, Any], folder: str) -> str | Unknown | None:
    """Where the code of an AWS::Serverless::Function lies; SAM takes the template's folder by default."""
    if "InlineCode" in own or ("InlineCode" in inherited and "CodeUri" not in own):
        return None
    return _local(own.get("CodeUri", inherited.get("CodeUri", ".")), folder)


def _source(resource: _Resource, folder: str) -> str | Unknown | None:
    """Where the code of an AWS::Lambda::Function lies: a path before packaging, or as CDK's asset."""
    asset = resource.metadata.get("aws:asset:path")
    if isinstance(asset, str) and resource.metadata.get("aws:asset:property", "Code") == "Code":
        return _local(asset, folder)
    code = resource.properties.get("Code")
    return None if code is None else _local(code, folder)


def _local(value: Any, folder: str) -> str | Unknown | None:
    if isinstance(value, Unknown):
        return value
    if not isinstance(value, str) or _REMOTE.match(value):
        return None
    return join_path(folder, value or ".")


def _layer_uses(value: Any) -> tuple[LayerUse, ...]:
    if value is None:
        return ()
    uses: list[LayerUse] = []
    for item in _flat(value, 0):
        # Several layers may come from one value that is not known: one at least is counted.
        resource = item.resource if isinstance(item, Unknown) else None
        use = LayerUse(words=words_of(item) if not isinstance(item, str) else str(item), resource=resource)
        if use.words and use not in uses:
            uses.append(use)
    return tuple(uses)


def _flat(value: Any, depth: int) -> list[Any]:
    if isinstance(value, list) and depth < 4:
        return [inner for item in value for inner in _flat(item, depth + 1)]
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    return [value]


def _nested(resource: _Resource, folder: str) -> NestedApplication:
    key = "Location" if resource.type == APPLICATION_TYPES[0] else "TemplateURL"
    value = resource.properties.get(key)
    location = _local(value, folder) if isinstance(value, str) else None
    return NestedApplication(
        logical_id=resource.logical_id,
        origin=resource.origin,
        location=location if isinstance(location, str) else None,
        words=words_of(value) if value is not None else f"no {key}",
        parameters=_mapping(resource.properties.get("Parameters")),
    )


def _layer(resource: _Resource, folder: str) -> TemplateLayer:
    value = resource.properties.get("ContentUri", resource.properties.get("Content"))
    asset = resource.metadata.get("aws:asset:path")
    content = _local(asset if isinstance(asset, str) else value, folder)
    return TemplateLayer(
        logical_id=resource.logical_id,
        content=content if isinstance(content, str) else None,
        is_built="BuildMethod" in resource.metadata,
    )
