"""Templates are read as cfn-lint reads them, whose decoder many people hold against CloudFormation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cfnlint.decode import decode_str  # type: ignore[import-untyped]

from layerforge.project.template_text import line_of
from layerforge.project.template_yaml import UnreadableError, read_yaml

EXAMPLE = Path(__file__).parents[3] / "examples/shop/template.yaml"
TAGS = """\
a: !GetAtt Orders.Arn.More
b: !GetAtt [Orders, !Ref Name]
c: !GetAtt {x: !Sub "${Y}"}
d: !If [C, !Ref X, {y: [!Base64 text]}]
e: !Transform {Name: AWS::Include, Parameters: {Location: !Sub "s3://${B}"}}
f: !Condition C
g: !Cidr
  - 10.0.0.0/8
  - 6
  - {}
"""
SCALARS = "a: 010\nb: 1_000\nc: on\nd: 2010-09-09\ne: 1e3\nf: 190:20:30\ng: ~\nh: .5\ni: '1'\n1: one\nno: x\n"
MERGED = "a: &a {x: 1, y: &y [1]}\nb: &b {<<: *a, x: 2}\nc: {<<: [*b, *a], x: 3, x: 4}\nd: *y\n"
JSON = '\ufeff\t{\n\t"a": "x\\/y\\\\/z",\n\t"b": [1, true, null, {"c": "\\u00e4\\n"}]\n}\n'


@pytest.mark.parametrize(
    "text",
    [
        TAGS,
        SCALARS,
        MERGED,
        JSON.removeprefix("\ufeff\t"),
        '{"a":{"b":[]}}',
        EXAMPLE.read_text(encoding="utf-8"),
    ],
    ids=["tags", "scalars", "merged", "json-with-tabs", "json", "example"],
)
def test_values_are_those_of_cfn_lint(text: str) -> None:
    expected, problems = decode_str(text)
    assert (problems, read_yaml(text)) == ([], expected)


def _lines(node: Any) -> Any:
    """Each value in place of which stands its line."""
    if isinstance(node, dict):
        return line_of(node), {(key, line_of(key)): _lines(value) for key, value in node.items()}
    if isinstance(node, list):
        return line_of(node), [_lines(value) for value in node]
    return line_of(node)


def test_lines_of_json_with_tabs() -> None:
    assert _lines(read_yaml(JSON)) == (
        1,
        {("a", 2): 2, ("b", 3): (3, [None, None, None, (3, {("c", 3): 3})])},
    )


def test_lines_below_tags() -> None:
    assert _lines(read_yaml("a: !If\n  - C\n  - x: y\n  - [z]\nb:\n  !GetAtt A.B\n")) == (
        1,
        {
            ("a", 1): (1, {("Fn::If", None): (1, [2, (3, {("x", 3): 3}), (4, [4])])}),
            ("b", 5): (6, {("Fn::GetAtt", None): (6, [None, None])}),
        },
    )


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ('{\n\t"a": 1,\n\t"a": 2}', "the key a is given twice", 3),
        ("a: 1\na: 2\nb: 3\na: 4\nb: 5\n", "the key b is given twice", 5),
        ("a:\n  - b: 1\n    b: 2\na: 3\n", "the key b is given twice", 3),
        ('{\n\t"a": "\\q"\n}', "found unknown escape character", 2),
        ('{\n\t"a": [1,\n\t2', "did not find expected ',' or ']'", 4),
        ('\t{\n\t"a": "x\\/y"\n\t"b": 1}', "found character that cannot start any token", 1),
        ('a: "\\q"\n', "found unknown escape character", 1),
        ("a: b\n\tc: 1\n", "found a tab character that violates indentation", 2),
        ("a: 1\nb: 2010-99-99\n", "month must be in 1..12", 1),
        ("a: !!bool x\n", "'x'", 1),
        ("a: !!timestamp x\n", "'NoneType' object has no attribute 'groupdict'", 1),
        ("- " * 20_000 + "x\n", "exceeded maximum nesting depth", 1),
    ],
)
def test_what_cannot_be_read(text: str, message: str, line: int) -> None:
    with pytest.raises(UnreadableError) as caught:
        read_yaml(text)
    assert (caught.value.message.splitlines()[0][: len(message)], caught.value.line) == (message, line)
