"""`layerforge.toml` or `[tool.layerforge]`: TOML to a Config, strictly."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from layerforge.errors import ConfigError
from layerforge.model.audit import AuditSettings
from layerforge.model.container import BYTECODE_MODES, ContainerSettings
from layerforge.model.license import LicensePolicy
from layerforge.model.limits import LAYERS_PER_FUNCTION, UNZIPPED_LIMIT, Limits
from layerforge.model.planning import FunctionPlanning, PlanSettings
from layerforge.model.requirement import IndexOptions
from layerforge.model.target import ARCHITECTURES, RUNTIMES
from layerforge.project.audit_config import parse_audit
from layerforge.project.container_config import parse_container
from layerforge.project.license_config import parse_licenses
from layerforge.project.plan_config import parse_function_plan, parse_plan
from layerforge.project.publish_config import PublishTable, parse_publish
from layerforge.project.runtime_provided import expand_families
from layerforge.project.tables import Table
from layerforge.project.variables import expand

RESOLVERS = ("pip-tools", "uv")
BUILDERS = ("auto", "container", "wheels")
# What layer, file and function names may hold, at AWS and on every file system.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
# A layer's name may have 140 characters; target and group come after the project's name.
_LONGEST_NAME = 100
# The code of a finding, and after a colon a glob for what it names.
_IGNORED = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*(?::.+)?")

_TOP_KEYS = (
    "name", "template", "runtime", "architecture", "resolver", "builder", "bytecode", "dedupe-native",
    "output", "layer-sizes", "functions", "index", "runtime-provided", "limits", "plan", "check", "container",
    "licenses", "audit", "publish",
)  # fmt: skip
_FUNCTION_KEYS = (
    "source", "handler", "requirements", "extras", "groups", "runtime", "architecture", "layers",
    "layer-sizes", "weight", "bundle", "reserve-layers", "limits",
)  # fmt: skip
_LIMIT_KEYS = ("unzipped", "layers", "warn-at", "growth")
_INDEX_KEYS = (
    "url", "extra-urls", "find-links", "trusted-hosts", "only-binary", "no-binary", "no-index", "pre",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionConfig:
    """What `[functions.NAME]` says; None or empty where it says nothing. Paths are relative to the root."""

    name: str
    source: str | None = None
    handler: str | None = None
    requirements: tuple[str, ...] | None = None
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    runtime: str | None = None
    architecture: str | None = None
    layers: tuple[str, ...] | None = None
    layer_sizes: Mapping[str, int] = field(default_factory=dict)
    planning: FunctionPlanning = FunctionPlanning()
    line: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """All that a config says. `path` is the file's name as shown, None where there is no config.

    `templates` is None where the config leaves it to discovery, and empty where it wants none.
    `publish` is read by that stage: only there its variables have to be set.
    """

    path: str | None = None
    name: str | None = None
    templates: tuple[str, ...] | None = None
    runtime: str | None = None
    architecture: str | None = None
    resolver: str = "pip-tools"
    builder: str = "auto"
    bytecode: str = "auto"
    dedupe_native: bool = False
    output: str = ".layerforge"
    options: IndexOptions = IndexOptions()
    functions: tuple[FunctionConfig, ...] = ()
    layer_sizes: Mapping[str, int] = field(default_factory=dict)
    runtime_provided: tuple[str, ...] = ()
    limits: Limits = Limits()
    plan: PlanSettings = PlanSettings()
    ignored: tuple[str, ...] = ()
    licenses: LicensePolicy = LicensePolicy()
    audit: AuditSettings = AuditSettings()
    container: ContainerSettings = ContainerSettings()
    publish: PublishTable = field(default_factory=PublishTable)


def parse_config(
    data: Mapping[str, Any],
    *,
    path: str,
    keys: tuple[str, ...] = (),
    lines: Mapping[str, int] | None = None,
    environment: Mapping[str, str] | None = None,
    keep_unset: bool = False,
) -> Config:
    """Turn the config's TOML into a value.

    `keys` leads from the top of the file to `data` (`tool`, `layerforge` in pyproject.toml), `lines`
    says on which line a function's table begins, and `environment` replaces os.environ. With
    `keep_unset`, variables that are not set stay as they stand: for those who use no index.
    Raises ConfigError, with the path of the key, for whatever is unknown or of the wrong type.
    """
    top = Table(data, path=path, keys=keys)
    top.check_keys(_TOP_KEYS)
    limits = _limits(top.table("limits"), Limits(), keys=(*_LIMIT_KEYS, "layer"))
    return Config(
        path=path,
        name=_project_name(top),
        templates=top.string_or_strings("template"),
        runtime=_runtime(top),
        architecture=_architecture(top),
        resolver=top.string("resolver", choices=RESOLVERS) or RESOLVERS[0],
        builder=top.string("builder", choices=BUILDERS) or BUILDERS[0],
        bytecode=top.string("bytecode", choices=BYTECODE_MODES) or BYTECODE_MODES[0],
        dedupe_native=top.boolean("dedupe-native") or False,
        output=_inside(top, "output") or ".layerforge",
        options=_index_options(
            top.table("index"), os.environ if environment is None else environment, keep_unset=keep_unset
        ),
        functions=_functions(top.table("functions"), lines or {}, limits),
        layer_sizes=_layer_sizes(top),
        runtime_provided=_runtime_provided(top.table("runtime-provided")),
        limits=limits,
        plan=parse_plan(top.table("plan")),
        ignored=_ignored(top.table("check")),
        licenses=parse_licenses(top.table("licenses")),
        audit=parse_audit(top.table("audit")),
        container=parse_container(top.table("container")),
        publish=_publish(top.table("publish")),
    )


def is_function_name(name: str) -> bool:
    """Whether files and layers can carry the name of a function."""
    return _NAME.fullmatch(name) is not None


def _project_name(top: Table) -> str | None:
    name = top.string("name")
    if name is not None and (not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME):
        raise ConfigError(
            f"unexpected value {name!r} (expected letters, digits, - and _, at most {_LONGEST_NAME})",
            where=top.where("name"),
            hint="layer names begin with it, and Lambda allows no other characters there",
        )
    return name


def _runtime(table: Table) -> str | None:
    given = table.data.get("runtime")
    hint = f'write "python{given}"' if f"python{given}" in RUNTIMES else None
    return table.string("runtime", choices=RUNTIMES, hint=hint)


def _architecture(table: Table) -> str | None:
    given = table.data.get("architecture")
    hint = (
        f"AWS spells it {'arm64' if given == 'aarch64' else 'x86_64'}"
        if given in {"aarch64", "amd64"}
        else None
    )
    return table.string("architecture", choices=ARCHITECTURES, hint=hint)


def _inside(table: Table, key: str) -> str | None:
    """Read the path of a folder that layerforge may fill and empty: below the root, not the root."""
    value = table.string(key)
    if value is None:
        return None
    path = posixpath.normpath(value)
    if path.startswith(("/", "../")) or path in {".", ".."}:
        raise ConfigError(
            f"unexpected value {value!r} (expected a folder below the project root)", where=table.where(key)
        )
    return path


def _functions(table: Table, lines: Mapping[str, int], limits: Limits) -> tuple[FunctionConfig, ...]:
    return tuple(_function(table, name, lines.get(name), limits) for name in table.data)


def _function(functions: Table, name: str, line: int | None, limits: Limits) -> FunctionConfig:
    if not is_function_name(name):
        raise ConfigError(
            "unexpected function name (expected letters, digits, - and _)", where=functions.where(name)
        )
    table = functions.table(name)
    table.check_keys(_FUNCTION_KEYS)
    return FunctionConfig(
        name=name,
        source=table.string("source"),
        handler=table.string("handler"),
        requirements=table.string_or_strings("requirements"),
        extras=table.strings("extras") or (),
        groups=table.strings("groups") or (),
        runtime=_runtime(table),
        architecture=_architecture(table),
        layers=table.strings("layers"),
        layer_sizes=_layer_sizes(table),
        planning=parse_function_plan(
            table, _limits(table.table("limits"), limits) if "limits" in table.data else None
        ),
        line=line,
    )


def _layer_sizes(owner: Table) -> dict[str, int]:
    table = owner.table("layer-sizes")
    return {arn: size for arn in table.data if (size := table.size(arn)) is not None}


def _runtime_provided(table: Table) -> tuple[str, ...]:
    table.check_keys(("exclude",))
    try:
        return expand_families(table.strings("exclude") or ())
    except ValueError as error:
        raise ConfigError(str(error), where=table.where("exclude")) from error


def _limits(table: Table, defaults: Limits, *, keys: tuple[str, ...] = _LIMIT_KEYS) -> Limits:
    table.check_keys(keys)
    unzipped, layers, warn_at = table.size("unzipped"), table.integer("layers"), table.number("warn-at")
    if unzipped is not None and unzipped > UNZIPPED_LIMIT:
        raise ConfigError(
            f"unexpected value {unzipped} (Lambda allows at most {UNZIPPED_LIMIT} bytes)",
            where=table.where("unzipped"),
        )
    if layers is not None and not 0 <= layers <= LAYERS_PER_FUNCTION:
        raise ConfigError(
            f"unexpected value {layers} (Lambda allows at most {LAYERS_PER_FUNCTION} layers per function)",
            where=table.where("layers"),
        )
    if warn_at is not None and not 0 < warn_at <= 1:
        raise ConfigError(
            f"unexpected value {warn_at:g} (expected a share of the limit, such as 0.9)",
            where=table.where("warn-at"),
        )
    return Limits(
        unzipped=defaults.unzipped if unzipped is None else unzipped,
        layers=defaults.layers if layers is None else layers,
        warn_at=defaults.warn_at if warn_at is None else warn_at,
        growth=table.size("growth") or defaults.growth,
        layer=table.size("layer") or defaults.layer,
    )


def _ignored(table: Table) -> tuple[str, ...]:
    table.check_keys(("ignore",))
    patterns = table.string_or_strings("ignore") or ()
    for pattern in patterns:
        if not _IGNORED.fullmatch(pattern):
            raise ConfigError(
                f"unexpected value {pattern!r} (expected the code of a finding, alone or as CODE:PATTERN)",
                where=table.where("ignore"),
                hint='for example "missing-library:libtbb.so.*"',
            )
    return patterns


def _publish(table: Table) -> PublishTable:
    parse_publish(table)
    return PublishTable(data=table.data, path=table.path, keys=table.keys) if table.data else PublishTable()


def _index_options(table: Table, environment: Mapping[str, str], *, keep_unset: bool) -> IndexOptions:
    table.check_keys(_INDEX_KEYS)

    def expanded(key: str, values: tuple[str, ...]) -> tuple[str, ...]:
        where = table.where(key)
        return tuple(
            expand(value, where=where, environment=environment, keep_unset=keep_unset) for value in values
        )

    url = table.string("url")
    return IndexOptions(
        index_url=expanded("url", (url,))[0] if url else None,
        extra_index_urls=expanded("extra-urls", table.string_or_strings("extra-urls") or ()),
        find_links=expanded("find-links", table.string_or_strings("find-links") or ()),
        trusted_hosts=expanded("trusted-hosts", table.string_or_strings("trusted-hosts") or ()),
        only_binary=table.string_or_strings("only-binary") or (),
        no_binary=table.string_or_strings("no-binary") or (),
        no_index=table.boolean("no-index") or False,
        pre=table.boolean("pre") or False,
    )
