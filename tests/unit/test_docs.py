"""What the documentation says of keys, commands and places is so."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest

from layerforge.cli import COMMANDS
from layerforge.plan.whatif import plan_instance
from layerforge.project import config
from layerforge.project.config import parse_config
from layerforge.project.instance_file import parse_instance

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
CONFIGURATION = (ROOT / "docs/reference/configuration.md").read_text(encoding="utf-8")
COMMAND_PAGE = (ROOT / "docs/reference/commands.md").read_text(encoding="utf-8")
FINDINGS = (ROOT / "docs/reference/findings.md").read_text(encoding="utf-8")
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
    example, _ = blocks(FILES, "json")
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


def test_example_of_an_instance_is_planned() -> None:
    _, example = blocks(FILES, "json")
    plan = plan_instance(parse_instance(example, path="x.json"))
    assert (len(plan.layers), plan.infeasible) == (2, {})


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


def test_every_finding_is_documented_and_nothing_else() -> None:
    codes, beginnings = codes_of_findings()
    documented = set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)*)`", "".join(rows_of_codes(FINDINGS))))
    made_up = {code for code in documented - codes if code.startswith(tuple(beginnings))}
    assert documented - made_up == codes
    assert all(any(code.startswith(beginning) for code in made_up) for beginning in beginnings)


def rows_of_codes(page: str) -> list[str]:
    """First columns of the tables whose first column is a code."""
    tables = re.findall(r"^\| code \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    return [row.split("|")[1] for table in tables for row in table.splitlines()]


def codes_of_findings() -> tuple[set[str], set[str]]:
    """Codes of all findings in the source; of those that are put together, how they begin."""
    codes: set[str] = set()
    beginnings: set[str] = set()
    for path in sorted((ROOT / "layerforge").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            for value in code_values(function):
                if isinstance(value, ast.JoinedStr):
                    beginnings |= strings(value.values[0], kebab=False)
                    continue
                # Of a name, what it may be stands in the same function.
                indirect = isinstance(value, ast.Name)
                codes |= strings(function if indirect else value, kebab=indirect)
    return codes, beginnings


def code_values(function: ast.AST) -> list[ast.expr]:
    if not isinstance(function, ast.FunctionDef):
        return []
    found = []
    for call in ast.walk(function):
        if not isinstance(call, ast.Call):
            continue
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        place = {"_Cause": 0, "gate_error": 0, "_problem": 2}.get(name)
        if place is not None and len(call.args) > place:
            found.append(call.args[place])
        if name in ("Finding", "Problem", "_Told"):
            found += [keyword.value for keyword in call.keywords if keyword.arg == "code"]
    return found


def strings(node: ast.AST, *, kebab: bool) -> set[str]:
    """Strings that may be the code: of a choice its two sides, not what is asked."""
    if isinstance(node, ast.IfExp):
        return strings(node.body, kebab=kebab) | strings(node.orelse, kebab=kebab)
    found = {
        one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }
    return {one for one in found if not kebab or re.fullmatch(r"[a-z]+(-[a-z]+)+", one)}
