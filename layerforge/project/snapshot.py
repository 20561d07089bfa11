"""The project as it was last read, remembered so that `check` need not read templates again.

Index options and URLs are kept out: they may carry credentials, and no secret is written to a
file. So a remembered project serves to check and to find that nothing changed, never to download.
"""

from __future__ import annotations

import datetime
import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

from layerforge import __version__
from layerforge.cache import Cache
from layerforge.model.audit import AuditSettings, IgnoredVulnerability
from layerforge.model.codec import decode, encode
from layerforge.model.container import ContainerSettings, RuntimeImage, SystemPackages
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import ExternalLayer, Function, Project, ProjectSettings
from layerforge.model.license import LicenseException, LicensePolicy
from layerforge.model.limits import Limits
from layerforge.model.planning import Bundling, FunctionPlanning, NamedLayer, PlanSettings
from layerforge.model.requirement import IndexOptions, Origin, Requirement, RequirementSet
from layerforge.model.target import RUNTIMES, Target
from layerforge.model.url import strip_credentials
from layerforge.project.fingerprint import Fingerprint, folders_that_decide, matches, take_fingerprint

_KIND = "project"
_USERINFO = re.compile(rb"(?<=://)[^\s/'\"]*@")
_CLASSES = (
    AuditSettings,
    Bundling,
    ContainerSettings,
    ExternalLayer,
    Finding,
    Function,
    FunctionPlanning,
    IgnoredVulnerability,
    IndexOptions,
    LicenseException,
    LicensePolicy,
    Limits,
    NamedLayer,
    Origin,
    PlanSettings,
    ProjectSettings,
    Requirement,
    RequirementSet,
    RuntimeImage,
    Severity,
    SystemPackages,
    Target,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """A project without its secrets, and what it was read from."""

    project: Project
    fingerprint: Fingerprint

    @property
    def key(self) -> str:
        """Digest of all that was read: equal keys, equal projects."""
        lines = [f"{path}\0{mark}" for path, mark in sorted(self.fingerprint.items())]
        return hashlib.sha256(
            "\n".join([str(self.project.root), __version__, *lines]).encode(errors="surrogateescape")
        ).hexdigest()


def recall(cache: Cache, root: Path, config: Path | None) -> Snapshot | None:
    """Return the remembered project if nothing that it was read from has changed, else None."""
    stored = cache.read_facts(_KIND, _place_key(root, config))
    if not isinstance(stored, dict):
        return None
    try:
        fingerprint = stored["fingerprint"]
        if not matches(root, fingerprint):
            return None
        held = {key: decode(value, _CLASSES) for key, value in stored["project"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return Snapshot(project=Project(root=root, **held), fingerprint=fingerprint)


def remember(cache: Cache, project: Project, config: Path | None) -> Snapshot | None:
    """Keep the project for `recall`. Returns None where it cannot be kept without its secrets.

    A requirement file may take words from the environment (`${INDEX_HOST}`), whose later value no
    fingerprint of files would show: such a project is read anew each time. Words that stand for
    credentials in a URL do not count, as no credentials are kept.
    """
    if any(_uses_environment(project.root / path) for path in project.inputs):
        return None
    kept = replace(project, functions=tuple(_without_secrets(function) for function in project.functions))
    kept = replace(kept, settings=replace(kept.settings, options=_without_index(kept.settings.options)))
    sources = [function.source for function in kept.functions if function.source]
    fingerprint = take_fingerprint(
        project.root,
        files=project.inputs,
        folders=folders_that_decide(project.root, files=project.inputs, sources=sources),
    )
    document = {
        key: encode(getattr(kept, key))
        for key in ("settings", "functions", "config_file", "templates", "inputs", "findings")
    }
    cache.write_facts(
        _KIND, _place_key(project.root, config), {"fingerprint": fingerprint, "project": document}
    )
    return Snapshot(project=kept, fingerprint=fingerprint)


def _place_key(root: Path, config: Path | None) -> str:
    # A runtime's deprecation date may pass between two runs, and findings tell of it.
    today = datetime.date.today()  # noqa: DTZ011 - dates of AWS have no zone
    passed = sum(1 for r in RUNTIMES.values() if r.deprecated and r.deprecated <= today)
    place = f"{__version__}\0{root}\0{config}\0{passed}"
    return hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()


def _uses_environment(path: Path) -> bool:
    """Whether words of the environment decide what the file says; a URL's credentials do not."""
    if path.suffix not in {".txt", ".in", ".toml"}:
        return False
    try:
        return b"${" in _USERINFO.sub(b"", path.read_bytes())
    except OSError:
        return False


def _without_secrets(function: Function) -> Function:
    asked = function.requirements
    return replace(
        function,
        requirements=replace(
            asked,
            requirements=tuple(_without_userinfo(r) for r in asked.requirements),
            constraints=tuple(_without_userinfo(r) for r in asked.constraints),
            options=_without_index(asked.options),
        ),
    )


def _without_userinfo(requirement: Requirement) -> Requirement:
    return replace(requirement, url=strip_credentials(requirement.url)) if requirement.url else requirement


def _without_index(options: IndexOptions) -> IndexOptions:
    return replace(
        options,
        index_url=options.index_url and strip_credentials(options.index_url),
        extra_index_urls=tuple(map(strip_credentials, options.extra_index_urls)),
        find_links=tuple(map(strip_credentials, options.find_links)),
    )
