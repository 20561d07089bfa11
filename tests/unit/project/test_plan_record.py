"""`layerforge-plan.toml`: written, read again, and refused where it is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.errors import ConfigError
from layerforge.model.previous import PLAN_FILE, PreviousFunction, PreviousLayer, PreviousPlan
from layerforge.project.plan_record import (
    format_plan_record,
    parse_plan_record,
    read_plan_record,
    write_plan_record,
)

PLAN = PreviousPlan(
    project="shop",
    settings="0123456789ab",
    layers=(
        PreviousLayer(
            name="shop-any-requests",
            targets=("python3.12-arm64", "python3.13-x86_64"),
            distributions=("idna", "requests"),
        ),
        PreviousLayer(
            name="shop-py313-x86-64-numpy", targets=("python3.13-x86_64",), distributions=("numpy",)
        ),
    ),
    functions={
        "orders": PreviousFunction(
            layers=("shop-any-requests", "shop-py313-x86-64-numpy"), bundled=("six",), asked="ab"
        ),
        "bare": PreviousFunction(layers=(), asked="cd"),
    },
)
TEXT = """\
# Which distributions lie in which layers, and which function takes which: written by `layerforge lock` and
# `layerforge build`. Commit this file: the next plan starts from it. `--replan` starts afresh.

format = 1
project = "shop"
settings = "0123456789ab"

[layers.shop-any-requests]
targets = [
    "python3.12-arm64",
    "python3.13-x86_64",
]
distributions = [
    "idna",
    "requests",
]

[layers.shop-py313-x86-64-numpy]
targets = ["python3.13-x86_64"]
distributions = ["numpy"]

[functions.bare]
asked = "cd"
layers = []

[functions.orders]
asked = "ab"
layers = [
    "shop-any-requests",
    "shop-py313-x86-64-numpy",
]
bundled = ["six"]
"""


def test_there_and_back() -> None:
    assert format_plan_record(PLAN) == TEXT
    assert parse_plan_record(TEXT) == PLAN


def test_nothing_is_written_where_nothing_changed(tmp_path: Path) -> None:
    assert read_plan_record(tmp_path) is None
    assert write_plan_record(tmp_path, PLAN)
    assert not write_plan_record(tmp_path, PLAN)
    assert read_plan_record(tmp_path) == PLAN


RESTORE = "restore it from version control; or delete it, and layers are planned afresh"


@pytest.mark.parametrize(
    ("text", "headline", "hint"),
    [
        (
            TEXT.replace("[functions.bare]", "<<<<<<< HEAD\n[functions.bare]"),
            ":22: it holds the conflict markers of an unfinished merge",
            "take either side, then run `layerforge lock`: it plans what is missing",
        ),
        ("format = 2", ": format: it has format 2, this layerforge reads 1", "update layerforge"),
        ("", ": format: it has format None, this layerforge reads 1", RESTORE),
        (
            TEXT + '[functions.bare]\nasked = "ab"\nlayers = []\n',
            ": it is not TOML (Cannot declare ('functions', 'bare') twice (at line 33, column 16))",
            RESTORE,
        ),
        ('format = 1\nsettings = "x y"', ": settings: unexpected 'x y' (expected a digest)", RESTORE),
        ("format = 1", ": settings: the value is missing", RESTORE),
        (
            'format = 1\nsettings = ""\nlayers = 3',
            ": layers: unexpected 3 (expected a table)",
            RESTORE,
        ),
        (
            'format = 1\nsettings = ""\n[layers]\nx = 3',
            ": layers.x: unexpected 3 (expected a table)",
            RESTORE,
        ),
        (
            'format = 1\nsettings = ""\n[layers."../x"]',
            ": layers.../x: unexpected name (expected letters, digits, - and _)",
            RESTORE,
        ),
        (
            'format = 1\nsettings = ""\n[layers.x]\ntargets = ["python2.7-x86_64"]',
            ": layers.x.targets[0]: unexpected 'python2.7-x86_64' (expected a name)",
            RESTORE,
        ),
        (
            'format = 1\nsettings = ""\n[functions.x]\nlayers = "a"\nasked = ""',
            ": functions.x.layers: unexpected 'a' (expected an array of names)",
            RESTORE,
        ),
    ],
)
def test_what_is_refused(text: str, headline: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_plan_record(text)
    assert (caught.value.headline, caught.value.hint) == (f"{PLAN_FILE}{headline}", hint)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / PLAN_FILE).write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"layerforge-plan\.toml: it cannot be read"):
        read_plan_record(tmp_path)
