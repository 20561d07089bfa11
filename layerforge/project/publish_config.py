"""`[publish]` of the config: where to, how, who may use it, and which functions take it."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from layerforge.errors import ConfigError
from layerforge.model.publishing import (
    CLOUDFORMATION_ID_TAG,
    DEFAULT_DESCRIPTION,
    DESCRIPTION_FIELDS,
    STORAGE_MODES,
    UPLOADS,
    AttachSettings,
    Bucket,
    Grant,
    LiveName,
    PublishSettings,
    StorageSettings,
    Tag,
)
from layerforge.project.tables import Table
from layerforge.project.variables import expand, has_variable

_KEYS = (
    "regions", "account", "profile", "role", "endpoint-url", "description", "license", "upload", "s3",
    "permissions", "attach", "keep",
)  # fmt: skip
_S3_KEYS = ("bucket", "prefix", "kms-key", "acl", "storage")
_PERMISSION_KEYS = ("accounts", "organization", "public")
_ATTACH_KEYS = (
    "functions", "stack", "tags", "name-tag", "name", "alias", "publish-version", "remember",
)  # fmt: skip
# The patterns of botocore 1.44.8, where it has one.
_REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d")
_ACCOUNT = re.compile(r"\d{12}")
_ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}")
_ROLE = re.compile(r"arn:[a-zA-Z0-9-]+:iam::\d{12}:role/.+")
_ALIAS = re.compile(r"(?!\d+$)[a-zA-Z0-9_-]{1,128}")
_URL = re.compile(r"https?://.+")
# s3-2006-03-01.normal: ObjectCannedACL
_ACLS = (
    "private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read",
    "bucket-owner-read", "bucket-owner-full-control",
)  # fmt: skip
_LICENSE_LIMIT = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishTable:
    """`[publish]` as it stands in the file: its variables need only be set where one publishes."""

    data: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    keys: tuple[str, ...] = ("publish",)

    def settings(self, environment: Mapping[str, str]) -> PublishSettings:
        """What it says, with the variables of `environment`. Raises ConfigError as `parse_publish`."""
        return parse_publish(Table(self.data, path=self.path, keys=self.keys), environment=environment)


def parse_publish(table: Table, *, environment: Mapping[str, str] | None = None) -> PublishSettings:
    """Turn `[publish]` into settings. Without `environment`, variables stay as they stand.

    Raises ConfigError, with the path of the key, for what is unknown, of the wrong type, or no value
    that AWS would take.
    """
    return _Reader(environment).publish(table)


class _Reader:
    """Reads strings with variables, and holds them against what AWS takes."""

    def __init__(self, environment: Mapping[str, str] | None) -> None:
        self._environment = environment

    def publish(self, table: Table) -> PublishSettings:
        table.check_keys(_KEYS)
        settings = PublishSettings(
            regions=self._texts(table, "regions", _REGION, "a region such as 'eu-west-1'"),
            account=self._text(table, "account", _ACCOUNT, "12 digits"),
            profile=self._text(table, "profile"),
            role=self._text(table, "role", _ROLE, "the ARN of a role"),
            endpoint_url=self._text(table, "endpoint-url", _URL, "a URL with http:// or https://"),
            description=_description(table),
            license=_license(table),
            upload=table.string("upload", choices=UPLOADS) or UPLOADS[0],
            storage=self._storage(table.table("s3")),
            permissions=self._permissions(table),
            attach=self._attach(table.table("attach")),
            keep=_keep(table),
        )
        if not settings.storage.buckets and (settings.upload == "s3" or "s3" in table.data):
            raise ConfigError(
                "this key is missing",
                where=table.where("s3", "bucket"),
                hint='name the bucket: bucket = "layers-{region}"; it has to lie in the region of the layers',
            )
        return settings

    def _storage(self, table: Table) -> StorageSettings:
        table.check_keys(_S3_KEYS)
        prefix = self._text(table, "prefix") or ""
        return StorageSettings(
            buckets=self._buckets(table),
            prefix=prefix if not prefix or prefix.endswith("/") else f"{prefix}/",
            kms_key=self._text(table, "kms-key"),
            acl=table.string("acl", choices=_ACLS),
            reference=table.string("storage", choices=STORAGE_MODES) == "reference",
        )

    def _buckets(self, table: Table) -> tuple[Bucket, ...]:
        if not isinstance(table.data.get("bucket"), dict):
            name = self._text(table, "bucket")
            return (Bucket(name=name),) if name else ()
        named = table.table("bucket")
        for region in named.data:
            self._check(region, _REGION, "a region such as 'eu-west-1'", named.where(region))
        found = {region: self._text(named, region) for region in named.data}
        return tuple(Bucket(region=region, name=name) for region, name in found.items() if name)

    def _permissions(self, publish: Table) -> tuple[Grant, ...] | None:
        table = publish.table("permissions")
        if "permissions" not in publish.data:
            return None
        table.check_keys(_PERMISSION_KEYS)
        accounts = self._texts(table, "accounts", _ACCOUNT, "12 digits")
        organization = self._text(table, "organization", _ORGANIZATION, "an id such as 'o-a1b2c3d4e5'")
        grants = [Grant(principal=account) for account in accounts]
        if organization:
            grants.append(Grant(principal="*", organization=organization))
        if table.boolean("public"):
            grants.append(Grant(principal="*"))
        return tuple(sorted(grants, key=str))

    def _attach(self, table: Table) -> AttachSettings:
        table.check_keys(_ATTACH_KEYS)
        functions, tags = table.table("functions"), table.table("tags")
        live = {name: self._text(functions, name) for name in functions.data}
        values = {key: self._text(tags, key) for key in tags.data}
        stack, name = self._text(table, "stack"), self._text(table, "name")
        ways = [key for key in ("stack", "tags", "name") if table.data.get(key)]
        if len(ways) > 1:
            raise ConfigError(
                f"only one of {' and '.join(ways)} can say which functions are meant",
                where=table.where(ways[-1]),
                hint="keep one of them; single functions can be named under functions beside it",
            )
        if name is not None and "{function}" not in name:
            raise ConfigError(
                f"unexpected value {name!r} (expected {{function}} in it)",
                where=table.where("name"),
                hint='for example name = "shop-{function}-prod"',
            )
        return AttachSettings(
            functions=tuple(LiveName(function=key, live=value) for key, value in live.items() if value),
            stack=stack,
            tags=tuple(Tag(key=key, value=value) for key, value in values.items() if value),
            name_tag=self._text(table, "name-tag") or CLOUDFORMATION_ID_TAG,
            name=name or AttachSettings().name,
            alias=self._text(table, "alias", _ALIAS, "letters, digits, - and _, not digits alone"),
            publish_version=table.boolean("publish-version") or False,
            remember=table.boolean("remember") is not False,
        )

    def _text(
        self, table: Table, key: str, pattern: re.Pattern[str] | None = None, expected: str = ""
    ) -> str | None:
        value = table.string(key)
        return None if value is None else self._expanded(value, pattern, expected, table.where(key))

    def _texts(self, table: Table, key: str, pattern: re.Pattern[str], expected: str) -> tuple[str, ...]:
        values = table.string_or_strings(key) or ()
        found = [self._expanded(value, pattern, expected, table.where(key)) for value in values]
        return tuple(dict.fromkeys(found))

    def _expanded(self, value: str, pattern: re.Pattern[str] | None, expected: str, where: str) -> str:
        text = (
            value if self._environment is None else expand(value, where=where, environment=self._environment)
        )
        if pattern is not None:
            self._check(text, pattern, expected, where)
        return text

    def _check(self, text: str, pattern: re.Pattern[str], expected: str, where: str) -> None:
        if self._environment is None and has_variable(text):
            return
        if not pattern.fullmatch(text):
            raise ConfigError(f"unexpected value {text!r} (expected {expected})", where=where)


def _description(table: Table) -> str:
    text = table.string("description")
    if text is None:
        return DEFAULT_DESCRIPTION
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
    except ValueError as error:
        raise ConfigError(f"unexpected value {text!r} ({error})", where=table.where("description")) from error
    unknown = sorted({name for name in fields if name not in DESCRIPTION_FIELDS})
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in DESCRIPTION_FIELDS)
        raise ConfigError(
            f"unexpected value {{{unknown[0]}}} (expected {known})",
            where=table.where("description"),
            hint="all of these follow from the layer's content; anything else would make a new version of "
            "a layer that has not changed",
        )
    return text


def _license(table: Table) -> str | None:
    text = table.string("license")
    if text is not None and len(text) > _LICENSE_LIMIT:
        raise ConfigError(
            f"unexpected length {len(text)} (Lambda takes at most {_LICENSE_LIMIT} characters)",
            where=table.where("license"),
        )
    return text


def _keep(table: Table) -> int:
    keep = table.integer("keep")
    if keep is not None and keep < 1:
        raise ConfigError(
            f"unexpected value {keep} (expected how many versions of each layer stay, at least 1)",
            where=table.where("keep"),
        )
    return PublishSettings().keep if keep is None else keep
