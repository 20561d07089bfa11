"""What a user gives the functions for their verification: variables, never shown, and an event."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from layerforge.errors import UsageError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def read_environment(given: Iterable[str], file: Path | None, *, own: Mapping[str, str]) -> dict[str, str]:
    """Variables of `file` and then those `given`, which win; a name alone takes its value from `own`.

    Raises UsageError, which never shows a value.
    """
    variables: dict[str, str] = {}
    for place, text in (*_lines(file), *(("--env", text) for text in given)):
        name, equals, value = text.partition("=")
        if not _NAME.fullmatch(name):
            raise UsageError("this is no NAME=VALUE (its text is not shown)", where=place)
        if not equals and name not in own:
            raise UsageError(
                f"{name} has no value here", where=place, hint=f"give {name}=VALUE, or set it in this shell"
            )
        variables[name] = value if equals else own[name]
    return variables


def _lines(file: Path | None) -> list[tuple[str, str]]:
    if file is None:
        return []
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        # The bytes that are no text stay unseen too.
        raise UsageError(f"it cannot be read ({type(error).__name__})", where=str(file)) from error
    numbered = ((f"{file}:{number}", line.strip()) for number, line in enumerate(lines, 1))
    return [(place, line) for place, line in numbered if line and not line.startswith("#")]


def read_event(path: Path) -> str:
    """The JSON text of an event. Raises UsageError if it is none."""
    try:
        text = path.read_text(encoding="utf-8")
        json.loads(text)
    except (OSError, ValueError) as error:
        raise UsageError(f"the event is not JSON ({error})", where=str(path)) from error
    return text
