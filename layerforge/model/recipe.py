"""What is known of building a distribution from source: data, from layerforge or from the user."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

# Package managers as recipes name them: Amazon Linux 2023 has dnf (its small images microdnf, of the
# same packages), Amazon Linux 2 yum, Debian and its children apt.
MANAGERS = ("dnf", "yum", "apt")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """How `name` (normalised) is built. `about` says why it needs a recipe, `sources` where that is told.

    `packages` pairs a package manager with what it installs first. `strip` says that a wheel which was
    built from source loses what only debuggers read. `origin` is "layerforge", or the user's file.
    """

    name: str
    about: str
    sources: tuple[str, ...] = ()
    packages: tuple[tuple[str, tuple[str, ...]], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    config_settings: tuple[tuple[str, str], ...] = ()
    strip: bool = False
    origin: str = "layerforge"

    @property
    def digest(self) -> str:
        """Changes when what is built may change: not for words, nor for where it is written."""
        parts = (self.name, self.packages, self.environment, self.config_settings, self.strip)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemPackage:
    """A package of the build image's system, and what is missing without it.

    `names` pairs a package manager with its name there. `headers` are paths as `#include` gives them,
    `libraries` names as `-l` does, `programs` commands, `modules` names as pkg-config knows them.
    """

    names: tuple[tuple[str, str], ...]
    headers: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()

    def name_for(self, manager: str) -> str | None:
        """What a package manager calls it; None if it is not known there."""
        return dict(self.names).get(manager)
