"""`layerforge audit`, against an OSV-like service on this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from layerforge import cli
from tests.locked_projects import distribution, write_locked
from tests.osv_server import OsvServer, osv_server, vulnerability


@pytest.fixture
def osv() -> Iterator[OsvServer]:
    with osv_server() as server:
        server.vulnerable["jinja2", "3.1.2"] = [
            vulnerability("GHSA-h5c8", "jinja2", summary="scripts in attributes", fixed=("3.1.3",))
        ]
        yield server


def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, audit: str) -> Path:
    monkeypatch.setenv("LAYERFORGE_CACHE_DIR", str(tmp_path / "cache"))
    return write_locked(
        tmp_path / "shop",
        {"orders": ["flask"], "mail": ["acme-mail"]},
        [
            distribution("flask", "2.0", requires=["jinja2"]),
            distribution("jinja2", "3.1.2"),
            distribution("acme-mail", "1.0"),
        ],
        config=f"[audit]\n{audit}",
    )


def test_vulnerabilities_end_with_8_in_every_form(
    osv: OsvServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(tmp_path, monkeypatch, f'url = "{osv.url}"\nprivate = ["acme-*"]\n')
    assert cli.run(["audit", "--config", str(config), "--json"]) == 8
    document = json.loads(capsys.readouterr().out)
    assert sorted(osv.asked) == [("flask", "2.0"), ("jinja2", "3.1.2")]
    (layer,) = document["vulnerabilities"][0]["layers"]
    assert document["vulnerabilities"] == [
        {
            "name": "jinja2",
            "version": "3.1.2",
            "id": "GHSA-h5c8",
            "aliases": [],
            "description": "scripts in attributes",
            "fixed_in": ["3.1.3"],
            "functions": ["orders"],
            "carried_by": ["mail"],  # it takes the layer
            "layers": [layer],
            "ignored": None,
        }
    ]
    assert (document["ok"], document["asked"], document["service"]["url"]) == (False, 2, osv.url)
    assert document["functions"] == {"mail": ["GHSA-h5c8"], "orders": ["GHSA-h5c8"]}
    assert document["not_audited"] == [{"distribution": "acme-mail 1.0", "reason": "private"}]

    assert cli.run(["audit", "--config", str(config), "--format", "github"]) == 8
    place = "file=orders/requirements.txt,line=1,title=layerforge vulnerable"
    assert f"::error {place}::jinja2 3.1.2 has GHSA-h5c8" in capsys.readouterr().out


def test_what_is_accepted_passes(
    osv: OsvServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ignore = 'ignore = [{ id = "GHSA-h5c8", reason = "x", until = 2999-01-01 }]'
    config = write(tmp_path, monkeypatch, f'url = "{osv.url}"\n{ignore}\n')
    assert cli.run(["audit", "--config", str(config)]) == 0
    assert capsys.readouterr().out == (
        f"asked OSV ({osv.url}) about 3 distributions: no known vulnerabilities; 1 ignored\n"
    )


def test_a_service_that_does_not_answer_ends_with_6(
    osv: OsvServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    osv.always = (403, b"")
    config = write(tmp_path, monkeypatch, f'url = "{osv.url}"\n')
    assert cli.run(["audit", "--config", str(config), "--format", "sarif"]) == 6
    said = capsys.readouterr()
    assert said.err.startswith(
        f"error: OSV ({osv.url}) cannot be asked for vulnerabilities: it gave no answer"
    )
    assert json.loads(said.out)["runs"][0]["results"][0]["ruleId"] == "tool"


def test_without_the_extra_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(tmp_path, monkeypatch, "")
    monkeypatch.setitem(sys.modules, "pip_audit", None)
    assert cli.run(["audit", "--config", str(config)]) == 6
    said = capsys.readouterr().err
    assert said.startswith("error: an audit needs pip-audit, which is not installed\n")
    assert said.endswith("hint: pip install 'layerforge[audit]'\n")


def test_without_a_lock_nobody_is_asked(
    osv: OsvServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(tmp_path, monkeypatch, f'url = "{osv.url}"\n')
    (config.parent / "pylock.py313-x86-64.toml").unlink()
    assert cli.run(["audit", "--config", str(config)]) == 3
    assert "there is no lock yet" in capsys.readouterr().err
    assert osv.asked == []
