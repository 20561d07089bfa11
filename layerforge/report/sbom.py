"""A CycloneDX SBOM of each zip of distributions: what is in it, under which licence, from which file.

Reproducible: the serial number comes from the zip's digest, and there is no time in it unless
SOURCE_DATE_EPOCH says one. Source of the format: https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import datetime
import json
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layerforge import __version__
from layerforge.build.zip_listing import HeldDistribution, HeldFile, ZipListing
from layerforge.cache import write_atomically
from layerforge.model.artifact import Artifact, Manifest
from layerforge.model.lock import Distribution, Lock
from layerforge.model.url import strip_credentials

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression

# `libzstd-1b7162d6.so.1.5.7`, as auditwheel renames what it takes in: name, digest, version.
_BUNDLED = re.compile(r"(?P<name>.+?)(?:-[0-9a-f]{8})?\.so(?:\.(?P<version>[0-9][0-9.]*))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A zip of which an SBOM is written, and the targets that it serves."""

    name: str
    path: str
    sha256: str
    targets: frozenset[str]


def subjects_of(manifest: Manifest) -> tuple[Subject, ...]:
    """The layers, and code that distributions are bundled with."""
    layers = [
        Subject(name=layer.name, path=layer.path, sha256=layer.sha256, targets=_targets(layer))
        for layer in manifest.layers
    ]
    codes = [
        Subject(
            name=f"{name}-code",
            path=one.code.path,
            sha256=one.code.sha256,
            targets=frozenset({one.target}),
        )
        for name, one in manifest.functions.items()
        if one.code is not None and one.code.distributions
    ]
    return (*layers, *codes)


def _targets(layer: Artifact) -> frozenset[str]:
    return frozenset(f"{runtime}-{machine}" for runtime in layer.runtimes for machine in layer.architectures)


def write_sboms(
    folder: Path,
    subjects: Iterable[Subject],
    listings: Mapping[str, ZipListing],
    locks: Sequence[Lock],
    *,
    epoch: int | None,
) -> tuple[Path, ...]:
    """Write `<zip>.cdx.json` for each into `folder`, all or nothing each; their paths."""
    paths = []
    for subject in subjects:
        path = folder / f"{subject.name}.cdx.json"
        write_atomically(path, format_sbom(subject, listings[subject.path], locks, epoch=epoch).encode())
        paths.append(path)
    return tuple(paths)


def format_sbom(subject: Subject, listing: ZipListing, locks: Sequence[Lock], *, epoch: int | None) -> str:
    """The SBOM as JSON: same zip, same lock, same text. `epoch` is SOURCE_DATE_EPOCH."""
    from cyclonedx.output.json import JsonV1Dot6

    bom = _make_bom(subject, listing, _locked(subject, locks))
    document: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    # The library puts the time of day there.
    document["metadata"].pop("timestamp", None)
    if epoch is not None:
        moment = datetime.datetime.fromtimestamp(epoch, tz=datetime.UTC)
        document["metadata"]["timestamp"] = moment.isoformat().replace("+00:00", "Z")
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _locked(subject: Subject, locks: Iterable[Lock]) -> dict[tuple[str, str], Distribution]:
    """Distributions of the locks that serve the zip's targets, by name and version."""
    return {
        (one.name, one.version): one
        for lock in locks
        if lock.target.name in subject.targets
        for one in lock.distributions
    }


def _make_bom(subject: Subject, listing: ZipListing, locked: Mapping[tuple[str, str], Distribution]) -> Bom:
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType

    layer = Component(
        type=ComponentType.FILE,
        name=subject.name,
        bom_ref=f"zip:{subject.sha256}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=subject.sha256)],
    )
    bom = Bom(serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"layerforge:{subject.sha256}"))
    bom.metadata.component = layer
    bom.metadata.tools.components.add(
        Component(type=ComponentType.APPLICATION, name="layerforge", version=__version__)
    )
    components = {
        held.name: _component(held, locked.get((held.name, held.version))) for held in listing.distributions
    }
    bom.components.update(components.values())
    bom.register_dependency(layer, components.values())
    for held in listing.distributions:
        one = locked.get((held.name, held.version))
        needed = {edge.name for edge in one.edges} if one else set()
        bom.register_dependency(
            components[held.name], [components[name] for name in sorted(needed) if name in components]
        )
    return bom


def _component(held: HeldDistribution, locked: Distribution | None) -> Component:
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    purl = PackageURL(type="pypi", name=held.name, version=held.version)
    component = Component(
        type=ComponentType.LIBRARY,
        name=held.name,
        version=held.version,
        bom_ref=str(purl),
        purl=purl,
        description=held.summary or None,
        licenses=_licenses(held.license),
        components=[_bundled(file, held) for file in held.bundled],
    )
    _add_source(component, locked)
    return component


def _add_source(component: Component, locked: Distribution | None) -> None:
    """The file on the index that it comes from, with its digest."""
    from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri

    archive = (locked.wheel or locked.sdist) if locked else None
    if archive is None:
        return
    digest = HashType(alg=HashAlgorithm.SHA_256, content=archive.sha256)
    component.hashes.add(digest)
    # Where a file of the user's own disk lies is nobody's business.
    if archive.url.startswith(("http://", "https://")):
        component.external_references.add(
            ExternalReference(
                type=ExternalReferenceType.DISTRIBUTION,
                url=XsUri(strip_credentials(archive.url)),
                hashes=[digest],
            )
        )


def _licenses(expression: str | None) -> list[DisjunctiveLicense | LicenseExpression]:
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression

    if expression is None:
        return []
    if re.fullmatch(r"LicenseRef-\S+", expression):
        return [DisjunctiveLicense(name=expression.removeprefix("LicenseRef-"))]
    return [LicenseExpression(value=expression)]


def _bundled(file: HeldFile, owner: HeldDistribution) -> Component:
    """A native library that a wheel brings along, by what its file name tells."""
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.component import Component, ComponentType

    filename = file.path.rpartition("/")[2]
    found = _BUNDLED.fullmatch(filename)
    return Component(
        type=ComponentType.LIBRARY,
        name=found["name"] if found else filename,
        version=found["version"] if found else None,
        bom_ref=f"{owner.name}@{owner.version}:{file.path}",
        description=f"{filename}, bundled with {owner.name} {owner.version}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=file.sha256)] if file.sha256 else [],
    )
