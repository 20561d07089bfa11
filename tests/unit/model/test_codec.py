from __future__ import annotations

import json

import pytest

from layerforge.model.codec import decode, encode
from layerforge.model.finding import Finding, Severity
from layerforge.model.requirement import Origin, Requirement

CLASSES = (Finding, Severity, Origin, Requirement)


@pytest.mark.parametrize(
    "value",
    [
        Finding(severity=Severity.WARNING, code="x", subject="s", sentence="t", details=("a", "b")),
        Requirement(name="numpy", extras=("a",), origin=Origin(path="r.in", line=3)),
        (Origin(path="a"), Origin(path="b", line=1)),
        (),
        {"$": Origin(path="a"), "b": {}},
    ],
)
def test_values_survive_json(value: object) -> None:
    assert decode(json.loads(json.dumps(encode(value))), CLASSES) == value


def test_severity_is_a_severity_again() -> None:
    value = Finding(severity=Severity.ERROR, code="x", subject="s", sentence="t")
    assert decode(encode(value), CLASSES).severity is Severity.ERROR


def test_unknown_class_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        decode({"$": "Elsewhere"}, CLASSES)


def test_field_of_another_version_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        decode({"$": "Origin", "path": "a", "column": 3}, CLASSES)
