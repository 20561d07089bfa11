"""Publishes one layer: never twice, however the connection fails, and never with other bytes than ours."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from layerforge.cache import sha256_of
from layerforge.errors import BuildError
from layerforge.model.publishing import PublishedLayer, StorageSettings
from layerforge.publish.client import Account, CallError, Failure
from layerforge.publish.plan import find_same
from layerforge.publish.values import LayerVersion, Publish, Upload, WantedLayer

_ATTEMPTS = 4
# Seconds to wait before each look for a version that may have been made without our being told.
_LOOKS = (0.0, 1.0, 3.0)
# Of zips that are uploaded directly at the same time. The SDK holds each about five times: the bytes, in
# base64, as text, and as the request.
_BYTES_AT_ONCE = 64 * 2**20


def check_zips(layers: Iterable[WantedLayer], folder: Path) -> None:
    """Hold zips against the manifest before any is sent. Raises BuildError for one that differs."""
    for layer in layers:
        path = folder / layer.path
        try:
            fits = sha256_of(path) == layer.sha256
        except OSError as error:
            raise BuildError(
                f"the manifest names this zip, and it cannot be read ({error.strerror})",
                where=str(path),
                hint="run `layerforge build`",
            ) from error
        if not fits:
            raise BuildError(
                "the zip is not the one that the manifest tells of",
                where=str(path),
                hint="run `layerforge build`",
            )


class ByteBudget:
    """Lets work begin as long as all that is under way holds no more than `limit` bytes together."""

    def __init__(self, limit: int = _BYTES_AT_ONCE) -> None:
        self._limit = limit
        self._used = 0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def take(self, size: int) -> Iterator[None]:
        """Wait until there is room for `size` bytes; what is larger than the limit goes alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + size <= self._limit)
            self._used += size
        try:
            yield
        finally:
            with self._changed:
                self._used -= size
                self._changed.notify_all()


@dataclass(frozen=True, kw_only=True, slots=True)
class Publisher:
    """Publishes layers from `folder`. `sleep` waits for seconds; `advance` is told of bytes sent."""

    account: Account
    folder: Path
    storage: StorageSettings
    sleep: Callable[[float], None]
    advance: Callable[[int], None]
    budget: ByteBudget = field(default_factory=ByteBudget)

    def publish(self, step: Publish) -> PublishedLayer:
        """Publish a layer in a region.

        Where an answer does not arrive, or the service has an error of its own, the version may be
        there all the same: it is looked for before anything is sent again. Raises CallError.
        """
        if step.upload.bucket is not None:
            version = self._attempt(step, self._store(step), None)
        else:
            with self.budget.take(step.layer.zipped_size):
                version = self._attempt(step, step.upload, (self.folder / step.layer.path).read_bytes())
            self.advance(step.layer.zipped_size)
        if version.code_sha256 != step.layer.code_sha256:
            raise self._withdraw(step, version)
        return PublishedLayer(
            name=step.layer.name,
            region=step.region,
            version=version.version,
            arn=version.arn,
            code_sha256=step.layer.code_sha256,
            new=True,
        )

    def _attempt(self, step: Publish, upload: Upload, content: bytes | None) -> LayerVersion:
        service = self.account.functions(step.region)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return service.publish_layer(step.layer, upload, content)
            except CallError as error:
                if error.failure is Failure.UNCERTAIN:
                    found = self._look(step)
                    if found is not None:
                        return found
                elif error.failure is not Failure.UNREACHABLE:
                    raise
                if attempt == _ATTEMPTS:
                    raise
            self.sleep(2.0 ** (attempt - 1))
        raise AssertionError("unreachable")

    def _look(self, step: Publish) -> LayerVersion | None:
        """Find the version that an attempt may have made: newer than the plan, and the same."""
        service = self.account.functions(step.region)
        for wait in _LOOKS:
            self.sleep(wait)
            newer = [
                service.layer_version(step.layer.name, version.version)
                for version in service.layer_versions(step.layer.name)
                if version.version > step.newest and version.metadata == step.layer.metadata
            ]
            found = find_same(newer, step.layer)
            if found is not None:
                return found
        return None

    def _store(self, step: Publish) -> Upload:
        """Bring the zip into the bucket, unless it is there: its key is its digest."""
        upload = step.upload
        assert upload.bucket is not None
        assert upload.key is not None
        storage = self.account.storage(step.region)
        size = step.layer.zipped_size
        there, version = storage.object_version(upload.bucket, upload.key, size=size)
        if there:
            self.advance(size)
        else:
            storage.upload(
                self.folder / step.layer.path,
                upload.bucket,
                upload.key,
                kms_key=self.storage.kms_key,
                acl=self.storage.acl,
                advance=self.advance,
            )
            if upload.reference:
                _, version = storage.object_version(upload.bucket, upload.key, size=size)
        return replace(upload, version=version if upload.reference else None)

    def _withdraw(self, step: Publish, version: LayerVersion) -> CallError:
        """Take back a version that has other bytes than ours, with the object that it came from."""
        left = ""
        try:
            self.account.functions(step.region).delete_layer_version(step.layer.name, version.version)
            if step.upload.bucket is not None and step.upload.key is not None:
                self.account.storage(step.region).delete_object(step.upload.bucket, step.upload.key)
        except CallError as error:
            left = f" It could not be removed: {error.headline}."
        return CallError(
            f"AWS has other bytes of {step.layer.name} than were sent: {version.code_sha256} rather than "
            f"{step.layer.code_sha256}",
            details=[f"version {version.version} was {'NOT removed.' + left if left else 'removed again'}"],
            hint="run the same command again; if it stays so, something between here and AWS changes what is "
            "sent",
        )
