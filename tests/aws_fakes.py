"""An AWS account in memory, behind the Protocols of layerforge.publish.client."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from layerforge.model.publishing import Grant, LiveName, Tag
from layerforge.publish.client import CallError, Failure
from layerforge.publish.values import (
    AccountSettings,
    Alias,
    AttachedLayer,
    LayerVersion,
    LiveBucket,
    LiveFunction,
    Statement,
    Upload,
    WantedLayer,
)

NUMBER = "123456789012"
LATEST = "$LATEST"
ROOMY = AccountSettings(code_storage=80_530_636_800, code_storage_used=0, unzipped_limit=262_144_000)


def error(failure: Failure, sentence: str = "it failed") -> CallError:
    return CallError(sentence, failure=failure)


def layer_arn(name: str, version: int, *, region: str = "eu-west-1", account: str = NUMBER) -> str:
    return f"arn:aws:lambda:{region}:{account}:layer:{name}:{version}"


def function_arn(name: str, *, region: str = "eu-west-1") -> str:
    return f"arn:aws:lambda:{region}:{NUMBER}:function:{name}"


def live_function(name: str, *layers: str, region: str = "eu-west-1", **changes: object) -> LiveFunction:
    values: dict[str, object] = {
        "name": name,
        "arn": function_arn(name, region=region),
        "version": LATEST,
        "runtime": "python3.13",
        "architecture": "x86_64",
        "layers": tuple(AttachedLayer(arn=arn, zipped_size=100) for arn in layers),
        "code_sha256": "live",
        "zipped_size": 10,
        "revision": "r1",
    }
    return LiveFunction(**{**values, **changes})  # type: ignore[arg-type]


@dataclass
class Held:
    """A function with its published versions, aliases and tags."""

    latest: LiveFunction
    versions: list[LiveFunction] = field(default_factory=list)
    aliases: dict[str, Alias] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


class Faults:
    """What goes wrong, by operation: raised before it is carried out, or after.

    `calls` holds every call as `region operation subject`.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._before: dict[str, list[CallError | Callable[[], None]]] = {}
        self._after: dict[str, list[CallError]] = {}
        self._lock = threading.Lock()

    def before(self, operation: str, *faults: CallError | Callable[[], None]) -> None:
        self._before.setdefault(operation, []).extend(faults)

    def after(self, operation: str, *faults: CallError) -> None:
        self._after.setdefault(operation, []).extend(faults)

    def heal(self) -> None:
        self._before.clear()
        self._after.clear()

    def begin(self, region: str, operation: str, subject: str) -> None:
        with self._lock:
            self.calls.append(f"{region} {operation} {subject}".rstrip())
            waiting = self._before.get(operation)
            fault = waiting.pop(0) if waiting else None
        if isinstance(fault, CallError):
            raise fault
        if fault is not None:
            fault()

    def end(self, operation: str) -> None:
        with self._lock:
            waiting = self._after.get(operation)
            fault = waiting.pop(0) if waiting else None
        if fault is not None:
            raise fault


