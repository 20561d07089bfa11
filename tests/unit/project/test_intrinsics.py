from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layerforge.project.intrinsics import NO_VALUE, Scope, Unknown, is_known, words_of
from layerforge.project.template import Template, make_scope, read_template
from layerforge.project.template_text import parse_template

HEAD = """
Parameters:
  Stage: {Type: String, Default: dev}
  Number: {Type: Number, Default: 3}
  Layers: {Type: CommaDelimitedList, Default: "arn:one, arn:two"}
  NoLayers: {Type: CommaDelimitedList, Default: ""}
  Ids: {Type: "List<Number>", Default: "1,2"}
  Open: {Type: String}
  OnlyOne: {Type: String, AllowedValues: [python3.12]}
  Stored: {Type: "AWS::SSM::Parameter::Value<String>", Default: /shop/runtime}
  Dynamic: {Type: String, Default: "{{resolve:ssm:/x}}"}
  Odd: 7
Mappings:
  Runtimes:
    dev: {python: python3.13, list: [a, b], arch: arm64}
    prod: {python: python3.12, list: [c], arch: arm64}
    "3": {python: python3.11}
Conditions:
  IsDev: !Equals [!Ref Stage, dev]
  IsProd: !Equals [!Ref Stage, prod]
  IsOpen: !Equals [!Ref Open, x]
  NotDev: !Not [!Condition IsDev]
  Both: !And [!Condition IsDev, !Condition IsProd]
  BothOpen: !And [!Condition IsDev, !Condition IsOpen]
  NoneOpen: !And [!Condition IsProd, !Condition IsOpen]
  Either: !Or [!Condition IsOpen, !Condition IsDev]
  EitherOpen: !Or [!Condition IsOpen, !Condition IsProd]
  Loop: !Not [!Condition Loop]
  SelfIf: !Equals [!If [SelfIf, a, b], a]
  IsThree: !Equals [!Ref Number, "3"]
  Bad: {"Fn::Equals": [1]}
  Worse: [1]
Resources:
  Orders: {Type: "AWS::Serverless::Function"}
  Shared: {Type: "AWS::Serverless::LayerVersion"}
"""


def scope() -> Scope:
    return make_scope(parse_template(HEAD, path="t.yaml"), {})


