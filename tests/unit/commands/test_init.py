from __future__ import annotations

from pathlib import Path

import pytest

from layerforge import cli


def test_init_does_not_advise_to_run_init(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "functions/orders").mkdir(parents=True)
    (tmp_path / "functions/orders/requirements.txt").write_text("requests\n")
    assert cli.run(["init"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "wrote layerforge.toml for 1 function; next: layerforge build\n"
    assert "note: found " in shown.err
    assert "layerforge init" not in shown.err
