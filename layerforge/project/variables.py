"""Environment variables in the config: `${NAME}` alone, as pip takes them in requirement files."""

from __future__ import annotations

import re
from collections.abc import Mapping

from layerforge.errors import ConfigError

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")


def expand(text: str, *, where: str, environment: Mapping[str, str], keep_unset: bool = False) -> str:
    """Put environment variables in.

    Raises ConfigError for one that is not set, unless `keep_unset`: then it stays as it stands.
    """

    def replace(match: re.Match[str]) -> str:
        value = environment.get(match["name"])
        if value is not None:
            return value
        if keep_unset:
            return match[0]
        raise ConfigError(
            f"the environment variable {match['name']} is not set",
            where=where,
            hint="set it, or remove it here",
        )

    return _VARIABLE.sub(replace, text)


def has_variable(text: str) -> bool:
    """Whether a variable stands in `text` still."""
    return _VARIABLE.search(text) is not None
