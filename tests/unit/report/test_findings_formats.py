"""Whole outputs of the formats that CI systems read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from layerforge import __version__
from layerforge.model.finding import Finding, Severity
from layerforge.report.annotations import format_annotations
from layerforge.report.junit import format_junit
from layerforge.report.located import locate
from layerforge.report.sarif import format_sarif

SCHEMAS = Path(__file__).parents[2] / "schemas"
LARGE = Finding(
    severity=Severity.ERROR,
    code="unzipped-size",
    subject="orders",
    sentence="orders needs 260.0 MB, 100% of it",
    details=("heavy 3.0  260.0 MB   required by middle 2.0 (functions/orders/requirements.in:4)",),
    hint="split orders",
)
ODD = Finding(
    severity=Severity.WARNING,
    code="unknown-code",
    subject="a<b",
    sentence="not\x00 text, https://me:secret@host/x",
    where="odd,name.yaml:7",
)
PLAIN = Finding(severity=Severity.NOTE, code="discovered", subject="project", sentence="found")


@pytest.mark.parametrize(
    ("where", "details", "expected"),
    [
        ("layerforge.toml", (), ("shop/layerforge.toml", None)),
        ("layerforge.toml: functions.a b", (), ("shop/layerforge.toml", None)),
        ("../common.in:3", (), ("common.in", 3)),
        ("/elsewhere/x.yaml:3", (), ("/elsewhere/x.yaml", 3)),
        (None, ("a 1.0  2 MB   required by fn/requirements.in:2",), ("shop/fn/requirements.in", 2)),
        (None, ("libb.so (layer two)",), (None, None)),
    ],
)
def test_places(where: str | None, details: tuple[str, ...], expected: tuple[str | None, int | None]) -> None:
    finding = Finding(
        severity=Severity.NOTE, code="x", subject="x", sentence="x", where=where, details=details
    )
    (one,) = locate([finding], prefix="shop")
    assert (one.path, one.line) == expected


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("it grew (+1 MB, required by fn/r.in:2) and", ("fn/r.in", 2)),
        ("it grew (+1 MB, required by middle 2.0 (fn/r.in:4))", ("fn/r.in", 4)),
        ("it listens (localhost:8080)", (None, None)),
    ],
)
def test_places_in_sentences(sentence: str, expected: tuple[str | None, int | None]) -> None:
    (one,) = locate([Finding(severity=Severity.NOTE, code="x", subject="x", sentence=sentence)])
    assert (one.path, one.line) == expected


def test_annotations_for_github() -> None:
    assert format_annotations(locate([LARGE, ODD, PLAIN])).splitlines() == [
        (
            "::error file=functions/orders/requirements.in,line=4,title=layerforge unzipped-size::"
            "orders needs 260.0 MB, 100%25 of it%0A"
            "heavy 3.0  260.0 MB   required by middle 2.0 (functions/orders/requirements.in:4)%0A"
            "hint: split orders"
        ),
        (
            "::warning file=odd%2Cname.yaml,line=7,title=layerforge unknown-code::"
            "not\x00 text, https://****@host/x"
        ),
        "::notice title=layerforge discovered::found",
    ]


def test_sarif() -> None:
    document = json.loads(format_sarif(locate([LARGE, PLAIN]), fallback="layerforge.toml"))
    assert document["version"] == "2.1.0"
    (run,) = document["runs"]
    assert run["tool"]["driver"] == {
        "name": "layerforge",
        "semanticVersion": __version__,
        "rules": [
            {"id": "discovered", "name": "Discovered"},
            {"id": "unzipped-size", "name": "UnzippedSize"},
        ],
    }
    assert [
        (one["ruleId"], one["ruleIndex"], one["level"], one["locations"][0]["physicalLocation"])
        for one in run["results"]
    ] == [
        (
            "unzipped-size",
            1,
            "error",
            {
                "artifactLocation": {"uri": "functions/orders/requirements.in"},
                "region": {"startLine": 4},
            },
        ),
        ("discovered", 0, "note", {"artifactLocation": {"uri": "layerforge.toml"}}),
    ]
    assert run["results"][1]["message"] == {"text": "found"}


def fingerprints(*findings: Finding) -> list[str]:
    (run,) = json.loads(format_sarif(locate(findings), fallback="layerforge.toml"))["runs"]
    return [one["partialFingerprints"]["layerforge/v1"] for one in run["results"]]


def test_fingerprints_tell_findings_apart_and_outlive_numbers() -> None:
    larger = replace(LARGE, sentence="orders needs 1,261.5 GB, 99% of it", details=())
    assert fingerprints(LARGE) == fingerprints(larger)
    several = [
        LARGE,
        LARGE,
        replace(LARGE, subject="mail"),
        replace(LARGE, code="near-limit"),
        replace(LARGE, sentence="orders needs 260.0 MB, python3.13 of it"),
        replace(LARGE, sentence="orders needs 260.0 MB, python3.14 of it"),
    ]
    assert len(set(fingerprints(*several))) == len(several)
    # The same finding has the same one, whatever else was found.
    assert fingerprints(*several)[3] == fingerprints(several[3])[0]


@pytest.mark.parametrize(
    "findings",
    [
        (),
        (LARGE, ODD, PLAIN, LARGE),
        (
            replace(
                PLAIN,
                subject="\udcff",
                sentence="\x00 é \N{PILE OF POO}",
                where="a b/ü\udcff.toml:3",
                hint="h",
            ),
        ),
    ],
)
def test_sarif_is_what_the_standard_says(findings: tuple[Finding, ...]) -> None:
    schema = json.loads((SCHEMAS / "sarif-schema-2.1.0.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema)
    text = format_sarif(locate(findings, prefix="services/shop"), fallback="layerforge.toml")
    document = json.loads(text)
    assert [error.message for error in validator.iter_errors(document)] == []
    assert len(document["runs"][0]["results"]) == len(findings)
    # The schema does see what is wrong.
    document["runs"][0]["results"] = [{"level": "fatal"}]
    assert len(list(validator.iter_errors(document))) == 2


def test_junit_has_a_test_for_each_function() -> None:
    text = format_junit(locate([LARGE, ODD]), functions=["billing", "orders"])
    root = ElementTree.fromstring(text)
    assert root.attrib == {"name": "layerforge check", "tests": "3", "failures": "1", "errors": "0"}
    assert "secret" not in text
    assert [(case.get("classname"), case.get("name"), [c.tag for c in case]) for case in root[0]] == [
        ("layerforge.functions", "billing", []),
        ("layerforge.functions", "orders", ["failure"]),
        ("layerforge.others", "a<b", ["system-out"]),
    ]
    failure, output = root[0][1][0], root[0][2][0]
    assert failure.attrib == {"type": "unzipped-size", "message": LARGE.sentence}
    assert (failure.text or "").startswith("functions/orders/requirements.in:4: error: orders needs")
    assert output.text == "odd,name.yaml:7: warning: not\ufffd text, https://****@host/x"
