from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import pytest

from layerforge.model.function import Project
from layerforge.model.requirement import Origin
from layerforge.project.init import format_config
from layerforge.project.loading import load_project

TODAY = datetime.date(2026, 1, 1)
FUNCTION = "{Type: 'AWS::Serverless::Function', Properties: {CodeUri: src, Runtime: python3.13}}"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def essence(project: Project) -> object:
    nowhere = Origin(path="")
    return project.settings, project.templates, tuple(replace(f, origin=nowhere) for f in project.functions)


PROJECTS: dict[str, dict[str, str]] = {
    "template": {"template.yaml": f"Resources:\n  A: {FUNCTION}\n", "src/requirements.in": "six\n"},
    "templates": {
        "template.yaml": f"Resources:\n  A: {FUNCTION}\n",
        "jobs.yaml": f"Resources:\n  A: {FUNCTION}\n",
        "src/requirements.in": "six\n",
    },
    "folders": {"functions/a/requirements.in": "six\n", "functions/b/requirements.txt": "six\n"},
    "config": {
        "template.yaml": f"Resources:\n  A: {FUNCTION}\n",
        "src/requirements.in": "six\n",
        "layerforge.toml": """
            name = "shop"
            runtime = "python3.12"
            resolver = "uv"
            builder = "wheels"
            output = "out"
            [functions.A]
            layers = ["arn:x:layer:\\"y\\":1", "arn:z"]
            layer-sizes = { "arn:z" = 5 }
            [functions.b]
            source = "src"
            handler = "b.handler"
            requirements = []
            architecture = "arm64"
            [index]
            url = "https://index.example/simple"
            extra-urls = ["https://more.example/simple"]
            only-binary = [":all:"]
            pre = true
            [limits]
            unzipped = "200 MB"
            layers = 3
            warn-at = 0.5
            [runtime-provided]
            exclude = ["boto3"]
            """,
    },
}


@pytest.mark.parametrize("name", PROJECTS)
def test_read_again_it_is_the_same_project(tmp_path: Path, name: str) -> None:
    write(tmp_path, PROJECTS[name])
    project = load_project(tmp_path, today=TODAY)
    (tmp_path / "layerforge.toml").write_text(format_config(project))
    assert essence(load_project(tmp_path, today=TODAY)) == essence(project)


def test_what_a_person_reads(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    write(root, {"functions/orders/requirements.in": "six\n"})
    assert format_config(load_project(root, today=TODAY)) == (
        """\
# Read by layerforge; paths are relative to this file.

name = "shop"  # layer names begin with it
template = []  # no template: the functions are named below
runtime = "python3.13"  # of functions that say nothing else
architecture = "x86_64"  # or "arm64"
resolver = "pip-tools"  # or "uv"
builder = "auto"  # or "container", "wheels"
bytecode = "auto"  # or "on", "off", "used"

[functions.orders]
source = "functions/orders"
requirements = ["functions/orders/requirements.in"]
"""
    )


def test_no_secret_is_written(tmp_path: Path) -> None:
    config = 'template = []\n[functions.a]\nsource = "."\nruntime = "python3.13"\nrequirements = []\n'
    config += '[index]\nurl = "https://me:hunter2@index.example/simple"\n'
    write(tmp_path, {"layerforge.toml": config})
    text = format_config(load_project(tmp_path, today=TODAY))
    assert 'url = "https://index.example/simple"' in text
    assert "hunter2" not in text
