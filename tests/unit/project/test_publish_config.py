"""`[publish]`: every key, and every way to get one wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from layerforge.errors import ConfigError
from layerforge.model.publishing import (
    AttachSettings,
    Bucket,
    Grant,
    LiveName,
    PublishSettings,
    StorageSettings,
    Tag,
)
from layerforge.project import publish_config
from layerforge.project.config import parse_config


def parse(text: str, **environment: str) -> PublishSettings:
    config = parse_config({"publish": tomllib.loads(text)}, path="layerforge.toml")
    return config.publish.settings(environment)


def test_every_key() -> None:
    settings = parse(
        """
        regions = ["eu-west-1", "us-gov-west-1", "eu-west-1"]
        account = "123456789012"
        profile = "prod"
        role = "arn:aws:iam::123456789012:role/ci/layers"
        endpoint-url = "http://localhost:4566"
        description = "{project} {layer} {distributions} {digest} {runtimes} {architectures}"
        license = "Proprietary"
        upload = "s3"
        keep = 3

        [s3]
        bucket = "layers-{account}-{region}"
        prefix = "zips"
        kms-key = "alias/layers"
        acl = "bucket-owner-full-control"
        storage = "reference"

        [permissions]
        accounts = ["222222222222", "111111111111"]
        organization = "o-a1b2c3d4e5"
        public = true

        [attach]
        stack = "shop-prod"
        name-tag = "service"
        alias = "live"
        publish-version = true
        remember = false
        functions = { orders = "shop-orders" }
        """
    )
    assert settings == PublishSettings(
        regions=("eu-west-1", "us-gov-west-1"),
        account="123456789012",
        profile="prod",
        role="arn:aws:iam::123456789012:role/ci/layers",
        endpoint_url="http://localhost:4566",
        description="{project} {layer} {distributions} {digest} {runtimes} {architectures}",
        license="Proprietary",
        upload="s3",
        keep=3,
        storage=StorageSettings(
            buckets=(Bucket(name="layers-{account}-{region}"),),
            prefix="zips/",
            kms_key="alias/layers",
            acl="bucket-owner-full-control",
            reference=True,
        ),
        permissions=(
            Grant(principal="111111111111"),
            Grant(principal="222222222222"),
            Grant(principal="*"),
            Grant(principal="*", organization="o-a1b2c3d4e5"),
        ),
        attach=AttachSettings(
            functions=(LiveName(function="orders", live="shop-orders"),),
            stack="shop-prod",
            name_tag="service",
            alias="live",
            publish_version=True,
            remember=False,
        ),
    )
    assert settings.storage.bucket("eu-west-1", "123456789012") == "layers-123456789012-eu-west-1"
    assert settings.storage.needs_account


def test_nothing() -> None:
    assert parse("") == PublishSettings()
    assert parse("[permissions]").permissions == ()
    assert PublishSettings().storage.bucket("eu-west-1", "") is None


def test_bucket_by_region_and_tags() -> None:
    settings = parse(
        """
        [s3.bucket]
        eu-west-1 = "one"
        us-east-1 = "two"
        [attach.tags]
        stage = "prod"
        team = "shop"
        """
    )
    assert [settings.storage.bucket(region, "") for region in ("us-east-1", "eu-west-1", "eu-west-2")] == [
        "two",
        "one",
        None,
    ]
    assert settings.attach.tags == (Tag(key="stage", value="prod"), Tag(key="team", value="shop"))


def test_variables_are_put_in_where_one_publishes() -> None:
    text = """
        regions = ["${REGION}"]
        account = "${ACCOUNT}"
        [s3]
        bucket = "layers-${STAGE}"
        [attach]
        name = "shop-{function}-${STAGE}"
        """
    settings = parse(text, REGION="eu-west-1", ACCOUNT="123456789012", STAGE="prod")
    assert (settings.regions, settings.account) == (("eu-west-1",), "123456789012")
    assert settings.storage.buckets == (Bucket(name="layers-prod"),)
    assert settings.attach.name == "shop-{function}-prod"
    # Reading the config needs none of them; publishing does.
    with pytest.raises(ConfigError) as caught:
        parse(text, REGION="eu-west-1", STAGE="prod")
    assert caught.value.headline == (
        "layerforge.toml: publish.account: the environment variable ACCOUNT is not set"
    )
    with pytest.raises(ConfigError) as caught:
        parse(text, REGION="Ireland", ACCOUNT="123456789012", STAGE="prod")
    assert caught.value.headline == (
        "layerforge.toml: publish.regions: unexpected value 'Ireland' (expected a region such as 'eu-west-1')"
    )


@pytest.mark.parametrize(
    ("text", "headline", "hint"),
    [
        ("region = 'eu-west-1'", "region: unknown key", "did you mean regions?"),
        (
            "regions = ['Ireland']",
            "regions: unexpected value 'Ireland' (expected a region such as 'eu-west-1')",
            None,
        ),
        ("account = '1234'", "account: unexpected value '1234' (expected 12 digits)", None),
        ("account = 123456789012", "account: unexpected type integer (expected string)", None),
        ("role = 'deploy'", "role: unexpected value 'deploy' (expected the ARN of a role)", None),
        (
            "endpoint-url = 'localhost'",
            "endpoint-url: unexpected value 'localhost' (expected a URL with http:// or https://)",
            None,
        ),
        (
            "description = '{commit}'",
            (
                "description: unexpected value {commit} (expected {project}, {layer}, {distributions}, "
                "{digest}, "
                "{runtimes}, {architectures})"
            ),
            (
                "all of these follow from the layer's content; anything else would make a new version of a "
                "layer "
                "that has not changed"
            ),
        ),
        (
            "description = '{layer'",
            "description: unexpected value '{layer' (expected '}' before end of string)",
            None,
        ),
        (
            f"license = '{'x' * 513}'",
            "license: unexpected length 513 (Lambda takes at most 512 characters)",
            None,
        ),
        ("upload = 'ftp'", "upload: unexpected value 'ftp' (expected 'auto', 'direct' or 's3')", None),
        (
            "upload = 's3'",
            "s3.bucket: this key is missing",
            'name the bucket: bucket = "layers-{region}"; it has to lie in the region of the layers',
        ),
        (
            "s3 = { prefix = 'x' }",
            "s3.bucket: this key is missing",
            'name the bucket: bucket = "layers-{region}"; it has to lie in the region of the layers',
        ),
        (
            "s3.bucket = { Ireland = 'x' }",
            "s3.bucket.Ireland: unexpected value 'Ireland' (expected a region such as 'eu-west-1')",
            None,
        ),
        (
            "s3 = { bucket = 'x', storage = 'link' }",
            "s3.storage: unexpected value 'link' (expected 'copy' or 'reference')",
            None,
        ),
        (
            "permissions.accounts = 'me'",
            "permissions.accounts: unexpected value 'me' (expected 12 digits)",
            None,
        ),
        (
            "permissions.organization = 'mine'",
            "permissions.organization: unexpected value 'mine' (expected an id such as 'o-a1b2c3d4e5')",
            None,
        ),
        ("permissions.public = 'yes'", "permissions.public: unexpected type string (expected boolean)", None),
        ("permissions.account = '1'", "permissions.account: unknown key", "did you mean accounts?"),
        (
            "attach = { stack = 'a', tags = { b = 'c' } }",
            "attach.tags: only one of stack and tags can say which functions are meant",
            "keep one of them; single functions can be named under functions beside it",
        ),
        (
            "attach.name = 'shop'",
            "attach.name: unexpected value 'shop' (expected {function} in it)",
            'for example name = "shop-{function}-prod"',
        ),
        (
            "attach.alias = '12'",
            "attach.alias: unexpected value '12' (expected letters, digits, - and _, not digits alone)",
            None,
        ),
        ("attach.functions = ['orders']", "attach.functions: unexpected type array (expected table)", None),
        ("attach.functions.a = 1", "attach.functions.a: unexpected type integer (expected string)", None),
        (
            "keep = 0",
            "keep: unexpected value 0 (expected how many versions of each layer stay, at least 1)",
            None,
        ),
    ],
)
def test_mistakes(text: str, headline: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert (caught.value.headline, caught.value.hint) == (f"layerforge.toml: publish.{headline}", hint)


@pytest.mark.parametrize("table", ["", "s3", "permissions", "attach"])
def test_every_key_is_documented(table: str) -> None:
    page = (Path(__file__).parents[3] / "docs/reference/configuration.md").read_text(encoding="utf-8")
    section = page[page.index("## `[publish]`") : page.index("## Sizes")]
    begin = section.index(f"`[publish.{table}]`") if table else 0
    keys = {
        "": publish_config._KEYS,
        "s3": publish_config._S3_KEYS,
        "permissions": publish_config._PERMISSION_KEYS,
        "attach": publish_config._ATTACH_KEYS,
    }[table]
    for key in keys:
        assert f"`{key}`" in section[begin:] or f"`[publish.{key}]`" in section, key
