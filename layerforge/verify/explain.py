"""What a failed step means, and what helps: from what was seen to a finding. Pure, and told as a table."""

from __future__ import annotations

import errno
import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from layerforge.model.finding import Finding, Severity
from layerforge.model.target import Target
from layerforge.verify.values import Failure, NativeFile

_SHOWN_LINES = 8
# e_machine of the ELF specification (https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html).
_MACHINES = {
    3: "i386",
    8: "mips",
    20: "ppc",
    21: "ppc64",
    22: "s390",
    40: "arm",
    62: "x86_64",
    183: "arm64",
    243: "riscv",
}
_MACHINE_OF = {"x86_64": 62, "arm64": 183}
_MISSING_LIBRARY = re.compile(r"(?P<library>\S+\.so[\w.]*): cannot open shared object file: No such file")
_GLIBC = re.compile(
    r"version [`'](?P<version>GLIBC(?:XX)?_[\w.]+)' not found(?: \(required by (?P<file>[^)]+)\))?"
)
_SYMBOL = re.compile(r"(?P<file>/\S+): undefined symbol: (?P<symbol>\w+)")
_NOT_NATIVE = re.compile(r"wrong ELF class|invalid ELF header|ELF file's phentsize|Exec format error")
_PYTHON_TAG = re.compile(r"\.cpython-(?P<minor>3\d+)[a-z]*-")
_SPOKEN = re.compile(
    r"Temporary failure in name resolution|Name or service not known|Network is unreachable"
    r"|Could not connect to the endpoint|NameResolutionError"
)
_NETWORK_TYPES = frozenset(
    {
        "gaierror",
        "EndpointConnectionError",
        "NameResolutionError",
        "ConnectionError",
        "ConnectError",
        "URLError",
    }
)
_NETWORK_NUMBERS = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ECONNREFUSED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """Whose step it was. `providers`: distributions of all built layers, by module."""

    function: str
    target: Target
    providers: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Cause:
    code: str
    sentence: str
    hint: str
    severity: Severity = Severity.ERROR


def explain(failure: Failure, context: Context) -> Finding:
    """The finding of a failed step: what failed and why, the last lines of its traceback, what helps."""
    cause = next(
        (cause for recognise in _CAUSES if (cause := recognise(failure, context)) is not None),
        _unknown(failure),
    )
    lines = failure.traceback or failure.stderr
    # What crashed stands first in what Python says of a crash.
    shown = lines[:_SHOWN_LINES] if failure.ending == "signal" else lines[-_SHOWN_LINES:]
    return Finding(
        severity=cause.severity,
        code=cause.code,
        subject=context.function,
        sentence=f"{context.function}: {_subject(failure)} {cause.sentence}",
        details=tuple(shown),
        hint=cause.hint,
    )


def _subject(failure: Failure) -> str:
    of = f" (of {failure.distribution})" if failure.distribution else ""
    match failure.step:
        case "import":
            return f"import {failure.what}{of}"
        case "script":
            return f"the program {failure.what}{of}"
        case "handler":
            return f"the handler {failure.what}"
        case _:
            return failure.what


def _shadowed(failure: Failure, _context: Context) -> _Cause | None:
    if failure.ending != "shadowed":
        return None
    advice = (
        "rename the module of the function's code"
        if failure.winner == "the function's own code"
        else "remove one of the two distributions, or ask for one that does not bring the same module"
    )
    return _Cause(
        "module-shadowed",
        f"gives the module of {failure.winner}, not of {failure.distribution} ({failure.winner_path})",
        advice,
    )


def _timed_out(failure: Failure, _context: Context) -> _Cause | None:
    if failure.ending != "timeout":
        return None
    return _Cause(
        "timed-out",
        "did not end in time",
        "see what it waits for (network, a lock, a child process), or give it longer with --timeout",
    )


def _crashed(failure: Failure, context: Context) -> _Cause | None:
    if failure.ending != "signal" or failure.code is None:
        return None
    if failure.code == signal.SIGKILL:
        return _out_of_memory_cause()
    name = _signal_name(failure.code)
    if failure.code == signal.SIGILL:
        advice = (
            "it uses instructions that this processor lacks: take a build for any "
            + context.target.architecture
        )
    else:
        advice = (
            "native code is at fault: try another version of the distribution, or build it from its sdist"
        )
    return _Cause("crashed", f"crashed with {name}", advice)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _out_of_memory(failure: Failure, _context: Context) -> _Cause | None:
    return _out_of_memory_cause() if any("MemoryError" in one.bases for one in failure.errors) else None


def _out_of_memory_cause() -> _Cause:
    return _Cause("out-of-memory", "ran out of memory", "give it more with --memory, and the function too")


