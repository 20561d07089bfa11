"""`[container]` of the config: which images, what containers may take, what they are given."""

from __future__ import annotations

import posixpath
import re

from packaging.utils import canonicalize_name

from layerforge.errors import ConfigError
from layerforge.model.container import PULL_MODES, ContainerSettings, RuntimeImage, SystemPackages
from layerforge.model.target import ARCHITECTURES, RUNTIMES
from layerforge.project.tables import Table

_KEYS = (
    "build-image", "run-image", "pull", "network", "ca-bundle", "environment", "secrets", "packages",
    "strip", "recipes", "memory", "cpus", "timeout",
)  # fmt: skip
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# The least that the engines accept (6 MB), and room for an interpreter.
_LEAST_MEMORY = 64 * 2**20
_ANY = "*"


def parse_container(table: Table) -> ContainerSettings:
    """Turn `[container]` into settings. Raises ConfigError with the path of the key."""
    table.check_keys(_KEYS)
    defaults = ContainerSettings()
    return ContainerSettings(
        build_images=_images(table, "build-image"),
        run_images=_images(table, "run-image"),
        pull=table.string("pull", choices=PULL_MODES) or defaults.pull,
        network=table.string("network") or defaults.network,
        ca_bundle=table.string("ca-bundle"),
        environment=_variables(table),
        secrets=table.string_or_strings("secrets") or (),
        packages=_packages(table),
        strip=_strip(table),
        recipes=_folder(table, "recipes"),
        memory=_memory(table) or defaults.memory,
        cpus=_cpus(table),
        timeout=_timeout(table) or defaults.timeout,
    )


def _images(table: Table, key: str) -> tuple[RuntimeImage, ...]:
    if not isinstance(table.data.get(key), dict):
        reference = table.string(key)
        return (RuntimeImage(name=_ANY, reference=reference),) if reference else ()
    images = table.table(key)
    targets = [f"{runtime}-{architecture}" for runtime in RUNTIMES for architecture in ARCHITECTURES]
    images.check_keys((*RUNTIMES, *targets))
    named = {name: images.string(name) for name in images.data}
    return tuple(
        RuntimeImage(name=name, reference=reference) for name, reference in named.items() if reference
    )


def _variables(table: Table) -> tuple[str, ...]:
    names = table.string_or_strings("environment") or ()
    for name in names:
        if not _VARIABLE.fullmatch(name):
            value = "=" in name
            raise ConfigError(
                # The value is not repeated: it may be a secret already.
                f"unexpected {'value' if value else repr(name)} (expected a variable's name)",
                where=table.where("environment"),
                hint="name the variable alone: its value is taken from the environment, so that no file "
                "holds a secret"
                if value
                else None,
            )
    return names


def _packages(table: Table) -> tuple[SystemPackages, ...]:
    if not isinstance(table.data.get("packages"), dict):
        packages = table.string_or_strings("packages") or ()
        return (SystemPackages(distribution=_ANY, packages=packages),) if packages else ()
    named = table.table("packages")
    return tuple(
        SystemPackages(
            distribution=_ANY if name == _ANY else canonicalize_name(name),
            packages=named.string_or_strings(name) or (),
        )
        for name in named.data
    )


def _strip(table: Table) -> tuple[str, ...] | None:
    if isinstance(table.data.get("strip"), bool):
        return (_ANY,) if table.data["strip"] else ()
    names = table.string_or_strings("strip")
    if names is None:
        return None
    return tuple(name if name == _ANY else canonicalize_name(name) for name in names)


def _folder(table: Table, key: str) -> str | None:
    value = table.string(key)
    if value is None:
        return None
    path = posixpath.normpath(value)
    if path.startswith(("/", "../")) or path in {".", ".."}:
        raise ConfigError(
            f"unexpected value {value!r} (expected a folder below the project root)", where=table.where(key)
        )
    return path


def _memory(table: Table) -> int | None:
    memory = table.size("memory")
    if memory is not None and memory < _LEAST_MEMORY:
        raise ConfigError(
            f"unexpected value {memory} (expected at least 64 MB)",
            where=table.where("memory"),
            hint="a number is bytes; for example memory = '4 GB'",
        )
    return memory


def _cpus(table: Table) -> float | None:
    cpus = table.number("cpus")
    if cpus is not None and cpus <= 0:
        raise ConfigError(
            f"unexpected value {cpus:g} (expected a number above 0, such as 2)", where=table.where("cpus")
        )
    return cpus


def _timeout(table: Table) -> int | None:
    timeout = table.integer("timeout")
    if timeout is not None and timeout <= 0:
        raise ConfigError(
            f"unexpected value {timeout} (expected seconds, such as 3600)", where=table.where("timeout")
        )
    return timeout
