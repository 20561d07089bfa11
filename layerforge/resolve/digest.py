"""The digest over all that a resolution was asked, by which a lock is known to be fresh.

It is over meaning, not over text: comments, line numbers, order and credentials do not count.
Kept free of heavy imports, as `layerforge check` computes it each time.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from layerforge.model.function import Function
from layerforge.model.requirement import IndexOptions, Requirement
from layerforge.model.target import Target
from layerforge.model.url import strip_credentials

ReadFile = Callable[[str], bytes | None]

# Changing what is hashed makes every lock stale: count up then.
_FORMAT = 1
_PROJECT_FILES = ("pyproject.toml", "setup.cfg", "setup.py")


def input_digest(
    functions: Sequence[Function],
    *,
    target: Target,
    options: IndexOptions = IndexOptions(),
    local: Iterable[str] = (),
    read: ReadFile,
) -> str:
    """Return a hex sha256 over the requirements, constraints and options of a cohort's functions.

    `options` are those of the config. `read` returns a file's bytes by its path relative to the
    project root, or None: a local project's pyproject.toml and setup files count, since they say
    what it requires. `local` are the folders in the lock: some are taken in by others of them, which
    only the build backend knew.
    """
    requirements = [r for function in functions for r in function.requirements.requirements]
    document = {
        "format": _FORMAT,
        "target": target.name,
        "options": _options(options),
        "functions": {function.name: _function(function) for function in functions},
        "local": _local_files({*local, *(_local_path(r) for r in requirements if r.path)}, read),
    }
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def requirement_key(requirement: Requirement) -> str:
    """Return what a requirement asks for as one line, equal for requirements that mean the same."""
    parts = [
        requirement.name or "",
        f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else "",
        specifier_key(requirement.specifier),
        f" @ {public_url(requirement.url)}" if requirement.url else "",
        f" @ {requirement.path}" if requirement.path else "",
        f"#subdirectory={requirement.subdirectory}" if requirement.subdirectory else "",
        f" ; {' '.join(requirement.marker.split())}" if requirement.marker else "",
        "".join(f" --hash={value}" for value in sorted(requirement.hashes)),
    ]
    return "".join(parts)


def specifier_key(specifier: str) -> str:
    """Return a version specifier without spaces, its clauses sorted."""
    return ",".join(sorted("".join(clause.split()) for clause in specifier.split(",") if clause.strip()))


def public_url(url: str) -> str:
    """Return a URL without credentials, the same whatever token of the day it carries."""
    return strip_credentials(url)


def _function(function: Function) -> dict[str, Any]:
    return {
        "requirements": sorted({requirement_key(r) for r in function.requirements.requirements}),
        "constraints": sorted({requirement_key(r) for r in function.requirements.constraints}),
        "options": _options(function.requirements.options),
    }


def _options(options: IndexOptions) -> dict[str, Any]:
    """Only what is set, so that an option added in a later release makes no lock stale."""
    found: dict[str, Any] = {
        "index-url": public_url(options.index_url) if options.index_url else None,
        "extra-index-urls": [public_url(url) for url in options.extra_index_urls],
        "find-links": [public_url(url) for url in options.find_links],
        "only-binary": sorted(options.only_binary),
        "no-binary": sorted(options.no_binary),
        "no-index": options.no_index,
        "pre": options.pre,
        "require-hashes": options.require_hashes,
    }
    return {key: value for key, value in found.items() if value}


def _local_files(paths: Iterable[str], read: ReadFile) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in sorted({posixpath.normpath(path) for path in paths}):
        for name in ("", *_PROJECT_FILES):
            file = f"{path}/{name}" if name else path
            data = read(file)
            if data is not None:
                found[file] = hashlib.sha256(data).hexdigest()
    return found


def _local_path(requirement: Requirement) -> str:
    return (
        f"{requirement.path}/{requirement.subdirectory}"
        if requirement.subdirectory
        else str(requirement.path)
    )
