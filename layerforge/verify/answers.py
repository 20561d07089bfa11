"""What the program in the container answered, read into a report."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from layerforge.errors import ToolError
from layerforge.model.finding import Finding, Severity
from layerforge.verify.explain import Context, explain, shadowed_sdk
from layerforge.verify.values import (
    Failure,
    FunctionCheck,
    FunctionReport,
    ImportTime,
    Invocation,
    NativeFile,
    RaisedError,
)

# Shorter values (`1`, `dev`) are no secrets, and hiding them would hide half of every message.
_SHORTEST_SECRET = 4
_MILLI = 1000
_FUNCTION_ERROR = frozenset({"errorType", "errorMessage", "stackTrace", "requestId"})
_STATUS = {
    "no-emulator": "its image has no Runtime Interface Emulator, so it was not invoked",
    "emulator-ended": "the Runtime Interface Emulator ended before it answered",
    "emulator-silent": "the Runtime Interface Emulator did not start in time",
    "no-response": "the invocation gave no response",
}


def read_report(
    stdout: bytes, check: FunctionCheck, context: Context, secrets: Iterable[str]
) -> FunctionReport:
    """The report of a function. `secrets` are values that must not be shown.

    Raises ToolError if this is no answer of the program.
    """
    try:
        document = json.loads(stdout)
        report = _report(document, check, context)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise ToolError(
            f"the container that verifies {check.function} gave no answer that can be read",
            hint="run it again; if it stays so, see whether the image starts (`layerforge doctor`)",
        ) from error
    return hide_values(report, secrets)


def _report(document: Mapping[str, Any], check: FunctionCheck, context: Context) -> FunctionReport:
    startup = document["startup"]
    invocation = _invocation(document["invocation"])
    findings = (
        *notes(check),
        *_versions(document["versions"], check),
        *unique(explain(read_failure(one), context) for one in document["failures"]),
        *_optional(shadowed_sdk(context, document["sdk"], loaded=bool(startup and startup["sdk_loaded"]))),
        *_optional(_invocation_finding(check.function, invocation)),
    )
    return FunctionReport(
        function=check.function,
        target=check.target,
        findings=findings,
        ok=all(finding.severity is not Severity.ERROR for finding in findings),
        import_time=startup and startup["seconds"],
        peak_memory=startup and startup["peak_memory"],
        imports=_imports(startup["imports"]) if startup else (),
        modules_used=tuple(sorted(startup["loaded"])) if startup else (),
        invocation=invocation,
    )


def _optional(finding: Finding | None) -> tuple[Finding, ...]:
    return () if finding is None else (finding,)


def unique(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once, in order."""
    return tuple(dict.fromkeys(findings))


def read_failure(one: Mapping[str, Any]) -> Failure:
    """A failed step as the program told of it."""
    return Failure(
        step=one["step"],
        what=one["what"],
        ending=one["ending"],
        distribution=one.get("distribution"),
        code=one.get("code"),
        errno=one.get("errno"),
        stderr=tuple(one.get("stderr", ())),
        errors=tuple(_error(error) for error in one.get("errors", ())),
        traceback=tuple(one.get("traceback", ())),
        files=tuple(NativeFile(**file) for file in one.get("files", ())),
        libc=one.get("libc"),
        optional=tuple((name, extra) for name, extra in one.get("optional", ())),
        winner=one.get("winner"),
        winner_path=one.get("winner_path"),
    )


def _error(one: Mapping[str, Any]) -> RaisedError:
    place = one["raised_in"]
    return RaisedError(
        type=one["type"],
        message=one["message"],
        bases=tuple(one["bases"]),
        errno=one["errno"],
        filename=one["filename"],
        name=one["name"],
        path=one["path"],
        raised_in=(place[0], place[1]) if place else None,
    )


def _imports(rows: Iterable[Any]) -> tuple[ImportTime, ...]:
    return tuple(
        ImportTime(module=name, self_ms=own / _MILLI, cumulative_ms=total / _MILLI)
        for name, own, total in rows
    )


def notes(check: FunctionCheck) -> tuple[Finding, ...]:
    """Remarks on what cannot be verified of a function."""
    found = []
    if check.external_layers:
        taken = ", ".join(check.external_layers)
        said = f"{check.function} also takes {taken}, not to be had here: it was verified without"
        found.append(("external-layers", said))
    if check.code is None:
        found.append(("no-code", f"{check.function} has no code here: only its layers were verified"))
    elif check.handler is None:
        found.append(("no-handler", f"{check.function} names no handler: only its layers were verified"))
    return tuple(
        Finding(severity=Severity.NOTE, code=code, subject=check.function, sentence=sentence)
        for code, sentence in found
    )