def unknown(words: str, resource: str | None = None) -> Unknown:
    return Unknown(words=words, resource=resource)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # plain
        ("text", "text"),
        ("3", 3),
        ("true", True),
        ("{a: 1}", {"a": 1}),
        # Ref
        ("!Ref Stage", "dev"),
        ("{Ref: Stage}", "dev"),
        ("!Ref Number", "3"),
        ("!Ref Layers", ["arn:one", "arn:two"]),
        ("!Ref NoLayers", []),
        ("!Ref Ids", ["1", "2"]),
        ("!Ref OnlyOne", "python3.12"),
        ("!Ref Open", unknown("!Ref Open")),
        ("!Ref Stored", unknown("!Ref Stored")),
        ("!Ref Dynamic", unknown("{{resolve:ssm:/x}}")),
        ("!Ref Odd", unknown("!Ref Odd")),
        ("!Ref Missing", unknown("!Ref Missing")),
        ("!Ref Shared", unknown("!Ref Shared", "Shared")),
        ("!Ref AWS::Region", unknown("!Ref AWS::Region")),
        ("!Ref AWS::NoValue", NO_VALUE),
        ("!Ref [a]", unknown("!Ref [a]")),
        ("{Ref: null}", unknown("!Ref null")),
        ("[a, !Ref AWS::NoValue, b]", ["a", "b"]),
        ("{a: 1, b: !Ref AWS::NoValue}", {"a": 1}),
        # GetAtt
        ("!GetAtt Shared.Arn", unknown("!GetAtt Shared.Arn", "Shared")),
        ("{Fn::GetAtt: [Shared, Arn]}", unknown("!GetAtt Shared.Arn", "Shared")),
        ("{Fn::GetAtt: Nested.Outputs.Arn}", unknown("!GetAtt Nested.Outputs.Arn")),
        ("{Fn::GetAtt: []}", unknown("!GetAtt ")),
        ("{Fn::GetAtt: 7}", unknown("!GetAtt 7")),
        # Sub
        ("!Sub 'x-${Stage}-${Number}'", "x-dev-3"),
        ("!Sub 'x-${!Stage}'", "x-${Stage}"),
        ("!Sub ['${a}-${Stage}', {a: !Ref Number}]", "3-dev"),
        ("!Sub ['${Stage}', {Stage: mine}]", "mine"),
        ("!Sub 'arn:aws:lambda:${AWS::Region}:1:x'", unknown("arn:aws:lambda:${AWS::Region}:1:x")),
        ("!Sub '${Stage}-${Shared.Arn}'", unknown("dev-${Shared.Arn}")),
        ("!Sub '${Layers}'", unknown("${Layers}")),
        ("!Sub 'x{{resolve:ssm:${Stage}}}'", unknown("x{{resolve:ssm:dev}}")),
        ("!Sub ['${a}', {a: !Ref Open}]", unknown("${a}")),
        ("!Sub ['${a}']", unknown("!Sub [${a}]")),
        ("!Sub {a: 1}", unknown("!Sub {a: 1}")),
        ("!Sub '${'", "${"),
        ("!Sub ''", ""),
        # If
        ("!If [IsDev, a, b]", "a"),
        ("!If [IsProd, a, b]", "b"),
        ("!If [IsOpen, a, b]", unknown("!If [IsOpen, a, b]")),
        ("!If [IsOpen, a, a]", "a"),
        ("!If [IsOpen, [a], !Ref AWS::NoValue]", unknown("!If [IsOpen, [a], !Ref AWS::NoValue]")),
        ("!If [NotDev, a, b]", "b"),
        ("!If [Both, a, b]", "b"),
        ("!If [BothOpen, a, b]", unknown("!If [BothOpen, a, b]")),
        ("!If [NoneOpen, a, b]", "b"),
        ("!If [Either, a, b]", "a"),
        ("!If [EitherOpen, a, b]", unknown("!If [EitherOpen, a, b]")),
        ("!If [IsThree, a, b]", "a"),
        ("!If [Loop, a, b]", unknown("!If [Loop, a, b]")),
        ("!If [SelfIf, a, b]", unknown("!If [SelfIf, a, b]")),
        ("!If [Bad, a, b]", unknown("!If [Bad, a, b]")),
        ("!If [Worse, a, b]", unknown("!If [Worse, a, b]")),
        ("!If [Missing, a, b]", unknown("!If [Missing, a, b]")),
        ("!If [IsDev, a]", unknown("!If [IsDev, a]")),
        ("!If [[IsDev], a, b]", unknown("!If [[IsDev], a, b]")),
        ("!If [IsDev, !If [IsProd, a, !Ref Stage], c]", "dev"),
        # Join
        ("!Join ['-', [a, !Ref Stage, 3, true]]", "a-dev-3-true"),
        ("!Join [',', !Ref Layers]", "arn:one,arn:two"),
        ("!Join ['', []]", ""),
        ("!Join [':', [arn, !Ref AWS::Region, x]]", unknown("arn:!Ref AWS::Region:x")),
        ("!Join ['', !Ref Open]", unknown("!Join [, !Ref Open]")),
        ("!Join [1]", unknown("!Join [1]")),
        ("!Join x", unknown("!Join x")),
        # FindInMap
        ("!FindInMap [Runtimes, !Ref Stage, python]", "python3.13"),
        ("!FindInMap [Runtimes, !Ref Number, python]", "python3.11"),
        ("!FindInMap [Runtimes, dev, list]", ["a", "b"]),
        ("!FindInMap [Runtimes, !Ref Open, python]", unknown("!FindInMap [Runtimes, !Ref Open, python]")),
        ("!FindInMap [Runtimes, dev, missing]", unknown("!FindInMap [Runtimes, dev, missing]")),
        ("!FindInMap [Missing, dev, python]", unknown("!FindInMap [Missing, dev, python]")),
        ("!FindInMap [Missing, dev, python, {DefaultValue: x}]", "x"),
        ("!FindInMap [Runtimes, dev, python, {DefaultValue: x}]", "python3.13"),
        ("!FindInMap [Runtimes, dev]", unknown("!FindInMap [Runtimes, dev]")),
        ("!FindInMap {a: 1}", unknown("!FindInMap {a: 1}")),
        # Select, Split
        ("!Select [1, [a, b]]", "b"),
        ("!Select ['0', !Ref Layers]", "arn:one"),
        ("!Select [!Ref Number, [a, b, c, d]]", "d"),
        ("!Select [7, [a]]", unknown("!Select [7, [a]]")),
        ("!Select [-1, [a]]", unknown("!Select [-1, [a]]")),
        ("!Select [x, [a]]", unknown("!Select [x, [a]]")),
        ("!Select [0, !Ref Open]", unknown("!Select [0, !Ref Open]")),
        ("!Select [0, [!Ref Open]]", unknown("!Ref Open")),
        ("!Select 1", unknown("!Select 1")),
        ("!Split [',', 'a,b']", ["a", "b"]),
        ("!Select [1, !Split ['-', !Sub 'x-${Stage}']]", "dev"),
        ("!Split ['', 'a']", unknown("!Split [, a]")),
        ("!Split [',', !Ref Open]", unknown("!Split [,, !Ref Open]")),
        ("!Split x", unknown("!Split x")),
        # what only a deployment knows
        ("!ImportValue shared-layer", unknown("!ImportValue shared-layer")),
        ("!ImportValue {'Fn::Sub': '${Stage}-x'}", unknown("!ImportValue !Sub ${Stage}-x")),
        ("'{{resolve:ssm:/shop/runtime:1}}'", unknown("{{resolve:ssm:/shop/runtime:1}}")),
        ("!Base64 x", unknown("!Base64 x")),
        ("!Transform {Name: Include}", unknown("!Transform {Name: Include}")),
        ("!Whatever [1, 2]", unknown("!Whatever [1, 2]")),
        ("{Fn::ForEach::X: [1]}", unknown("!ForEach::X [1]")),
        # YAML's own
        ("2020-01-01", datetime.date(2020, 1, 1)),
        ("null", None),
        ("!Sub", ""),
    ],
)
def test_resolution(text: str, value: Any) -> None:
    node = parse_template(f"v: {text}\n", path="t.yaml")["v"]
    assert scope().resolve(node) == value