def _glibc(failure: Failure, context: Context) -> _Cause | None:
    for text in _texts(failure):
        if found := _GLIBC.search(text):
            needs = f"needs {found['version']}"
            by = f" for {found['file']}" if found["file"] else ""
            has = f", and the runtime has {failure.libc}" if failure.libc else ""
            return _Cause(
                "glibc-too-old",
                f"{needs}{by}{has}",
                f"take a release with a wheel for glibc {_dotted(context.target.facts.glibc)} or older, "
                "or build it from its sdist in the build image",
            )
    return None


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))


def _wrong_architecture(failure: Failure, context: Context) -> _Cause | None:
    """A file for another machine: the loader says so, or passes it over as if it were not there."""
    wanted = _MACHINE_OF[context.target.architecture]
    for file in failure.files:
        if file.machine is not None and (file.machine != wanted or file.bits != 64):
            return _Cause(
                "wrong-architecture",
                f"needs {file.path}, which is for {_machine(file)} and not for {context.target.architecture}",
                f"build the layers for {context.target.architecture} (`layerforge build`), "
                "or set the function's architecture to what it is built for",
            )
    if any(_NOT_NATIVE.search(text) for text in _texts(failure)) or failure.errno == errno.ENOEXEC:
        path = next((file.path for file in failure.files if file.machine is None), failure.what)
        return _Cause(
            "wrong-architecture",
            f"needs {path}, which is no program for {context.target.architecture}",
            "it may be damaged, or for another system: build the layers anew, or take another release",
        )
    return None


def _machine(file: NativeFile) -> str:
    name = _MACHINES.get(file.machine or 0, f"ELF machine {file.machine}")
    return name if file.bits == 64 or name in {"i386", "arm"} else f"{file.bits}-bit {name}"


def _wrong_python(failure: Failure, context: Context) -> _Cause | None:
    minor = "".join(map(str, context.target.python))
    for file in failure.files:
        tag = _PYTHON_TAG.search(file.path)
        if tag and tag["minor"] != minor:
            return _Cause(
                "python-mismatch",
                f"needs {file.path}, which is for Python 3.{tag['minor'][1:]}",
                f"lock and build for {context.target.runtime}: `layerforge lock`, then `layerforge build`",
            )
    for one in failure.errors:
        if "SyntaxError" in one.bases or "bad magic number" in one.message:
            return _Cause(
                "python-mismatch",
                f"holds code that {context.target.runtime} cannot read",
                f"take a release that supports {context.target.runtime}, if it is not your own code",
            )
    return None


def _missing_library(failure: Failure, _context: Context) -> _Cause | None:
    for one in failure.errors:
        if found := _MISSING_LIBRARY.search(one.message):
            by = f", needed by {one.path}," if one.path and one.path != found["library"] else ""
            return _missing(found["library"], by)
    for line in failure.stderr:
        if found := _MISSING_LIBRARY.search(line):
            return _missing(found["library"].rpartition("/")[2], "")
    return None


def _missing(library: str, by: str) -> _Cause:
    return _Cause(
        "missing-library",
        f"needs the shared library {library}{by} which neither the runtime nor a layer has",
        "build the distribution from its sdist in a container, which takes the library into the wheel "
        "([container] packages, or a recipe), or bring it in lib/ of another layer",
    )


def _undefined_symbol(failure: Failure, context: Context) -> _Cause | None:
    for text in _texts(failure):
        if found := _SYMBOL.search(text):
            return _Cause(
                "undefined-symbol",
                f"needs the symbol {found['symbol']} for {found['file']}, which nothing has",
                f"it was built for another Python than {context.target.runtime}, or for another version of a "
                "library: build the layers anew, or take another release",
            )
    return None


def _missing_module(failure: Failure, context: Context) -> _Cause | None:
    name = next((one.name for one in failure.errors if "ModuleNotFoundError" in one.bases and one.name), None)
    name = name or _missing_in_text(failure)
    if name is None:
        return None
    top = name.partition(".")[0]
    if (
        failure.step == "handler"
        and failure.errors
        and name == failure.what.rpartition(".")[0].replace("/", ".")
    ):
        return _Cause(
            "handler-missing",
            f"has no module: {name} is not in the function's code",
            "the handler is FILE.FUNCTION, as seen from the folder of the code: correct it, or the source",
        )
    if failure.step in ("import", "script") and (extra := _extra_of(top, failure)):
        return _Cause(
            "extra-missing",
            f"needs the module {name}, which the extra {extra} brings",
            f"require {failure.distribution}[{extra}] if {context.function} uses it",
            Severity.WARNING,
        )
    advice = _who_has(name, context)
    # A distribution may keep parts that only work with others beside it; nobody else imports these.
    private = failure.step == "import" and any(part.startswith("_") for part in failure.what.split("."))
    severity = Severity.WARNING if private else Severity.ERROR
    return _Cause("module-missing", f"needs the module {name}, which is not there", advice, severity)


