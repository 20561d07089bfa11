"""A problem or a remark that a stage found, as a value: output decides how it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is: an error fails the command, the others are shown."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """`code` is stable and kebab-case (`runtime-deprecated`), for machines and for ignoring."""

    severity: Severity
    code: str
    subject: str
    sentence: str
    where: str | None = None
    details: tuple[str, ...] = ()
    hint: str | None = None
