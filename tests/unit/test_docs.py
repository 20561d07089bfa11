"""What the documentation says of keys, commands and places is so."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from layerforge.cli import COMMANDS
from layerforge.project import config
from layerforge.project.config import parse_config

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
CONFIGURATION = (ROOT / "docs/reference/configuration.md").read_text(encoding="utf-8")
COMMAND_PAGE = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
FILES = (ROOT / "docs/reference/files.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """Ids of headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("key", [*config._TOP_KEYS, *config._FUNCTION_KEYS, *config._INDEX_KEYS])
def test_every_key_is_documented(key: str) -> None:
    assert f"`{key}`" in CONFIGURATION or f"`[{key}]`" in CONFIGURATION or f"`[{key}.NAME]`" in CONFIGURATION


@pytest.mark.parametrize("example", blocks(CONFIGURATION, "toml"))
def test_examples_of_the_config_are_read(example: str) -> None:
    environment = {"INDEX_USER": "me", "INDEX_TOKEN": "secret"}
    assert isinstance(
        parse_config(tomllib.loads(example), path="layerforge.toml", environment=environment), config.Config
    )


def test_example_of_the_manifest_has_the_keys_of_the_schema() -> None:
    (example,) = blocks(FILES, "json")
    shown = json.loads(example)
    schema = json.loads((ROOT / "layerforge/schemas/manifest.schema.json").read_text(encoding="utf-8"))
    kinds = {name: set(schema["$defs"][name]["properties"]) for name in ("layer", "function", "code")}
    function = shown["functions"]["ReportsFunction"]
    assert set(shown) == set(schema["properties"])
    assert (set(shown["layers"][0]), set(function), set(function["code"])) == (
        kinds["layer"],
        kinds["function"],
        kinds["code"],
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_is_documented(command: str) -> None:
    import importlib

    import click

    assert f"## `layerforge {command}" in COMMAND_PAGE
    found = importlib.import_module(f"layerforge.commands.{command}").command
    assert isinstance(found, click.Command)
    for parameter in found.params:
        if isinstance(parameter, click.Option):
            assert any(option in COMMAND_PAGE for option in parameter.opts), parameter.opts
