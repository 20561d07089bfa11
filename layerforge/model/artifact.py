"""What a build leaves behind, as the manifest records it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltDistribution:
    """A distribution in a layer zip; bytes unzipped.

    `built_in` is the image in which its wheel was built from source, None where none was.
    """

    name: str
    version: str
    unzipped_size: int
    built_in: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerBytecode:
    """The bytecode in a layer for one runtime.

    Who compiled it: `image` is None for an interpreter outside of containers.
    """

    runtime: str
    interpreter: str
    image: str | None
    modules: int
    unzipped_size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerStripping:
    """Files of an index's wheels that were stripped for a layer: with what, where, and bytes saved."""

    tool: str
    image: str
    files: int
    saved: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Artifact:
    """A layer zip. `path` is relative to the output directory, with `/`; sizes in bytes.

    `code_sha256` is the base64 digest that AWS returns as CodeSha256. `input_digest` names
    everything that decides the bytes: an artifact with the same one need not be built again.
    """

    name: str
    path: str
    sha256: str
    code_sha256: str
    zipped_size: int
    unzipped_size: int
    runtimes: tuple[str, ...]
    architectures: tuple[str, ...]
    distributions: tuple[BuiltDistribution, ...]
    input_digest: str
    bytecode: tuple[LayerBytecode, ...] = ()
    stripped: LayerStripping | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CodeArtifact:
    """The zip of a function's own code (None of it where the code lies elsewhere).

    `distributions` are bundled in it, `bytecode` and `stripped` are of theirs.
    """

    path: str
    sha256: str
    code_sha256: str
    zipped_size: int
    unzipped_size: int
    input_digest: str
    distributions: tuple[BuiltDistribution, ...] = ()
    bytecode: tuple[LayerBytecode, ...] = ()
    stripped: LayerStripping | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ManifestFunction:
    """One function of the manifest; bytes unzipped. `code_size` is without what is bundled with its code."""

    target: str
    layers: tuple[str, ...]
    external_layers: tuple[str, ...]
    code: CodeArtifact | None
    code_size: int
    unzipped_size: int
    carried_excess: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """`manifest.json`, format version 1. Functions by name."""

    project: str
    layers: tuple[Artifact, ...]
    functions: dict[str, ManifestFunction]

    @property
    def with_distributions(self) -> tuple[Artifact | CodeArtifact, ...]:
        """The zips that hold distributions: the layers, and code that some are bundled with."""
        codes = [function.code for function in self.functions.values()]
        return (*self.layers, *(code for code in codes if code is not None and code.distributions))
