from __future__ import annotations

import json
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from layerforge.errors import EXIT_USAGE, ConfigError
from layerforge.model.given import GivenFunction, GivenInstance
from layerforge.project.instance_file import parse_instance, read_instance
from tests.planning_instances import Instance, realistic

SMALL: Instance = {
    "format": "layerplan-instance/1",
    "cap": 1000,
    "lam_num": 1,
    "lam_den": 10,
    "mu": 5,
    "dists": {"numpy": 70, "six": 1},
    "functions": {"web": {"needs": ["six", "numpy"], "code": 3, "max_layers": 7}},
}
FORMAT_HINT = "docs/reference/files.md#instances shows the format"
BYTES = "(expected a whole number of bytes from 0 to 1,000,000,000,000)"
COUNT = "(expected a whole number from 0 to 1,000,000)"
NUMBER = "(expected a number from 0 to 1,000,000)"


def with_value(*keys: str, value: Any) -> str:
    """SMALL with one value changed."""
    changed = json.loads(json.dumps(SMALL))
    place = changed
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    return json.dumps(changed)


def without(*keys: str) -> str:
    changed = json.loads(json.dumps(SMALL))
    place = changed
    for key in keys[:-1]:
        place = place[key]
    del place[keys[-1]]
    return json.dumps(changed)


def test_an_instance_is_read() -> None:
    assert parse_instance(json.dumps(SMALL), path="x.json") == GivenInstance(
        sizes={"numpy": 70, "six": 1},
        functions={"web": GivenFunction(needs=frozenset({"numpy", "six"}), code_size=3, most_layers=7)},
        limit=1000,
        excess_weight=Fraction(1, 10),
        layer_cost=5,
    )


@pytest.mark.parametrize(
    ("written", "weight"), [(0, Fraction(0)), (2.5, Fraction(5, 2)), (0.1, Fraction(1, 10))]
)
def test_weights_are_what_is_written(written: float, weight: Fraction) -> None:
    text = with_value("functions", "web", "weight", value=written)
    assert parse_instance(text, path="x.json").functions["web"].weight == weight


def test_there_may_be_nothing_and_keys_at_the_top_that_are_not_known() -> None:
    text = json.dumps(SMALL | {"dists": {}, "functions": {}, "lam_num": 0, "name": "none", "best_known": {}})
    read = parse_instance(text, path="x.json")
    assert (len(read.sizes), len(read.functions), read.excess_weight) == (0, 0, Fraction(0))