class FakeLambda:
    """`LambdaService` of one region."""

    def __init__(self, region: str, faults: Faults) -> None:
        self.region = region
        self.layers: dict[str, list[LayerVersion]] = {}
        self.policies: dict[str, list[Statement]] = {}
        self.held: dict[str, Held] = {}
        self.settings = ROOMY
        # What the service makes of the bytes that it is sent.
        self.digest: Callable[[bytes], str] = lambda data: base64.b64encode(
            hashlib.sha256(data).digest()
        ).decode()
        self.objects: dict[tuple[str, str], bytes] = {}
        # How content came that was no part of the request.
        self.uploads: list[Upload] = []
        self._faults = faults
        self._numbers: dict[str, int] = {}
        self._revision = 1
        self._lock = threading.Lock()

    def add_version(self, version: LayerVersion) -> None:
        self.layers.setdefault(version.name, []).append(version)
        self._numbers[version.name] = max(self._numbers.get(version.name, 0), version.version)

    def add(self, function: LiveFunction, **aliases: str) -> Held:
        held = Held(latest=function)
        held.aliases = {name: Alias(name=name, version=version) for name, version in aliases.items()}
        self.held[function.name] = held
        return held

    def change(self, name: str, *layers: str) -> None:
        """Somebody else gives a function other layers."""
        held = self._of(name)
        attached = tuple(AttachedLayer(arn=arn, zipped_size=100) for arn in layers)
        held.latest = replace(held.latest, layers=attached, revision=self._next_revision())

    def touch(self, name: str) -> None:
        """Somebody else changes something other than layers."""
        held = self._of(name)
        held.latest = replace(held.latest, revision=self._next_revision())

    def account_settings(self) -> AccountSettings:
        self._faults.begin(self.region, "GetAccountSettings", "")
        return self.settings

    def layer_names(self) -> tuple[str, ...]:
        self._faults.begin(self.region, "ListLayers", "")
        return tuple(sorted(name for name, versions in self.layers.items() if versions))

    def layer_versions(self, layer: str, *, everything: bool = False) -> tuple[LayerVersion, ...]:
        self._faults.begin(self.region, "ListLayerVersions", layer)
        versions = sorted(self.layers.get(layer, ()), key=lambda version: -version.version)
        shown = versions if everything else versions[:50]
        return tuple(replace(version, code_sha256=None, size=None) for version in shown)

    def layer_version(self, layer: str, version: int) -> LayerVersion:
        self._faults.begin(self.region, "GetLayerVersion", f"{layer}:{version}")
        return self._version(layer, version)

    def publish_layer(self, layer: WantedLayer, upload: Upload, content: bytes | None) -> LayerVersion:
        self._faults.begin(self.region, "PublishLayerVersion", layer.name)
        if content is None:
            assert upload.bucket is not None
            assert upload.key is not None
            self.uploads.append(upload)
            content = self.objects[upload.bucket, upload.key]
        with self._lock:
            number = self._numbers.get(layer.name, 0) + 1
            version = LayerVersion(
                name=layer.name,
                version=number,
                arn=layer_arn(layer.name, number, region=self.region),
                metadata=layer.metadata,
                code_sha256=self.digest(content),
                size=len(content),
            )
            self.add_version(version)
        self._faults.end("PublishLayerVersion")
        return version

    def delete_layer_version(self, layer: str, version: int) -> None:
        self._faults.begin(self.region, "DeleteLayerVersion", f"{layer}:{version}")
        self.layers[layer] = [one for one in self.layers.get(layer, ()) if one.version != version]

    def layer_policy(self, layer: str, version: int) -> tuple[Statement, ...]:
        self._faults.begin(self.region, "GetLayerVersionPolicy", f"{layer}:{version}")
        return tuple(self.policies.get(f"{layer}:{version}", ()))

    def permit(self, layer: str, version: int, grant: Grant) -> None:
        self._faults.begin(self.region, "AddLayerVersionPermission", f"{layer}:{version}")
        self._version(layer, version)
        statement = Statement(id=grant.statement_id, grant=grant)
        policy = self.policies.setdefault(f"{layer}:{version}", [])
        if statement not in policy:
            policy.append(statement)

    def forbid(self, layer: str, version: int, statement: str) -> None:
        self._faults.begin(self.region, "RemoveLayerVersionPermission", f"{layer}:{version}")
        key = f"{layer}:{version}"
        self.policies[key] = [one for one in self.policies.get(key, ()) if one.id != statement]

    def function(self, name: str, *, qualifier: str | None = None) -> LiveFunction:
        self._faults.begin(self.region, "GetFunctionConfiguration", f"{name}:{qualifier or LATEST}")
        held = self._of(name)
        if qualifier is None or qualifier == LATEST:
            return held.latest
        wanted = held.aliases[qualifier].version if qualifier in held.aliases else qualifier
        return next(version for version in held.versions if version.version == wanted)

    def functions(self) -> tuple[LiveFunction, ...]:
        self._faults.begin(self.region, "ListFunctions", "")
        return tuple(one for held in self.held.values() for one in (held.latest, *held.versions))

    def update_layers(self, name: str, layers: Sequence[str], *, revision: str | None) -> LiveFunction:
        self._faults.begin(self.region, "UpdateFunctionConfiguration", name)
        held = self._of(name)
        if revision is not None and revision != held.latest.revision:
            raise error(Failure.CHANGED)
        for arn in layers:
            *_, account, _, layer, version = arn.split(":")
            if account == NUMBER and layer in self.layers:
                self._version(layer, int(version))
        self.change(name, *layers)
        self._faults.end("UpdateFunctionConfiguration")
        return held.latest

    def publish_version(self, name: str, *, revision: str | None) -> str:
        self._faults.begin(self.region, "PublishVersion", name)
        held = self._of(name)
        if revision is not None and revision != held.latest.revision:
            raise error(Failure.CHANGED)
        if not held.versions or held.versions[-1].layers != held.latest.layers:
            held.versions.append(replace(held.latest, version=str(len(held.versions) + 1)))
        self._faults.end("PublishVersion")
        return held.versions[-1].version

    def alias(self, name: str, alias: str) -> Alias:
        self._faults.begin(self.region, "GetAlias", f"{name}:{alias}")
        found = self._of(name).aliases.get(alias)
        if found is None:
            raise error(Failure.NOT_FOUND)
        return found

    def aliases(self, name: str) -> tuple[Alias, ...]:
        self._faults.begin(self.region, "ListAliases", name)
        return tuple(self._of(name).aliases.values())

    def move_alias(self, name: str, alias: str, version: str, *, revision: str | None) -> None:
        self._faults.begin(self.region, "UpdateAlias", f"{name}:{alias}")
        held = self._of(name)
        if revision != held.aliases[alias].revision:
            raise error(Failure.CHANGED)
        held.aliases[alias] = Alias(name=alias, version=version, revision=self._next_revision())
        self._faults.end("UpdateAlias")

    def tags(self, arn: str) -> dict[str, str]:
        self._faults.begin(self.region, "ListTags", arn)
        return dict(self._of(arn).tags)

    def tag(self, arn: str, tags: Sequence[Tag]) -> None:
        self._faults.begin(self.region, "TagResource", arn)
        self._of(arn).tags.update({tag.key: tag.value for tag in tags})

    def untag(self, arn: str, keys: Sequence[str]) -> None:
        self._faults.begin(self.region, "UntagResource", arn)
        for key in keys:
            self._of(arn).tags.pop(key, None)

    def _of(self, name: str) -> Held:
        held = self.held.get(name.rsplit(":", maxsplit=1)[-1])
        if held is None:
            raise error(Failure.NOT_FOUND)
        return held

    def _version(self, layer: str, version: int) -> LayerVersion:
        for one in self.layers.get(layer, ()):
            if one.version == version:
                return one
        raise error(Failure.NOT_FOUND)

    def _next_revision(self) -> str:
        self._revision += 1
        return f"r{self._revision}"


