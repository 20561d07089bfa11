"""A project that was built, and the command line in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from layerforge import cli
from layerforge.build.manifest import write_manifest
from tests.aws_endpoint import Endpoint
from tests.unit.publish.shop import write_shop


def arn(name: str, number: int, region: str = "eu-west-1") -> str:
    return f"arn:aws:lambda:{region}:123456789012:layer:{name}:{number}"


ROLE = "arn:aws:iam::123456789012:role/functions"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        value = json.loads(self.stdout)
        assert isinstance(value, dict)
        return value


@dataclass(frozen=True)
class Shop:
    """A project whose layers are built, and an AWS account."""

    root: Path
    aws: Endpoint
    run: Callable[..., Ended]

    def build(self, **changes: Any) -> None:
        """Write zips and manifest; `numpy` is the content of one of them."""
        output = self.root / ".layerforge"
        write_manifest(output / "manifest.json", write_shop(output, **changes))

    def config(self, text: str) -> None:
        (self.root / "layerforge.toml").write_text(text)

    def client(self, service: str, region: str = "eu-west-1") -> Any:
        """The SDK's own client, past nothing: through the same endpoint."""
        return boto3.client(service, region_name=region)

    def versions(self, region: str = "eu-west-1") -> dict[str, list[int]]:
        """Versions of every layer, newest first."""
        client = self.client("lambda", region)
        names = [
            layer["LayerName"] for layer in client.get_paginator("list_layers").paginate().search("Layers[]")
        ]
        return {
            name: [
                one["Version"]
                for one in client.get_paginator("list_layer_versions")
                .paginate(LayerName=name)
                .search("LayerVersions[]")
            ]
            for name in sorted(names)
        }

    def create_function(self, name: str, *layers: str, region: str = "eu-west-1", **more: Any) -> None:
        iam = self.client("iam")
        if not iam.list_roles()["Roles"]:
            iam.create_role(RoleName="functions", AssumeRolePolicyDocument="{}")
        self.client("lambda", region).create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=ROLE,
            Handler="app.handler",
            Layers=list(layers),
            **{"Code": {"ZipFile": b"code"}, **more},
        )

    def layers_of(self, name: str, region: str = "eu-west-1", **more: Any) -> list[str]:
        """`name:version` of the layers of a function, in order."""
        live = self.client("lambda", region).get_function_configuration(FunctionName=name, **more)
        return [":".join(layer["Arn"].split(":")[-2:]) for layer in live["Layers"]]


@pytest.fixture
def shop(
    tmp_path: Path, aws: Endpoint, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Shop:
    """Two layers and two functions, built and not published."""

    def run(*arguments: str) -> Ended:
        capsys.readouterr()
        code = cli.run(arguments)
        out, err = capsys.readouterr()
        assert "a-secret-that-is-never-shown" not in out + err
        return Ended(code, out, err)

    monkeypatch.chdir(tmp_path)
    made = Shop(root=tmp_path, aws=aws, run=run)
    made.build()
    return made
