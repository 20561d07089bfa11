"""`export sam`: what becomes of the text of a template, line by line."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]

from layerforge.errors import ConfigError, LayerforgeError, LimitError
from layerforge.export.sam import UserTemplate, find_unreached, format_sam
from layerforge.export.template_changes import plain
from layerforge.export.values import Export
from layerforge.model.artifact import Manifest
from layerforge.project.template import read_template
from layerforge.project.template_text import parse_template
from tests.unit.export.test_formats import PUBLISHED, artifact, complaints
from tests.unit.publish.shop import NUMPY, PYDANTIC, function

MANIFEST = Manifest(
    project="shop",
    layers=(artifact(NUMPY), artifact(PYDANTIC)),
    functions={"Orders": function(NUMPY, PYDANTIC), "Billing": function(PYDANTIC), "Plain": function()},
)
BUILT = Export(manifest=MANIFEST, zips=".layerforge")
LIVE = replace(BUILT, published=PUBLISHED.published)
NOTHING = Export(
    manifest=Manifest(project="shop", layers=(), functions=dict.fromkeys(MANIFEST.functions, function()))
)
FUNCTIONS = {name: (name,) for name in MANIFEST.functions}
# The logical ids of layers.
NUMPY_ID, PYDANTIC_ID = "LayerShopPy313X8664Numpy", "LayerShopPy313X8664Pydantic"


def export(text: str, what: Export = BUILT, **options: Any) -> str:
    copy_of = options.pop("copy_of", None)
    template = UserTemplate(path="template.yaml", text=text, functions=FUNCTIONS, copy_of=copy_of)
    return format_sam(what, template, **options)


def changes(before: str, after: str) -> str:
    """Lines that went and came, as they are."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@"))) + "\n"


BLOCK = """\
# The shop's functions.
AWSTemplateFormatVersion: '2010-09-09'   # quoted as it was
Transform: AWS::Serverless-2016-10-31

Globals:
  Function: {Runtime: python3.13, Handler: app.handler}

Resources:   # what there is
  # Takes orders.
  Orders:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/orders   # its code
      Description: >+
        a long line that a writer of YAML would fold elsewhere than it is folded here, if it were asked to

      # nothing is below

  Billing:
    Type: 'AWS::Serverless::Function'
    Properties:
        CodeUri:   functions/billing
        Layers:
        # somebody else's
        - "arn:aws:lambda:eu-west-1:123456789012:layer:other:7"  # theirs
    # not Metadata

  Plain:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/plain, Layers: [ "arn:aws:lambda:eu-west-1:123456789012:layer:other:7" ]}

# What is told.
Outputs:
  OrdersArn: {Value: !GetAtt Orders.Arn}
"""
JSON = plain(parse_template(BLOCK, path="x"))
FLOW = """\
{Transform: AWS::Serverless-2016-10-31, # yes
 Resources: {
   Orders: {Type: AWS::Serverless::Function, Properties: {CodeUri: o, Handler: a.b, Runtime: python3.13}},
   Billing: {Type: AWS::Serverless::Function, Properties: {CodeUri: o, Handler: a.b, Runtime: python3.13,
     Layers: [
       "arn:aws:lambda:eu-west-1:123456789012:layer:other:7", # theirs
     ]}},
   # the end
 }}
"""
ANCHORS = """\
Transform: [AWS::Serverless-2016-10-31]
Resources:
    Orders:
        Type: AWS::Serverless::Function
        Metadata: &shared
            Team: shop
        Properties:
            <<: &common
                Handler: app.handler
                Runtime: python3.13
            CodeUri: functions/orders
    Billing:
        Type: AWS::Serverless::Function
        Metadata: *shared
        Properties:
            CodeUri: functions/billing
            <<: *common"""