def _versions(versions: Mapping[str, str | None], check: FunctionCheck) -> tuple[Finding, ...]:
    found = []
    # Where the step itself failed, that is told instead.
    for one in check.distributions if versions else ():
        seen = versions.get(one.name)
        if one.version is None or _same_version(seen, one.version):
            continue
        said = f"finds {one.name} {seen}" if seen else f"does not find {one.name}"
        found.append(
            Finding(
                severity=Severity.ERROR,
                code="metadata-differs" if seen else "metadata-missing",
                subject=check.function,
                sentence=f"{check.function}: importlib.metadata {said}, and {one.version} is locked",
                hint="another layer or the function's code may bring the same distribution; "
                "run `layerforge build` to lay the layers out anew",
            )
        )
    return tuple(found)


def _same_version(seen: str | None, locked: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return seen is not None and Version(seen) == Version(locked)
    except InvalidVersion:
        return seen == locked


def _invocation(told: Mapping[str, Any] | None) -> Invocation | None:
    if told is None:
        return None
    log = tuple(told.get("log", ()))
    if told["status"] != "answered":
        return Invocation(status=told["status"], ok=False, details=(*_lines(told.get("error")), *log))
    error, trace = _function_error(told)
    failed = error is not None or told["http_status"] != 200
    return Invocation(
        status="answered",
        ok=not failed,
        seconds=told["seconds"],
        response=told["body"],
        truncated=told["truncated"],
        error=error or (f"HTTP status {told['http_status']}" if failed else None),
        details=(trace or log) if failed else (),
    )


def _lines(text: str | None) -> tuple[str, ...]:
    return tuple(text.splitlines()) if text else ()


def _function_error(told: Mapping[str, Any]) -> tuple[str | None, tuple[str, ...]]:
    """Type and message of a function's error, and its stack; emulators give it as an answer like others."""
    body = told["body"]
    if "Task timed out after" in body:
        return body.strip(), ()
    try:
        answer = json.loads(body)
    except ValueError:
        return told["function_error"], ()
    if not isinstance(answer, dict) or not answer.keys() <= _FUNCTION_ERROR:
        return told["function_error"], ()
    if "errorMessage" not in answer:
        return told["function_error"], ()
    kind, message = answer.get("errorType"), answer["errorMessage"]
    stack = answer.get("stackTrace") or ()
    lines = tuple(line for entry in stack for line in str(entry).rstrip().splitlines())
    return (f"{kind}: {message}" if kind else str(message)), lines


def _invocation_finding(function: str, invocation: Invocation | None) -> Finding | None:
    if invocation is None or invocation.ok:
        return None
    known = _STATUS.get(invocation.status)
    sentence = f"{function}: {known or f'its invocation failed with {invocation.error}'}"
    return Finding(
        severity=Severity.ERROR,
        code="not-invoked" if known else "invocation-failed",
        subject=function,
        sentence=sentence,
        details=invocation.details[-8:],
        hint="set [container.run-image] to an image with the emulator" if known else None,
    )


def make_hider(secrets: Iterable[str]) -> Callable[[str], str]:
    """A function that takes values of variables out of a text."""
    # Longest first, as one may be part of another; lines of their own, as details are lines.
    pieces = {piece for value in secrets for piece in (value, *value.splitlines())}
    hidden = sorted((piece for piece in pieces if len(piece) >= _SHORTEST_SECRET), key=lambda p: (-len(p), p))

    def hide(text: str) -> str:
        for piece in hidden:
            text = text.replace(piece, "****")
        return text

    return hide


def hide_values(report: FunctionReport, secrets: Iterable[str]) -> FunctionReport:
    """The report without values of variables: code under test may print them, or put them into errors."""
    hide = make_hider(secrets)

    def hide_finding(finding: Finding) -> Finding:
        return dataclasses.replace(
            finding,
            sentence=hide(finding.sentence),
            details=tuple(map(hide, finding.details)),
            hint=finding.hint and hide(finding.hint),
        )

    told = report.invocation
    return dataclasses.replace(
        report,
        findings=tuple(map(hide_finding, report.findings)),
        invocation=told
        and dataclasses.replace(
            told,
            response=told.response and hide(told.response),
            error=told.error and hide(told.error),
            details=tuple(map(hide, told.details)),
        ),
    )
