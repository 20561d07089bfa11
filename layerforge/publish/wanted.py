"""From a manifest and the config to what AWS should have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from layerforge.model.artifact import Artifact, BuiltDistribution, Manifest
from layerforge.model.publishing import PublishSettings
from layerforge.publish.licenses import join_licenses, read_licenses
from layerforge.publish.values import Metadata, Wanted, WantedLayer

# botocore: Description is at most 256 characters.
DESCRIPTION_LIMIT = 256
_DIGITS = 12


def make_wanted(
    manifest: Manifest,
    settings: PublishSettings,
    *,
    folder: Path,
    layer_sizes: Mapping[str, int],
    jobs: int = 1,
) -> Wanted:
    """All layers of a manifest as they should be in AWS. `folder` is where the manifest lies.

    The licences are read from the zips, unless the config names one. Raises BuildError for a zip that
    is not there.
    """

    def make(artifact: Artifact) -> WantedLayer:
        licenses = (settings.license,) if settings.license else read_licenses(folder / artifact.path)
        return make_layer(
            artifact,
            project=manifest.project,
            description=settings.description,
            license_=settings.license or join_licenses(licenses),
        )

    with ThreadPoolExecutor(jobs) as pool:
        layers = tuple(pool.map(make, manifest.layers))
    return Wanted(
        project=manifest.project, layers=layers, functions=manifest.functions, layer_sizes=layer_sizes
    )


def make_layer(artifact: Artifact, *, project: str, description: str, license_: str) -> WantedLayer:
    """A layer as it should be in AWS. `description` is the pattern of the config."""
    return WantedLayer(
        name=artifact.name,
        path=artifact.path,
        sha256=artifact.sha256,
        code_sha256=artifact.code_sha256,
        zipped_size=artifact.zipped_size,
        unzipped_size=artifact.unzipped_size,
        metadata=Metadata(
            description=format_description(description, artifact, project=project),
            license=license_,
            runtimes=frozenset(artifact.runtimes),
            architectures=frozenset(artifact.architectures),
        ),
    )


def format_description(pattern: str, artifact: Artifact, *, project: str) -> str:
    """The description of a layer version: at most 256 characters, as many distributions as fit."""
    fields = {
        "project": project,
        "layer": artifact.name,
        "digest": artifact.sha256[:_DIGITS],
        "runtimes": ", ".join(artifact.runtimes),
        "architectures": ", ".join(artifact.architectures),
    }
    ranked = sorted(artifact.distributions, key=lambda one: (-one.unzipped_size, one.name))
    for shown in range(len(ranked), -1, -1):
        text = pattern.format(**fields, distributions=_some(ranked, shown))
        if len(text) <= DESCRIPTION_LIMIT:
            return text
    return text[:DESCRIPTION_LIMIT]


def _some(distributions: Sequence[BuiltDistribution], shown: int) -> str:
    rest = len(distributions) - shown
    named = ", ".join(f"{one.name} {one.version}" for one in distributions[:shown])
    if not rest:
        return named
    return f"{named} and {rest} more" if shown else f"{rest} distributions"
