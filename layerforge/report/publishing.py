"""Plans of publishing, what became of them, and what could be retired: as tables and as documents."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from layerforge.model.counts import count
from layerforge.model.layer_arn import parse_layer_arn
from layerforge.model.publishing import published_document
from layerforge.model.sizes import format_size
from layerforge.publish.attaching import AttachedFunction
from layerforge.publish.execution import Outcome
from layerforge.publish.pruning import HeldVersion
from layerforge.publish.rollback import Rollback
from layerforge.publish.values import Attach, Ours, Permit, PublishPlan, Retire, Slot
from layerforge.report.columns import AnyColumn, Column, lay_out
from layerforge.report.tables import SHOWN_ROWS

_SHOWN_USERS = 3


def format_plan(plan: PublishPlan, *, width: int | None) -> str:
    """What would be done, one line for each step, and a sentence that sums it up."""
    rows = [
        *(
            (
                step.region,
                "publish",
                step.layer.name,
                format_size(step.layer.zipped_size),
                _way(step.upload.bucket),
            )
            for step in plan.publish
        ),
        *((step.region, "permit", step.layer, "", _permission(step)) for step in plan.permit),
        *(
            (step.region, "attach", _function(step.function, step.name), "", _change(step))
            for step in plan.attach
        ),
        *(
            (step.region, "retire", f"{step.layer}:{step.version}", _size(step.size), "")
            for step in plan.retire
        ),
    ]
    table = _table(rows, ("region", "what", "of", "zipped", "how"), width=width)
    return "\n".join([*table, *([""] if table else []), _sum_up_plan(plan)])


def _table(rows: Sequence[tuple[str, ...]], titles: Sequence[str], *, width: int | None) -> list[str]:
    if not rows:
        return []
    shown = rows if width is None else rows[:SHOWN_ROWS]
    columns: list[AnyColumn] = [
        Column(title, [row[at] for row in shown], right=title in {"zipped", "version"})
        for at, title in enumerate(titles)
        if any(row[at] for row in rows)
    ]
    lines = lay_out(columns, width, dispensable=("zipped", "how", "created"))
    if rest := len(rows) - len(shown):
        lines.append(f"and {rest} more; -v shows all")
    return lines


def _way(bucket: str | None) -> str:
    return f"through s3://{bucket}" if bucket else ""


def _permission(step: Permit) -> str:
    added = [f"+ {grant}" for grant in step.add]
    removed = [f"- {statement.grant or statement.id}" for statement in step.remove]
    return ", ".join([*added, *removed])


def _function(function: str, name: str) -> str:
    return function if function == name else f"{function} ({name})"


def _change(step: Attach) -> str:
    """Only what changes: `a:3 -> new, + b:new, - c:7`; what stays is not told."""
    parts = describe_change([_name(slot) for slot in step.before], [_name(slot) for slot in step.after])
    if step.alias is not None:
        parts.append(f"alias {step.alias.name}" if step.alias.name else "a version of it")
    return ", ".join(parts)


def describe_change(before: Sequence[tuple[str, str]], after: Sequence[tuple[str, str]]) -> list[str]:
    """How layers, as names and versions, differ: replaced, added, removed, or only in another order."""
    left, right = dict(before), dict(after)
    parts = [
        *(
            f"{name}:{left[name]} -> {version}"
            for name, version in after
            if left.get(name, version) != version
        ),
        *(f"+ {name}:{version}" for name, version in after if name not in left),
        *(f"- {name}:{version}" for name, version in before if name not in right),
    ]
    return parts or (["another order"] if before != after else [])


def _name(slot: Slot) -> tuple[str, str]:
    """Name and version of a layer."""
    if isinstance(slot, Ours):
        return slot.name, "new"
    name, _, version = slot.rpartition(":")
    return name.rpartition(":")[2], version


def _short(arn: str) -> str:
    parsed = parse_layer_arn(arn)
    return parsed.short if parsed else arn


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"


def _size(size: int | None) -> str:
    return "" if size is None else format_size(size)


def _sum_up_plan(plan: PublishPlan) -> str:
    if plan.is_empty:
        return f"nothing to do: {count(plan.reuse, 'layer version')} {_are(plan.reuse)} as wanted"
    parts = [
        *(
            [f"publish {count(plan.publish, 'layer version')} ({format_size(plan.upload_size)})"]
            if plan.publish
            else []
        ),
        *([f"take {len(plan.reuse)} as they are"] if plan.reuse else []),
        *([f"change who may use {len(plan.permit)}"] if plan.permit else []),
        *([f"attach to {count(plan.attach, 'function')}"] if plan.attach else []),
        *([f"retire {len(plan.retire)}"] if plan.retire else []),
    ]
    return f"would {', '.join(parts)}"


def _are(things: Sequence[object]) -> str:
    return "is" if len(things) == 1 else "are"


def format_outcome(outcome: Outcome, *, width: int | None) -> str:
    """ARNs of all layer versions, what was attached, and a sentence that sums it up."""
    lines: list[str] = []
    if outcome.layers:
        layers = sorted(outcome.layers, key=lambda layer: (layer.region, layer.name))
        lines += lay_out(
            [
                Column("layer version", [layer.arn for layer in layers]),
                Column("done", ["published" if layer.new else "as it was" for layer in layers]),
            ],
            None,
        )
    if outcome.attached:
        lines += [
            "",
            *_table(
                [
                    (
                        one.region,
                        _function(one.function, one.name),
                        _listed([_short(arn) for arn in one.layers]),
                        _moved(one),
                    )
                    for one in outcome.attached
                ],
                ("region", "function", "layers", "alias"),
                width=width,
            ),
        ]
    return "\n".join([*lines, "", sum_up_outcome(outcome)])


def _moved(done: AttachedFunction) -> str:
    if done.alias:
        return f"{done.alias} -> {done.version}"
    return f"version {done.version}" if done.version else ""


def sum_up_outcome(outcome: Outcome) -> str:
    """The last line."""
    new = [layer for layer in outcome.layers if layer.new]
    same = len(outcome.layers) - len(new)
    parts = []
    if new:
        parts.append(f"published {count(new, 'layer version')}")
    if same:
        parts.append(f"{count(same, 'layer version')} {'is' if same == 1 else 'are'} as wanted")
    if outcome.permitted:
        parts.append(f"changed who may use {len(outcome.permitted)}")
    if outcome.attached:
        parts.append(f"attached to {count(outcome.attached, 'function')}")
    if outcome.restored:
        parts.append(f"put {count(outcome.restored, 'function')} back as before")
    if outcome.retired:
        parts.append(f"deleted {count(outcome.retired, 'version')}")
    text = ", ".join(parts) or "nothing was done"
    left = len(outcome.failures) + outcome.skipped
    if left:
        return f"{text}; {count(left, 'step')} left"
    changed = new or outcome.permitted or outcome.attached or outcome.retired
    return text if changed else f"{text}: nothing was done"


def plan_document(plan: PublishPlan) -> dict[str, Any]:
    """A plan as `--dry-run --json` shows it."""
    return {
        "publish": [
            {
                "region": step.region,
                "name": step.layer.name,
                "code_sha256": step.layer.code_sha256,
                "zipped_size": step.layer.zipped_size,
                "description": step.layer.metadata.description,
                "license": step.layer.metadata.license,
                "bucket": step.upload.bucket,
                "key": step.upload.key,
            }
            for step in plan.publish
        ],
        "reuse": [
            {
                "region": step.region,
                "name": step.layer.name,
                "version": step.version.version,
                "arn": step.version.arn,
            }
            for step in plan.reuse
        ],
        "permit": [
            {
                "region": step.region,
                "name": step.layer,
                "add": [str(grant) for grant in step.add],
                "remove": [str(statement.grant or statement.id) for statement in step.remove],
            }
            for step in plan.permit
        ],
        "attach": [
            {
                "region": step.region,
                "function": step.function,
                "name": step.name,
                "before": list(step.before),
                "after": [slot.name if isinstance(slot, Ours) else slot for slot in step.after],
                "alias": step.alias.name if step.alias else None,
            }
            for step in plan.attach
        ],
        "retire": _retirements_document(plan.retire),
    }


def _retirements_document(steps: Iterable[Retire]) -> list[dict[str, Any]]:
    return [
        {
            "region": step.region,
            "name": step.layer,
            "version": step.version,
            "arn": step.arn,
            "size": step.size,
        }
        for step in steps
    ]


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """What became of a plan, as `--json` shows it."""
    return {
        "layers": published_document(outcome.layers),
        "functions": functions_document(outcome.attached),
        "restored": functions_document(outcome.restored),
        "permitted": [
            {"region": step.region, "name": step.layer, "add": [str(grant) for grant in step.add]}
            for step in outcome.permitted
        ],
        "retired": _retirements_document(outcome.retired),
        "failures": [
            {
                "step": failure.step,
                "sentence": failure.error.headline,
                "code": failure.error.code or None,
                "hint": failure.error.hint,
            }
            for failure in outcome.failures
        ],
        "skipped": outcome.skipped,
    }


def functions_document(functions: Iterable[AttachedFunction]) -> list[dict[str, Any]]:
    """Functions and their layers, now and before."""
    return [
        {
            "region": one.region,
            "function": one.function,
            "name": one.name,
            "before": list(one.before),
            "layers": list(one.layers),
            "alias": one.alias,
            "version": one.version,
        }
        for one in functions
    ]


def format_rollbacks(steps: Sequence[Rollback], *, width: int | None) -> str:
    """What each function gets back."""
    rows = [
        (
            step.region,
            _function(step.function, step.name),
            ", ".join(
                describe_change([_name(arn) for arn in step.now], [_name(arn) for arn in step.before.layers])
            ),
            f"{step.before.alias} -> {step.before.version}" if step.before.alias else "",
        )
        for step in steps
    ]
    return "\n".join(_table(rows, ("region", "function", "layers", "alias"), width=width))


def format_versions(versions: Sequence[HeldVersion], *, width: int | None) -> str:
    """Every version, who uses it, and whether it goes: those that go first."""
    ordered = sorted(versions, key=lambda one: not one.goes)
    rows = [
        (
            one.region,
            one.layer,
            str(one.version),
            one.created[:10],
            _size(one.size),
            "goes" if one.goes else "stays",
            _users(one) or ("nobody" if one.goes else "nobody, one of the last"),
        )
        for one in ordered
    ]
    titles = ("region", "layer", "version", "created", "zipped", "", "used by")
    return "\n".join(_table(rows, titles, width=width))


def _users(held: HeldVersion) -> str:
    names = [str(use) for use in held.users[:_SHOWN_USERS]]
    rest = len(held.users) - len(names)
    return ", ".join(names) + (f" and {rest} more" if rest else "")


def versions_document(versions: Iterable[HeldVersion]) -> list[dict[str, Any]]:
    """Every version as `prune --json` shows it."""
    return [
        {
            "region": one.region,
            "name": one.layer,
            "version": one.version,
            "arn": one.arn,
            "created": one.created,
            "used_by": [
                {"function": use.function, "version": use.version, "aliases": list(use.aliases)}
                for use in one.users
            ],
            "size": one.size,
            "goes": one.goes,
        }
        for one in versions
    ]