def _extra_of(module: str, failure: Failure) -> str | None:
    name = module.replace("_", "-").lower()
    return next((extra for brought, extra in failure.optional if brought == name), None)


def _who_has(module: str, context: Context) -> str:
    """Name the distribution that has the module; packages of a namespace are known by their whole name."""
    parts = module.split(".")
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    providers = next((context.providers[name] for name in names if name in context.providers), ())
    if providers:
        return f"{' or '.join(providers)} has it: add it to the requirements of {context.function}"
    return f"no layer has it: add what brings {module} to the requirements of {context.function}"


def _missing_in_text(failure: Failure) -> str | None:
    found = [re.search(r"ModuleNotFoundError: No module named '([\w.]+)'", line) for line in failure.stderr]
    return next((one[1] for one in reversed(found) if one), None)


def _missing_variable(failure: Failure, _context: Context) -> _Cause | None:
    for one in failure.errors:
        file, function = one.raised_in or ("", "")
        if (
            one.type == "KeyError"
            and function == "__getitem__"
            and (file == "<frozen os>" or file.endswith("/os.py"))
        ):
            name = one.message.strip("'\"")
            return _Cause(
                "variable-missing",
                f"needs the environment variable {name}",
                f"layerforge does not know the function's variables: give it with --env {name}=VALUE",
            )
    return None


def _not_writable(failure: Failure, _context: Context) -> _Cause | None:
    for one in failure.errors:
        denied = one.errno == errno.EACCES and one.filename is not None
        if one.errno == errno.EROFS or denied:
            return _Cause(
                "not-writable",
                f"writes to {one.filename or 'a read-only place'}, which is read-only in Lambda",
                "only /tmp can be written to: set the folder that it writes to (a cache, a home) below it",
            )
    return None


def _network(failure: Failure, _context: Context) -> _Cause | None:
    for one in failure.errors:
        known = _NETWORK_TYPES.intersection(one.bases) or one.errno in _NETWORK_NUMBERS
        if known or _SPOKEN.search(one.message):
            return _Cause(
                "network-used",
                "uses the network while it is imported",
                "verification has none, and every cold start would wait for it: move it into the handler",
            )
    return None


def _handler(failure: Failure, _context: Context) -> _Cause | None:
    if not failure.ending.startswith("handler "):
        return None
    name = failure.what.rpartition(".")[2]
    said = "is not there" if failure.ending == "handler missing" else "cannot be called"
    return _Cause(
        "handler-missing", f"names {name}, which {said}", "correct the handler, or the name in the code"
    )


def _not_started(failure: Failure, _context: Context) -> _Cause | None:
    bad_interpreter = failure.step == "script" and failure.code in (126, 127)
    if failure.ending != "not-started" and not bad_interpreter:
        return None
    if failure.errno == errno.EACCES:
        return _Cause("script-failed", "may not be executed", "build the layers anew: its mode is wrong")
    return _Cause(
        "script-failed",
        "cannot be started: it, or the interpreter of its first line, is not there",
        "build the layers anew, or ask for the distribution as a wheel",
    )


def _unknown(failure: Failure) -> _Cause:
    if failure.errors:
        first = failure.errors[0]
        last = first.message.splitlines()[:1]
        text = f"{first.type}: {last[0]}" if last else first.type
        return _Cause(
            "import-failed", f"failed with {text}", "the traceback says where; it fails so in Lambda too"
        )
    return _Cause("import-failed", f"ended with exit code {failure.code}", "see what it said above")


def _texts(failure: Failure) -> tuple[str, ...]:
    return (*(one.message for one in failure.errors), *failure.stderr)


# The first that recognises a failure explains it: what is certain stands before what is likely.
_CAUSES = (
    _shadowed,
    _timed_out,
    _crashed,
    _out_of_memory,
    _handler,
    _glibc,
    _wrong_architecture,
    _wrong_python,
    _missing_library,
    _undefined_symbol,
    _missing_variable,
    _not_writable,
    _network,
    _missing_module,
    _not_started,
)


def shadowed_sdk(context: Context, origins: Mapping[str, str], *, loaded: bool) -> Finding | None:
    """The finding of an SDK of which the layers bring a part and the runtime the rest.

    `origins`: layers, code or runtime, by module; `loaded`: whether the function's start imports it.
    """
    shipped = sorted(name for name, origin in origins.items() if origin != "runtime")
    left = sorted(name for name, origin in origins.items() if origin == "runtime")
    if not shipped or not left:
        return None
    return Finding(
        severity=Severity.ERROR if loaded else Severity.WARNING,
        code="sdk-half-shadowed",
        subject=context.function,
        sentence=f"{context.function}: {', '.join(shipped)} of its layers or code hide the runtime's, "
        f"and {', '.join(left)} are the runtime's",
        hint='ship the whole SDK (require boto3), or none of it ([runtime-provided] exclude = ["boto3"])',
    )
