from __future__ import annotations

import errno
from typing import Any

import pytest

from layerforge.model.finding import Finding, Severity
from layerforge.model.target import Target
from layerforge.verify.explain import Context, explain, shadowed_sdk
from layerforge.verify.values import Failure, NativeFile, RaisedError

CONTEXT = Context(
    function="orders",
    target=Target(runtime="python3.13", architecture="x86_64"),
    providers={"yaml": ("pyyaml",), "google.cloud.storage": ("google-cloud-storage",)},
)
SO = "/opt/python/native/_fast.so"
NO_FILE = "cannot open shared object file: No such file or directory"


def raised(kind: str, message: str, **more: Any) -> RaisedError:
    more.setdefault("bases", (kind, "Exception"))
    return RaisedError(type=kind, message=message, **more)


def failure(*errors: RaisedError, **more: Any) -> Failure:
    known: dict[str, Any] = {
        "step": "import",
        "what": "native",
        "distribution": "native",
        "ending": "raised",
        "errors": errors,
    }
    return Failure(**{**known, **more})


def missing_module(name: str) -> RaisedError:
    return raised(
        "ModuleNotFoundError",
        f"No module named {name!r}",
        bases=("ModuleNotFoundError", "ImportError", "Exception"),
        name=name,
    )


IMPORT = "orders: import native (of native)"

