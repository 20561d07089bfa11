"""Amazon S3 through the SDK."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layerforge.publish.aws_calls import Caller, is_absent
from layerforge.publish.client import CallError
from layerforge.publish.values import LiveBucket

_PART_SIZE = 8 * 2**20
# Of one file; several files are uploaded side by side.
_PARTS_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsStorage:
    """`StorageService` over a client."""

    calls: Caller

    def bucket(self, name: str, *, need_versions: bool) -> LiveBucket:
        """HeadBucket, and GetBucketVersioning."""
        answer = self.calls.call("HeadBucket", subject=f"the bucket {name}", Bucket=name)
        headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        region = answer.get("BucketRegion") or headers.get("x-amz-bucket-region")
        versioned = False
        if need_versions:
            told = self.calls.call("GetBucketVersioning", subject=f"the bucket {name}", Bucket=name)
            versioned = told.get("Status") == "Enabled"
        return LiveBucket(name=name, region=region, versioned=versioned)

    def object_version(self, bucket: str, key: str, *, size: int) -> tuple[bool, str | None]:
        """HeadObject."""
        try:
            answer = self.calls.call("HeadObject", subject=f"s3://{bucket}/{key}", Bucket=bucket, Key=key)
        except CallError as error:
            if is_absent(error):
                return False, None
            raise
        version = answer.get("VersionId")
        return answer.get("ContentLength") == size, version if version != "null" else None

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
        """PutObject, or a multipart upload, which is aborted if it fails."""
        from s3transfer.manager import TransferConfig, TransferManager
        from s3transfer.subscribers import BaseSubscriber

        class Progress(BaseSubscriber):  # type: ignore[misc] # it has no types
            def on_progress(self, *, future: Any, bytes_transferred: int, **_: Any) -> None:  # noqa: ARG002
                advance(bytes_transferred)

        extra = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
        if acl:
            extra["ACL"] = acl
        config = TransferConfig(
            multipart_threshold=_PART_SIZE * 2,
            multipart_chunksize=_PART_SIZE,
            max_request_concurrency=_PARTS_AT_ONCE,
        )

        def run() -> None:
            with TransferManager(self.calls.client, config) as manager:
                manager.upload(str(path), bucket, key, extra_args=extra, subscribers=[Progress()]).result()

        self.calls.guard("PutObject", run, subject=f"s3://{bucket}/{key}")

    def delete_object(self, bucket: str, key: str) -> None:
        """DeleteObject."""
        self.calls.call("DeleteObject", subject=f"s3://{bucket}/{key}", Bucket=bucket, Key=key)
