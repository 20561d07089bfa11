"""`layerforge publish --attach`: functions found, changed, left alone, and put back."""

from __future__ import annotations

import pytest

from tests.integration.publish.conftest import Shop, arn
from tests.unit.publish.shop import NUMPY, PYDANTIC

pytestmark = pytest.mark.aws


@pytest.fixture
def foreign(shop: Shop) -> list[str]:
    """Layers that are not ours."""
    client = shop.client("lambda")
    return [
        client.publish_layer_version(LayerName=name, Content={"ZipFile": b"zip"})["LayerVersionArn"]
        for name in ("insights", "config")
    ]


def test_attach_then_nothing_then_what_changed(shop: Shop, foreign: list[str]) -> None:
    shop.create_function("orders", *foreign)
    shop.create_function("billing")
    shop.aws.heal()
    ended = shop.run("publish", "--attach")
    assert ended.code == 0, ended.stderr
    assert ended.stdout.splitlines()[-6:] == [
        "region     function  layers",
        f"---------  --------  {'-' * 77}",
        "eu-west-1  billing   shop-py313-x86-64-pydantic:1",
        "eu-west-1  orders    insights:1, config:1, shop-py313-x86-64-numpy:1, shop-py313-x86-64-pydantic:1",
        "",
        "published 2 layer versions, attached to 2 functions",
    ]
    assert shop.layers_of("orders") == ["insights:1", "config:1", f"{NUMPY}:1", f"{PYDANTIC}:1"]
    assert shop.layers_of("billing") == [f"{PYDANTIC}:1"]
    shop.aws.heal()
    ended = shop.run("publish", "--attach")
    assert ended.stdout.splitlines()[-1] == "2 layer versions are as wanted: nothing was done"
    assert (shop.aws.sent(), shop.aws.count("UpdateFunctionConfiguration")) == (0, 0)
    shop.build(numpy=b"numpy 2")
    ended = shop.run("publish", "--attach", "--json")
    assert [(one["function"], one["layers"][2]) for one in ended.document["functions"]] == [
        ("orders", arn(NUMPY, 2))
    ]
    assert shop.layers_of("orders") == ["insights:1", "config:1", f"{NUMPY}:2", f"{PYDANTIC}:1"]
    assert shop.aws.count("UpdateFunctionConfiguration") == 1


def test_an_update_that_takes_a_while_is_waited_for(shop: Shop) -> None:
    shop.create_function("orders")
    shop.aws.slow = 3
    assert shop.run("publish", "--attach", "-q").code == 0
    assert shop.aws.count("GetFunctionConfiguration") >= 5


def test_functions_of_a_stack(shop: Shop) -> None:
    shop.client("iam").create_role(RoleName="functions", AssumeRolePolicyDocument="{}")
    template = """
    Resources:
      orders:
        Type: AWS::Lambda::Function
        Properties:
          Runtime: python3.13
          Handler: app.handler
          Role: arn:aws:iam::123456789012:role/functions
          Code: {ZipFile: "def handler(event, context): pass"}
      unrelated:
        Type: AWS::SNS::Topic
    """
    shop.client("cloudformation").create_stack(StackName="shop-prod", TemplateBody=template)
    ended = shop.run("publish", "--attach", "--stack", "shop-prod", "--json")
    assert ended.code == 0, ended.stderr
    (attached,) = ended.document["functions"]
    assert attached["function"] == "orders"
    assert attached["name"].startswith("shop-prod-orders-")
    assert shop.layers_of(attached["name"]) == [f"{NUMPY}:1", f"{PYDANTIC}:1"]
    (missing,) = ended.document["findings"]
    assert missing["details"] == ["billing: there is no function billing in the stack shop-prod in eu-west-1"]
    ended = shop.run("publish", "--attach", "--stack", "none")
    assert (ended.code, "orders: there is no function orders in the stack none" in ended.stderr) == (0, True)


