"""`layerforge publish` against an endpoint: what is sent, what is there afterwards, what is said."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.integration.publish.conftest import Shop, arn
from tests.unit.publish.shop import MB, NUMPY, PYDANTIC

pytestmark = pytest.mark.aws


def test_publish_then_nothing_then_what_changed(shop: Shop) -> None:
    ended = shop.run("publish")
    assert ended.code == 0, ended.stderr
    assert ended.stdout == (
        "layer version                                                             done\n"
        "------------------------------------------------------------------------  ---------\n"
        f"{arn(NUMPY, 1)}     published\n"
        f"{arn(PYDANTIC, 1)}  published\n"
        "\n"
        "published 2 layer versions\n"
    )
    found = shop.client("lambda").get_layer_version(LayerName=NUMPY, VersionNumber=1)
    assert {key: found[key] for key in ("LicenseInfo", "CompatibleRuntimes", "CompatibleArchitectures")} == {
        "LicenseInfo": "MIT",
        "CompatibleRuntimes": ["python3.13"],
        "CompatibleArchitectures": ["x86_64"],
    }
    assert found["Description"].startswith("shop: numpy 1.0 [")
    shop.aws.heal()
    ended = shop.run("publish")
    assert ended.stdout.splitlines()[-1] == "2 layer versions are as wanted: nothing was done"
    assert (shop.aws.sent(), shop.aws.count("PublishLayerVersion"), len(shop.aws.calls)) == (0, 0, 4)
    shop.build(numpy=b"numpy 2")
    ended = shop.run("publish", "--json")
    assert [(one["arn"], one["new"]) for one in ended.document["layers"]] == [
        (arn(NUMPY, 2), True),
        (arn(PYDANTIC, 1), False),
    ]
    assert shop.versions() == {NUMPY: [2, 1], PYDANTIC: [1]}


def test_three_regions_of_which_one_lacks_something(shop: Shop) -> None:
    shop.config('[publish]\nregions = ["eu-west-1", "us-east-1", "ap-south-1"]\n')
    assert shop.run("publish", "--region", "us-east-1", "-q").code == 0
    shop.client("lambda", "us-east-1").delete_layer_version(LayerName=PYDANTIC, VersionNumber=1)
    ended = shop.run("publish", "--json")
    assert [(one["region"], one["name"], one["version"], one["new"]) for one in ended.document["layers"]] == [
        ("ap-south-1", NUMPY, 1, True),
        ("eu-west-1", NUMPY, 1, True),
        ("us-east-1", NUMPY, 1, False),
        ("ap-south-1", PYDANTIC, 1, True),
        ("eu-west-1", PYDANTIC, 1, True),
        ("us-east-1", PYDANTIC, 2, True),
    ]


def test_what_was_there_before_is_taken_again(shop: Shop) -> None:
    shop.run("publish", "-q")
    shop.build(numpy=b"numpy 2")
    shop.run("publish", "-q")
    shop.build()
    ended = shop.run("publish", "--json")
    assert [(one["version"], one["new"]) for one in ended.document["layers"]] == [(1, False), (1, False)]


def test_other_metadata_is_a_new_version(shop: Shop) -> None:
    shop.run("publish", "-q")
    shop.config('[publish]\ndescription = "{layer}"\nlicense = "Proprietary"\n')
    assert shop.run("publish", "-q").code == 0
    assert shop.versions() == {NUMPY: [2, 1], PYDANTIC: [2, 1]}
    found = shop.client("lambda").get_layer_version(LayerName=NUMPY, VersionNumber=2)
    assert (found["Description"], found["LicenseInfo"]) == (NUMPY, "Proprietary")


def test_dry_run_changes_nothing(shop: Shop) -> None:
    shop.create_function("orders")
    shop.aws.heal()
    ended = shop.run("publish", "--dry-run", "--attach")
    assert ended.code == 0, ended.stderr
    assert ended.stdout == (
        "region     what     of                          zipped  how\n"
        f"---------  -------  --------------------------  ------  {'-' * 63}\n"
        "eu-west-1  publish  shop-py313-x86-64-numpy      370 B\n"
        "eu-west-1  publish  shop-py313-x86-64-pydantic   368 B\n"
        "eu-west-1  attach   orders                              "
        "+ shop-py313-x86-64-numpy:new, + shop-py313-x86-64-pydantic:new\n"
        "\n"
        "would publish 2 layer versions (738 B), attach to 1 function\n"
    )
    assert shop.versions() == {}
    assert {call.operation for call in shop.aws.calls} == {
        "ListLayerVersions",
        "GetAccountSettings",
        "GetFunctionConfiguration",
        "ListLayers",
    }
    plan = shop.run("publish", "--dry-run", "--attach", "--json").document["plan"]
    assert ([one["name"] for one in plan["publish"]], plan["attach"][0]["after"]) == (
        [NUMPY, PYDANTIC],
        [NUMPY, PYDANTIC],
    )


BUCKET = "layers-123456789012-eu-west-1"


def make_bucket(shop: Shop, name: str = BUCKET, region: str = "eu-west-1", *, versions: bool = False) -> None:
    s3 = shop.client("s3", region)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    if versions:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    shop.aws.heal()


def test_through_s3_in_parts_and_not_again(shop: Shop) -> None:
    shop.build(numpy=os.urandom(20 * MB))
    shop.config(
        '[publish]\nupload = "s3"\n[publish.s3]\nbucket = "layers-{account}-{region}"\nprefix = "zips"\n'
        'kms-key = "alias/layers"\nacl = "bucket-owner-full-control"\n'
    )
    make_bucket(shop)
    ended = shop.run("publish")
    assert ended.code == 0, ended.stderr
    manifest = json.loads((shop.root / ".layerforge/manifest.json").read_text())
    keys = {f"zips/{layer['sha256']}.zip" for layer in manifest["layers"]}
    s3 = shop.client("s3")
    assert {one["Key"] for one in s3.list_objects_v2(Bucket=BUCKET)["Contents"]} == keys
    head = s3.head_object(Bucket=BUCKET, Key=min(keys))
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "alias/layers")
    assert (shop.aws.count("UploadPart"), shop.aws.count("PutObject")) == (3, 1)
    assert all(call.sent < 5000 for call in shop.aws.calls if call.operation == "PublishLayerVersion")
    # The object of a version that was deleted is still there.
    shop.client("lambda").delete_layer_version(LayerName=NUMPY, VersionNumber=1)
    shop.aws.heal()
    assert shop.run("publish", "-q").code == 0
    assert (shop.versions()[NUMPY], shop.aws.count("UploadPart"), shop.aws.count("PutObject")) == ([2], 0, 0)


def test_reference(shop: Shop) -> None:
    shop.config('[publish.s3]\nbucket = "layers-{account}-{region}"\nstorage = "reference"\n')
    make_bucket(shop)
    ended = shop.run("publish")
    assert ended.code == 5
    assert "the bucket layers-123456789012-eu-west-1 does not keep versions" in ended.stderr
    assert shop.aws.sent() == 0
    shop.client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    bodies: list[dict[str, object]] = []
    shop.aws.fail("PublishLayerVersion", times=None, first=lambda: None, look=bodies.append)
    assert shop.run("publish", "-q").code == 0
    content = bodies[0]["Content"]
    assert isinstance(content, dict)
    assert (content["S3ObjectStorageMode"], content["S3Bucket"]) == ("REFERENCE", BUCKET)
    assert content["S3ObjectVersion"]


def test_bucket_of_another_region(shop: Shop) -> None:
    shop.config('[publish]\nupload = "s3"\n[publish.s3]\nbucket = "elsewhere"\n')
    make_bucket(shop, "elsewhere", "us-west-2")
    ended = shop.run("publish")
    assert (ended.code, shop.aws.sent()) == (5, 0)
    assert "the bucket elsewhere lies in us-west-2" in ended.stderr


def test_gate_speaks_before_the_first_byte(shop: Shop) -> None:
    client = shop.client("lambda")
    others = [
        client.publish_layer_version(LayerName=f"other{number}", Content={"ZipFile": b"zip"})[
            "LayerVersionArn"
        ]
        for number in range(4)
    ]
    shop.create_function("orders", *others)
    shop.aws.code_storage = shop.aws.code_storage_used = 1_000_000
    shop.aws.heal()
    ended = shop.run("publish", "--attach", "--json")
    assert (ended.code, shop.aws.sent()) == (5, 0)
    errors = [one["sentence"] for one in ended.document["findings"] if one["severity"] == "error"]
    assert errors == [
        "orders in eu-west-1 would have 6 layers, 1 more than the 5 that it may have",
        "eu-west-1 has 0 B left for code, and 2 layers need 738 B: 738 B (738 bytes) too much",
    ]


def test_zip_that_is_not_the_manifest_s(shop: Shop) -> None:
    zips = sorted((shop.root / ".layerforge/layers").glob("*.zip"))
    with zips[0].open("ab") as file:
        file.write(b"?")
    ended = shop.run("publish")
    assert (ended.code, shop.aws.count("PublishLayerVersion")) == (4, 0)
    assert "the zip is not the one that the manifest tells of" in ended.stderr


def test_permissions_become_those_of_the_config(shop: Shop) -> None:
    def policy(number: int = 1) -> list[str]:
        client = shop.client("lambda")
        try:
            text = client.get_layer_version_policy(LayerName=NUMPY, VersionNumber=number)["Policy"]
        except client.exceptions.ResourceNotFoundException:
            return []
        return sorted(statement["Sid"] for statement in json.loads(text)["Statement"])

    shop.config('[publish.permissions]\naccounts = ["111111111111"]\norganization = "o-a1b2c3d4e5"\n')
    ended = shop.run("publish")
    assert ended.code == 0, ended.stderr
    assert policy() == ["layerforge-account-111111111111", "layerforge-organization-o-a1b2c3d4e5"]
    shop.aws.heal()
    assert shop.run("publish").stdout.endswith("nothing was done\n")
    assert shop.aws.sent() == 0
    # Somebody lets everybody in by hand; the config says otherwise.
    shop.client("lambda").add_layer_version_permission(
        LayerName=NUMPY, VersionNumber=1, StatementId="oops", Action="lambda:GetLayerVersion", Principal="*"
    )
    shop.config('[publish.permissions]\naccounts = ["111111111111", "222222222222"]\n')
    assert shop.run("publish", "-q").code == 0
    assert policy() == ["layerforge-account-111111111111", "layerforge-account-222222222222"]
    shop.config("[publish.permissions]\n")
    assert shop.run("publish", "-q").code == 0
    assert policy() == []
    assert shop.versions() == {NUMPY: [1], PYDANTIC: [1]}


def test_retire_after_attach(shop: Shop) -> None:
    shop.create_function("orders")
    for number in range(4):
        shop.build(numpy=b"numpy %d" % number)
        assert shop.run("publish", "--attach", "-q").code == 0
    shop.config("[publish]\nkeep = 2\n")
    shop.build(numpy=b"numpy 4")
    ended = shop.run("publish", "--attach", "--retire", "--json")
    assert ended.code == 0, ended.stderr
    assert [(one["name"], one["version"]) for one in ended.document["retired"]] == [
        (NUMPY, 3),
        (NUMPY, 2),
        (NUMPY, 1),
    ]
    assert (shop.versions()[NUMPY], shop.layers_of("orders")) == ([5, 4], [f"{NUMPY}:5", f"{PYDANTIC}:1"])


def test_role_is_taken(shop: Shop) -> None:
    shop.client("iam").create_role(RoleName="layers", AssumeRolePolicyDocument="{}")
    shop.aws.heal()
    ended = shop.run("publish", "-q", "--role", "arn:aws:iam::123456789012:role/layers")
    assert ended.code == 0, ended.stderr
    assert [call.operation for call in shop.aws.calls if call.service == "sts"] == ["AssumeRole"]


def test_only_the_account_that_is_allowed(shop: Shop) -> None:
    shop.config('[publish]\naccount = "999999999999"\n')
    ended = shop.run("publish")
    assert ended.code == 7
    assert ended.stderr == (
        "error: these credentials are of account 123456789012, and [publish] allows 999999999999 alone\n"
        "hint: name another profile or role, or change `account` under [publish]\n"
    )
    shop.config('[publish]\naccount = "123456789012"\n')
    assert shop.run("publish", "-q").code == 0


def test_profile_of_the_aws_configuration(
    shop: Shop, isolated_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    (isolated_environment / ".aws").mkdir()
    (isolated_environment / ".aws" / "config").write_text(
        f"[profile ci]\nregion = eu-north-1\nendpoint_url = {shop.aws.url}\n"
        "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = a-secret-that-is-never-shown\n"
    )
    ended = shop.run("publish", "--profile", "ci", "--json")
    assert ended.code == 0, ended.stderr
    assert {one["region"] for one in ended.document["layers"]} == {"eu-north-1"}
    ended = shop.run("publish", "--profile", "prod")
    assert (ended.code, ended.stderr.splitlines()[0]) == (
        7,
        "error: there is no profile prod in the AWS configuration",
    )


def test_index_credentials_are_not_needed(shop: Shop) -> None:
    shop.config('[index]\nurl = "https://${INDEX_TOKEN}@index.example/simple/"\n')
    assert shop.run("publish", "-q").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--stack", "shop"], "--stack goes with --attach or --rollback."),
        (["--tag", "a=b"], "--tag goes with --attach or --rollback."),
        (["--alias", "live"], "--alias goes with --attach."),
        (["--rollback-on-failure"], "--rollback-on-failure goes with --attach."),
        (["--rollback", "--attach"], "--rollback goes without --attach and --retire."),
        (["--attach", "--stack", "a", "--tag", "b=c"], "--stack and --tag exclude each other."),
        (["--attach", "--tag", "stage"], "--tag takes KEY=VALUE, not 'stage'."),
    ],
)
def test_options_that_do_not_go_together(shop: Shop, arguments: list[str], said: str) -> None:
    ended = shop.run("publish", *arguments)
    assert ended.code == 2
    assert said in ended.stderr


def test_nothing_is_built(shop: Shop) -> None:
    (shop.root / ".layerforge/manifest.json").unlink()
    ended = shop.run("publish")
    assert (ended.code, shop.aws.calls) == (4, [])
    assert "nothing is built here yet\nhint: run `layerforge build`" in ended.stderr