CASES = [
    (
        "missing library",
        failure(raised("ImportError", f"libpq.so.5: {NO_FILE}", path=SO)),
        "missing-library",
        f"{IMPORT} needs the shared library libpq.so.5, needed by {SO}, which neither the runtime",
        "build the distribution from its sdist in a container",
    ),
    (
        "missing library of a program",
        failure(
            step="script",
            what="tool",
            ending="exit",
            code=127,
            stderr=(f"/opt/bin/tool: error while loading shared libraries: libz.so.9: {NO_FILE}",),
        ),
        "missing-library",
        "orders: the program tool (of native) needs the shared library libz.so.9 which neither",
        "build the distribution from its sdist",
    ),
    (
        "file for another processor, which the loader passes over",
        failure(
            raised("ImportError", f"{SO}: {NO_FILE}", path=SO),
            files=(NativeFile(path=SO, bits=64, machine=183),),
        ),
        "wrong-architecture",
        f"{IMPORT} needs {SO}, which is for arm64 and not for x86_64",
        "build the layers for x86_64",
    ),
    (
        "file of another word size",
        failure(
            raised("ImportError", f"{SO}: wrong ELF class: ELFCLASS32", path=SO),
            files=(NativeFile(path=SO, bits=32, machine=3),),
        ),
        "wrong-architecture",
        f"{IMPORT} needs {SO}, which is for i386 and not for x86_64",
        "build the layers for x86_64",
    ),
    (
        "no ELF file",
        failure(
            raised("ImportError", f"{SO}: invalid ELF header", path=SO),
            files=(NativeFile(path=SO, bits=None, machine=None),),
        ),
        "wrong-architecture",
        f"{IMPORT} needs {SO}, which is no program for x86_64",
        "it may be damaged, or for another system",
    ),
    (
        "program for another system",
        failure(step="script", what="tool", ending="not-started", errno=errno.ENOEXEC),
        "wrong-architecture",
        "orders: the program tool (of native) needs tool, which is no program for x86_64",
        "it may be damaged",
    ),
    (
        "glibc too old",
        failure(
            raised("ImportError", f"/lib64/libc.so.6: version `GLIBC_2.38' not found (required by {SO})"),
            libc="glibc 2.34",
        ),
        "glibc-too-old",
        f"{IMPORT} needs GLIBC_2.38 for {SO}, and the runtime has glibc 2.34",
        "take a release with a wheel for glibc 2.34 or older",
    ),
    (
        "libstdc++ too old",
        failure(
            raised("ImportError", f"libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by {SO})")
        ),
        "glibc-too-old",
        f"{IMPORT} needs GLIBCXX_3.4.32 for {SO}",
        "take a release with a wheel",
    ),
    (
        "extension of another Python",
        failure(
            missing_module("native._fast"),
            files=(
                NativeFile(path=SO.replace(".so", ".cpython-311-x86_64-linux-gnu.so"), bits=64, machine=62),
            ),
        ),
        "python-mismatch",
        "which is for Python 3.11",
        "lock and build for python3.13",
    ),
    (
        "syntax of another Python",
        failure(raised("SyntaxError", "invalid syntax (old.py, line 1)")),
        "python-mismatch",
        f"{IMPORT} holds code that python3.13 cannot read",
        "take a release that supports python3.13",
    ),
    (
        "bytecode of another Python",
        failure(raised("ImportError", "bad magic number in 'native': b'x'")),
        "python-mismatch",
        f"{IMPORT} holds code that python3.13 cannot read",
        "take a release",
    ),
    (
        "undefined symbol",
        failure(raised("ImportError", f"{SO}: undefined symbol: _PyUnicode_Ready")),
        "undefined-symbol",
        f"{IMPORT} needs the symbol _PyUnicode_Ready for {SO}, which nothing has",
        "it was built for another Python than python3.13",
    ),
    (
        "module of the function's own code wins",
        failure(ending="shadowed", winner="the function's own code", winner_path="/var/task/native.py"),
        "module-shadowed",
        f"{IMPORT} gives the module of the function's own code, not of native (/var/task/native.py)",
        "rename the module of the function's code",
    ),
    (
        "module of another layer wins",
        failure(ending="shadowed", winner="other 1.0", winner_path="/opt/python/native.py"),
        "module-shadowed",
        f"{IMPORT} gives the module of other 1.0, not of native (/opt/python/native.py)",
        "remove one of the two distributions",
    ),
    (
        "module that a layer has",
        failure(missing_module("yaml.loader")),
        "module-missing",
        f"{IMPORT} needs the module yaml.loader, which is not there",
        "pyyaml has it: add it to the requirements of orders",
    ),
    (
        "module that no layer has",
        failure(missing_module("nowhere")),
        "module-missing",
        f"{IMPORT} needs the module nowhere, which is not there",
        "no layer has it: add what brings nowhere to the requirements of orders",
    ),
    (
        "module that a program misses",
        failure(
            step="script",
            what="tool",
            ending="exit",
            code=1,
            stderr=("Traceback (most recent call last):", "ModuleNotFoundError: No module named 'yaml'"),
        ),
        "module-missing",
        "orders: the program tool (of native) needs the module yaml, which is not there",
        "pyyaml has it",
    ),
    (
        "module of the handler",
        failure(missing_module("src.app"), step="handler", what="src/app.handler", distribution=None),
        "handler-missing",
        "orders: the handler src/app.handler has no module: src.app is not in the function's code",
        "the handler is FILE.FUNCTION",
    ),
    (
        "function of the handler",
        failure(step="handler", what="app.run", distribution=None, ending="handler missing"),
        "handler-missing",
        "orders: the handler app.run names run, which is not there",
        "correct the handler",
    ),
    (
        "variable",
        failure(raised("KeyError", "'TABLE'", raised_in=("<frozen os>", "__getitem__"))),
        "variable-missing",
        f"{IMPORT} needs the environment variable TABLE",
        "layerforge does not know the function's variables: give it with --env TABLE=VALUE",
    ),
    (
        "read-only file system",
        failure(
            raised("OSError", "[Errno 30] Read-only file system", errno=errno.EROFS, filename="/opt/cache")
        ),
        "not-writable",
        f"{IMPORT} writes to /opt/cache, which is read-only in Lambda",
        "only /tmp can be written to",
    ),
    (
        "network, as the cause of another error",
        failure(
            raised("RuntimeError", "no settings"),
            raised("gaierror", "[Errno -3] Temporary failure in name resolution", errno=-3),
        ),
        "network-used",
        f"{IMPORT} uses the network while it is imported",
        "move it into the handler",
    ),
    (
        "memory",
        failure(raised("MemoryError", "")),
        "out-of-memory",
        f"{IMPORT} ran out of memory",
        "give it more with --memory",
    ),
    (
        "killed",
        failure(ending="signal", code=9),
        "out-of-memory",
        f"{IMPORT} ran out of memory",
        "give it more with --memory",
    ),
    (
        "crash",
        failure(ending="signal", code=11),
        "crashed",
        f"{IMPORT} crashed with SIGSEGV",
        "native code is at fault",
    ),
    (
        "instructions",
        failure(ending="signal", code=4),
        "crashed",
        f"{IMPORT} crashed with SIGILL",
        "it uses instructions that this processor lacks",
    ),
    (
        "timeout",
        failure(ending="timeout"),
        "timed-out",
        f"{IMPORT} did not end in time",
        "or give it longer with --timeout",
    ),
    (
        "program without interpreter",
        failure(step="script", what="tool", ending="not-started", errno=errno.ENOENT),
        "script-failed",
        "orders: the program tool (of native) cannot be started: it, or the interpreter of its first",
        "build the layers anew",
    ),
    (
        "program that may not be executed",
        failure(step="script", what="tool", ending="not-started", errno=errno.EACCES),
        "script-failed",
        "orders: the program tool (of native) may not be executed",
        "build the layers anew",
    ),
    (
        "anything else",
        failure(raised("ZeroDivisionError", "division by zero")),
        "import-failed",
        f"{IMPORT} failed with ZeroDivisionError: division by zero",
        "the traceback says where",
    ),
    (
        "exit",
        failure(ending="exit", code=3),
        "import-failed",
        f"{IMPORT} ended with exit code 3",
        "see what it said above",
    ),
]


