from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from layerforge import cli
from tests.plan_checker import check_document
from tests.planning_instances import realistic, scattered

MADE = realistic(6)


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance in a folder where there is no project."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "x.json"
    path.write_text(json.dumps(MADE))
    return path


def test_an_instance_is_planned_with_no_project_around_it(
    instance: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = []
    for options in ([], ["--effort", "fast"], ["--prove"]):
        assert cli.run(["plan", "--what-if", "x.json", "--json", *options]) == 0
        documents.append(json.loads(capsys.readouterr().out))
        assert list(documents[-1]) == ["layers", "functions", "cost", "lower_bound", "infeasible"]
        check_document(MADE, documents[-1])
    assert documents[0]["lower_bound"] < documents[2]["lower_bound"]
    assert cli.run(["plan", "--what-if", "x.json", "-q"]) == 0
    shown = capsys.readouterr()
    assert (shown.out.splitlines()[0].split(), shown.err) == (
        ["layer", "unzipped", "distributions", "functions"],
        "",
    )
    assert f"cost {documents[0]['cost']:,} bytes" in shown.out
    assert [path.name for path in instance.parent.iterdir()] == ["x.json"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--explain", "web"], "--what-if and --explain exclude each other."),
        (["--diff"], "--what-if and --diff exclude each other."),
        (["--replan"], "--what-if and --replan exclude each other."),
        (["--locked"], "--what-if and --locked exclude each other."),
        (["--config", "x.json"], "--what-if and --config exclude each other."),
    ],
)
def test_what_asks_for_a_project_is_refused(
    instance: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert cli.run(["plan", "--what-if", "x.json", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_bad_file_is_one_error(instance: Path, capsys: pytest.CaptureFixture[str]) -> None:
    instance.write_text(json.dumps(MADE | {"mu": -1}))
    assert cli.run(["plan", "--what-if", "x.json", "--json"]) == 2
    shown = capsys.readouterr()
    assert (shown.err, json.loads(shown.out)["error"]["where"]) == ("", "x.json: mu")
    assert cli.run(["plan", "--what-if", "absent.json"]) == 2
    assert "'absent.json' does not exist" in capsys.readouterr().err


@pytest.mark.parametrize(("given", "kept"), [(None, "1"), ("3", "3")])
def test_a_proof_keeps_to_one_core_unless_told_otherwise(
    instance: Path, monkeypatch: pytest.MonkeyPatch, given: str | None, kept: str
) -> None:
    variable = "OPENBLAS_NUM_THREADS"
    # Set first, so that it is as before after the test.
    monkeypatch.setenv(variable, given or "")
    if given is None:
        monkeypatch.delenv(variable)
    assert cli.run(["plan", "--what-if", str(instance), "-q"]) == 0
    assert os.environ.get(variable) == given
    assert cli.run(["plan", "--what-if", str(instance), "-q", "--prove"]) == 0
    assert os.environ[variable] == kept


def test_a_proof_is_interrupted_cleanly(instance: Path) -> None:
    instance.write_text(json.dumps(scattered(40, atoms=60)))
    command = [sys.executable, "-m", "layerforge", "plan", "--what-if", "x.json", "--prove", "-v"]
    with subprocess.Popen(
        [*command, "--effort", "fast"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("planning layers: ")
        time.sleep(0.7)
        process.send_signal(signal.SIGINT)
        shown, told = process.communicate(timeout=60)
    assert (process.returncode, shown) == (130, "")
    assert told.splitlines()[-1].startswith("interrupted: ")
    assert "Traceback" not in told
