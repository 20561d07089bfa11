"""AWS Lambda through the SDK: its answers to our values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from layerforge.model.publishing import Grant, Tag
from layerforge.publish.aws_calls import Caller, is_absent
from layerforge.publish.client import CallError, Failure
from layerforge.publish.values import (
    AccountSettings,
    Alias,
    AttachedLayer,
    LayerVersion,
    LiveFunction,
    Metadata,
    Statement,
    Upload,
    WantedLayer,
)

_ACTION = "lambda:GetLayerVersion"
_LATEST = "$LATEST"


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsLambda:
    """`LambdaService` over two clients: `once` never tries an operation twice by itself."""

    calls: Caller
    once: Caller

    def account_settings(self) -> AccountSettings:
        """GetAccountSettings."""
        answer = self.calls.call("GetAccountSettings")
        limit, usage = answer["AccountLimit"], answer["AccountUsage"]
        return AccountSettings(
            code_storage=int(limit["TotalCodeSize"]),
            code_storage_used=int(usage["TotalCodeSize"]),
            unzipped_limit=int(limit["CodeSizeUnzipped"]),
        )

    def layer_names(self) -> tuple[str, ...]:
        """ListLayers."""
        return tuple(str(layer["LayerName"]) for layer in self.calls.pages("ListLayers", "Layers"))

    def layer_versions(self, layer: str, *, everything: bool = False) -> tuple[LayerVersion, ...]:
        """ListLayerVersions."""
        named: dict[str, Any] = {"subject": layer, "LayerName": layer}
        try:
            if everything:
                found = list(self.calls.pages("ListLayerVersions", "LayerVersions", **named))
            else:
                found = self.calls.call("ListLayerVersions", **named).get("LayerVersions", [])
        except CallError as error:
            if is_absent(error):
                return ()
            raise
        versions = [_parse_version(layer, version, with_content=False) for version in found]
        return tuple(sorted(versions, key=lambda version: -version.version))

    def layer_version(self, layer: str, version: int) -> LayerVersion:
        """GetLayerVersion."""
        answer = self.calls.call(
            "GetLayerVersion", subject=f"{layer}:{version}", LayerName=layer, VersionNumber=version
        )
        return _parse_version(layer, answer)

    def publish_layer(self, layer: WantedLayer, upload: Upload, content: bytes | None) -> LayerVersion:
        """PublishLayerVersion."""
        metadata = layer.metadata
        answer = self.once.call(
            "PublishLayerVersion",
            subject=layer.name,
            LayerName=layer.name,
            Description=metadata.description,
            LicenseInfo=metadata.license,
            CompatibleRuntimes=sorted(metadata.runtimes),
            CompatibleArchitectures=sorted(metadata.architectures),
            Content={"ZipFile": content} if content is not None else _object(upload),
        )
        return _parse_version(layer.name, answer)

    def delete_layer_version(self, layer: str, version: int) -> None:
        """DeleteLayerVersion."""
        self._ignoring(
            Failure.NOT_FOUND,
            "DeleteLayerVersion",
            subject=f"{layer}:{version}",
            LayerName=layer,
            VersionNumber=version,
        )

    def layer_policy(self, layer: str, version: int) -> tuple[Statement, ...]:
        """GetLayerVersionPolicy."""
        try:
            answer = self.calls.call(
                "GetLayerVersionPolicy", subject=f"{layer}:{version}", LayerName=layer, VersionNumber=version
            )
        except CallError as error:
            if is_absent(error):
                return ()
            raise
        statements = json.loads(answer.get("Policy") or "{}").get("Statement", ())
        return tuple(Statement(id=str(one.get("Sid", "")), grant=_parse_grant(one)) for one in statements)

    def permit(self, layer: str, version: int, grant: Grant) -> None:
        """AddLayerVersionPermission."""
        organization = {"OrganizationId": grant.organization} if grant.organization else {}
        self._ignoring(
            Failure.CONFLICT,
            "AddLayerVersionPermission",
            subject=f"{layer}:{version}",
            LayerName=layer,
            VersionNumber=version,
            StatementId=grant.statement_id,
            Action=_ACTION,
            Principal=grant.principal,
            **organization,
        )

    def forbid(self, layer: str, version: int, statement: str) -> None:
        """RemoveLayerVersionPermission."""
        self._ignoring(
            Failure.NOT_FOUND,
            "RemoveLayerVersionPermission",
            subject=f"{layer}:{version}",
            LayerName=layer,
            VersionNumber=version,
            StatementId=statement,
        )

    def function(self, name: str, *, qualifier: str | None = None) -> LiveFunction:
        """GetFunctionConfiguration."""
        qualified = {"Qualifier": qualifier} if qualifier else {}
        return _parse_function(
            self.calls.call("GetFunctionConfiguration", subject=name, FunctionName=name, **qualified)
        )

    def functions(self) -> tuple[LiveFunction, ...]:
        """ListFunctions, all versions."""
        found = self.calls.pages("ListFunctions", "Functions", FunctionVersion="ALL")
        return tuple(_parse_function(function) for function in found)

    def update_layers(self, name: str, layers: Sequence[str], *, revision: str | None) -> LiveFunction:
        """UpdateFunctionConfiguration: the layers alone."""
        answer = self.calls.call(
            "UpdateFunctionConfiguration",
            subject=name,
            FunctionName=name,
            Layers=list(layers),
            **_revision(revision),
        )
        return _parse_function(answer)

    def publish_version(self, name: str, *, revision: str | None) -> str:
        """PublishVersion. AWS makes no new one if nothing changed, so it may be tried again."""
        answer = self.calls.call("PublishVersion", subject=name, FunctionName=name, **_revision(revision))
        return str(answer["Version"])

    def alias(self, name: str, alias: str) -> Alias:
        """GetAlias."""
        return _parse_alias(
            self.calls.call("GetAlias", subject=f"{name}:{alias}", FunctionName=name, Name=alias)
        )

    def aliases(self, name: str) -> tuple[Alias, ...]:
        """ListAliases."""
        found = self.calls.pages("ListAliases", "Aliases", subject=name, FunctionName=name)
        return tuple(_parse_alias(alias) for alias in found)

    def move_alias(self, name: str, alias: str, version: str, *, revision: str | None) -> None:
        """UpdateAlias."""
        self.calls.call(
            "UpdateAlias",
            subject=f"{name}:{alias}",
            FunctionName=name,
            Name=alias,
            FunctionVersion=version,
            **_revision(revision),
        )

    def tags(self, arn: str) -> dict[str, str]:
        """ListTags."""
        answer = self.calls.call("ListTags", subject=arn, Resource=arn)
        return {str(key): str(value) for key, value in answer.get("Tags", {}).items()}

    def tag(self, arn: str, tags: Sequence[Tag]) -> None:
        """TagResource."""
        self.calls.call("TagResource", subject=arn, Resource=arn, Tags={tag.key: tag.value for tag in tags})

    def untag(self, arn: str, keys: Sequence[str]) -> None:
        """UntagResource."""
        self.calls.call("UntagResource", subject=arn, Resource=arn, TagKeys=list(keys))

    def _ignoring(self, failure: Failure, operation: str, **parameters: Any) -> None:
        """Call what may have been done before, in an attempt of which the answer got lost."""
        try:
            self.calls.call(operation, **parameters)
        except CallError as error:
            if error.failure is not failure:
                raise


def _object(upload: Upload) -> dict[str, str]:
    content = {"S3Bucket": upload.bucket or "", "S3Key": upload.key or ""}
    if upload.version:
        content["S3ObjectVersion"] = upload.version
    if upload.reference:
        content["S3ObjectStorageMode"] = "REFERENCE"
    return content


def _revision(revision: str | None) -> dict[str, str]:
    return {"RevisionId": revision} if revision else {}


def _parse_version(layer: str, answer: Mapping[str, Any], *, with_content: bool = True) -> LayerVersion:
    content = answer.get("Content") if with_content else None
    return LayerVersion(
        name=layer,
        version=int(answer["Version"]),
        arn=str(answer["LayerVersionArn"]),
        metadata=Metadata(
            description=str(answer.get("Description") or ""),
            license=str(answer.get("LicenseInfo") or ""),
            runtimes=frozenset(answer.get("CompatibleRuntimes") or ()),
            architectures=frozenset(answer.get("CompatibleArchitectures") or ()),
        ),
        created=str(answer.get("CreatedDate") or ""),
        code_sha256=str(content["CodeSha256"]) if content else None,
        size=int(content["CodeSize"]) if content else None,
    )


def _parse_function(answer: Mapping[str, Any]) -> LiveFunction:
    failed = answer.get("LastUpdateStatus") == "Failed"
    return LiveFunction(
        name=str(answer["FunctionName"]),
        arn=":".join(str(answer["FunctionArn"]).split(":")[:7]),
        version=str(answer.get("Version") or _LATEST),
        runtime=str(answer["Runtime"]) if answer.get("Runtime") else None,
        architecture=str((answer.get("Architectures") or ["x86_64"])[0]),
        layers=tuple(
            AttachedLayer(arn=str(layer["Arn"]), zipped_size=int(layer.get("CodeSize") or 0))
            for layer in answer.get("Layers") or ()
        ),
        code_sha256=str(answer.get("CodeSha256") or ""),
        zipped_size=int(answer.get("CodeSize") or 0),
        revision=str(answer["RevisionId"]) if answer.get("RevisionId") else None,
        package_type=str(answer.get("PackageType") or "Zip"),
        updating=answer.get("LastUpdateStatus") == "InProgress" or answer.get("State") == "Pending",
        failed=str(answer.get("LastUpdateStatusReason") or "no reason is given") if failed else None,
    )


def _parse_alias(answer: Mapping[str, Any]) -> Alias:
    routing = answer.get("RoutingConfig") or {}
    return Alias(
        name=str(answer["Name"]),
        version=str(answer["FunctionVersion"]),
        revision=str(answer["RevisionId"]) if answer.get("RevisionId") else None,
        weighted=bool(routing.get("AdditionalVersionWeights")),
    )


def _parse_grant(statement: Mapping[str, Any]) -> Grant | None:
    """Who a statement lets in; None for what is none of the three kinds that a config can ask for."""
    principal = statement.get("Principal")
    if isinstance(principal, dict):
        principal = principal.get("AWS")
    if not isinstance(principal, str) or statement.get("Effect") != "Allow":
        return None
    condition = statement.get("Condition") or {}
    organization = (condition.get("StringEquals") or {}).get("aws:PrincipalOrgID")
    if condition and (organization is None or len(condition) > 1):
        return None
    if principal.startswith("arn:"):
        principal = principal.split(":")[4]
    return Grant(principal=principal, organization=organization)