def test_functions_by_tag_and_by_name(shop: Shop) -> None:
    shop.create_function("a", Tags={"stage": "prod", "service": "orders"})
    shop.create_function("b", Tags={"stage": "dev", "service": "orders"})
    shop.create_function("shop-billing")
    shop.config(
        '[publish.attach]\nname-tag = "service"\ntags = { stage = "prod" }\n'
        'functions = { billing = "shop-billing" }\n'
    )
    ended = shop.run("publish", "--attach", "--json")
    assert ended.code == 0, ended.stderr
    assert [(one["function"], one["name"]) for one in ended.document["functions"]] == [
        ("billing", "shop-billing"),
        ("orders", "a"),
    ]
    ended = shop.run("publish", "--attach", "--tag", "stage=dev", "--json")
    assert [one["name"] for one in ended.document["functions"]] == ["b"]


def test_functions_in_one_region_of_two(shop: Shop) -> None:
    shop.create_function("orders", region="us-east-1")
    ended = shop.run("publish", "--attach", "--region", "eu-west-1", "--region", "us-east-1", "--json")
    assert [(one["region"], one["function"]) for one in ended.document["functions"]] == [
        ("us-east-1", "orders")
    ]
    assert shop.layers_of("orders", "us-east-1") == [f"{NUMPY}:1", f"{PYDANTIC}:1"]


def test_alias_is_moved_to_a_new_version(shop: Shop) -> None:
    shop.create_function("orders")
    client = shop.client("lambda")
    client.publish_version(FunctionName="orders")
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")
    shop.config('[publish.attach]\nalias = "live"\nfunctions = { orders = "orders" }\n')
    ended = shop.run("publish", "--attach", "--json")
    assert ended.code == 0, ended.stderr
    assert [(one["alias"], one["version"]) for one in ended.document["functions"]] == [("live", "2")]
    assert client.get_alias(FunctionName="orders", Name="live")["FunctionVersion"] == "2"
    assert shop.layers_of("orders", Qualifier="live") == [f"{NUMPY}:1", f"{PYDANTIC}:1"]
    shop.aws.heal()
    ended = shop.run("publish", "--attach")
    assert ended.stdout.splitlines()[-1] == "2 layer versions are as wanted: nothing was done"
    assert shop.aws.count("PublishVersion") == 0
    # What an earlier run did not come to.
    client.update_alias(FunctionName="orders", Name="live", FunctionVersion="1")
    assert shop.run("publish", "--attach", "-q").code == 0
    assert client.get_alias(FunctionName="orders", Name="live")["FunctionVersion"] == "2"
    ended = shop.run("publish", "--attach", "--alias", "canary")
    assert (ended.code, "orders in eu-west-1 does not have the alias" in ended.stderr) == (5, True)


def test_rollback(shop: Shop, foreign: list[str]) -> None:
    shop.create_function("orders", *foreign)
    shop.create_function("billing")
    client = shop.client("lambda")
    client.publish_version(FunctionName="orders")
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")
    client.publish_version(FunctionName="billing")
    client.create_alias(FunctionName="billing", Name="live", FunctionVersion="1")
    assert shop.run("publish", "--attach", "--alias", "live", "-q").code == 0
    shop.build(numpy=b"numpy 2")
    assert shop.run("publish", "--attach", "--alias", "live", "-q").code == 0
    ended = shop.run("publish", "--rollback", "--dry-run")
    assert ended.stdout == (
        "region     function  layers                          alias\n"
        "---------  --------  ------------------------------  ---------\n"
        "eu-west-1  billing   - shop-py313-x86-64-pydantic:1  live -> 1\n"
        "eu-west-1  orders    shop-py313-x86-64-numpy:2 -> 1  live -> 2\n"
    )
    ended = shop.run("publish", "--rollback", "--json")
    assert ended.code == 0, ended.stderr
    assert shop.layers_of("orders") == ["insights:1", "config:1", f"{NUMPY}:1", f"{PYDANTIC}:1"]
    assert shop.layers_of("billing") == []
    assert client.get_alias(FunctionName="orders", Name="live")["FunctionVersion"] == "2"
    assert client.get_alias(FunctionName="billing", Name="live")["FunctionVersion"] == "1"
    # Once only: what was before that is not remembered.
    assert shop.run("publish", "--rollback").stdout == (
        "no function remembers other layers: nothing to put back\n"
    )
    assert client.list_tags(Resource="arn:aws:lambda:eu-west-1:123456789012:function:orders")["Tags"] == {}