class FakeStorage:
    """`StorageService`: objects are shared with the Lambda of the region."""

    def __init__(self, region: str, faults: Faults, objects: dict[tuple[str, str], bytes]) -> None:
        self.region = region
        self.objects = objects
        self.buckets: dict[str, LiveBucket] = {}
        self.extra: list[tuple[str | None, str | None]] = []
        self._faults = faults

    def bucket(self, name: str, *, need_versions: bool) -> LiveBucket:
        self._faults.begin(self.region, "HeadBucket", name)
        if name not in self.buckets:
            raise error(Failure.NOT_FOUND)
        return self.buckets[name]

    def object_version(self, bucket: str, key: str, *, size: int) -> tuple[bool, str | None]:
        self._faults.begin(self.region, "HeadObject", f"{bucket}/{key}")
        data = self.objects.get((bucket, key))
        versioned = bucket in self.buckets and self.buckets[bucket].versioned
        return data is not None and len(data) == size, "v1" if data is not None and versioned else None

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
        self._faults.begin(self.region, "PutObject", f"{bucket}/{key}")
        data = path.read_bytes()
        self.objects[bucket, key] = data
        self.extra.append((kms_key, acl))
        advance(len(data))

    def delete_object(self, bucket: str, key: str) -> None:
        self._faults.begin(self.region, "DeleteObject", f"{bucket}/{key}")
        self.objects.pop((bucket, key), None)


class FakeLookup:
    """`LookupService`."""

    def __init__(self, region: str, faults: Faults) -> None:
        self.region = region
        self.stacks: dict[str, tuple[LiveName, ...]] = {}
        self.tagged: dict[str, dict[str, str]] = {}
        self._faults = faults

    def stack_functions(self, stack: str) -> tuple[LiveName, ...]:
        self._faults.begin(self.region, "ListStackResources", stack)
        if stack not in self.stacks:
            raise error(Failure.NOT_FOUND)
        return self.stacks[stack]

    def tagged_functions(self, tags: Sequence[Tag]) -> dict[str, dict[str, str]]:
        self._faults.begin(self.region, "GetResources", " ".join(f"{tag.key}={tag.value}" for tag in tags))
        return {
            arn: held
            for arn, held in self.tagged.items()
            if all(held.get(tag.key) == tag.value for tag in tags)
        }


class FakeAccount:
    """`Account`, with faults that all its services share."""

    def __init__(self, *regions: str) -> None:
        self.faults = Faults()
        self._regions = regions or ("eu-west-1",)
        self._functions = {region: FakeLambda(region, self.faults) for region in self._regions}
        self._storage = {
            region: FakeStorage(region, self.faults, service.objects)
            for region, service in self._functions.items()
        }
        self._lookup = {region: FakeLookup(region, self.faults) for region in self._regions}

    @property
    def regions(self) -> tuple[str, ...]:
        return self._regions

    def number(self) -> str:
        self.faults.begin(self._regions[0], "GetCallerIdentity", "")
        return NUMBER

    def functions(self, region: str) -> FakeLambda:
        return self._functions[region]

    def storage(self, region: str) -> FakeStorage:
        return self._storage[region]

    def lookup(self, region: str) -> FakeLookup:
        return self._lookup[region]

    def count(self, operation: str) -> int:
        """How often an operation was called."""
        return sum(1 for call in self.faults.calls if call.split()[1] == operation)