NO_TRANSFORM = """\
---
Resources:
  Orders:
    Type: AWS::Lambda::Function
    Properties:
      Code: functions/orders
      Role: arn:aws:iam::123456789012:role/functions
      Handler: app.handler
      Runtime: python3.13
...
"""
TEMPLATES = {
    "block": BLOCK,
    "crlf": BLOCK.replace("\n", "\r\n"),
    "no end of the last line": BLOCK.rstrip(),
    "crlf without an end": BLOCK.rstrip().replace("\n", "\r\n"),
    "resources are last": BLOCK[: BLOCK.index("# What is told")].rstrip() + "\n",
    "resources are last, without an end": BLOCK[: BLOCK.index("# What is told")].rstrip(),
    "mappings": BLOCK.replace("Globals:", "Mappings:\n  Sizes:\n    small: {mb: 1}\nGlobals:"),
    "json": json.dumps(JSON, indent=2),
    "json with tabs": json.dumps(JSON, indent="\t") + "\n",
    "json with crlf": json.dumps(JSON, indent=4).replace("\n", "\r\n"),
    "json in one line": json.dumps(JSON),
    "flow": FLOW,
    "anchors": ANCHORS,
    "no transform": NO_TRANSFORM,
}


def test_lines_that_change_in_a_block_template() -> None:
    assert changes(BLOCK, export(BLOCK)) == dedent(
        """\
        +      Layers:
        +      - !Ref LayerShopPy313X8664Numpy
        +      - !Ref LayerShopPy313X8664Pydantic
        +        - !Ref LayerShopPy313X8664Pydantic
        +  LayerShopPy313X8664Numpy:
        +    Type: AWS::Serverless::LayerVersion
        +    Metadata:
        +      ManagedBy: layerforge
        +    Properties:
        +      LayerName: shop-py313-x86-64-numpy
        +      Description: "shop: numpy 2.4.0 [numpy0000000]"
        +      ContentUri: .layerforge/layers/shop-py313-x86-64-numpy.zip
        +      CompatibleRuntimes: [python3.13]
        +      CompatibleArchitectures: [x86_64]
        +      RetentionPolicy: Retain
        +
        +  LayerShopPy313X8664Pydantic:
        +    Type: AWS::Serverless::LayerVersion
        +    Metadata:
        +      ManagedBy: layerforge
        +    Properties:
        +      LayerName: shop-py313-x86-64-pydantic
        +      Description: "shop: numpy 2.4.0 [antic0000000]"
        +      ContentUri: .layerforge/layers/shop-py313-x86-64-pydantic.zip
        +      CompatibleRuntimes: [python3.13]
        +      CompatibleArchitectures: [x86_64]
        +      RetentionPolicy: Retain
        +
        """
    )


def test_lines_that_change_with_published_versions() -> None:
    find = '!FindInMap [LayerforgeLayers, !Ref "AWS::Region", '
    arn = "arn:aws:lambda:{0}:123456789012:layer:shop-py313-x86-64-{1}:3"
    regions = "".join(
        f"+    {region}:\n"
        f'+      ShopPy313X8664Numpy: "{arn.format(region, "numpy")}"\n'
        f'+      ShopPy313X8664Pydantic: "{arn.format(region, "pydantic")}"\n'
        for region in ("eu-west-1", "us-east-1")
    )
    assert changes(BLOCK, export(BLOCK, LIVE)) == (
        f"+\n+Mappings:\n+  LayerforgeLayers:\n{regions}"
        f"+      Layers:\n+      - {find}ShopPy313X8664Numpy]\n+      - {find}ShopPy313X8664Pydantic]\n"
        f"+        - {find}ShopPy313X8664Pydantic]\n"
    )


@pytest.mark.parametrize("text", TEMPLATES.values(), ids=TEMPLATES)
def test_way_there_and_back(text: str) -> None:
    """Whatever is written is not written twice, and leaves nothing behind when it goes."""
    built, live = export(text), export(text, LIVE)
    assert len({text, built, live}) == 3
    assert (export(built), export(live, LIVE)) == (built, live)
    assert (export(built, LIVE), export(live)) == (live, built)
    assert (export(built, NOTHING), export(live, NOTHING)) == (text, text)
    for after in (built, live):
        assert after.endswith("\n") == text.endswith("\n")
        assert (after.count("\r\n") == after.count("\n")) == (text.count("\r\n") == text.count("\n"))
        assert [line for line in changes(text, after).splitlines() if line.startswith("-")] == [] or (
            text.lstrip().startswith("{") or text == NO_TRANSFORM or not text.endswith("\n")
        )


