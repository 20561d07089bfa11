"""What is asked of AWS: Protocols, one for each service and region, and how a call can fail.

`layerforge.publish.aws` is the one real implementation; the fake for tests is `tests/aws_fakes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from layerforge.errors import AwsError
from layerforge.model.publishing import Grant, LiveName, Tag
from layerforge.publish.values import (
    AccountSettings,
    Alias,
    LayerVersion,
    LiveBucket,
    LiveFunction,
    Statement,
    Upload,
    WantedLayer,
)


class Failure(StrEnum):
    """How a call failed, as far as it decides what to do next.

    UNCERTAIN: it may have been carried out all the same (no answer, or an error of the server).
    UNREACHABLE: it has not been. CREDENTIALS: every other call fails in the same way.
    """

    REFUSED = "refused"
    DENIED = "denied"
    CREDENTIALS = "credentials"
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"
    CHANGED = "changed"
    THROTTLED = "throttled"
    UNCERTAIN = "uncertain"
    UNREACHABLE = "unreachable"


class CallError(AwsError):
    """A call that failed, in one sentence. `code` is the one that AWS gave, if it answered."""

    def __init__(
        self,
        sentence: str,
        *,
        failure: Failure = Failure.REFUSED,
        code: str = "",
        where: str | None = None,
        details: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(sentence, where=where, details=details, hint=hint)
        self.failure = failure
        self.code = code


class LambdaService(Protocol):
    """AWS Lambda in one region. Every method raises CallError. May be used from any thread."""

    def account_settings(self) -> AccountSettings:
        """Limits and usage of the account here."""
        ...

    def layer_names(self) -> tuple[str, ...]:
        """Names of all layers of the account here."""
        ...

    def layer_versions(self, layer: str, *, everything: bool = False) -> tuple[LayerVersion, ...]:
        """Versions, newest first, without digest and size: the newest ones, or with `everything` all.

        Empty for a layer that does not exist.
        """
        ...

    def layer_version(self, layer: str, version: int) -> LayerVersion:
        """One version, with digest and size."""
        ...

    def publish_layer(self, layer: WantedLayer, upload: Upload, content: bytes | None) -> LayerVersion:
        """Publish a new version of `content`, or of the object that `upload` names. Never tries twice."""
        ...

    def delete_layer_version(self, layer: str, version: int) -> None:
        """Delete a version; one that is gone already is fine."""
        ...

    def layer_policy(self, layer: str, version: int) -> tuple[Statement, ...]:
        """Who may use a version; empty where nobody else may."""
        ...

    def permit(self, layer: str, version: int, grant: Grant) -> None:
        """Let somebody use a version; who may already is fine."""
        ...

    def forbid(self, layer: str, version: int, statement: str) -> None:
        """Remove a statement from a version's policy; one that is gone already is fine."""
        ...

    def function(self, name: str, *, qualifier: str | None = None) -> LiveFunction:
        """A function by name or ARN. Fails with NOT_FOUND if there is none."""
        ...

    def functions(self) -> tuple[LiveFunction, ...]:
        """Every version of every function of the account here, $LATEST included."""
        ...

    def update_layers(self, name: str, layers: Sequence[str], *, revision: str | None) -> LiveFunction:
        """Give a function exactly these layers; fails with CHANGED if it is no longer at `revision`."""
        ...

    def publish_version(self, name: str, *, revision: str | None) -> str:
        """Publish a version of what a function is now: its number, or the last one's if nothing changed."""
        ...

    def alias(self, name: str, alias: str) -> Alias:
        """An alias of a function. Fails with NOT_FOUND if there is none."""
        ...

    def aliases(self, name: str) -> tuple[Alias, ...]:
        """All aliases of a function."""
        ...

    def move_alias(self, name: str, alias: str, version: str, *, revision: str | None) -> None:
        """Point an alias to another version; fails with CHANGED if it is no longer at `revision`."""
        ...

    def tags(self, arn: str) -> dict[str, str]:
        """The tags of a function."""
        ...

    def tag(self, arn: str, tags: Sequence[Tag]) -> None:
        """Set tags of a function, others stay."""
        ...

    def untag(self, arn: str, keys: Sequence[str]) -> None:
        """Remove tags of a function."""
        ...


class StorageService(Protocol):
    """Amazon S3, seen from one region. Every method raises CallError. May be used from any thread."""

    def bucket(self, name: str, *, need_versions: bool) -> LiveBucket:
        """What a bucket is like; whether it keeps versions is only asked if `need_versions`."""
        ...

    def object_version(self, bucket: str, key: str, *, size: int) -> tuple[bool, str | None]:
        """Whether an object of `size` bytes is there, and its version where the bucket keeps them."""
        ...

    def upload(
        self,
        path: Path,
        bucket: str,
        key: str,
        *,
        kms_key: str | None,
        acl: str | None,
        advance: Callable[[int], None],
    ) -> None:
        """Upload a file, in parts where it is large: whole or not at all. Tells of bytes as they are sent."""
        ...

    def delete_object(self, bucket: str, key: str) -> None:
        """Delete an object."""
        ...


class LookupService(Protocol):
    """Where functions are found: stacks and tags of one region. Every method raises CallError."""

    def stack_functions(self, stack: str) -> tuple[LiveName, ...]:
        """Functions of a CloudFormation stack, and of those nested in it: logical id, and name."""
        ...

    def tagged_functions(self, tags: Sequence[Tag]) -> dict[str, dict[str, str]]:
        """Functions with all of `tags`: all tags of each, by ARN."""
        ...


class Account(Protocol):
    """One AWS account, as the credentials at hand give it. Raises CallError."""

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that are meant, at least one."""
        ...

    def number(self) -> str:
        """The account's 12 digits."""
        ...

    def functions(self, region: str) -> LambdaService:
        """AWS Lambda in a region."""
        ...

    def storage(self, region: str) -> StorageService:
        """Amazon S3, seen from a region."""
        ...

    def lookup(self, region: str) -> LookupService:
        """CloudFormation and tags in a region."""
        ...
