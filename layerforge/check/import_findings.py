"""From what functions import and ask for to findings: functions that share files are told of together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from layerforge.check.import_tracing import OwnModule
from layerforge.check.problems import is_ignored
from layerforge.check.unused import Declared, ImportVerdict, Undeclared, Unused
from layerforge.model.counts import count
from layerforge.model.finding import Finding, Severity
from layerforge.model.sizes import format_size

_SHOWN = 5


class _Told(NamedTuple):
    """A finding of one function, with `{who}` where it is named; `names` are for `[check] ignore`."""

    severity: Severity
    code: str
    subject: str
    sentence: str
    where: str | None
    details: tuple[str, ...]
    hint: str
    names: tuple[str, ...]


def make_import_findings(
    verdicts: Mapping[str, ImportVerdict], declared: Mapping[str, Declared], ignored: Sequence[str] = ()
) -> tuple[Finding, ...]:
    """The findings of all that is not ignored: warnings first, then by code and subject."""
    told: dict[_Told, list[str]] = {}
    for function, verdict in sorted(verdicts.items()):
        for one in _tell(verdict, declared[function].source):
            if not is_ignored(ignored, one.code, (*one.names, function)):
                told.setdefault(one, []).append(function)
    findings = [_finding(one, functions) for one, functions in told.items()]
    return tuple(
        sorted(findings, key=lambda one: (one.severity is Severity.NOTE, one.code, one.subject, one.sentence))
    )


def _finding(one: _Told, functions: Sequence[str]) -> Finding:
    who = functions[0] if len(functions) == 1 else count(len(functions), "function")
    shared = () if len(functions) == 1 else (f"in {_some(functions)}",)
    return Finding(
        severity=one.severity,
        code=one.code,
        subject=one.subject,
        sentence=one.sentence.replace("{who}", who),
        where=one.where,
        details=(*one.details, *shared),
        hint=one.hint,
    )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _tell(verdict: ImportVerdict, source: str | None) -> Iterator[_Told]:
    for missing in verdict.missing:
        yield _Told(
            severity=Severity.WARNING,
            code="missing-import",
            subject=missing.name,
            sentence=f"{missing.name} is imported by {{who}}, and nothing that it mounts has it",
            where=_place(source, missing.module, missing.line),
            details=(),
            hint="add the distribution that has it to the requirements, or catch its ImportError",
            names=(missing.name, missing.module.path),
        )
    for undeclared in verdict.undeclared:
        yield _undeclared(undeclared, source)
    for unused in verdict.unused:
        yield _unused(unused)
    for broken in verdict.traced.broken:
        yield _Told(
            severity=Severity.NOTE,
            code="unparsed-code",
            subject=broken.module.path,
            sentence=f"a module of {{who}} cannot be parsed, and its imports are not known: {broken.reason}",
            where=_place(source, broken.module, broken.line),
            details=(),
            hint="layerforge parses with the Python that it runs on: newer syntax needs a newer one",
            names=(broken.module.path,),
        )


def _undeclared(one: Undeclared, source: str | None) -> _Told:
    if one.askers:
        severity = Severity.NOTE
        why = f"it comes along with {_some(one.askers)}"
    else:
        severity = Severity.WARNING
        why = "it is there only because other functions of that layer need it"
    return _Told(
        severity=severity,
        code="undeclared-import",
        subject=one.distribution,
        sentence=f"{one.name} is imported by {{who}}, which does not require {one.distribution}: {why}",
        where=_place(source, one.module, one.line),
        details=(),
        hint=f"add {one.distribution} to the requirements: what others bring along may change or go",
        names=(one.distribution, one.name, one.module.path),
    )


def _unused(one: Unused) -> _Told:
    name = one.root.name
    along = (f"brings along {_some(one.along)}",) if one.along else ()
    typing = ("it is imported for type checking only",) if one.is_for_typing else ()
    return _Told(
        severity=Severity.NOTE,
        code="unused-requirement",
        subject=name,
        sentence=f"{name} is required by {{who}} and never imported: {format_size(one.size)}",
        where=str(one.root.origin),
        details=(*typing, *along),
        hint=f'take it out; if it is loaded in another way: [check] ignore = ["unused-requirement:{name}"]',
        names=(name,),
    )


def _place(source: str | None, module: OwnModule, line: int | None) -> str:
    """`functions/orders/app.py:3`: as the user knows the file, where its path is known."""
    path = module.path
    if module.is_code and source and source.endswith(f"/{path}"):
        path = source
    elif module.is_code and source and source not in (".", path) and not source.endswith(".zip"):
        path = f"{source}/{path}"
    return f"{path}:{line}" if line else path
