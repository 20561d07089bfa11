from __future__ import annotations

import json
import re
import threading
import time
from typing import Literal

import click
import pytest

from layerforge import output as output_module
from layerforge.errors import ConfigError
from layerforge.model.finding import Finding, Severity
from layerforge.output import Output, wants_json

WARNING = Finding(
    severity=Severity.WARNING,
    code="x",
    subject="orders",
    sentence="orders is large",
    where="a.in:3",
    details=("numpy 1 MB",),
    hint="layerforge plan",
)


def test_error_shows_place_sentence_details_and_hint(capsys: pytest.CaptureFixture[str]) -> None:
    Output().error(
        ConfigError("no such key", where="layerforge.toml: x", details=["found y"], hint="write z")
    )
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: layerforge.toml: x: no such key\n  found y\nhint: write z\n"


def test_error_as_json_is_one_document_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).error(ConfigError("no such key", where="f", hint="h"))
    captured = capsys.readouterr()
    assert captured.err == ""
    assert json.loads(captured.out) == {
        "error": {
            "kind": "ConfigError",
            "sentence": "no such key",
            "where": "f",
            "details": [],
            "hint": "h",
            "exit_code": 2,
        }
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_no_password_is_shown(capsys: pytest.CaptureFixture[str], *, as_json: bool) -> None:
    error = ConfigError("bad https://me:hunter2@index.example/simple", details=["https://me:hunter2@x/"])
    Output(as_json=as_json).error(error)
    captured = capsys.readouterr()
    assert "hunter2" not in captured.out + captured.err
    assert "https://****@index.example/simple" in captured.out + captured.err


def test_findings_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Output().findings([WARNING])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "warning: a.in:3: orders is large\n  numpy 1 MB\nhint: layerforge plan\n"


@pytest.mark.parametrize(("severity", "shown"), [(Severity.ERROR, True), (Severity.WARNING, False)])
def test_quiet_shows_errors_only(
    capsys: pytest.CaptureFixture[str], severity: Severity, *, shown: bool
) -> None:
    Output(verbosity=-1).findings([Finding(severity=severity, code="x", subject="s", sentence="said")])
    assert ("said" in capsys.readouterr().err) is shown


def test_json_result_is_the_document_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(as_json=True)
    output.note("never shown")
    output.findings([WARNING])
    with output.task("working", total=3, unit="items") as advance:
        advance(1)
    output.result(lambda: {"a": "ü"}, lambda: pytest.fail("text was asked for"))
    captured = capsys.readouterr()
    assert (json.loads(captured.out), captured.err) == ({"a": "ü"}, "")


@pytest.mark.parametrize(
    ("label", "total", "unit", "told"),
    [
        ("downloading", 3 * 2**20, "bytes", "downloading: 3.0 MB in 0.0 s"),
        ("reading wheels", 3, "items", "reading wheels: 3 in 0.0 s"),
        ("building 3 layers", 3, "items", "building 3 layers: 0.0 s"),
        ("resolving", None, "items", "resolving: 0.0 s"),
    ],
)
def test_task_that_has_ended_is_one_line(
    capsys: pytest.CaptureFixture[str],
    label: str,
    total: int | None,
    unit: Literal["bytes", "items"],
    told: str,
) -> None:
    with Output(verbosity=1).task(label, total=total, unit=unit) as advance:
        threads = [threading.Thread(target=advance, args=(1,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    # On a busy machine it takes longer.
    assert re.sub(r"\d+\.\d s", "0.0 s", capsys.readouterr().err) == f"{told}\n"


def test_short_task_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    with Output().task("reading wheels", total=3, unit="items"):
        pass
    assert capsys.readouterr().err == ""


def test_long_task_is_announced_off_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output_module, "_ANNOUNCE_AFTER", 0.01)
    with Output().task("resolving", total=None, unit="items"):
        deadline = time.monotonic() + 10
        while not (shown := capsys.readouterr().err) and time.monotonic() < deadline:
            time.sleep(0.01)
    assert shown == "resolving ...\n"


def test_failed_task_is_not_told_as_done(capsys: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(ConfigError),
        Output(verbosity=1).task("resolving", total=None, unit="items"),
    ):
        raise ConfigError("no")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("columns", "verbosity", "width"),
    [("97", 0, 97), (None, 0, 120), ("0", 0, 120), ("wide", 0, 120), ("97", 1, None)],
)
def test_tables_fit_columns_or_a_log(
    monkeypatch: pytest.MonkeyPatch, columns: str | None, verbosity: int, width: int | None
) -> None:
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert Output(verbosity=verbosity).width == width


def test_details_need_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    Output().detail("one")
    Output(verbosity=1).detail("two")
    assert capsys.readouterr().err == "two\n"


def test_usage_error_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=True).usage_error(click.UsageError("no such option"))
    assert json.loads(capsys.readouterr().out) == {
        "error": {"kind": "UsageError", "sentence": "no such option", "exit_code": 2}
    }


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["build", "--json"], True), (["build"], False), (["build", "--", "--json"], False)],
)
def test_json_is_known_before_parsing(arguments: list[str], *, expected: bool) -> None:
    assert wants_json(arguments) is expected