@pytest.mark.parametrize("indent", [2, 4, "\t", None])
def test_json_stays_json_of_its_kind(indent: int | str | None) -> None:
    text = json.dumps(JSON, indent=indent)
    for what in (BUILT, LIVE):
        after = export(text, what)
        assert after == json.dumps(json.loads(after), indent=indent)
    uses = json.loads(export(text, LIVE))["Resources"]["Orders"]["Properties"]["Layers"]
    assert uses[0] == {"Fn::FindInMap": ["LayerforgeLayers", {"Ref": "AWS::Region"}, "ShopPy313X8664Numpy"]}


OLD = """\
  {id}:
    Type: AWS::Serverless::LayerVersion
    Metadata: {{ManagedBy: layerforge}}
    Properties: {{LayerName: {name}, ContentUri: old.zip}}
"""
FOREIGN = "arn:aws:lambda:eu-west-1:123456789012:layer:{}:1"
A, B = FOREIGN.format("a"), FOREIGN.format("b")


def with_layers(layers: str, more: str = "") -> str:
    """A template whose Orders has these lines for Layers, and old layers `Numpy` and `Gone` of ours."""
    old = OLD.format(id="Numpy", name=NUMPY) + OLD.format(id="Gone", name="shop-gone")
    return (
        "Transform: AWS::Serverless-2016-10-31\n"
        f"Resources:\n  Orders:\n    Type: AWS::Serverless::Function\n    Properties:\n{layers}{old}{more}"
    )


SHARED = """\
Resources:
  Orders: {Type: AWS::Serverless::Function, Properties: &p {CodeUri: x}}
  Other: {Type: AWS::Serverless::Function, Properties: *p}
"""
N, P = "!Ref Numpy", f"!Ref {PYDANTIC_ID}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("      Layers: []\n", f"      Layers: [{N}, {P}]\n"),
        (f"      Layers: [{A}]\n", f"      Layers: [{A}, {N}, {P}]\n"),
        (f"      Layers: [ !Ref Gone, '{A}' ]\n", f"      Layers: [ {N}, {P}, '{A}' ]\n"),
        (f"      Layers: [{A}, !Ref Gone,   {B},]\n", f"      Layers: [{A}, {N}, {P},   {B},]\n"),
        (
            f"      Layers:\n        - {A}\n        # our\n        - !Ref Numpy # n\n        - {B}\n",
            f"      Layers:\n        - {A}\n        # our\n        - {N} # n\n        - {P}\n        - {B}\n",
        ),
        (
            f"      Layers:\n      - !Ref Gone # old\n\n      - {A}\n      - !Ref Numpy\n      Timeout: 3\n",
            f"      Layers:\n      - {N}\n      - {P}\n\n      - {A}\n      Timeout: 3\n",
        ),
        (
            f"      Layers: [\n        !Ref Gone, # old\n        # other\n        {A} # a\n      ]\n",
            f"      Layers: [\n        {N},\n        {P}, # old\n        # other\n        {A} # a\n      ]\n",
        ),
        (
            f"      Layers:\n        - !FindInMap [LayerforgeLayers, !Ref AWS::Region, X]\n        - {A}\n",
            f"      Layers:\n        - {N}\n        - {P}\n        - {A}\n",
        ),
    ],
)
def test_list_of_layers(before: str, after: str) -> None:
    text = export(with_layers(before))
    assert text[text.index("Properties:\n") :].startswith(f"Properties:\n{after}  Numpy:\n")
    assert "Gone" not in text
    # The layer that was there keeps its logical id, and the new one comes after ours.
    assert re.findall(r"^  (\w+):$", text, re.MULTILINE) == ["Orders", "Numpy", PYDANTIC_ID]
    assert export(text) == text


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            with_layers("      Layers: !If [Prod, [a], [b]]\n"),
            "template.yaml:6: the Layers of Orders are not a list, so that none can be added",
        ),
        (
            "Resources:\n  Orders:\n    Type: AWS::Serverless::Function\n",
            "template.yaml:2: Orders has no Properties that could take layers",
        ),
        ("Resources: {A: {Type: AWS::SQS::Queue}}", "template.yaml: none of the functions that were built"),
        (
            BLOCK + "---\n" + BLOCK,
            "template.yaml:2: it is neither YAML nor JSON that CloudFormation would read",
        ),
        (
            SHARED,
            "template.yaml: a part that must change is shared by an alias (`*name`)",
        ),
        (
            with_layers("      Handler: a.b\n").replace(
                "Resources:", "Globals: {Function: {Layers: [!Ref Numpy]}}\nResources:"
            ),
            "template.yaml:2: Globals gives a layer of layerforge to all functions",
        ),
        (
            with_layers("      Handler: a.b\n") + "Outputs:\n  Old: {Value: !Ref Gone}\n",
            "template.yaml: Outputs.Old.Value: this refers to the layer Gone, which is not needed any more",
        ),
        (
            with_layers("      Handler: a.b\n")
            + "  Twin: {Type: AWS::Serverless::Function, Properties: {Layers: [!Ref Gone]}}\n",
            "template.yaml: Resources.Twin.Properties.Layers: this refers to the layer Gone",
        ),
        ("{" * 2000, "template.yaml: it is nested too deeply"),
    ],
)
def test_what_cannot_be_written(text: str, error: str) -> None:
    with pytest.raises(ConfigError) as caught:
        export(text)
    assert caught.value.headline.startswith(error)
    assert caught.value.hint


