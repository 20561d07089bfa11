from __future__ import annotations

from textwrap import dedent, indent
from typing import Any

import pytest

from layerforge.model.requirement import Origin
from layerforge.project.intrinsics import Unknown
from layerforge.project.template import (
    LayerUse,
    NestedApplication,
    Template,
    TemplateFunction,
    TemplateLayer,
    read_template,
)
from layerforge.project.template_text import parse_template

SAM = "AWS::Serverless::Function"
CFN = "AWS::Lambda::Function"


def read(text: str, *, path: str = "template.yaml") -> Template:
    return read_template(parse_template(dedent(text), path=path), path=path)


def one(
    properties: str, *, kind: str = SAM, head: str = "", metadata: str = "{}", path: str = "t.yaml"
) -> Any:
    text = f"{dedent(head)}\nResources:\n  Orders:\n    Type: {kind}\n"
    text += f"    Metadata: {metadata}\n    Properties:\n"
    (function,) = read(text + indent(dedent(properties), "      ") + "\n", path=path).functions
    return function


def test_a_function_with_globals() -> None:
    template = read(
        """\
        Transform: AWS::Serverless-2016-10-31
        Globals:
          Function:
            Runtime: python3.13
            Architectures: [arm64]
            Handler: app.handler
            CodeUri: src/
            Layers: ["arn:a:1", "arn:b:1"]
        Resources:
          Orders:
            Type: AWS::Serverless::Function
          Billing:
            Type: AWS::Serverless::Function
            Properties:
              Runtime: python3.12
              Architectures: [x86_64]
              Handler: billing.handler
              CodeUri: ../billing
              Layers: ["arn:c:1", "arn:a:1"]
          Table:
            Type: AWS::DynamoDB::Table
        """,
        path="services/api/template.yaml",
    )
    assert template.functions == (
        TemplateFunction(
            logical_id="Orders",
            origin=Origin(path="services/api/template.yaml", line=10),
            runtime="python3.13",
            architecture="arm64",
            source="services/api/src",
            handler="app.handler",
            layers=(LayerUse(words="arn:a:1"), LayerUse(words="arn:b:1")),
        ),
        TemplateFunction(
            logical_id="Billing",
            origin=Origin(path="services/api/template.yaml", line=12),
            runtime="python3.12",
            architecture="x86_64",
            source="services/billing",
            handler="billing.handler",
            layers=(LayerUse(words="arn:a:1"), LayerUse(words="arn:b:1"), LayerUse(words="arn:c:1")),
        ),
    )


def test_globals_are_sams_alone() -> None:
    function = one("Handler: x", kind=CFN, head="Globals: {Function: {Runtime: python3.13}}")
    assert function.runtime is None


@pytest.mark.parametrize(
    ("kind", "properties", "source"),
    [
        (SAM, "CodeUri: functions/orders/", "a/functions/orders"),
        (SAM, "CodeUri: ../shared", "shared"),
        (SAM, "CodeUri: ../../outside", "../outside"),
        (SAM, "CodeUri: ./", "a"),
        (SAM, "CodeUri: code.zip", "a/code.zip"),
        (SAM, "Handler: x", "a"),
        (SAM, "CodeUri: s3://bucket/key", None),
        (SAM, "CodeUri: {Bucket: b, Key: k}", None),
        (SAM, "InlineCode: 'pass'", None),
        (SAM, "CodeUri: !Ref Where", Unknown(words="!Ref Where")),
        (SAM, "CodeUri: !Sub 'functions/${Stage}'", "a/functions/dev"),
        (CFN, "Code: {ZipFile: 'pass'}", None),
        (CFN, "Code: {S3Bucket: b, S3Key: k}", None),
        (CFN, "Code: functions/orders", "a/functions/orders"),
        (CFN, "Code: !Ref Where", Unknown(words="!Ref Where")),
        (CFN, "Handler: x", None),
    ],
)
def test_where_the_code_lies(kind: str, properties: str, source: object) -> None:
    head = "Parameters: {Where: {Type: String}, Stage: {Type: String, Default: dev}}"
    assert one(properties, kind=kind, head=head, path="a/t.yaml").source == source


def test_inline_code_against_a_global_folder_and_the_reverse() -> None:
    assert one("InlineCode: x", head="Globals: {Function: {CodeUri: src}}").source is None
    assert one("CodeUri: src", head="Globals: {Function: {InlineCode: x}}").source == "src"


def test_an_asset_of_cdk() -> None:
    metadata = "{'aws:asset:path': asset.abc, 'aws:asset:property': Code}"
    function = one(
        "Code: {S3Bucket: b, S3Key: k}", kind=CFN, metadata=metadata, path="cdk.out/x.template.json"
    )
    assert function.source == "cdk.out/asset.abc"


