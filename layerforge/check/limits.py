"""Lambda's limits and the user's budgets, held against a plan from recorded sizes alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from layerforge.check.chains import required_by
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import Function
from layerforge.model.limits import UNZIPPED_LIMIT
from layerforge.model.lock import Lock
from layerforge.model.plan import Demand, FunctionPlan, LayerPlan, PlannedLayer
from layerforge.model.sizes import format_size

_LARGEST_SHOWN = 5


def find_limit_problems(
    plan: LayerPlan,
    demands: Sequence[Demand],
    locks: Sequence[Lock],
    functions: Iterable[Function],
    *,
    layer_limit: int | None = None,
) -> tuple[Finding, ...]:
    """Return what exceeds a limit (errors), comes near one, or cannot be judged (warnings).

    `layer_limit`: what the user lets a layer hold, in bytes unzipped.
    """
    demand_of = {demand.function: demand for demand in demands}
    lock_of = {roots.function: lock for lock in locks for roots in lock.functions}
    findings: list[Finding] = []
    for planned in plan.functions:
        demand, lock = demand_of[planned.function], lock_of.get(planned.function)
        findings += _judge(planned, demand, lock)
    layers = [
        _large_layer(layer, layer_limit)
        for layer in plan.layers
        if layer_limit is not None and layer.unzipped_size > layer_limit
    ]
    return (*findings, *layers, *_unknown_layers(functions))


def _judge(planned: FunctionPlan, demand: Demand, lock: Lock | None) -> list[Finding]:
    limits = demand.limits
    total = planned.unzipped_size if not planned.infeasible else demand.smallest_size
    name = planned.function
    if total > limits.unzipped:
        over = total - limits.unzipped
        return [
            Finding(
                severity=Severity.ERROR,
                code="unzipped-size",
                subject=name,
                sentence=f"{name} needs {format_size(total)} unzipped, "
                f"{format_size(over)} ({over:,} bytes) over {_limit_name(demand)}",
                details=_dominating(demand, lock),
                hint=_smaller_hint(demand),
            )
        ]
    if planned.infeasible:
        return [
            Finding(
                severity=Severity.ERROR,
                code="no-plan",
                subject=name,
                sentence=f"{name} cannot be given its layers: {planned.infeasible}",
                details=_dominating(demand, lock),
                hint=f"take fewer layers from elsewhere with {name}, or ship it as a container image",
            )
        ]
    if total > limits.unzipped * limits.warn_at:
        return [
            Finding(
                severity=Severity.WARNING,
                code="near-limit",
                subject=name,
                sentence=f"{name} uses {format_size(total)} of {format_size(limits.unzipped)} unzipped",
                details=_dominating(demand, lock),
            )
        ]
    return []


def _limit_name(demand: Demand) -> str:
    if demand.limits.unzipped == UNZIPPED_LIMIT:
        return f"Lambda's {UNZIPPED_LIMIT // 2**20} MB"
    return f"the {format_size(demand.limits.unzipped)} that [{demand.limits_key}] allows"


def _dominating(demand: Demand, lock: Lock | None) -> tuple[str, ...]:
    """Return the largest parts, each with the requirement that brought it in."""
    rows = [("its own code", demand.code_size, ""), ("layers from elsewhere", demand.external_size, "")]
    distributions = lock.by_name() if lock else {}
    roots = next((f.roots for f in lock.functions if f.function == demand.function), ()) if lock else ()
    for item in demand.needs | demand.bundled:
        asked = f"required by {required_by(distributions, roots, item.name)}"
        rows.append((f"{item.name} {item.version}", item.unzipped_size, asked))
    return _table(sorted((row for row in rows if row[1]), key=lambda row: (-row[1], row[0])))


def _table(rows: Sequence[tuple[str, int, str]]) -> tuple[str, ...]:
    """The first rows: what, its bytes, and a remark, in columns."""
    rows = rows[:_LARGEST_SHOWN]
    width = max((len(row[0]) for row in rows), default=0)
    sizes = [format_size(row[1]) for row in rows]
    size_width = max(map(len, sizes), default=0)
    return tuple(
        f"{row[0]:<{width}}  {size:>{size_width}}   {row[2]}".rstrip()
        for row, size in zip(rows, sizes, strict=True)
    )


def _smaller_hint(demand: Demand) -> str:
    parts = {item.name: item.unzipped_size for item in demand.needs | demand.bundled}
    largest = max(sorted(parts), key=lambda name: parts[name], default="")
    needed = parts.get(largest, 0)
    if demand.code_size >= max(needed, demand.external_size):
        wanted = "make its own code smaller (data can lie in S3)"
    elif demand.external_size > needed:
        wanted = "take smaller layers from elsewhere"
    else:
        wanted = f"do without {largest}; `layerforge plan` shows what it carries"
    return f"split {demand.function}, or {wanted}. A container image may hold 10 GB"


def _large_layer(layer: PlannedLayer, limit: int) -> Finding:
    size = layer.unzipped_size
    largest = sorted(layer.items, key=lambda item: (-item.unzipped_size, item.name))
    parted = (
        f'give a part of it a layer of its own ([plan.layers.NAME] distributions = ["{largest[0].name}"])'
    )
    alone = largest[0].unzipped_size > limit
    return Finding(
        severity=Severity.ERROR,
        code="layer-size",
        subject=layer.name,
        sentence=f"layer {layer.name} holds {format_size(size)} unzipped, {format_size(size - limit)} "
        f"({size - limit:,} bytes) over the {format_size(limit)} that [limits] layer allows",
        details=_table([(f"{item.name} {item.version}", item.unzipped_size, "") for item in largest]),
        hint=f"{largest[0].name} alone is larger: raise layer in [limits]" if alone else parted,
    )


def _unknown_layers(functions: Iterable[Function]) -> list[Finding]:
    """Warn once of each layer from elsewhere, however many functions take it (Globals: all of them)."""
    takers: dict[str, list[Function]] = {}
    for function in functions:
        for layer in function.external_layers:
            if layer.unzipped_size is None:
                takers.setdefault(layer.arn, []).append(function)
    return [_unknown_layer(arn, takers[arn]) for arn in sorted(takers)]


def _unknown_layer(arn: str, takers: Sequence[Function]) -> Finding:
    names = [function.name for function in takers]
    others = len(names) - 1
    more = f" and {others} other function{'s' if others > 1 else ''} take" if others else " takes"
    return Finding(
        severity=Severity.WARNING,
        code="unknown-layer-size",
        subject=names[0],
        sentence=f"{names[0]}{more} {arn}, whose size is not known: it counts as 0 bytes",
        where=str(takers[0].origin),
        hint=f'write its unzipped size into layerforge.toml, under [layer-sizes]: "{arn}" = "12 MB"',
    )