def test_properties_behind_an_alias() -> None:
    text = ANCHORS.replace(
        "        Properties:\n            <<: &common", "        Properties: &p\n            <<: &c"
    )
    text = text[: text.index("        Metadata: *shared")] + "        Properties: *p\n"
    with pytest.raises(ConfigError) as caught:
        export(text)
    assert "Properties is an alias (`*p`), and cannot be changed here alone" in caught.value.headline


def test_list_that_is_none_of_ours_is_no_matter_where_nothing_is_needed() -> None:
    text = with_layers("      Layers: !If [Prod, [a], [b]]\n").replace("  Gone:", "  Other:")
    assert "!If [Prod, [a], [b]]" in export(text, NOTHING)


def test_layers_of_globals_count_where_sam_adds_them() -> None:
    many = ", ".join(FOREIGN.format(f"n{number}") for number in range(4))
    text = BLOCK.replace("Function: {", f"Function: {{Layers: [{many}], ")
    with pytest.raises(LimitError) as caught:
        export(text)
    assert caught.value.headline == "template.yaml:10: Orders would have 6 layers, and Lambda allows 5"
    assert "layerforge build" in str(caught.value.hint)


def test_code_zips_and_the_mark_of_a_copy() -> None:
    after = export(BLOCK, with_code=True, copy_of="template.yaml")
    body = plain(parse_template(after, path="x"))
    assert body["Metadata"] == {"LayerforgeCopyOf": "template.yaml"}
    assert body["Resources"]["Orders"]["Properties"]["CodeUri"] == ".layerforge/functions/orders.zip"
    assert "Metadata:\n  LayerforgeCopyOf: template.yaml\n\nResources:   # what there is\n" in after
    lines = changes(export(BLOCK), after)
    assert "-      CodeUri: functions/orders   # its code\n" in lines
    plain_code = plain(parse_template(export(NO_TRANSFORM, with_code=True), path="x"))
    assert plain_code["Resources"]["Orders"]["Properties"]["Code"] == ".layerforge/functions/orders.zip"


