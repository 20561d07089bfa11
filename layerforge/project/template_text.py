"""The text of a template to a mapping whose keys know their lines."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

from layerforge.errors import ConfigError

if TYPE_CHECKING:
    from layerforge.project.template_yaml import UnreadableError

# CloudFormation takes templates of at most 1 MB; what is far beyond is not one.
# Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
LARGEST_TEMPLATE = 8 * 2**20
# libyaml follows nesting on the C stack and ends the process when that is used up.
_DEEPEST_NESTING = 1000

NAME_THEM_HINT = "name its functions under [functions] in layerforge.toml, and leave the template out"
_JINJA = re.compile(r"\{%|\{#|(?<!['\"\w:-])\{\{(?!resolve:)")


def parse_template(text: str, *, path: str) -> dict[str, Any]:
    """Turn YAML or JSON with CloudFormation's tags into a mapping.

    Raises ConfigError, with the line, if it is neither, or is not a template.
    """
    if len(text) > LARGEST_TEMPLATE:
        raise ConfigError(
            f"a template of {len(text):,} characters cannot be read (CloudFormation takes at most 1 MB)",
            where=path,
            hint=NAME_THEM_HINT,
        )
    if _is_nested_too_deeply(text):
        raise ConfigError("it is nested too deeply to be a template", where=path, hint=NAME_THEM_HINT)
    from layerforge.project.template_yaml import UnreadableError, read_yaml

    try:
        template = read_yaml(text)
    except UnreadableError as error:
        raise _unreadable(text, path, error) from error
    if not isinstance(template, dict):
        kind = "a list" if isinstance(template, list) else "plain text"
        raise ConfigError(
            f"unexpected {kind} (expected a mapping with Resources)", where=f"{path}:1", hint=NAME_THEM_HINT
        )
    if not template:
        raise ConfigError(
            "the template is empty", where=path, hint="add Resources, or leave the template out"
        )
    return template


def line_of(node: Any) -> int | None:
    """Return the line on which a key or value begins, counted from 1; None where nobody knows."""
    line = getattr(node, "line", None)
    return line if isinstance(line, int) else None


def _unreadable(text: str, path: str, error: UnreadableError) -> ConfigError:
    jinja = _JINJA.search(text)
    if jinja is not None:
        return ConfigError(
            "it is not YAML but text with placeholders (Jinja or the like), which cannot be read",
            where=f"{path}:{_line_at(text, jinja.start())}",
            hint=f"give the rendered template, or {NAME_THEM_HINT}",
        )
    if "cannot start any token" in error.message and "\t" in _line(text, error.line):
        return ConfigError(
            "a tab cannot indent YAML",
            where=f"{path}:{error.line}",
            hint=f"indent the template with spaces, or {NAME_THEM_HINT}",
        )
    return ConfigError(
        f"it is neither YAML nor JSON that CloudFormation would read: {_plain(error.message)}",
        where=f"{path}:{error.line}",
        hint=f"mend it, or {NAME_THEM_HINT}",
    )


def _plain(message: str) -> str:
    first = message.splitlines()[0].removesuffix(".")
    return f"{first[:1].lower()}{first[1:]}"


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number - 1] if 0 < number <= len(lines) else ""


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _is_nested_too_deeply(text: str) -> bool:
    brackets = re.findall(r"[\[\]{}]", text)
    depths = itertools.accumulate(1 if bracket in "[{" else -1 for bracket in brackets)
    return any(depth > _DEEPEST_NESTING for depth in depths)
