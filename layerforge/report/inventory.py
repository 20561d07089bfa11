"""What was built, gathered for a report: layers, functions, copies, files, licences, findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from layerforge.build.zip_listing import HeldDistribution, HeldFile, ZipListing
from layerforge.model.artifact import Artifact, BuiltDistribution, CodeArtifact, Manifest
from layerforge.model.finding import Finding

LARGEST_FILES = 200  # no more than are kept of each zip
# Name and version: what is the same wherever it lies.
Release = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """A distribution in one zip; bytes unzipped. `files` are its largest, of `file_count`."""

    name: str
    version: str
    unzipped_size: int
    license: str | None
    file_count: int
    files: tuple[HeldFile, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerEntry:
    """A layer, with the functions that take it; sorted."""

    name: str
    path: str
    targets: tuple[str, ...]
    zipped_size: int
    unzipped_size: int
    distributions: tuple[Placed, ...]
    functions: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionEntry:
    """A function; bytes unzipped. `limit` is what it may hold, `bundled` lies in its own zip."""

    name: str
    target: str
    layers: tuple[str, ...]
    external_layers: tuple[str, ...]
    external_size: int
    code_size: int
    bundled: tuple[Placed, ...]
    unzipped_size: int
    carried_excess: int
    limit: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Copies:
    """A distribution that lies in more than one zip. `places` name zip, version and bytes.

    `needless` are the bytes of copies of the same version in zips whose targets overlap.
    """

    name: str
    places: tuple[tuple[str, str, int], ...]
    versions: tuple[str, ...]
    needless: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LargeFile:
    """A file and the zip that it lies in. `distribution` is None for a function's own code."""

    path: str
    unzipped_size: int
    zip: str
    distribution: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Inventory:
    """All of a report. Layers and functions by name; copies, files and licences the largest first."""

    project: str
    layers: tuple[LayerEntry, ...]
    functions: tuple[FunctionEntry, ...]
    copies: tuple[Copies, ...]
    files: tuple[LargeFile, ...]
    licenses: tuple[tuple[str | None, tuple[Release, ...]], ...]
    findings: tuple[Finding, ...]

    @property
    def zipped_size(self) -> int:
        """Bytes of all layer zips."""
        return sum(layer.zipped_size for layer in self.layers)

    @property
    def unzipped_size(self) -> int:
        """Bytes of all layers, unzipped."""
        return sum(layer.unzipped_size for layer in self.layers)

    @property
    def releases(self) -> frozenset[Release]:
        """Every name and version in a zip."""
        placed = [one for layer in self.layers for one in layer.distributions]
        placed += [one for function in self.functions for one in function.bundled]
        return frozenset((one.name, one.version) for one in placed)


def take_inventory(
    manifest: Manifest,
    contents: Mapping[str, ZipListing],
    *,
    limits: Mapping[str, int],
    default_limit: int,
    findings: Sequence[Finding] = (),
) -> Inventory:
    """Gather what the manifest and the zips tell. `contents` are by the path that the manifest has.

    `limits` are those of functions that have their own, in bytes.
    """
    takers: dict[str, list[str]] = {}
    for name in sorted(manifest.functions):
        for taken in manifest.functions[name].layers:
            takers.setdefault(taken, []).append(name)
    layers = tuple(
        LayerEntry(
            name=layer.name,
            path=layer.path,
            targets=_targets(layer),
            zipped_size=layer.zipped_size,
            unzipped_size=layer.unzipped_size,
            distributions=_placed(layer, contents),
            functions=tuple(takers.get(layer.name, ())),
        )
        for layer in sorted(manifest.layers, key=lambda layer: layer.name)
    )
    functions = _functions(manifest, contents, limits, default_limit)
    return Inventory(
        project=manifest.project,
        layers=layers,
        functions=functions,
        copies=_copies(layers, functions),
        files=_largest_files(manifest, contents),
        licenses=_licenses(layers, functions),
        findings=tuple(findings),
    )


def _targets(layer: Artifact) -> tuple[str, ...]:
    return tuple(f"{runtime}-{machine}" for runtime in layer.runtimes for machine in layer.architectures)