@pytest.mark.parametrize(
    ("text", "headline", "hint"),
    [
        ("[]", "x.json: unexpected array (expected an object)", FORMAT_HINT),
        ('{\n"format" 3}', "x.json:2: not JSON: Expecting ':' delimiter (column 10)", FORMAT_HINT),
        ("[" * 100_000, "x.json: not an instance: nested too deeply", FORMAT_HINT),
        (
            with_value("format", value="layerplan-instance/2"),
            "x.json: format: unexpected \"layerplan-instance/2\" (expected 'layerplan-instance/1')",
            FORMAT_HINT,
        ),
        (
            without("mu"),
            "x.json: the key 'mu' is missing (found cap, dists, format, functions, lam_den, lam_num)",
            FORMAT_HINT,
        ),
        (
            without("functions", "web", "code"),
            "x.json: functions.web: the key 'code' is missing (found max_layers, needs)",
            FORMAT_HINT,
        ),
        (with_value("dists", value=[]), "x.json: dists: unexpected array (expected an object)", FORMAT_HINT),
        (with_value("dists", "six", value=-1), f"x.json: dists.six: unexpected -1 {BYTES}", FORMAT_HINT),
        (with_value("dists", "six", value=True), f"x.json: dists.six: unexpected true {BYTES}", FORMAT_HINT),
        (with_value("dists", "six", value=1.5), f"x.json: dists.six: unexpected 1.5 {BYTES}", FORMAT_HINT),
        (
            with_value("dists", "six", value=10**30),
            f"x.json: dists.six: unexpected {10**30} {BYTES}",
            FORMAT_HINT,
        ),
        (with_value("cap", value="250 MB"), f'x.json: cap: unexpected "250 MB" {BYTES}', FORMAT_HINT),
        (with_value("mu", value=None), f"x.json: mu: unexpected null {BYTES}", FORMAT_HINT),
        (with_value("lam_num", value=-1), f"x.json: lam_num: unexpected -1 {NUMBER}", FORMAT_HINT),
        (
            with_value("lam_den", value=0),
            "x.json: lam_den: unexpected 0 (expected a number above 0)",
            FORMAT_HINT,
        ),
        (
            with_value("functions", "web", value=3),
            "x.json: functions.web: unexpected 3 (expected an object)",
            FORMAT_HINT,
        ),
        (
            with_value("functions", "web", "needs", value="six"),
            'x.json: functions.web.needs: unexpected "six" (expected an array)',
            FORMAT_HINT,
        ),
        (
            with_value("functions", "web", "needs", value=["six", 4]),
            "x.json: functions.web.needs[1]: unexpected 4 (expected the name of a distribution)",
            FORMAT_HINT,
        ),
        (
            with_value("functions", "web", "needs", value=["nunpy"]),
            "x.json: functions.web.needs[0]: unexpected 'nunpy' (expected one of the 2 names in dists)",
            "did you mean numpy?",
        ),
        (
            with_value("functions", "web", "needs", value=["zzz"]),
            "x.json: functions.web.needs[0]: unexpected 'zzz' (expected one of the 2 names in dists)",
            "add it to dists, with its bytes unzipped",
        ),
        (
            with_value("functions", "web", "max_layers", value=-1),
            f"x.json: functions.web.max_layers: unexpected -1 {COUNT}",
            FORMAT_HINT,
        ),
        (
            with_value("functions", "web", "weight", value="2"),
            f'x.json: functions.web.weight: unexpected "2" {NUMBER}',
            FORMAT_HINT,
        ),
        (
            with_value("functions", "web", "weight", value=float("nan")),
            f"x.json: functions.web.weight: unexpected NaN {NUMBER}",
            FORMAT_HINT,
        ),
        (
            with_value("functions", "web", "wieght", value=2),
            "x.json: functions.web.wieght: unknown key",
            "did you mean weight?",
        ),
        (
            json.dumps(SMALL).replace('"six": 1', '"six": 1, "six": 2'),
            "x.json: dists: the key 'six' is given twice (expected once)",
            None,
        ),
        (
            json.dumps(SMALL).replace('"code": 3', '"code": 3, "code": 3'),
            "x.json: functions.web: the key 'code' is given twice (expected once)",
            None,
        ),
        (
            json.dumps(SMALL).replace('"cap"', '"mu": 1, "cap"'),
            "x.json: the key 'mu' is given twice (expected once)",
            None,
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(text: str, headline: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_instance(text, path="x.json")
    assert (raised.value.headline, raised.value.hint) == (headline, hint)
    assert raised.value.exit_code == EXIT_USAGE


def test_a_number_without_end_is_no_number() -> None:
    with pytest.raises(ConfigError, match=r"x\.json: not an instance: Exceeds the limit"):
        parse_instance(f'{{"cap": {"9" * 10_000}}}', path="x.json")


def test_a_file_that_is_no_text_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b'{"\xff')
    with pytest.raises(ConfigError, match=r"x\.json: not UTF-8: invalid start byte at byte 2"):
        read_instance(tmp_path / "x.json")
    with pytest.raises(ConfigError, match=r"y\.json: cannot be read: No such file or directory"):
        read_instance(tmp_path / "y.json")


def test_a_thousand_functions_are_read_in_a_blink() -> None:
    text = json.dumps(realistic(1000))
    started = time.process_time()
    read = parse_instance(text, path="x.json")
    assert time.process_time() - started < 0.5
    assert len(read.functions) == 1000
