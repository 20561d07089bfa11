"""What `why` answers, as text and as a document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from layerforge.check.chains import Chain, Chains, describe_asker
from layerforge.model.counts import count
from layerforge.model.lock import Distribution, Edge, Root
from layerforge.model.sizes import format_size
from layerforge.report.columns import AnyColumn, Column, lay_out
from layerforge.report.tables import SHOWN_ROWS
from layerforge.report.why import Locked, Offer, Reason
from layerforge.resolve.freshness import display

_SHOWN_OTHERS = 5


def format_reason(
    name: str, reason: Reason, others: Sequence[Reason], locked: Locked, *, width: int | None
) -> str:
    """Why one function has (or has not) the distribution: every chain, place by place."""
    lock, _ = locked.served()[reason.function]
    held = lock.by_name()
    lines = [_headline(name, reason)]
    for chain in reason.chains.shown:
        lines += ["", *_chain_lines(chain, held, _marker(chain.root, reason.function, locked))]
    if more := _more(reason.chains):
        lines += ["", more]
    lines += _missing_lines(reason, held)
    if other := _others(reason, others, width):
        lines += ["", other]
    return "\n".join(lines)


def _headline(name: str, reason: Reason) -> str:
    what = f"{name} {reason.version}" if reason.version else name
    if not reason.needed:
        carried = f", but carries it in {' and '.join(reason.layers)}" if reason.layers else ""
        return f"{reason.function} ({reason.target.name}) does not need {name}{carried}"
    size = format_size(reason.unzipped_size or 0)
    if reason.provided:
        return f"{reason.function} ({reason.target.name}) needs {what} ({size}), which the runtime provides"
    where = f" in {' and '.join(reason.layers)}" if reason.layers else ""
    return f"{reason.function} ({reason.target.name}) needs {what} ({size}{where})"


def _chain_lines(chain: Chain, held: dict[str, Distribution], marker: str | None) -> list[str]:
    condition = f"; {marker}" if marker else ""
    lines = [f"{chain.root.origin} asks for {display_root(chain.root)}{condition}"]
    for owner, edge in zip(chain.owners, chain.edges, strict=True):
        opened = f"[{edge.extra}]" if edge.extra else ""
        lines.append(f"  {owner}{opened} {held[owner].version} asks for {display_edge(edge)}")
    return lines


def display_root(root: Root) -> str:
    """`pydantic[email]>=2`, as a requirement file says it."""
    extras = f"[{','.join(root.extras)}]" if root.extras else ""
    return f"{root.name}{extras}{root.specifier}"


def display_edge(edge: Edge) -> str:
    """`httpx[http2]>=0.28; python_version < "3.14"`, as metadata says it."""
    extras = f"[{','.join(edge.extras)}]" if edge.extras else ""
    return f"{edge.name}{extras}{edge.specifier}" + (f"; {edge.marker}" if edge.marker else "")


def _marker(root: Root, function: str, locked: Locked) -> str | None:
    """The marker of a requirement, which locks do not keep: it holds on their target."""
    (asked,) = [one.requirements.requirements for one in locked.functions if one.name == function]
    return next((one.marker for one in asked if (one.name, one.origin) == (root.name, root.origin)), None)


def _more(chains: Chains) -> str | None:
    if not chains.more and chains.exact:
        return None
    counted = count(chains.more, "more chain") if chains.more else "more chains"
    return f"and {counted}" if chains.exact else f"and at least {counted}"


def _missing_lines(reason: Reason, held: dict[str, Distribution]) -> list[str]:
    if reason.needed:
        return []
    lines = [
        f"{one.origin} asks for {display(one)} only where {one.marker}, which does not hold there"
        for one in reason.elsewhere
    ]
    lines += [
        f"{one.owner} {held[one.owner].version} would bring it with its extra {one.extra}: "
        f"ask for {one.owner}[{one.extra}]"
        for one in reason.offers
    ]
    return ["", *lines] if lines else []


def _others(reason: Reason, others: Sequence[Reason], width: int | None) -> str | None:
    needed = [other.function for other in others if other.needed]
    if not needed:
        return None
    return f"{'also needed' if reason.needed else 'needed'} by {_listed(needed, width)}"


def format_overview(name: str, reasons: Sequence[Reason], locked: Locked, *, width: int | None) -> str:
    """Who needs the distribution: a row for each function, with the requirement that is nearest."""
    needed = [reason for reason in reasons if reason.needed]
    lines = [f"{name} is needed by {len(needed)} of {count(reasons, 'function')}", *_versions(reasons, width)]
    if needed:
        lines += ["", *_overview_rows(needed, locked, width)]
    carried = [reason.function for reason in reasons if reason.layers and not reason.needed]
    if carried:
        lines += ["", f"carried, but not needed, by {_listed(carried, width)}"]
    return "\n".join(lines)


def _versions(reasons: Sequence[Reason], width: int | None) -> list[str]:
    """A line for each version: its bytes, and the layers that hold it."""
    layers: dict[tuple[str, int], dict[str, None]] = {}
    for reason in reasons:
        if reason.version is not None and (reason.needed or reason.layers):
            held = layers.setdefault((reason.version, reason.unzipped_size or 0), {})
            held |= dict.fromkeys(("the runtime",) if reason.provided else reason.layers or ())
    return [
        f"  {version} ({format_size(size)})" + (f" in {_listed(sorted(names), width)}" if names else "")
        for (version, size), names in sorted(layers.items())
    ]


def _overview_rows(needed: Sequence[Reason], locked: Locked, width: int | None) -> list[str]:
    shown = needed if width is None else needed[:SHOWN_ROWS]
    held = {function: lock.by_name() for function, (lock, _) in locked.served().items()}
    columns: list[AnyColumn] = [
        Column("function", [one.function for one in shown]),
        Column("target", [one.target.name for one in shown]),
        Column("version", [one.version or "" for one in shown]),
        Column("required by", [describe_asker(held[one.function], one.chains.shown[0]) for one in shown]),
    ]
    lines = lay_out(columns, width, dispensable=("target", "version"))
    if rest := len(needed) - len(shown):
        lines.append(f"and {rest} more; -v shows all")
    return lines


def _listed(names: Sequence[str], width: int | None) -> str:
    shown = names if width is None else names[:_SHOWN_OTHERS]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def reasons_document(name: str, reasons: Sequence[Reason]) -> dict[str, Any]:
    """The answer as --json shows it."""
    return {"distribution": name, "functions": {one.function: _reason_document(one) for one in reasons}}


def _reason_document(reason: Reason) -> dict[str, Any]:
    return {
        "target": reason.target.name,
        "needed": reason.needed,
        "version": reason.version,
        "unzipped_size": reason.unzipped_size,
        "provided_by_runtime": reason.provided,
        "layers": None if reason.layers is None else list(reason.layers),
        "chains": [_chain_document(chain) for chain in reason.chains.shown],
        "more_chains": reason.chains.more,
        "more_chains_exact": reason.chains.exact,
        "would_come_with": [_offer_document(offer) for offer in reason.offers],
    }


def _offer_document(offer: Offer) -> str:
    return f"{offer.owner}[{offer.extra}]"


def _chain_document(chain: Chain) -> dict[str, Any]:
    return {
        "path": chain.root.origin.path,
        "line": chain.root.origin.line,
        "requirement": display_root(chain.root),
        "steps": [
            {"distribution": owner, "extra": edge.extra, "requirement": display_edge(edge)}
            for owner, edge in zip(chain.owners, chain.edges, strict=True)
        ],
    }
