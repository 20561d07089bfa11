from __future__ import annotations

from layerforge.model.finding import Finding, Severity
from layerforge.model.target import Target
from layerforge.report.verification import format_verification, verification_document
from layerforge.verify.values import FunctionReport, ImportTime, Invocation

TARGET = Target(runtime="python3.13", architecture="x86_64")
ERROR = Finding(severity=Severity.ERROR, code="crashed", subject="b", sentence="b: crashed")
FINE = FunctionReport(
    function="orders",
    target=TARGET,
    findings=(),
    ok=True,
    import_time=0.634,
    peak_memory=80 * 2**20,
    imports=(
        ImportTime(module="pandas", self_ms=10.0, cumulative_ms=500.4),
        ImportTime(module="pandas.core", self_ms=10.0, cumulative_ms=400.0),
        ImportTime(module="numpy", self_ms=10.0, cumulative_ms=100.0),
    ),
    modules_used=("pandas/__init__.py",),
)
BAD = FunctionReport(function="b", target=TARGET, findings=(ERROR,), ok=False)


def test_table() -> None:
    assert format_verification([FINE, BAD], width=None) == (
        "function  target             result   import   memory  slowest imports\n"
        "--------  -----------------  -------  ------  -------  ---------------------------\n"
        "b         python3.13-x86_64  1 error       -        -\n"
        "orders    python3.13-x86_64  ok       0.63 s  80.0 MB  pandas 500 ms, numpy 100 ms\n"
        "\n"
        "1 of 2 functions would fail"
    )


def test_narrow_table_with_invocations() -> None:
    told = Invocation(status="answered", ok=True, seconds=0.1)
    invoked = FunctionReport(function="c", target=TARGET, findings=(), ok=True, invocation=told)
    assert format_verification([invoked], width=40) == (
        "function  result  import  invoked\n"
        "--------  ------  ------  -------\n"
        "c         ok           -   0.10 s\n"
        "\n"
        "1 function verified"
    )


def test_response() -> None:
    told = Invocation(status="answered", ok=True, seconds=0.1, response='{"order": 7}')
    invoked = FunctionReport(function="c", target=TARGET, findings=(), ok=True, invocation=told)
    assert format_verification([invoked], width=None).splitlines()[-2:] == [
        'c answered {"order": 7}',
        "1 function verified",
    ]


def test_long_table() -> None:
    text = format_verification([FINE] * 25, width=120)
    assert "and 5 more; -v shows all" in text


def test_document() -> None:
    assert verification_document(FINE) == {
        "target": "python3.13-x86_64",
        "ok": True,
        "import_seconds": 0.634,
        "peak_memory": 83886080,
        "imports": [
            {"module": "pandas", "self_ms": 10.0, "cumulative_ms": 500.4},
            {"module": "pandas.core", "self_ms": 10.0, "cumulative_ms": 400.0},
            {"module": "numpy", "self_ms": 10.0, "cumulative_ms": 100.0},
        ],
        "modules_used": ["pandas/__init__.py"],
        "invocation": None,
    }
