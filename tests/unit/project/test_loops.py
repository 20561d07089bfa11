from __future__ import annotations

import pytest

from layerforge.project.intrinsics import Scope, Unknown
from layerforge.project.loops import EndlessLoopError, expand_loops
from layerforge.project.template_text import line_of, parse_template


def expand(text: str, **parameters: object) -> list[tuple[object, object, int | None]]:
    section = parse_template(text, path="t.yaml")
    entries = expand_loops(section, Scope(parameters=parameters))
    return [(key, body, line_of(line_key)) for key, body, line_key in entries]


def test_a_loop_is_written_out() -> None:
    text = """\
First: {Type: A}
"Fn::ForEach::Functions":
  - Name
  - [orders, bill-ing]
  - "Function&{Name}":
      Type: B
      Properties: {CodeUri: "functions/${Name}", Handler: !Ref Name, Other: !Ref Else}
"""
    assert expand(text) == [
        ("First", {"Type": "A"}, 1),
        (
            "Functionorders",
            {
                "Type": "B",
                "Properties": {"CodeUri": "functions/orders", "Handler": "orders", "Other": {"Ref": "Else"}},
            },
            2,
        ),
        (
            "Functionbilling",
            {
                "Type": "B",
                "Properties": {
                    "CodeUri": "functions/bill-ing",
                    "Handler": "bill-ing",
                    "Other": {"Ref": "Else"},
                },
            },
            2,
        ),
    ]


def test_a_loop_in_a_loop_and_items_from_a_parameter() -> None:
    text = """\
"Fn::ForEach::A":
  - X
  - !Ref Items
  - "Fn::ForEach::B":
      - Y
      - [1, "${X}"]
      - "F${X}${Y}": {Code: !Sub "${X}/${Y}/${Z}"}
"""
    assert [(key, body) for key, body, _ in expand(text, Items=["a", "b"])] == [
        ("Fa1", {"Code": {"Fn::Sub": "a/1/${Z}"}}),
        ("Faa", {"Code": {"Fn::Sub": "a/a/${Z}"}}),
        ("Fb1", {"Code": {"Fn::Sub": "b/1/${Z}"}}),
        ("Fbb", {"Code": {"Fn::Sub": "b/b/${Z}"}}),
    ]


@pytest.mark.parametrize(
    "body",
    [
        "[X, !Ref Open, {A: 1}]",
        "[X, [a]]",
        "[X, a, {A: 1}]",
        "[[X], [a], {A: 1}]",
        "[X, [{a: 1}], {A: 1}]",
        "7",
    ],
)
def test_what_cannot_be_written_out_is_given_as_it_is(body: str) -> None:
    entries = expand(f'"Fn::ForEach::A": {body}\n', Open=Unknown(words="!Ref Open"))
    assert [(key, line) for key, _, line in entries] == [("Fn::ForEach::A", 1)]


def test_a_loop_that_gives_too_much() -> None:
    items = ", ".join(str(number) for number in range(100))
    inner = '"F${A}${B}${C}": 1'
    text = f'"Fn::ForEach::C": [C, [{items}], {{{inner}}}]'
    for name in ("B", "A"):
        text = f'"Fn::ForEach::{name}": [{name}, [{items}], {{{text}}}]'
    with pytest.raises(EndlessLoopError):
        expand(text)