def test_without_a_transform_layers_are_those_of_cloudformation() -> None:
    body = plain(parse_template(export(NO_TRANSFORM), path="x"))
    assert body["Resources"][NUMPY_ID] == {
        "Type": "AWS::Lambda::LayerVersion",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Metadata": {"ManagedBy": "layerforge"},
        "Properties": {
            "LayerName": NUMPY,
            "Description": "shop: numpy 2.4.0 [numpy0000000]",
            "Content": ".layerforge/layers/shop-py313-x86-64-numpy.zip",
            "CompatibleRuntimes": ["python3.13"],
            "CompatibleArchitectures": ["x86_64"],
        },
    }


def test_functions_that_get_nothing_here_are_named() -> None:
    text = "Resources:\n  Orders: {Type: AWS::Serverless::Function, Properties: {}}\n"
    functions = {"Orders": ("Orders",), "BillingLoop": ("Billing",)}
    template = UserTemplate(path="template.yaml", text=text, functions=functions)
    assert [(str(one.severity), one.sentence) for one in find_unreached(BUILT, template)] == [
        ("warning", "an Fn::ForEach makes Billing: layers cannot be written there"),
        ("note", "not in template.yaml: Plain"),
    ]


def test_function_of_two_nested_stacks_with_different_layers() -> None:
    template = UserTemplate(path="t.yaml", text=BLOCK, functions={"Orders": ("Orders", "Billing")})
    with pytest.raises(LayerforgeError, match=r"t.yaml:10: Orders and Billing are one function"):
        format_sam(BUILT, template)


@pytest.mark.parametrize("name", ["block", "json", "flow", "anchors"])
@pytest.mark.parametrize("what", [BUILT, LIVE], ids=["built", "published"])
def test_cfn_lint_and_sam_take_it(name: str, what: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    text = export(TEMPLATES[name], what)
    # Merges are for `package`, as paths are.
    assert [one for one in complaints(text) if "W1100" not in one] == []
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    # SAM wants what `sam package` makes of paths.
    packaged = re.sub(r"((?:Code|Content)Uri\"?: *)\"?[^,}\s]+", r"\1s3://bucket/key", text)
    packaged = packaged.replace("s3://bucket/key", '"s3://bucket/key"')
    body = plain(parse_template(packaged, path="x"))
    made = Translator({}, Parser()).translate(body, {})["Resources"]
    layers = {key: one for key, one in made.items() if one["Type"] == "AWS::Lambda::LayerVersion"}
    uses = made["Orders"]["Properties"]["Layers"]
    if what is BUILT:
        assert sorted(one["Properties"]["LayerName"] for one in layers.values()) == [NUMPY, PYDANTIC]
        assert uses == [{"Ref": key} for key in sorted(layers)]
    else:
        assert layers == {}
        assert [list(use) for use in uses] == [["Fn::FindInMap"]] * 2


@pytest.mark.parametrize("what", [BUILT, LIVE], ids=["built", "published"])
def test_a_project_does_not_take_its_own_layers_for_others(what: Export) -> None:
    before = read_template(parse_template(BLOCK, path="t"), path="t")
    after = read_template(parse_template(export(BLOCK, what), path="t"), path="t")
    assert [one.layers for one in after.functions] == [one.layers for one in before.functions]
    assert after.layers == ()
    assert [len(one.layers) for one in after.functions] == [0, 1, 1]


def test_example(tmp_path: Path) -> None:
    """The example's own template, as it is in the repository."""
    text = Path("examples/shop/template.yaml").read_text()
    manifest = replace(MANIFEST, functions={"OrdersFunction": function(NUMPY)})
    template = UserTemplate(path="t", text=text, functions={"OrdersFunction": ("OrdersFunction",)})
    after = format_sam(replace(BUILT, manifest=manifest), template)
    assert complaints(after) == complaints(text)
    assert len(changes(text, after).splitlines()) == 2 + 12