@pytest.mark.parametrize(
    ("properties", "metadata", "runtime"),
    [
        ("Runtime: python3.13", "{}", "python3.13"),
        ("Runtime: !Ref Version", "{}", "python3.11"),
        ("Runtime: !Ref Open", "{}", Unknown(words="!Ref Open")),
        ("Runtime: !Ref Open", "{BuildMethod: python3.12}", "python3.12"),
        ("Runtime: !Ref Open", "{BuildMethod: makefile}", Unknown(words="!Ref Open")),
        ("Handler: x", "{BuildMethod: python3.12}", "python3.12"),
        ("Handler: x", "{}", None),
        ("Runtime: null", "{}", None),
        ("Runtime: [a, b]", "{}", Unknown(words="[a, b]")),
        ("Runtime: !If [Open, a, b]", "[]", Unknown(words="!If [Open, a, b]")),
    ],
)  # fmt: skip
def test_runtimes(properties: str, metadata: str, runtime: object) -> None:
    head = "Parameters: {Open: {Type: String}, Version: {Type: String, Default: python3.11}}"
    assert one(properties, head=head, metadata=metadata).runtime == runtime


@pytest.mark.parametrize(
    ("properties", "architecture"),
    [
        ("Architectures: [arm64]", "arm64"),
        ("Architectures: arm64", "arm64"),
        ("Architectures: [!Ref Arch]", "arm64"),
        ("Architectures: [!Ref Open]", Unknown(words="!Ref Open")),
        ("Architectures: !Ref Open", Unknown(words="!Ref Open")),
        ("Architectures: [x86_64, arm64]", Unknown(words="[x86_64, arm64]")),
        ("Architectures: []", None),
        ("Handler: x", None),
    ],
)
def test_architectures(properties: str, architecture: object) -> None:
    head = "Parameters: {Open: {Type: String}, Arch: {Type: String, Default: arm64}}"
    assert one(properties, head=head).architecture == architecture


@pytest.mark.parametrize(
    ("layers", "uses"),
    [
        ("['arn:a:1', 'arn:a:1', 'arn:b:2']", [LayerUse(words="arn:a:1"), LayerUse(words="arn:b:2")]),
        ("!Ref Many", [LayerUse(words="arn:x:1"), LayerUse(words="arn:y:2")]),
        ("[!Ref Many, 'arn:z:3']", [LayerUse(words=f"arn:{n}") for n in ("x:1", "y:2", "z:3")]),
        ("!Split [',', 'arn:x:1,arn:y:2']", [LayerUse(words="arn:x:1"), LayerUse(words="arn:y:2")]),
        ("[!Ref None]", []),
        ("[!If [Never, 'arn:x:1', !Ref AWS::NoValue]]", []),
        ("[!Ref Shared]", [LayerUse(words="!Ref Shared", resource="Shared")]),
        ("[!GetAtt Shared.Arn]", [LayerUse(words="!GetAtt Shared.Arn", resource="Shared")]),
        ("!Ref Open", [LayerUse(words="!Ref Open")]),
        ("[!ImportValue common]", [LayerUse(words="!ImportValue common")]),
        (
            "[!Sub 'arn:aws:lambda:${AWS::Region}:1:layer:x:3']",
            [LayerUse(words="arn:aws:lambda:${AWS::Region}:1:layer:x:3")],
        ),
        ("['{{resolve:ssm:/layer}}']", [LayerUse(words="{{resolve:ssm:/layer}}")]),
        ("[]", []),
        ("null", []),
    ],
)
def test_layers(layers: str, uses: list[LayerUse]) -> None:
    head = """\
        Parameters:
          Open: {Type: CommaDelimitedList}
          Many: {Type: CommaDelimitedList, Default: "arn:x:1, arn:y:2"}
          None: {Type: CommaDelimitedList, Default: ""}
        Conditions: {Never: !Equals [a, b]}
        """
    text = f"{dedent(head)}Resources:\n  Shared: {{Type: 'AWS::Serverless::LayerVersion'}}\n"
    text += f"  Orders: {{Type: '{SAM}', Properties: {{Layers: {layers}}}}}\n"
    (function,) = read(text).functions
    assert list(function.layers) == uses


@pytest.mark.parametrize(
    ("kind", "properties", "is_image"),
    [
        (SAM, "PackageType: Image", True),
        (SAM, "ImageUri: x", True),
        (SAM, "PackageType: Zip", False),
        (CFN, "Code: {ImageUri: x}", True),
        (CFN, "Code: {ZipFile: x}", False),
    ],
)
def test_images(kind: str, properties: str, is_image: bool) -> None:
    assert one(properties, kind=kind).is_image is is_image


