from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.errors import BuildError
from layerforge.verify.providers import read_providers, top_modules
from tests.unit.verify.shop import build_shop


def test_damaged_zip_of_another_function(tmp_path: Path) -> None:
    manifest = build_shop(tmp_path)
    assert read_providers(tmp_path, manifest.layers) == {"_yaml": ("pyyaml",), "yaml": ("pyyaml",)}
    (tmp_path / "layers/top.zip").unlink()
    assert read_providers(tmp_path, manifest.layers) == {"_yaml": ("pyyaml",), "yaml": ("pyyaml",)}
    (tmp_path / "layers/base.zip").write_bytes(b"?")
    with pytest.raises(BuildError, match="the zip cannot be read"):
        read_providers(tmp_path, manifest.layers)


@pytest.mark.parametrize(
    ("paths", "modules"),
    [
        (["a/__init__.py", "a/b/__init__.py", "six.py", "_x.abi3.so"], {"a", "six", "_x"}),
        (
            ["google/cloud/storage/__init__.py", "google/cloud/one.py"],
            {"google.cloud.storage", "google.cloud.one"},
        ),
        (["../bin/tool.py", "a-1.dist-info/x.py", "a/data.json"], set()),
    ],
)
def test_top_modules(paths: list[str], modules: set[str]) -> None:
    assert top_modules("".join(f"{path},sha256=x,1\n" for path in paths)) == modules
