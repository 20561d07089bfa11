"""What goes wrong between us and AWS: nothing is lost, nothing is doubled, and the re-run completes."""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.integration.publish.conftest import Shop
from tests.unit.publish.shop import MB, NUMPY, PYDANTIC

pytestmark = pytest.mark.aws

WHOLE = {NUMPY: [1], PYDANTIC: [1]}
EXPIRED = (403, "ExpiredTokenException", "The security token included in the request is expired")
THROTTLED = (429, "TooManyRequestsException", "Rate exceeded")
BROKEN = (500, "ServiceException", "An error occurred and the request cannot be processed.")


def denied(action: str) -> tuple[int, str, str]:
    who = "User: arn:aws:iam::123456789012:user/ci"
    text = f"{who} is not authorized to perform: {action} on resource: x because no policy allows the action"
    return (403, "AccessDeniedException", text)


def completes(shop: Shop, *arguments: str) -> None:
    """The re-run does the rest, and one more has nothing to do."""
    shop.aws.heal()
    ended = shop.run("publish", *arguments, "-q")
    assert ended.code == 0, ended.stderr
    assert shop.versions() == WHOLE
    shop.aws.heal()
    assert shop.run("publish", *arguments).stdout.endswith("nothing was done\n")
    assert shop.aws.sent() == 0


@pytest.mark.parametrize(
    "how",
    [
        {"error": THROTTLED, "times": 2},
        {"error": BROKEN},
        {"drop": True},
        # The service carries it out, and its answer gets lost on the way.
        {"drop": True, "after": True},
        {"error": (504, "GatewayTimeout", ""), "after": True, "times": 2},
    ],
    ids=str,
)
def test_publishing_survives(shop: Shop, how: dict[str, Any]) -> None:
    shop.aws.fail("PublishLayerVersion", **how)
    ended = shop.run("publish", "--json")
    assert ended.code == 0, ended.stderr
    assert ([one["new"] for one in ended.document["layers"]], shop.versions()) == ([True, True], WHOLE)
    completes(shop)


@pytest.mark.parametrize("operation", ["ListLayerVersions", "GetLayerVersion", "GetAccountSettings"])
@pytest.mark.parametrize("how", [{"error": THROTTLED}, {"error": BROKEN}, {"drop": True}], ids=str)
def test_reading_survives(shop: Shop, operation: str, how: dict[str, Any]) -> None:
    shop.client("lambda").publish_layer_version(LayerName="insights", Content={"ZipFile": b"zip"})
    shop.run("publish", "-q")
    shop.client("lambda").delete_layer_version(LayerName=NUMPY, VersionNumber=1)
    shop.aws.fail(operation, **how)
    assert shop.run("publish", "-q").code == 0
    assert shop.versions()[NUMPY] == [2]


@pytest.mark.parametrize(
    "at", ["UploadPart", "PutObject", "CompleteMultipartUpload", "CreateMultipartUpload"]
)
def test_upload_that_is_cut_goes_on(shop: Shop, at: str) -> None:
    shop.build(numpy=os.urandom(20 * MB))
    shop.config('[publish]\nupload = "s3"\n[publish.s3]\nbucket = "layers"\n')
    location = {"LocationConstraint": "eu-west-1"}
    shop.client("s3").create_bucket(Bucket="layers", CreateBucketConfiguration=location)
    shop.aws.heal()
    shop.aws.fail(at, cut=True)
    assert shop.run("publish", "-q").code == 0
    assert len(shop.client("s3").list_objects_v2(Bucket="layers")["Contents"]) == 2
    completes(shop)


def test_upload_that_is_refused_half_way_leaves_nothing(shop: Shop) -> None:
    shop.build(numpy=os.urandom(20 * MB))
    shop.config('[publish]\nupload = "s3"\n[publish.s3]\nbucket = "layers"\n')
    location = {"LocationConstraint": "eu-west-1"}
    s3 = shop.client("s3")
    s3.create_bucket(Bucket="layers", CreateBucketConfiguration=location)
    shop.aws.heal()
    shop.aws.fail("UploadPart", times=None, error=(403, "AccessDenied", "Access Denied"))
    ended = shop.run("publish")
    assert ended.code == 7
    assert "error: s3:PutObject is not allowed in eu-west-1 for s3://layers/" in ended.stderr
    assert s3.list_multipart_uploads(Bucket="layers").get("Uploads", []) == []
    assert shop.versions() == {PYDANTIC: [1]}
    completes(shop)


