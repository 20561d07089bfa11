"""Where in the user's files a finding is, for formats that point at lines."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from layerforge.model.finding import Finding
from layerforge.model.url import redact

# `path:line`, `path: key` or `path` (as errors and findings name places).
_WHERE = re.compile(r"(?P<path>[^:\n]+?)(?::(?P<line>[0-9]+))?(?::? .*)?", re.DOTALL)
# The requirement that a detail names: `required by middle 2.0 (functions/orders/requirements.in:4)`.
_NAMED = re.compile(r"(?:required by |\()(?P<path>[^\s():]+):(?P<line>[0-9]+)\)?")
# The same in a sentence, which may hold other things in parentheses.
_TOLD = re.compile(r"required by (?:[^()\n]+ \()?(?P<path>[^\s():,]+):(?P<line>[0-9]+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Located:
    """A finding without secrets, and its file (relative, with `/`) and line as far as they are known."""

    finding: Finding
    path: str | None = None
    line: int | None = None

    @property
    def text(self) -> str:
        """Everything that the finding says, in lines."""
        hint = (f"hint: {self.finding.hint}",) if self.finding.hint else ()
        return "\n".join((self.finding.sentence, *self.finding.details, *hint))


def locate(findings: Iterable[Finding], *, prefix: str = "") -> list[Located]:
    """Find the place of each finding: its own, or else that of the first requirement that it names.

    `prefix` is the project's folder as seen from the repository's (`services/shop`, or empty).
    """
    return [_locate(_redacted(finding), prefix) for finding in findings]


def _locate(finding: Finding, prefix: str) -> Located:
    match = _WHERE.fullmatch(finding.where) if finding.where else _named(finding)
    if match is None:
        return Located(finding=finding)
    path = posixpath.normpath(posixpath.join(prefix, match["path"]))
    return Located(finding=finding, path=path, line=int(match["line"]) if match["line"] else None)


def _named(finding: Finding) -> re.Match[str] | None:
    told = _TOLD.search(finding.sentence)
    return told or next((match for line in finding.details if (match := _NAMED.search(line))), None)


def _redacted(finding: Finding) -> Finding:
    return replace(
        finding,
        sentence=redact(finding.sentence),
        details=tuple(redact(line) for line in finding.details),
        hint=finding.hint and redact(finding.hint),
    )