@pytest.mark.parametrize(
    ("failed", "code", "sentence", "hint"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_causes(failed: Failure, code: str, sentence: str, hint: str) -> None:
    finding = explain(failed, CONTEXT)
    assert (finding.severity, finding.code, finding.subject) == (Severity.ERROR, code, "orders")
    assert sentence in finding.sentence
    assert finding.hint is not None
    assert hint in finding.hint


@pytest.mark.parametrize(
    ("failed", "code", "sentence", "hint"),
    [
        (
            failure(
                missing_module("aiohttp"), what="blackd", distribution="black", optional=(("aiohttp", "d"),)
            ),
            "extra-missing",
            "orders: import blackd (of black) needs the module aiohttp, which the extra d brings",
            "require black[d] if orders uses it",
        ),
        (
            failure(missing_module("google.iam"), what="google._storage"),
            "module-missing",
            "orders: import google._storage (of native) needs the module google.iam, which is not there",
            "no layer has it: add what brings google.iam to the requirements of orders",
        ),
    ],
    ids=["extra", "private part"],
)
def test_what_may_be_missing_is_a_warning(failed: Failure, code: str, sentence: str, hint: str) -> None:
    finding = explain(failed, CONTEXT)
    assert (finding.severity, finding.code, finding.sentence, finding.hint) == (
        Severity.WARNING,
        code,
        sentence,
        hint,
    )


def test_module_of_a_namespace() -> None:
    finding = explain(failure(missing_module("google.cloud.storage.blob")), CONTEXT)
    assert finding.hint == "google-cloud-storage has it: add it to the requirements of orders"


def test_finding_has_the_last_lines_of_the_traceback() -> None:
    failed = failure(
        raised("ValueError", "x"), traceback=tuple(f"line {n}" for n in range(20)), stderr=("said",)
    )
    assert explain(failed, CONTEXT).details == tuple(f"line {n}" for n in range(12, 20))


def test_finding_without_traceback_has_what_was_said() -> None:
    assert explain(failure(ending="exit", code=3, stderr=("no luck",)), CONTEXT).details == ("no luck",)


@pytest.mark.parametrize(
    "origins",
    [
        {},
        {"boto3": "runtime", "botocore": "runtime"},
        {"boto3": "layers", "botocore": "layers", "jmespath": "code"},
    ],
)
def test_whole_sdk_is_fine(origins: dict[str, str]) -> None:
    assert shadowed_sdk(CONTEXT, origins, loaded=True) is None


@pytest.mark.parametrize(("loaded", "severity"), [(True, Severity.ERROR), (False, Severity.WARNING)])
def test_half_of_the_sdk(loaded: bool, severity: Severity) -> None:
    origins = {"boto3": "runtime", "botocore": "layers", "jmespath": "layers", "s3transfer": "runtime"}
    assert shadowed_sdk(CONTEXT, origins, loaded=loaded) == Finding(
        severity=severity,
        code="sdk-half-shadowed",
        subject="orders",
        sentence="orders: botocore, jmespath of its layers or code hide the runtime's, "
        "and boto3, s3transfer are the runtime's",
        hint='ship the whole SDK (require boto3), or none of it ([runtime-provided] exclude = ["boto3"])',
    )
