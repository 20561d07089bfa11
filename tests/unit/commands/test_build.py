from __future__ import annotations

from pathlib import Path

import pytest

from layerforge import cli


def test_container_builder_needs_an_engine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAYERFORGE_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "orders").mkdir()
    (tmp_path / "orders/app.py").write_text("")
    config = tmp_path / "layerforge.toml"
    config.write_text(
        'runtime = "python3.13"\nbuilder = "container"\n[functions.orders]\nsource = "orders"\n'
    )
    assert cli.run(["build", "--config", str(config)]) == 6
    assert "error: the container engine that DOCKER_HOST names does not answer" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["build", "plan"])
def test_missing_code_is_told_before_anything_is_resolved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("LAYERFORGE_CACHE_DIR", str(tmp_path / "cache"))
    config = tmp_path / "layerforge.toml"
    config.write_text('runtime = "python3.13"\n[functions.orders]\nsource = "nope"\n')
    assert cli.run([command, "--config", str(config)]) == 2
    assert capsys.readouterr().err == (
        "error: layerforge.toml:2: the code nope does not exist\n"
        "hint: correct the path (CodeUri is relative to its template), or build what puts it there\n"
    )
    assert not list(tmp_path.glob("pylock.*"))
