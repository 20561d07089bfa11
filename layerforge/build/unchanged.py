"""Whether the last build still stands: told from digests, without locks, plans or wheels.

What a build was made from is remembered in the cache under the project's place. When templates,
requirements, locks, local packages, code, manifest and zips are all as they were, there is nothing
to do, and finding that out takes a fraction of the time of reading it all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from layerforge.build.manifest import MANIFEST_FILE, read_manifest
from layerforge.cache import Cache, sha256_of
from layerforge.errors import LayerforgeError
from layerforge.model.artifact import Manifest
from layerforge.model.codec import decode, encode
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import Project
from layerforge.model.previous import PLAN_FILE
from layerforge.project.snapshot import Snapshot
from layerforge.project.sources import list_code
from layerforge.resolve.lock_files import lock_paths
from layerforge.resolve.tree import tree_digest

_KIND = "build"


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildInputs:
    """All that decides what a build writes. `settings` are the command line's, as words."""

    snapshot: Snapshot
    output: Path
    settings: tuple[str, ...] = ()

    def digest(self, local_packages: Iterable[str]) -> str:
        """Digest the state of everything, `local_packages` (folders below or beside the root) included."""
        project = self.snapshot.project
        digest = hashlib.sha256("\0".join([self.snapshot.key, *self.settings]).encode())
        record = project.root / PLAN_FILE
        for path in (*lock_paths(project.root), *([record] if record.is_file() else [])):
            digest.update(f"\0{path.name}\0{sha256_of(path)}".encode())
        for source in sorted({f.source for f in project.functions if f.source is not None}):
            _add_code(digest, project, source)
        for folder in sorted(set(local_packages)):
            digest.update(f"\0{folder}\0{tree_digest(project.root / folder)}".encode())
        return digest.hexdigest()

    def key(self) -> str:
        """Name the place that this build is of."""
        place = f"{self.snapshot.project.root}\0{self.output}"
        return hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()


def _add_code(digest: hashlib._Hash, project: Project, source: str) -> None:
    path = project.root / source
    files = (
        [(name, path / name) for name, _ in list_code(project.root, source)]
        if path.is_dir()
        else [("", path)]
    )
    for name, file in files:
        digest.update(f"\0{source}\0{name}\0".encode(errors="surrogateescape"))
        digest.update(file.read_bytes())


@dataclass(frozen=True, kw_only=True, slots=True)
class LastBuild:
    """What the last build wrote, and what it warned of: that still holds."""

    manifest: Manifest
    findings: tuple[Finding, ...]


def recall_build(cache: Cache, inputs: BuildInputs) -> LastBuild | None:
    """Return the last build if it would be repeated to the byte, else None."""
    stored = cache.read_facts(_KIND, inputs.key())
    if not isinstance(stored, dict):
        return None
    try:
        same = stored["inputs"] == inputs.digest(stored["local_packages"])
        path = inputs.output / MANIFEST_FILE
        if not same or stored["manifest"] != sha256_of(path):
            return None
        manifest = read_manifest(path)
        findings = decode(stored["findings"], (Finding, Severity))
    except (KeyError, TypeError, OSError, LayerforgeError):
        return None
    return LastBuild(manifest=manifest, findings=findings) if _all_there(inputs.output, manifest) else None


def remember_build(
    cache: Cache, inputs: BuildInputs, *, local_packages: Sequence[str], findings: tuple[Finding, ...]
) -> None:
    """Keep what `recall_build` compares, after a build that ended well."""
    cache.write_facts(
        _KIND,
        inputs.key(),
        {
            "inputs": inputs.digest(local_packages),
            "local_packages": list(local_packages),
            "findings": encode(findings),
            "manifest": sha256_of(inputs.output / MANIFEST_FILE),
        },
    )


def _all_there(output: Path, manifest: Manifest) -> bool:
    artifacts = [(layer.path, layer.zipped_size) for layer in manifest.layers]
    artifacts += [(f.code.path, f.code.zipped_size) for f in manifest.functions.values() if f.code]
    return all(_has_size(output / path, size) for path, size in artifacts)


def _has_size(path: Path, size: int) -> bool:
    try:
        return path.stat().st_size == size
    except OSError:
        return False
