"""Findings as commands of GitHub's workflow log, which it shows beside the lines of a pull request.

Source: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Iterable

from layerforge.model.finding import Severity
from layerforge.report.located import Located

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def format_annotations(located: Iterable[Located]) -> str:
    """One line for each finding; nothing if there is none."""
    return "".join(f"{_annotation(one)}\n" for one in located)


def _annotation(one: Located) -> str:
    properties = {"file": one.path, "line": one.line, "title": f"layerforge {one.finding.code}"}
    told = ",".join(f"{key}={_escape_property(str(value))}" for key, value in properties.items() if value)
    return f"::{_COMMANDS[one.finding.severity]} {told}::{_escape(one.text)}"


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
