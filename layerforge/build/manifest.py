"""`manifest.json`: what a build left behind, for those who publish it and for the next build.

Its JSON Schema is `layerforge/schemas/manifest.schema.json`. It names neither the machine nor the
time, so that the same inputs give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from layerforge.cache import write_atomically
from layerforge.errors import BuildError
from layerforge.model.artifact import (
    Artifact,
    BuiltDistribution,
    CodeArtifact,
    LayerBytecode,
    LayerStripping,
    Manifest,
    ManifestFunction,
)
from layerforge.model.previous import PreviousFunction, PreviousLayer, PreviousPlan

MANIFEST_FILE = "manifest.json"
VERSION = 1
_AGAIN = "run `layerforge build` to write it anew"
_Value = TypeVar("_Value")


def format_manifest(manifest: Manifest) -> str:
    """The text of `manifest.json`: layers and functions by name, keys in a fixed order."""
    document = {
        "version": VERSION,
        "project": manifest.project,
        "layers": [_format_layer(layer) for layer in sorted(manifest.layers, key=lambda layer: layer.name)],
        "functions": {
            name: _format_function(manifest.functions[name]) for name in sorted(manifest.functions)
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _format_layer(layer: Artifact) -> dict[str, Any]:
    return {
        "name": layer.name,
        "path": layer.path,
        "sha256": layer.sha256,
        "code_sha256": layer.code_sha256,
        "zipped_size": layer.zipped_size,
        "unzipped_size": layer.unzipped_size,
        "runtimes": list(layer.runtimes),
        "architectures": list(layer.architectures),
        "distributions": [_format_distribution(one) for one in layer.distributions],
        "input_digest": layer.input_digest,
        **_format_packs(layer),
    }


def _format_distribution(one: BuiltDistribution) -> dict[str, Any]:
    return {
        "name": one.name,
        "version": one.version,
        "unzipped_size": one.unzipped_size,
        **({"built_in": one.built_in} if one.built_in else {}),
    }


def _format_packs(made: Artifact | CodeArtifact) -> dict[str, Any]:
    """What was put in beside the wheels, where anything was."""
    return {
        **({"bytecode": [_format_bytecode(one) for one in made.bytecode]} if made.bytecode else {}),
        **({"stripped": _format_stripping(made.stripped)} if made.stripped else {}),
    }


def _format_bytecode(bytecode: LayerBytecode) -> dict[str, Any]:
    return {
        "runtime": bytecode.runtime,
        "interpreter": bytecode.interpreter,
        "image": bytecode.image,
        "modules": bytecode.modules,
        "unzipped_size": bytecode.unzipped_size,
    }


def _format_stripping(stripped: LayerStripping) -> dict[str, Any]:
    return {
        "tool": stripped.tool,
        "image": stripped.image,
        "files": stripped.files,
        "saved": stripped.saved,
    }


def _format_function(function: ManifestFunction) -> dict[str, Any]:
    code = function.code
    return {
        "target": function.target,
        "layers": list(function.layers),
        "external_layers": list(function.external_layers),
        "code": None
        if code is None
        else {
            "path": code.path,
            "sha256": code.sha256,
            "code_sha256": code.code_sha256,
            "zipped_size": code.zipped_size,
            "unzipped_size": code.unzipped_size,
            "input_digest": code.input_digest,
            **(
                {"distributions": [_format_distribution(one) for one in code.distributions]}
                if code.distributions
                else {}
            ),
            **_format_packs(code),
        },
        "code_size": function.code_size,
        "unzipped_size": function.unzipped_size,
        "carried_excess": function.carried_excess,
    }


def parse_manifest(text: str, *, where: str) -> Manifest:
    """The manifest in `text`, which lies at `where`. Keys that are not known are passed over.

    Raises BuildError, with the key's path, for what is missing, of another type, or of another version.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise BuildError(f"this is not JSON ({error})", where=where, hint=_AGAIN) from error
    node = _Node(document, where, "")
    version = node.get("version", int)
    if version != VERSION:
        raise BuildError(
            f"this manifest has format version {version}, and this layerforge reads version {VERSION}",
            where=where,
            hint="use the layerforge that wrote it, or run `layerforge build` to write it anew",
        )
    return Manifest(
        project=node.get("project", str),
        layers=node.each("layers", _parse_layer),
        functions=node.named("functions", _parse_function),
    )


