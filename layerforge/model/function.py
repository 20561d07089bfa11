"""The project as the user has it: functions, each with a target and requirements."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from layerforge.model.audit import AuditSettings
from layerforge.model.container import ContainerSettings
from layerforge.model.finding import Finding
from layerforge.model.license import LicensePolicy
from layerforge.model.limits import Limits
from layerforge.model.planning import FunctionPlanning, PlanSettings
from layerforge.model.requirement import IndexOptions, Origin, RequirementSet
from layerforge.model.target import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalLayer:
    """A layer from elsewhere. `unzipped_size` (bytes) is None where nobody knows it.

    `arn` is the ARN, or the template's words (`!Ref Shared`) where no ARN can be known.
    """

    arn: str
    unzipped_size: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Function:
    """One Lambda function. Paths are relative to the project root, with `/`.

    `name` is unique in the project. `source` is None for inline code or code that lies in S3.
    `manifests` are the requirement files that were chosen for it, in order.
    """

    name: str
    target: Target
    source: str | None
    handler: str | None = None
    manifests: tuple[str, ...] = ()
    requirements: RequirementSet = RequirementSet()
    external_layers: tuple[ExternalLayer, ...] = ()
    planning: FunctionPlanning = FunctionPlanning()
    origin: Origin


@dataclass(frozen=True, kw_only=True, slots=True)
class ProjectSettings:
    """What the config says beside its functions, defaults filled in.

    `is_named`: the config gives the name; otherwise it is the folder's.
    """

    name: str
    is_named: bool = field(default=False, compare=False)
    resolver: str = "pip-tools"
    builder: str = "auto"
    bytecode: str = "auto"
    dedupe_native: bool = False
    container: ContainerSettings = ContainerSettings()
    limits: Limits = Limits()
    plan: PlanSettings = PlanSettings()
    ignored: tuple[str, ...] = ()
    licenses: LicensePolicy = LicensePolicy()
    audit: AuditSettings = AuditSettings()
    runtime_provided: tuple[str, ...] = ()
    options: IndexOptions = IndexOptions()
    output: str = ".layerforge"


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """Everything that was found. `root` is absolute.

    `inputs` are all files that were read to make this value, relative to the root. `findings`
    hold what was passed over or could not be known, each with its place.
    """

    root: Path
    settings: ProjectSettings
    functions: tuple[Function, ...]
    config_file: str | None = None
    templates: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