@pytest.mark.parametrize(
    ("metadata", "skipped"), [("{SkipBuild: true}", True), ("{SkipBuild: false}", False)]
)
def test_code_that_is_built_elsewhere(metadata: str, skipped: bool) -> None:
    assert one("Handler: x", metadata=metadata).is_built_elsewhere is skipped


def test_layers_of_the_template() -> None:
    template = read(
        """\
        Resources:
          A: {Type: 'AWS::Serverless::LayerVersion', Properties: {ContentUri: layers/a}}
          B: {Type: 'AWS::Serverless::LayerVersion', Properties: {ContentUri: b}, Metadata: {BuildMethod: x}}
          C: {Type: 'AWS::Lambda::LayerVersion', Properties: {Content: {S3Bucket: b, S3Key: k}}}
          D: {Type: 'AWS::Lambda::LayerVersion', Properties: {Content: c.zip}}
          E: {Type: 'AWS::Serverless::LayerVersion', Properties: {ContentUri: !Ref Where}}
        """
    )
    assert template.layers == (
        TemplateLayer(logical_id="A", content="layers/a", is_built=False),
        TemplateLayer(logical_id="B", content="b", is_built=True),
        TemplateLayer(logical_id="C", content=None, is_built=False),
        TemplateLayer(logical_id="D", content="c.zip", is_built=False),
        TemplateLayer(logical_id="E", content=None, is_built=False),
    )


def test_nested_applications() -> None:
    template = read(
        """\
        Parameters: {Stage: {Type: String, Default: dev}}
        Resources:
          A:
            Type: AWS::Serverless::Application
            Properties: {Location: apps/a.yaml, Parameters: {Stage: !Ref Stage}}
          B: {Type: AWS::Serverless::Application, Properties: {Location: {ApplicationId: x, Version: 1}}}
          C: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: 'https://s3.example/t.yaml'}}
          D: {Type: AWS::CloudFormation::Stack}
        """
    )

    def nested(
        name: str, line: int, location: str | None, words: str, **parameters: str
    ) -> NestedApplication:
        origin = Origin(path="template.yaml", line=line)
        return NestedApplication(
            logical_id=name, origin=origin, location=location, words=words, parameters=parameters
        )

    assert template.applications == (
        nested("A", 3, "apps/a.yaml", "apps/a.yaml", Stage="dev"),
        nested("B", 6, None, "{ApplicationId: x, Version: 1}"),
        nested("C", 7, None, "https://s3.example/t.yaml"),
        nested("D", 8, None, "no TemplateURL"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "Resources: null\n",
        "Resources: []\n",
        "Resources: text\n",
        "Outputs: {}\n",
        "Resources: {A: null, B: [], C: text, D: {Type: 7}, 5: {Type: 'AWS::Lambda::Function'}}\n",
        "Resources: {A: {Properties: {}}}\n",
        "Parameters: []\nMappings: 3\nConditions: x\nGlobals: [1]\nResources: {A: {Type: T}}\n",
        "Resources: {'Fn::Transform': {Name: AWS::Include}}\n",
    ],
)
def test_templates_without_functions(text: str) -> None:
    assert read(text).functions == ()


def test_odd_properties_say_nothing() -> None:
    function = one("Runtime: {a: 1}\nHandler: [x]\nLayers: {a: 1}\nCodeUri: 7")
    assert function == TemplateFunction(
        logical_id="Orders",
        origin=Origin(path="t.yaml", line=3),
        runtime=Unknown(words="{a: 1}"),
        source=None,
        layers=(LayerUse(words="{a: 1}"),),
    )


def test_loops() -> None:
    template = read(
        """\
        Transform: [AWS::LanguageExtensions, AWS::Serverless-2016-10-31]
        Resources:
          Fn::ForEach::Functions:
            - Name
            - [Orders, Billing]
            - ${Name}Function:
                Type: AWS::Serverless::Function
                Properties: {CodeUri: !Sub 'functions/${Name}', Runtime: python3.13}
          Fn::ForEach::Open:
            - Name
            - !Ref Names
            - ${Name}Function: {Type: AWS::Serverless::Function}
          Fn::ForEach::Queues:
            - Name
            - !Ref Names
            - ${Name}Queue: {Type: AWS::SQS::Queue}
        """
    )
    assert [(f.logical_id, f.source, f.origin.line) for f in template.functions] == [
        ("OrdersFunction", "functions/Orders", 3),
        ("BillingFunction", "functions/Billing", 3),
    ]
    assert template.open_loops == (Origin(path="template.yaml", line=9),)