def _placed(
    artifact: Artifact | CodeArtifact | None, contents: Mapping[str, ZipListing]
) -> tuple[Placed, ...]:
    if artifact is None or not artifact.distributions:
        return ()
    read = contents.get(artifact.path)
    held = {one.name: one for one in read.distributions} if read else {}
    return tuple(_place(one, held.get(one.name)) for one in sorted(artifact.distributions, key=_name))


def _name(distribution: BuiltDistribution) -> str:
    return distribution.name


def _place(built: BuiltDistribution, held: HeldDistribution | None) -> Placed:
    return Placed(
        name=built.name,
        version=built.version,
        unzipped_size=built.unzipped_size,
        license=held.license if held else None,
        file_count=held.files if held else 0,
        files=held.largest if held else (),
    )


def _functions(
    manifest: Manifest, contents: Mapping[str, ZipListing], limits: Mapping[str, int], default_limit: int
) -> tuple[FunctionEntry, ...]:
    sizes = {layer.name: layer.unzipped_size for layer in manifest.layers}
    entries = []
    for name, one in sorted(manifest.functions.items()):
        bundled = _placed(one.code, contents)
        held = sum(sizes[layer] for layer in one.layers) + sum(b.unzipped_size for b in bundled)
        entries.append(
            FunctionEntry(
                name=name,
                target=one.target,
                layers=one.layers,
                external_layers=one.external_layers,
                external_size=max(0, one.unzipped_size - one.code_size - held),
                code_size=one.code_size,
                bundled=bundled,
                unzipped_size=one.unzipped_size,
                carried_excess=one.carried_excess,
                limit=limits.get(name, default_limit),
            )
        )
    return tuple(entries)


def _copies(layers: Sequence[LayerEntry], functions: Sequence[FunctionEntry]) -> tuple[Copies, ...]:
    zips = [(layer.name, layer.targets, layer.distributions) for layer in layers]
    zips += [(f"{one.name} (code)", (one.target,), one.bundled) for one in functions if one.bundled]
    found: dict[str, list[tuple[str, tuple[str, ...], Placed]]] = {}
    for name, targets, placed in zips:
        for one in placed:
            found.setdefault(one.name, []).append((name, targets, one))
    copies = [_copies_of(name, places) for name, places in found.items() if len(places) > 1]
    return tuple(sorted(copies, key=lambda c: (-c.needless, -sum(p[2] for p in c.places), c.name)))


def _copies_of(name: str, places: Sequence[tuple[str, tuple[str, ...], Placed]]) -> Copies:
    needless = 0
    seen: set[tuple[str, str]] = set()
    for _, targets, one in places:
        keys = {(one.version, target) for target in targets}
        if keys & seen:
            needless += one.unzipped_size
        seen |= keys
    return Copies(
        name=name,
        places=tuple((where, one.version, one.unzipped_size) for where, _, one in places),
        versions=tuple(sorted({one.version for _, _, one in places})),
        needless=needless,
    )


def _largest_files(manifest: Manifest, contents: Mapping[str, ZipListing]) -> tuple[LargeFile, ...]:
    names = {layer.path: layer.name for layer in manifest.layers}
    names |= {one.code.path: f"{name} (code)" for name, one in manifest.functions.items() if one.code}
    files: list[LargeFile] = []
    for path, read in contents.items():
        name = names[path]
        files += [
            LargeFile(path=file.path, unzipped_size=file.size, zip=name, distribution=owner)
            for file, owner in read.largest
        ]
    return tuple(sorted(files, key=lambda f: (-f.unzipped_size, f.path, f.zip))[:LARGEST_FILES])


def _licenses(
    layers: Iterable[LayerEntry], functions: Iterable[FunctionEntry]
) -> tuple[tuple[str | None, tuple[Release, ...]], ...]:
    found: dict[str | None, set[Release]] = {}
    for placed in (*(layer.distributions for layer in layers), *(one.bundled for one in functions)):
        for one in placed:
            found.setdefault(one.license, set()).add((one.name, one.version))
    # What nobody knows stands first: someone has to look.
    order = sorted(found, key=lambda told: (told is not None, -len(found[told]), told or ""))
    return tuple((told, tuple(sorted(found[told]))) for told in order)
