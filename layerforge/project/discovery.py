"""Templates and function folders of a project that has not named them."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from layerforge.project.config import is_function_name
from layerforge.project.managed_layers import COPY_OF
from layerforge.project.template_text import LARGEST_TEMPLATE

# Folders that hold what was built, installed or only tests; hidden ones are passed over as well.
_PASSED_OVER = frozenset(
    {"__pycache__", "build", "cdk.out", "dist", "node_modules", "site-packages", "test", "tests", "venv"}
)
_TEMPLATE_SUFFIXES = (".yaml", ".yml", ".json", ".template")
# What `sam package` and `aws cloudformation package` write beside the template that they read.
_PACKAGED = re.compile(r"packaged.*|.*[-_.]packaged\.[a-z]+")
_HAS_FUNCTIONS = re.compile(rb"AWS::(?:Serverless::(?:Function|Application)|Lambda::Function)\b")
_LEVELS = 2

FUNCTION_PARENTS = ("functions", "lambdas", "lambda", "src")
MANIFEST_NAMES = ("requirements.in", "requirements.txt", "pyproject.toml", "pylock.toml")


@dataclass(frozen=True, kw_only=True, slots=True)
class FoundTemplates:
    """Templates that name functions, the nearest first; `looked_at` are all files that were read for it."""

    paths: tuple[str, ...]
    looked_at: tuple[str, ...]


def find_templates(root: Path) -> FoundTemplates:
    """Look for templates in the root and the two levels below it.

    A template is a YAML or JSON file that speaks of a Lambda function or a nested application of
    SAM or CloudFormation, whatever its name; what was packaged from one, or exported, is not.
    """
    found: list[str] = []
    looked_at: list[str] = []
    for path in _candidates(root):
        try:
            with (root / path).open("rb") as stream:
                text = stream.read(LARGEST_TEMPLATE)
        except OSError:
            continue
        looked_at.append(path)
        if _HAS_FUNCTIONS.search(text) and COPY_OF.encode() not in text:
            found.append(path)
    return FoundTemplates(paths=tuple(found), looked_at=tuple(looked_at))


def _candidates(root: Path) -> list[str]:
    found: list[str] = []
    folders = [""]
    for _ in range(_LEVELS + 1):
        found += [f"{folder}{name}" for folder in folders for name in _template_names(root / folder)]
        folders = [f"{folder}{name}/" for folder in folders for name in visible_folders(root / folder)]
    # Stable whatever the file system: outermost first, `template.*` before others.
    return sorted(found, key=lambda path: (path.count("/"), not _stem(path).startswith("template"), path))


def _stem(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _template_names(folder: Path) -> list[str]:
    return [
        name
        for name, is_file in _entries(folder)
        if is_file and name.endswith(_TEMPLATE_SUFFIXES) and not _PACKAGED.fullmatch(name)
    ]


def find_function_folders(root: Path) -> tuple[str, ...]:
    """Look for folders below `functions`, `lambdas`, `lambda` and `src` that carry requirements.

    A folder without a requirement file is not taken: `src/shop` is as often a package as a function.
    """
    found = []
    for parent in FUNCTION_PARENTS:
        for name in visible_folders(root / parent):
            names = {entry for entry, is_file in _entries(root / parent / name) if is_file}
            if names.intersection(MANIFEST_NAMES):
                found.append(f"{parent}/{name}")
    return tuple(found)


def name_folders(folders: tuple[str, ...]) -> list[tuple[str, str]]:
    """Name functions by their folders; where two would share a name, by the folder above as well."""
    names = [_as_name(folder.rsplit("/", 1)[-1]) for folder in folders]
    counts = {name.lower(): [n.lower() for n in names].count(name.lower()) for name in names}
    return [
        (name if counts[name.lower()] == 1 else _as_name(folder.replace("/", "-")), folder)
        for name, folder in zip(names, folders, strict=True)
    ]


def _as_name(text: str) -> str:
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-_")
    return name if is_function_name(name) else "function"


def visible_folders(folder: Path) -> list[str]:
    """Name the folders in a folder that may hold what a user wrote, sorted."""
    return [
        name
        for name, is_file in _entries(folder)
        if not is_file and not name.startswith(".") and name not in _PASSED_OVER
    ]


def _entries(folder: Path) -> list[tuple[str, bool]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                (e.name, e.is_file()) for e in entries if e.is_file() or e.is_dir(follow_symlinks=False)
            )
    except OSError:
        return []