@pytest.mark.parametrize("through", ["direct", "s3"])
def test_other_bytes_are_taken_back(shop: Shop, through: str) -> None:
    shop.config(f'[publish]\nupload = "{through}"\n[publish.s3]\nbucket = "layers"\n')
    location = {"LocationConstraint": "eu-west-1"}
    shop.client("s3").create_bucket(Bucket="layers", CreateBucketConfiguration=location)
    shop.aws.heal()

    def damage(answer: Any) -> Any:
        answer["Content"]["CodeSha256"] = "b3RoZXI="
        return answer

    shop.aws.fail("PublishLayerVersion", times=None, answer=damage)
    ended = shop.run("publish")
    assert ended.code == 7
    assert "than were sent: b3RoZXI= rather than" in ended.stderr
    assert shop.versions() == {}
    assert shop.client("s3").list_objects_v2(Bucket="layers").get("KeyCount") == 0
    shop.aws.heal()
    assert shop.run("publish", "-q").code == 0
    # A number that was given is never given again.
    assert shop.versions() == {NUMPY: [2], PYDANTIC: [2]}


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("ListLayerVersions", "lambda:ListLayerVersions"),
        ("PublishLayerVersion", "lambda:PublishLayerVersion"),
        ("GetFunctionConfiguration", "lambda:GetFunctionConfiguration"),
        ("UpdateFunctionConfiguration", "lambda:UpdateFunctionConfiguration"),
        ("TagResource", "lambda:TagResource"),
        ("AddLayerVersionPermission", "lambda:AddLayerVersionPermission"),
    ],
)
def test_missing_permission_is_named(shop: Shop, operation: str, action: str) -> None:
    shop.create_function("orders")
    shop.config('[publish.permissions]\naccounts = ["111111111111"]\n')
    shop.aws.heal()
    shop.aws.fail(operation, times=None, error=denied(action))
    ended = shop.run("publish", "--attach")
    assert ended.code == 7
    assert f"error: {action} is not allowed to arn:aws:iam::123456789012:user/ci in eu-west-1" in ended.stderr
    assert f"hint: allow {action} in its policy; docs/how-to/publish.md has the whole policy" in ended.stderr
    completes(shop, "--attach")
    assert shop.layers_of("orders") == [f"{NUMPY}:1", f"{PYDANTIC}:1"]


def test_credentials_expire_in_the_middle(shop: Shop) -> None:
    shop.config('[publish]\nregions = ["eu-west-1", "us-east-1", "ap-south-1"]\n')
    shop.aws.fail("PublishLayerVersion", skip=3, times=None, error=EXPIRED)
    ended = shop.run("publish", "--jobs", "2")
    assert ended.code == 7
    assert "error: the AWS credentials have expired" in ended.stderr
    assert "then run the same command again: what is done stays done" in ended.stderr
    # What was done is told all the same.
    assert ended.stdout.count(" published\n") == 3
    assert "published 3 layer versions; 3 steps left" in ended.stdout
    completes(shop)
    assert [shop.versions(region) for region in ("us-east-1", "ap-south-1")] == [WHOLE, WHOLE]


def test_expired_before_anything(shop: Shop) -> None:
    shop.aws.fail("*", times=None, error=EXPIRED)
    ended = shop.run("publish", "--json")
    assert (ended.code, ended.document["error"]["sentence"]) == (7, "the AWS credentials have expired")
    completes(shop)


