"""The table of verified functions, and its document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from layerforge.model.counts import count
from layerforge.model.finding import Severity
from layerforge.model.sizes import format_size
from layerforge.report.columns import AnyColumn, Column, lay_out
from layerforge.report.tables import SHOWN_ROWS
from layerforge.verify.values import FunctionReport, ImportTime, Invocation

_SLOWEST = 3
_SHOWN_RESPONSE = 200


def format_verification(reports: Sequence[FunctionReport], *, width: int | None) -> str:
    """Lay out a row for each function: those with errors first, then the slowest.

    `width` as for other tables: columns go until it fits, and only the first rows are shown.
    """
    ordered = sorted(reports, key=lambda r: (r.ok, -(r.import_time or 0), r.function))
    shown = ordered if width is None else ordered[:SHOWN_ROWS]
    columns: list[AnyColumn] = [
        Column("function", [report.function for report in shown]),
        Column("target", [report.target.name for report in shown]),
        Column("result", ["ok" if report.ok else _errors(report) for report in shown]),
        Column("import", [_seconds(report.import_time) for report in shown], right=True),
        Column("memory", [_size(report.peak_memory) for report in shown], right=True),
        *_invocations(shown),
        Column("slowest imports", [_slowest(report) for report in shown]),
    ]
    lines = lay_out(columns, width, dispensable=("target", "slowest imports", "memory"))
    if rest := len(ordered) - len(shown):
        lines.append(f"and {rest} more; -v shows all")
    return "\n".join([*lines, "", *_responses(shown), summarise(reports)])


def summarise(reports: Sequence[FunctionReport]) -> str:
    """The last line: how many functions are fine."""
    bad = sum(1 for report in reports if not report.ok)
    if bad:
        return f"{bad} of {count(reports, 'function')} would fail"
    return f"{count(reports, 'function')} verified"


def verification_document(report: FunctionReport) -> dict[str, Any]:
    """A function as --json shows it; findings stand beside it, for all functions."""
    return {
        "target": report.target.name,
        "ok": report.ok,
        "import_seconds": report.import_time,
        "peak_memory": report.peak_memory,
        "imports": [
            {"module": one.module, "self_ms": one.self_ms, "cumulative_ms": one.cumulative_ms}
            for one in report.imports
        ],
        "modules_used": list(report.modules_used),
        "invocation": _invocation_document(report.invocation),
    }


def _invocation_document(told: Invocation | None) -> dict[str, Any] | None:
    if told is None:
        return None
    return {
        "ok": told.ok,
        "status": told.status,
        "seconds": told.seconds,
        "response": told.response,
        "truncated": told.truncated,
        "error": told.error,
        "details": list(told.details),
    }


def slowest_packages(imports: Sequence[ImportTime]) -> tuple[ImportTime, ...]:
    """Return the slowest whole packages: what lies inside of one is part of its time."""
    return tuple(one for one in imports if "." not in one.module)[:_SLOWEST]


def _slowest(report: FunctionReport) -> str:
    return ", ".join(f"{one.module} {one.cumulative_ms:.0f} ms" for one in slowest_packages(report.imports))


def _responses(reports: Sequence[FunctionReport]) -> list[str]:
    """What handlers answered, one line each, shortened; the whole is for --json."""
    return [
        f"{report.function} answered {_shorten(report.invocation.response)}"
        for report in reports
        if report.invocation and report.invocation.ok and report.invocation.response
    ]


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_RESPONSE else f"{line[:_SHOWN_RESPONSE]} ..."


def _errors(report: FunctionReport) -> str:
    return count(sum(1 for finding in report.findings if finding.severity is Severity.ERROR), "error")


def _invocations(reports: Sequence[FunctionReport]) -> tuple[Column, ...]:
    if all(report.invocation is None for report in reports):
        return ()
    return (Column("invoked", [_invoked(report.invocation) for report in reports], right=True),)


def _invoked(told: Invocation | None) -> str:
    if told is None:
        return "-"
    return _seconds(told.seconds) if told.ok else "failed"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f} s"


def _size(size: int | None) -> str:
    return "-" if size is None else format_size(size)
