"""`layerforge check`: limits and lock freshness, from what is recorded, in a blink."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from layerforge.cache import Cache
from layerforge.commands.options import Options, common_options
from layerforge.commands.pipeline import findings_document
from layerforge.errors import EXIT_LIMIT, EXIT_OK
from layerforge.model.codec import decode, encode
from layerforge.model.counts import count
from layerforge.model.finding import Finding, Severity
from layerforge.model.function import Project
from layerforge.model.sizes import format_size

_KIND = "verdict"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What was found for one state of project, locks and code. Sizes in bytes."""

    findings: tuple[Finding, ...]
    functions: int
    largest: str
    largest_size: int
    limit: int


@click.command("check")
@common_options
def command(options: Options) -> int:
    """Hold every function against Lambda's limits and your budgets.

    Reads the lock, the templates and the code; needs neither network nor a resolver. Exit 3 if
    the lock is stale, 5 if a limit is exceeded.
    """
    cache = Cache()
    verdict = _verdict(options, cache)
    options.output.findings(verdict.findings)
    options.output.result(lambda: _document(verdict), lambda: _summary(verdict))
    return EXIT_LIMIT if _errors(verdict.findings) else EXIT_OK


def _verdict(options: Options, cache: Cache) -> Verdict:
    from layerforge.commands.pipeline import measure_code, recall_project

    project, snapshot = recall_project(options, cache)
    code_sizes = measure_code(project)
    if snapshot is None:
        return _judge(project, code_sizes)
    key = _key(snapshot.key, project, code_sizes)
    verdict = _recall_verdict(cache, key)
    if verdict is None:
        verdict = _judge(project, code_sizes)
        cache.write_facts(_KIND, key, encode(verdict))
    return verdict


def _recall_verdict(cache: Cache, key: str) -> Verdict | None:
    try:
        verdict = decode(cache.read_facts(_KIND, key), (Verdict, Finding, Severity))
    except (KeyError, TypeError):
        return None
    return verdict if isinstance(verdict, Verdict) else None


def _key(snapshot_key: str, project: Project, code_sizes: dict[str, int]) -> str:
    from layerforge.resolve.lock_files import lock_paths

    digest = hashlib.sha256(snapshot_key.encode())
    for path in lock_paths(project.root):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    digest.update(repr(sorted(code_sizes.items())).encode())
    return digest.hexdigest()


def _judge(project: Project, code_sizes: dict[str, int]) -> Verdict:
    from layerforge.commands.pipeline import plan_layers, stale_error
    from layerforge.resolve.freshness import stale_reasons
    from layerforge.resolve.lockfile import read_locks

    locks = read_locks(project.root)
    reasons = stale_reasons(project, locks)
    if reasons:
        raise stale_error(reasons, missing=not locks)
    planned = plan_layers(project, locks, code_sizes)
    largest = max(
        planned.plan.functions, key=lambda f: (f.unzipped_size / max(f.limit, 1), f.function), default=None
    )
    return Verdict(
        findings=(*project.findings, *planned.findings),
        functions=len(planned.plan.functions),
        largest=largest.function if largest else "",
        largest_size=largest.unzipped_size if largest else 0,
        limit=largest.limit if largest else project.settings.limits.unzipped,
    )


def _errors(findings: Sequence[Finding]) -> int:
    return sum(1 for finding in findings if finding.severity is Severity.ERROR)


def _summary(verdict: Verdict) -> str:
    if errors := _errors(verdict.findings):
        return f"{count(errors, 'problem')} in {count(verdict.functions, 'function')}"
    are = "is" if verdict.functions == 1 else "are"
    return (
        f"{count(verdict.functions, 'function')} {are} within the limits; the largest, {verdict.largest}, "
        f"uses {format_size(verdict.largest_size)} of {format_size(verdict.limit)}"
    )


def _document(verdict: Verdict) -> dict[str, Any]:
    return {
        "ok": not _errors(verdict.findings),
        "functions": verdict.functions,
        "largest": {
            "function": verdict.largest,
            "unzipped_size": verdict.largest_size,
            "limit": verdict.limit,
        },
        "findings": findings_document(verdict.findings),
    }
