"""How uv is found; what it does is tested in tests/integration."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.errors import ToolError
from layerforge.resolve.uv_engine import find_uv


def program(folder: Path) -> Path:
    folder.mkdir()
    path = folder / "uv"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_one_beside_us_comes_before_the_one_on_path(tmp_path: Path) -> None:
    on_path = program(tmp_path / "bin")
    assert find_uv(str(tmp_path / "bin"), beside=tmp_path / "venv") == str(on_path)
    beside = program(tmp_path / "venv")
    assert find_uv(str(tmp_path / "bin"), beside=tmp_path / "venv") == str(beside)


@pytest.mark.parametrize("path", [None, "", "/nowhere"])
def test_missing(tmp_path: Path, path: str | None) -> None:
    with pytest.raises(ToolError) as caught:
        find_uv(path, beside=tmp_path)
    assert caught.value.headline == 'the configuration says resolver = "uv", and uv is not installed'
    assert caught.value.hint == "pip install 'layerforge[uv]'"
