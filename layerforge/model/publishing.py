"""What `[publish]` asks for, and what publishing returns: values that other stages may read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

UPLOADS = ("auto", "direct", "s3")
STORAGE_MODES = ("copy", "reference")
# Everything in it follows from the layer's content: a description that changes with each run would
# make a new version each time.
DEFAULT_DESCRIPTION = "{project}: {distributions} [{digest}]"
DESCRIPTION_FIELDS = ("project", "layer", "distributions", "digest", "runtimes", "architectures")
CLOUDFORMATION_ID_TAG = "aws:cloudformation:logical-id"
DEFAULT_KEEP = 5


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Grant:
    """Who may use a layer version: an account, or, with principal `*`, an organization or everybody."""

    principal: str
    organization: str | None = None

    @property
    def statement_id(self) -> str:
        """The same for the same grant, so that it cannot be added twice."""
        if self.organization:
            return f"layerforge-organization-{self.organization}"
        return "layerforge-public" if self.principal == "*" else f"layerforge-account-{self.principal}"

    def __str__(self) -> str:
        if self.organization:
            return f"organization {self.organization}"
        return "everybody" if self.principal == "*" else f"account {self.principal}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """A bucket for one region, or for all (`region` None); `{region}` and `{account}` are put in."""

    name: str
    region: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class StorageSettings:
    """`[publish.s3]`: where zips go that are not uploaded directly. `reference`: Lambda keeps no copy."""

    buckets: tuple[Bucket, ...] = ()
    prefix: str = ""
    kms_key: str | None = None
    acl: str | None = None
    reference: bool = False

    def bucket(self, region: str, account: str) -> str | None:
        """The bucket for a region; None where none is named."""
        by_region = {bucket.region: bucket.name for bucket in self.buckets}
        name = by_region.get(region) or by_region.get(None)
        return name and name.replace("{region}", region).replace("{account}", account)

    @property
    def needs_account(self) -> bool:
        """Whether a bucket's name can only be told with the account's number."""
        return any("{account}" in bucket.name for bucket in self.buckets)


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveName:
    """A function of the manifest and the name (or ARN) that it has in AWS."""

    function: str
    live: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Tag:
    """A tag of an AWS resource."""

    key: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AttachSettings:
    """`[publish.attach]`: which live functions take the layers, and what else is done to them.

    `functions` names them one by one; of the others, those of `stack` by their logical id, those with
    all `tags` by the value of their `name_tag`, or those called as `name` says. `alias` is moved to a
    new version of the function. `remember`: write the layers that were replaced into a tag of the
    function, for `--rollback`.
    """

    functions: tuple[LiveName, ...] = ()
    stack: str | None = None
    tags: tuple[Tag, ...] = ()
    name_tag: str = CLOUDFORMATION_ID_TAG
    name: str = "{function}"
    alias: str | None = None
    publish_version: bool = False
    remember: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishSettings:
    """`[publish]` of the config, defaults filled in.

    `regions` is empty where the AWS configuration says it. `account` is the only one that may be
    published to, None for any. `permissions` is None where policies of layers are left alone.
    """

    regions: tuple[str, ...] = ()
    account: str | None = None
    profile: str | None = None
    role: str | None = None
    endpoint_url: str | None = None
    description: str = DEFAULT_DESCRIPTION
    license: str | None = None
    upload: str = "auto"
    storage: StorageSettings = StorageSettings()
    permissions: tuple[Grant, ...] | None = None
    attach: AttachSettings = AttachSettings()
    keep: int = DEFAULT_KEEP


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class PublishedLayer:
    """A version of a layer of the manifest that is in AWS, with exactly the bytes that were built."""

    name: str
    region: str
    version: int
    arn: str
    code_sha256: str
    new: bool = False


def published_document(layers: tuple[PublishedLayer, ...]) -> list[dict[str, Any]]:
    """Layer versions as `layerforge publish --json` shows them, under `layers`."""
    return [
        {
            "name": layer.name,
            "region": layer.region,
            "version": layer.version,
            "arn": layer.arn,
            "code_sha256": layer.code_sha256,
            "new": layer.new,
        }
        for layer in sorted(layers)
    ]


def parse_published(document: list[dict[str, Any]]) -> tuple[PublishedLayer, ...]:
    """Layer versions back from `published_document`. Raises KeyError for what is none."""
    return tuple(
        PublishedLayer(
            name=str(layer["name"]),
            region=str(layer["region"]),
            version=int(layer["version"]),
            arn=str(layer["arn"]),
            code_sha256=str(layer["code_sha256"]),
            new=bool(layer["new"]),
        )
        for layer in document
    )
