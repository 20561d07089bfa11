"""`layerforge check` in the forms that CI systems read."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from tests.e2e.shop import Shop


def test_each_form_has_findings_and_keeps_the_exit_code(shop: Shop) -> None:
    shop.write("layerforge.toml", 'template = "template.yaml"\n[limits]\nunzipped = "1 KB"\n')
    assert shop.run("lock", "-q").code == 0

    github = shop.run("check", "--format", "github")
    assert (github.code, github.stderr) == (5, "")
    assert "title=layerforge unzipped-size::Orders needs " in github.stdout

    sarif = shop.run("check", "--format", "sarif", "--output-file", "out.sarif")
    assert sarif.code == 5
    assert "error: Orders needs" in sarif.stderr
    (run,) = json.loads((shop.root / "out.sarif").read_text())["runs"]
    assert {one["level"] for one in run["results"]} >= {"error"}

    junit = ElementTree.fromstring(shop.run("check", "--format", "junit").stdout)
    cases = {case.get("name"): case for case in junit.iter("testcase")}
    assert cases["Orders"].find("failure") is not None
    assert {"Orders", "Billing", "Reports"} <= cases.keys()


def test_a_stale_lock_is_told_in_the_form_too(shop: Shop) -> None:
    ended = shop.run("check", "--format", "sarif")
    assert ended.code == 3
    assert "error: there is no lock yet" in ended.stderr
    (result,) = ended.document["runs"][0]["results"]
    assert (result["ruleId"], result["message"]["text"].splitlines()[0]) == (
        "stale-lock",
        "there is no lock yet",
    )


def test_forms_that_exclude_each_other(shop: Shop) -> None:
    assert "--output-file needs --format" in shop.run("check", "--output-file", "x").stderr
    ended = shop.run("check", "--json", "--format", "junit")
    assert (ended.code, "exclude each other" in ended.stdout) == (2, True)
