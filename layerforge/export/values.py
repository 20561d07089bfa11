"""What is exported: the manifest, where its zips are, and the layer versions that AWS has of it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass

from layerforge.errors import ConfigError
from layerforge.model.artifact import Artifact, Manifest
from layerforge.model.counts import some_of
from layerforge.model.finding import Finding, Severity
from layerforge.model.publishing import DEFAULT_DESCRIPTION, PublishedLayer

_WORD = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """What a format is made of.

    `zips` is the way from the folder of the exported file to that of the manifest, with `/`.
    `published` holds one version of each layer in each of its regions, or nothing.
    """

    manifest: Manifest
    zips: str = "."
    published: tuple[PublishedLayer, ...] = ()
    description: str = DEFAULT_DESCRIPTION

    @property
    def regions(self) -> tuple[str, ...]:
        """Regions that layers were published to, sorted."""
        return tuple(sorted({layer.region for layer in self.published}))

    @property
    def layers(self) -> tuple[Artifact, ...]:
        """Layers by name."""
        return tuple(sorted(self.manifest.layers, key=lambda layer: layer.name))

    def path(self, artifact: str) -> str:
        """The way to a zip from where the exported file lies."""
        return posixpath.normpath(posixpath.join(self.zips, artifact))

    def arns(self, region: str) -> dict[str, str]:
        """ARNs of layer versions by layer, in one region."""
        return {layer.name: layer.arn for layer in self.published if layer.region == region}

    def layers_of(self, function: str, region: str) -> tuple[str, ...]:
        """All that a function takes in a region: layers from elsewhere whose ARN is known, then ours."""
        held = self.manifest.functions[function]
        arns = self.arns(region)
        elsewhere = [name for name in held.external_layers if name.startswith("arn:")]
        return (*elsewhere, *(arns[name] for name in held.layers))


def hold_published(manifest: Manifest, published: Iterable[PublishedLayer], *, where: str) -> None:
    """Hold what was published against what is built.

    Raises ConfigError if a region lacks a layer, or has other bytes of it than the manifest names.
    """
    wanted = {layer.name: layer.code_sha256 for layer in manifest.layers}
    by_region: dict[str, dict[str, str]] = {}
    for layer in published:
        by_region.setdefault(layer.region, {})[layer.name] = layer.code_sha256
    hint = "run `layerforge publish --json` again, and give its output"
    if wanted and not by_region:
        raise ConfigError("no layer versions are in it", where=where, hint=hint)
    for region, there in sorted(by_region.items()):
        missing = sorted(wanted.keys() - there.keys())
        if missing:
            raise ConfigError(f"{region} lacks {some_of(missing)}", where=where, hint=hint)
        other = sorted(name for name, digest in wanted.items() if there[name] != digest)
        if other:
            raise ConfigError(
                f"{region} has other bytes than were built of {some_of(other)}", where=where, hint=hint
            )


def find_omissions(export: Export, *, deploys_code: bool, keeps_layers: bool = False) -> tuple[Finding, ...]:
    """What functions need and the exported text does not give them.

    That is code whose zip holds distributions, unless the text names that zip (`deploys_code`), and layers
    from elsewhere of which the manifest has no ARN, unless they stand in the text before (`keeps_layers`).
    """
    functions = sorted(export.manifest.functions.items())
    bundled = [name for name, held in functions if held.code and held.code.distributions]
    unknown = [
        f"{name}: {layer}"
        for name, held in functions
        for layer in held.external_layers
        if not layer.startswith("arn:")
    ]
    findings = []
    if bundled and not deploys_code:
        findings.append(
            Finding(
                severity=Severity.WARNING,
                code="export-without-code",
                subject=export.manifest.project,
                sentence="distributions are bundled with code that is not exported",
                details=tuple(bundled),
                hint="deploy the code zips of these functions (`code` in manifest.json)",
            )
        )
    if unknown and not keeps_layers:
        findings.append(
            Finding(
                severity=Severity.WARNING,
                code="export-without-layer",
                subject=export.manifest.project,
                sentence="layers from elsewhere have no ARN in the manifest, and are left out",
                details=tuple(unknown),
                hint="add them where you deploy the functions",
            )
        )
    return tuple(findings)


def camel_case(name: str) -> str:
    """A name as the logical id of a resource, letters and digits alone: `ShopAnyNumpy`."""
    return "".join(part[0].upper() + part[1:] for part in _WORD.findall(name))


def unique_ids(names: Iterable[str], *, prefix: str = "", taken: Iterable[str] = ()) -> dict[str, str]:
    """Logical ids by name, each like its name; what would be alike, or is taken, gets a number."""
    used = set(taken)
    ids = {}
    for name in sorted(names):
        wanted = prefix + camel_case(name)
        identity, number = wanted, 2
        while identity in used:
            identity, number = f"{wanted}{number}", number + 1
        used.add(identity)
        ids[name] = identity
    return ids
