from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.errors import ConfigError
from layerforge.project.config import Config, FunctionConfig
from layerforge.project.config_file import read_config


def test_no_config(tmp_path: Path) -> None:
    assert read_config(tmp_path) == (Config(), ())


def test_layerforge_toml_comes_first(tmp_path: Path) -> None:
    (tmp_path / "layerforge.toml").write_text('name = "own"\n')
    (tmp_path / "pyproject.toml").write_text('[tool.layerforge]\nname = "shared"\n')
    assert read_config(tmp_path) == (Config(path="layerforge.toml", name="own"), ("layerforge.toml",))


def test_a_table_in_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\n\n[tool.layerforge.functions."orders"]\nsource = "src"\n'
    )
    assert read_config(tmp_path) == (
        Config(path="pyproject.toml", functions=(FunctionConfig(name="orders", source="src", line=4),)),
        ("pyproject.toml",),
    )


def test_a_pyproject_without_the_table_was_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n')
    assert read_config(tmp_path) == (Config(), ("pyproject.toml",))


def test_another_name(tmp_path: Path) -> None:
    (tmp_path / "ci.toml").write_text('name = "ci"\n')
    assert read_config(tmp_path, config=tmp_path / "ci.toml") == (
        Config(path="ci.toml", name="ci"),
        ("ci.toml",),
    )


def test_byte_order_mark_and_windows_line_ends(tmp_path: Path) -> None:
    text = '\ufeffname = "x"\r\n\r\n[functions.orders]\r\nsource = "s"\r\n'
    (tmp_path / "layerforge.toml").write_bytes(text.encode())
    config, _ = read_config(tmp_path)
    assert config.functions == (FunctionConfig(name="orders", source="s", line=3),)


@pytest.mark.parametrize(
    ("name", "text", "headline"),
    [
        ("layerforge.toml", b"name = \n", "layerforge.toml:1: it is not TOML: invalid value"),
        ("layerforge.toml", b"a = 1\na = 2\n", "layerforge.toml:2: it is not TOML: cannot overwrite a value"),
        ("layerforge.toml", b"a = [\n1,\n", "layerforge.toml:3: it is not TOML: invalid value"),
        ("layerforge.toml", b"a = \xff", "layerforge.toml: it is not UTF-8"),
        ("pyproject.toml", b"tool.layerforge = 1", "pyproject.toml: [tool.layerforge] has to be a table"),
        ("layerforge.toml", b"a = " + b"[" * 5000, "layerforge.toml: it is nested too deeply"),
    ],
)
def test_what_is_no_config(tmp_path: Path, name: str, text: bytes, headline: str) -> None:
    (tmp_path / name).write_bytes(text)
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path)
    assert caught.value.headline == headline


@pytest.mark.parametrize(
    ("name", "text", "headline"),
    [
        ("absent.toml", None, "absent.toml: it cannot be read (No such file or directory)"),
        ("pyproject.toml", "[project]", "pyproject.toml: it has no table [tool.layerforge]"),
    ],
)
def test_a_named_config_has_to_be_one(tmp_path: Path, name: str, text: str | None, headline: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path, config=Path(name))
    assert caught.value.headline == headline
