"""What an audit found, as a table and as a document."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from layerforge.audit.judging import Audit, Vulnerability
from layerforge.model.counts import count
from layerforge.model.url import redact
from layerforge.report.columns import Column, ListColumn, lay_out


def format_audit(audit: Audit, *, service: str, url: str, width: int | None) -> str:
    """Vulnerable distributions by function and by layer, and what was asked."""
    told = [one for one in audit.vulnerabilities if one.counts]
    lines: list[str] = []
    for title, groups in (("function", _by_function(told)), ("layer", _by_layer(told))):
        if groups:
            lines += [*_table(title, groups, width), ""]
    ignored = sum(1 for one in audit.vulnerabilities if not one.counts)
    bad = len({one.exposed.label for one in told})
    found = f"{_vulnerabilities(len(told))} in {bad} of them" if told else "no known vulnerabilities"
    more = f"; {ignored} ignored" if ignored else ""
    asked = f"asked {service} ({redact(url)}) about {count(audit.asked, 'distribution')}"
    if audit.unknown:
        asked += f", {audit.unknown} of which it does not know"
    return "\n".join([*lines, f"{asked}: {found}{more}"])


def _vulnerabilities(number: int) -> str:
    return "1 known vulnerability" if number == 1 else f"{number:,} known vulnerabilities"


def _table(title: str, groups: dict[str, list[Vulnerability]], width: int | None) -> list[str]:
    names = sorted(groups)
    return lay_out(
        [
            Column(title, names),
            Column("vulnerabilities", [str(len(groups[name])) for name in names], right=True),
            ListColumn("of", [sorted({one.exposed.label for one in groups[name]}) for name in names]),
        ],
        width,
    )


def _by_function(found: Iterable[Vulnerability]) -> dict[str, list[Vulnerability]]:
    groups: dict[str, list[Vulnerability]] = {}
    for one in found:
        for function in (*one.exposed.functions, *one.exposed.carriers):
            groups.setdefault(function, []).append(one)
    return groups


def _by_layer(found: Iterable[Vulnerability]) -> dict[str, list[Vulnerability]]:
    groups: dict[str, list[Vulnerability]] = {}
    for one in found:
        for layer in one.exposed.layers:
            groups.setdefault(layer, []).append(one)
    return groups


def audit_document(audit: Audit, *, service: str, url: str) -> dict[str, Any]:
    """All of it, as --json shows it."""
    told = [one for one in audit.vulnerabilities if one.counts]
    return {
        "ok": not told,
        "service": {"name": service, "url": redact(url)},
        "asked": audit.asked,
        "vulnerabilities": [_document(one) for one in audit.vulnerabilities],
        "functions": _ids(_by_function(told)),
        "layers": _ids(_by_layer(told)),
        "not_audited": [{"distribution": one, "reason": why} for one, why in audit.unasked.items()],
    }


def _ids(groups: dict[str, list[Vulnerability]]) -> dict[str, list[str]]:
    return {name: sorted({one.advisory.id for one in groups[name]}) for name in sorted(groups)}


def _document(one: Vulnerability) -> dict[str, Any]:
    advisory, exposed, ignored = one.advisory, one.exposed, one.ignored
    return {
        "name": exposed.distribution.name,
        "version": exposed.distribution.version,
        "id": advisory.id,
        "aliases": list(advisory.aliases),
        "description": advisory.description,
        "fixed_in": list(advisory.fixed_in),
        "functions": list(exposed.functions),
        "carried_by": list(exposed.carriers),
        "layers": list(exposed.layers),
        "ignored": None
        if ignored is None
        else {"reason": ignored.reason, "until": ignored.until, "expired": one.is_expired},
    }