def test_a_map_that_agrees_needs_no_key() -> None:
    text = "v: !FindInMap [M, !Ref AWS::Region, runtime]\nMappings: {M: {a: {runtime: x}, b: {runtime: x}}}\n"
    body = parse_template(text, path="t.yaml")
    assert make_scope(body, {}).resolve(body["v"]) == "x"


def test_parameters_that_a_parent_gives() -> None:
    body = parse_template(HEAD, path="t.yaml")
    given = {"Stage": "prod", "Open": unknown("!Ref Theirs"), "Layers": "arn:x,arn:y", "Nobody": "asks"}
    parameters = make_scope(body, given).parameters
    assert [parameters[name] for name in ("Stage", "Open", "Layers")] == [
        "prod",
        unknown("!Ref Theirs"),
        ["arn:x", "arn:y"],
    ]
    assert "Nobody" not in parameters


def test_words_are_not_too_long() -> None:
    assert words_of({"Fn::Join": ["", ["x" * 500]]}) == f"!Join [, [{'x' * 89}…"


def test_deep_nesting_ends() -> None:
    value: Any = "x"
    for _ in range(5000):
        value = {"Fn::If": ["IsOpen", value, "y"]}
    assert not is_known(scope().resolve(value))


_NAMES = st.sampled_from(
    ["Ref", "Fn::Sub", "Fn::GetAtt", "Fn::If", "Fn::Join", "Fn::FindInMap", "Fn::Select", "Fn::Split",
     "Fn::ImportValue", "Fn::Not", "Fn::And", "Fn::Or", "Fn::Equals", "Condition", "Fn::ForEach::L", "Key"]
)  # fmt: skip
_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(),
    st.dates(),
    st.text(max_size=5),
    st.sampled_from(
        ["Stage", "Open", "Layers", "IsDev", "Loop", "Runtimes", "${Stage}", "${", "AWS::NoValue"]
    ),
)
_NODES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(_NAMES | st.integers(0, 3), inner, max_size=2),
        st.builds(lambda name, argument: {name: argument}, _NAMES, inner),
        st.builds(lambda name, arguments: {name: arguments}, _NAMES, st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=25,
)


@given(_NODES)
def test_nothing_crashes(node: Any) -> None:
    held = scope()
    value = held.resolve(node)
    assert isinstance(words_of(value), str)
    assert isinstance(words_of(node), str)
    assert isinstance(is_known(value), bool)


@given(
    section=st.dictionaries(
        st.sampled_from(["Resources", "Parameters", "Mappings", "Conditions", "Globals"]), _NODES
    ),
    properties=st.dictionaries(
        st.sampled_from(
            ["Runtime", "Architectures", "CodeUri", "Code", "Layers", "Handler", "PackageType", "InlineCode"]
        ),
        _NODES,
    ),
    metadata=_NODES,
    kind=st.sampled_from(
        ["AWS::Serverless::Function", "AWS::Lambda::Function", "AWS::Serverless::Application",
         "AWS::CloudFormation::Stack", "AWS::Serverless::LayerVersion", "AWS::Lambda::LayerVersion"]
    ),
)  # fmt: skip
def test_no_template_crashes(section: Any, properties: Any, metadata: Any, kind: str) -> None:
    resources = section.get("Resources")
    own = {"It": {"Type": kind, "Properties": properties, "Metadata": metadata}}
    body = {
        **section,
        "Globals": {"Function": properties},
        "Resources": {**(resources if isinstance(resources, dict) else {}), **own},
    }
    assert isinstance(read_template(body, path="t.yaml"), Template)
    random = {**body, "Resources": resources, "Globals": section.get("Globals")}
    assert isinstance(read_template(random, path="t.yaml"), Template)
