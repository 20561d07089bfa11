from __future__ import annotations

import json
from pathlib import Path

import pytest

from layerforge import cli


def test_list_one_and_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/geos.toml").write_text('format = 1\ndistribution = "geos"\nabout = "x"\n')
    (tmp_path / "layerforge.toml").write_text('[container]\nrecipes = "own"\n')
    assert cli.run(["recipes", "--json"]) == 0
    listed = {one["distribution"]: one["from"] for one in json.loads(capsys.readouterr().out)["recipes"]}
    assert (listed["geos"], listed["psycopg2"]) == ("own/geos.toml", "layerforge")
    assert cli.run(["recipes", "Psycopg2"]) == 0
    assert "packages  dnf: libpq-devel\n" in capsys.readouterr().out
    assert cli.run(["recipes", "psycopg3"]) == 2
    assert capsys.readouterr().err == "error: there is no recipe for psycopg3\nhint: did you mean psycopg2?\n"


def test_mistake_in_an_own_recipe_is_told_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/geos.toml").write_text('format = 1\ndistribution = "geos"\nabuot = "x"\n')
    (tmp_path / "orders").mkdir()
    (tmp_path / "layerforge.toml").write_text(
        'runtime = "python3.13"\n[functions.orders]\nsource = "orders"\n[container]\nrecipes = "own"\n'
    )
    for command in ("recipes", "check", "build"):
        assert cli.run([command]) == 2
        assert capsys.readouterr().err == (
            "error: own/geos.toml: abuot: unknown key\nhint: did you mean about?\n"
        )
