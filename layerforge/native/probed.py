"""`layerforge-runtimes.toml`: what `layerforge check --probe` read out of the run images, by target.

The user commits it; it takes the place of what layerforge ships about AWS's images.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from layerforge.cache import write_atomically
from layerforge.errors import ConfigError
from layerforge.native.runtime import ProbedRuntime

PROBED_FILE = "layerforge-runtimes.toml"
_TARGET = re.compile(r"python3\.[0-9]+-(?:x86_64|arm64)")
_KEYS = ("image", "python", "distributions", "libraries")
_HINT = "run `layerforge check --probe` to write it anew, or remove it"
_HEAD = (
    "# What `layerforge check --probe` read out of the run images: libraries with their versions,\n"
    "# and what Python brings. Commit this file: native code is judged by it, the same for everybody.\n\n"
)


def read_probed(root: Path) -> dict[str, ProbedRuntime]:
    """What was probed, by target name; nothing if there is no file. Raises ConfigError that names the key."""
    try:
        text = (root / PROBED_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"it cannot be read ({error})", where=PROBED_FILE, hint=_HINT) from error
    return parse_probed(text)


def parse_probed(text: str) -> dict[str, ProbedRuntime]:
    """Parse the text of the file. Raises ConfigError that names the key."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"it is not TOML ({error})", where=PROBED_FILE, hint=_HINT) from error
    return {target: _parse_runtime(target, table) for target, table in sorted(data.items())}


def _parse_runtime(target: str, table: Any) -> ProbedRuntime:
    if not _TARGET.fullmatch(target):
        _refuse(target, "unexpected key (expected a target such as 'python3.13-x86_64')")
    if not isinstance(table, dict):
        _refuse(target, f"unexpected type {type(table).__name__} (expected a table)")
    for key in table:
        if key not in _KEYS:
            _refuse(f"{target}.{key}", f"unexpected key (expected one of {', '.join(_KEYS)})")
    libraries = _mapping(table, target, "libraries")
    for name, versions in libraries.items():
        if not isinstance(versions, list) or not all(isinstance(one, str) for one in versions):
            _refuse(f"{target}.libraries.{name}", "unexpected value (expected an array of strings)")
    distributions = _mapping(table, target, "distributions")
    for name, version in distributions.items():
        if not isinstance(version, str):
            _refuse(f"{target}.distributions.{name}", "unexpected value (expected a string)")
    return ProbedRuntime(
        image=str(table.get("image", "")),
        python=str(table.get("python", "")),
        libraries={name: tuple(versions) for name, versions in libraries.items()},
        distributions=distributions,
    )


def _mapping(table: Mapping[str, Any], target: str, key: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        _refuse(f"{target}.{key}", f"unexpected type {type(value).__name__} (expected a table)")
    return value


def _refuse(key: str, sentence: str) -> NoReturn:
    raise ConfigError(sentence, where=f"{PROBED_FILE}: {key}", hint=_HINT)


def format_probed(runtimes: Mapping[str, ProbedRuntime]) -> str:
    """Format the text of the file: same facts, same text."""
    import tomli_w

    document = {
        target: {
            "image": one.image,
            "python": one.python,
            "distributions": dict(sorted(one.distributions.items())),
            "libraries": {name: sorted(versions) for name, versions in sorted(one.libraries.items())},
        }
        for target, one in sorted(runtimes.items())
    }
    return _HEAD + tomli_w.dumps(document)


def write_probed(root: Path, runtimes: Mapping[str, ProbedRuntime]) -> Path:
    """Write the file, all or nothing; targets that it tells of and `runtimes` does not stay. Its path."""
    path = root / PROBED_FILE
    try:
        before = read_probed(root)
    except ConfigError:
        before = {}
    write_atomically(path, format_probed({**before, **runtimes}).encode(), durable=True)
    return path