def test_function_that_someone_else_changes_meanwhile(shop: Shop) -> None:
    client = shop.client("lambda")
    other = client.publish_layer_version(LayerName="insights", Content={"ZipFile": b"zip"})["LayerVersionArn"]
    shop.create_function("orders")
    shop.create_function("billing")

    def change(**what: Any) -> Any:
        return lambda: client.update_function_configuration(FunctionName="orders", **what)

    # Something else than layers: it stays.
    shop.aws.heal()
    shop.aws.fail("TagResource", first=change(Timeout=77))
    ended = shop.run("publish", "--attach", "-q")
    assert ended.code == 0, ended.stderr
    assert client.get_function_configuration(FunctionName="orders")["Timeout"] == 77
    assert shop.layers_of("orders") == [f"{NUMPY}:1", f"{PYDANTIC}:1"]
    # Layers: they are not overwritten, and the other function has what it should.
    client.update_function_configuration(FunctionName="orders", Layers=[])
    client.get_function_configuration(FunctionName="orders")
    client.update_function_configuration(FunctionName="billing", Layers=[])
    client.get_function_configuration(FunctionName="billing")
    shop.aws.heal()
    shop.aws.fail("UpdateFunctionConfiguration", first=change(Layers=[other]), error=BROKEN)
    ended = shop.run("publish", "--attach", "--jobs", "1")
    assert ended.code == 7
    assert "the layers of orders were changed by someone else in between" in ended.stderr
    assert shop.layers_of("orders") == ["insights:1"]
    assert shop.layers_of("billing") == [f"{PYDANTIC}:1"]
    shop.aws.heal()
    assert shop.run("publish", "--attach", "-q").code == 0
    assert shop.layers_of("orders") == ["insights:1", f"{NUMPY}:1", f"{PYDANTIC}:1"]


@pytest.mark.parametrize(
    "how",
    [{"error": BROKEN}, {"drop": True, "after": True}, {"error": THROTTLED, "times": 2}],
    ids=str,
)
@pytest.mark.parametrize("operation", ["UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"])
def test_attaching_survives(shop: Shop, operation: str, how: dict[str, Any]) -> None:
    client = shop.client("lambda")
    shop.create_function("orders")
    client.publish_version(FunctionName="orders")
    client.create_alias(FunctionName="orders", Name="live", FunctionVersion="1")
    shop.aws.heal()
    shop.aws.fail(operation, **how)
    ended = shop.run("publish", "--attach", "--alias", "live", "-q")
    assert ended.code == 0, ended.stderr
    assert shop.layers_of("orders", Qualifier="live") == [f"{NUMPY}:1", f"{PYDANTIC}:1"]
    assert [
        one["Version"] for one in client.list_versions_by_function(FunctionName="orders")["Versions"]
    ] == [
        "$LATEST",
        "1",
        "2",
    ]


def test_rolled_back_when_a_function_cannot_take_its_layers(shop: Shop) -> None:
    for name in ("billing", "orders"):
        shop.create_function(name)
    shop.aws.heal()
    shop.aws.fail(
        "UpdateFunctionConfiguration", skip=1, error=(400, "InvalidParameterValueException", "Too large")
    )
    ended = shop.run("publish", "--attach", "--rollback-on-failure", "--jobs", "1")
    assert ended.code == 7
    assert "Too large" in ended.stderr
    assert "put 1 function back as before" in ended.stdout
    assert (shop.layers_of("billing"), shop.layers_of("orders")) == ([], [])
    completes(shop, "--attach")


def test_nobody_answers(shop: Shop) -> None:
    ended = shop.run("publish", "--endpoint-url", "http://127.0.0.1:1")
    assert ended.code == 7
    assert ended.stderr == (
        "error: http://127.0.0.1:1 cannot be reached\n"
        "hint: check endpoint-url (or --endpoint-url, AWS_ENDPOINT_URL), and the network; run the same "
        "command "
        "again: what is done stays done\n"
    )


def test_endpoint_that_is_none(shop: Shop) -> None:
    ended = shop.run("publish", "--endpoint-url", "localhost")
    assert (ended.code, ended.stderr.splitlines()[0]) == (7, "error: localhost is no endpoint")


def test_no_credentials_and_no_region(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    ended = shop.run("publish")
    assert (ended.code, ended.stderr.splitlines()[0]) == (7, "error: there are no AWS credentials")
    monkeypatch.delenv("AWS_REGION")
    ended = shop.run("publish")
    assert (ended.code, ended.stderr.splitlines()[0]) == (7, "error: nothing says which region is meant")
