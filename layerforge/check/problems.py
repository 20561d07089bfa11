"""From single problems in built zips to findings: those of one cause are told once, with all their files."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from layerforge.model.counts import count
from layerforge.model.finding import Finding, Severity

_LINES_SHOWN = 5
_PLURALS = {"is": "are", "has": "have", "needs": "need", "runs": "run", "lies": "lie"}
_ORDER = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Something about one file of a zip, to be told with others of its kind.

    `zip` is the layer's name or the function's, `place` how a sentence calls it, `owner` the
    distribution that brings the file. The sentence is `path verb item rest`; where items differ, it
    counts them as `items` (a plural). `names` are what `[check] ignore` may name beside the path, the
    owner and the zip.
    """

    severity: Severity
    code: str
    zip: str
    place: str
    path: str
    verb: str
    rest: str
    item: str = ""
    items: str = ""
    owner: str | None = None
    hint: str | None = None
    names: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    functions: frozenset[str] = field(default_factory=frozenset)

    def is_ignored(self, patterns: Iterable[str]) -> bool:
        """Whether one of `patterns` (`CODE`, or `CODE:GLOB`) means it."""
        owner = self.owner.split(" ")[0] if self.owner else ""
        names = (self.path, self.path.rpartition("/")[2], owner, self.owner or "", self.zip, *self.names)
        return is_ignored(patterns, self.code, names)


def is_ignored(patterns: Iterable[str], code: str, names: Iterable[str]) -> bool:
    """Whether one of `patterns` (`CODE`, or `CODE:GLOB`) means what has this code, by one of its names."""
    for pattern in patterns:
        meant, colon, glob = pattern.partition(":")
        if meant == code and (not colon or any(fnmatch.fnmatchcase(name, glob) for name in names)):
            return True
    return False


def make_findings(problems: Iterable[Problem], ignored: Sequence[str] = ()) -> tuple[Finding, ...]:
    """The findings of all that is not ignored: errors first, then by zip and sentence."""
    groups: dict[tuple[object, ...], list[Problem]] = {}
    for one in problems:
        if not one.is_ignored(ignored):
            key = (one.severity, one.code, one.zip, one.place, one.owner, one.verb, one.rest, one.hint)
            groups.setdefault(key, []).append(one)
    findings = [_finding(group) for group in groups.values()]
    return tuple(
        sorted(findings, key=lambda one: (_ORDER[one.severity], one.subject, one.code, one.sentence))
    )


def _finding(group: Sequence[Problem]) -> Finding:
    first = group[0]
    paths = sorted({one.path for one in group})
    items = sorted({one.item for one in group if one.item})
    subject, verb = (
        (paths[0], first.verb) if len(paths) == 1 else (count(paths, "file"), _PLURALS[first.verb])
    )
    where = f"of {first.owner} ({first.place})" if first.owner else f"of {first.place}"
    item = "".join(items) if len(items) < 2 else f"{len(items)} {first.items}"
    rest = first.rest if first.rest.startswith(",") or not item else f" {first.rest}"
    lines = [*dict.fromkeys(line for one in group for line in one.details)]
    if len(items) > 1:
        listed = _item_lines(group, items)
    else:
        # Where each file has a line of its own, that line names it.
        listed = _shown(paths if len(paths) > max(1, len(lines)) else ())
    details = (*listed, *_shown(lines), *_mounted_by(group))
    return Finding(
        severity=first.severity,
        code=first.code,
        subject=first.zip,
        sentence=f"{subject} {where} {verb} {item}{rest}",
        details=details,
        hint=first.hint,
    )


def _shown(lines: Sequence[str]) -> tuple[str, ...]:
    more = len(lines) - _LINES_SHOWN
    return (*lines[:_LINES_SHOWN], *([f"and {more} more"] if more > 0 else ()))


def _item_lines(group: Sequence[Problem], items: Sequence[str]) -> tuple[str, ...]:
    """Each item with the files that it is about, those of most files first."""
    files = {item: sorted({one.path for one in group if one.item == item}) for item in items}
    ordered = sorted(items, key=lambda item: (-len(files[item]), item))
    return _shown([f"{item}  {_some(files[item])}" for item in ordered])


def _some(paths: Sequence[str]) -> str:
    return paths[0] + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")


def _mounted_by(group: Sequence[Problem]) -> tuple[str, ...]:
    functions = sorted({name for one in group for name in one.functions})
    if not functions or functions == [group[0].zip]:
        return ()
    more = len(functions) - _LINES_SHOWN
    told = ", ".join(functions[:_LINES_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return (f"mounted by {told}",)