class _Node:
    """A JSON object with its place, so that every complaint says where."""

    def __init__(self, value: Any, where: str, path: str) -> None:
        self._where = where
        self._path = path
        self._value: Mapping[str, Any] = self._expect(value, dict, path)

    def _expect(self, value: Any, kind: type[_Value], path: str) -> _Value:
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise BuildError(
                f"unexpected {type(value).__name__} (expected {kind.__name__})",
                where=f"{self._where}: {path}" if path else self._where,
                hint=_AGAIN,
            )
        return value

    def _at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def has(self, key: str) -> bool:
        """Whether `key` is there and not null."""
        return self._value.get(key) is not None

    def get(self, key: str, kind: type[_Value]) -> _Value:
        """What stands under `key`."""
        if key not in self._value:
            raise BuildError("this key is missing", where=f"{self._where}: {self._at(key)}", hint=_AGAIN)
        return self._expect(self._value[key], kind, self._at(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        items = enumerate(self.get(key, list))
        return tuple(self._expect(item, str, f"{self._at(key)}[{at}]") for at, item in items)

    def each(self, key: str, parse: Callable[[_Node], _Value]) -> tuple[_Value, ...]:
        """A list of objects."""
        items = enumerate(self.get(key, list))
        return tuple(parse(_Node(item, self._where, f"{self._at(key)}[{at}]")) for at, item in items)

    def named(self, key: str, parse: Callable[[_Node], _Value]) -> dict[str, _Value]:
        """An object of objects."""
        items = self.get(key, dict).items()
        return {name: parse(_Node(item, self._where, f"{self._at(key)}.{name}")) for name, item in items}

    def child(self, key: str) -> _Node:
        """An object inside."""
        return _Node(self.get(key, dict), self._where, self._at(key))


def _parse_layer(node: _Node) -> Artifact:
    return Artifact(
        name=node.get("name", str),
        path=node.get("path", str),
        sha256=node.get("sha256", str),
        code_sha256=node.get("code_sha256", str),
        zipped_size=node.get("zipped_size", int),
        unzipped_size=node.get("unzipped_size", int),
        runtimes=node.texts("runtimes"),
        architectures=node.texts("architectures"),
        distributions=node.each("distributions", _parse_distribution),
        input_digest=node.get("input_digest", str),
        bytecode=node.each("bytecode", _parse_bytecode) if node.has("bytecode") else (),
        stripped=_parse_stripping(node.child("stripped")) if node.has("stripped") else None,
    )


def _parse_bytecode(node: _Node) -> LayerBytecode:
    return LayerBytecode(
        runtime=node.get("runtime", str),
        interpreter=node.get("interpreter", str),
        image=node.get("image", str) if node.has("image") else None,
        modules=node.get("modules", int),
        unzipped_size=node.get("unzipped_size", int),
    )


def _parse_stripping(node: _Node) -> LayerStripping:
    return LayerStripping(
        tool=node.get("tool", str),
        image=node.get("image", str),
        files=node.get("files", int),
        saved=node.get("saved", int),
    )


def _parse_distribution(node: _Node) -> BuiltDistribution:
    return BuiltDistribution(
        name=node.get("name", str),
        version=node.get("version", str),
        unzipped_size=node.get("unzipped_size", int),
        built_in=node.get("built_in", str) if node.has("built_in") else None,
    )


def _parse_function(node: _Node) -> ManifestFunction:
    return ManifestFunction(
        target=node.get("target", str),
        layers=node.texts("layers"),
        external_layers=node.texts("external_layers"),
        code=_parse_code(node.child("code")) if node.has("code") else None,
        code_size=node.get("code_size", int),
        unzipped_size=node.get("unzipped_size", int),
        carried_excess=node.get("carried_excess", int),
    )


def _parse_code(node: _Node) -> CodeArtifact:
    return CodeArtifact(
        path=node.get("path", str),
        sha256=node.get("sha256", str),
        code_sha256=node.get("code_sha256", str),
        zipped_size=node.get("zipped_size", int),
        unzipped_size=node.get("unzipped_size", int),
        input_digest=node.get("input_digest", str),
        distributions=node.each("distributions", _parse_distribution) if node.has("distributions") else (),
        bytecode=node.each("bytecode", _parse_bytecode) if node.has("bytecode") else (),
        stripped=_parse_stripping(node.child("stripped")) if node.has("stripped") else None,
    )


def read_manifest(path: Path) -> Manifest:
    """Read a manifest. Raises BuildError if it is not there or cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BuildError("there is no manifest", where=str(path), hint="run `layerforge build`") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BuildError(f"the manifest cannot be read ({error})", where=str(path), hint=_AGAIN) from error
    return parse_manifest(text, where=str(path))


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest, all or nothing, and on disk when this returns."""
    write_atomically(path, format_manifest(manifest).encode(), durable=True)


def plan_of(manifest: Manifest) -> PreviousPlan:
    """The plan that was built: what the next one can start from where none is recorded."""
    targets: dict[str, set[str]] = {layer.name: set() for layer in manifest.layers}
    for function in manifest.functions.values():
        for name in function.layers:
            targets.setdefault(name, set()).add(function.target)
    return PreviousPlan(
        project=manifest.project,
        layers=tuple(
            PreviousLayer(
                name=layer.name,
                targets=tuple(sorted(targets[layer.name])),
                distributions=tuple(sorted({one.name for one in layer.distributions})),
            )
            for layer in sorted(manifest.layers, key=lambda layer: layer.name)
        ),
        functions={
            name: PreviousFunction(layers=tuple(sorted(function.layers)))
            for name, function in manifest.functions.items()
        },
    )
