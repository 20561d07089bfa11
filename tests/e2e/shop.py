"""A small project on a local index, and the command line as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.local_index import LocalIndex
from tests.wheel_files import MakeWheel

TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Globals:
  Function:
    Runtime: python3.13
    Handler: app.handler
Resources:
  Orders:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/orders}
  Billing:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/billing}
  Reports:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/reports
      Runtime: python3.12
      Architectures: [arm64]
  Thumbnails:
    Type: AWS::Serverless::Function
    Properties: {PackageType: Image, ImageUri: thumbnails}
"""
REQUIREMENTS = {
    "orders": "-r ../common.in\nmatrix[fast]\n",
    "billing": "-r ../common.in\n../../libs/shopkit\n",
    "reports": "-r ../common.in\nmatrix\n",
}


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
    """A project folder, with the index that its requirements lie on."""

    root: Path
    index: LocalIndex

    def run(self, *arguments: str, **environment: str) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "layerforge", *arguments],
            cwd=self.root,
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        for secret in self.index.secrets:
            assert secret not in done.stdout + done.stderr
        return Ended(code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def environment(self, **changes: str) -> dict[str, str]:
        return {**os.environ, "PIP_INDEX_URL": self.index.url, **changes}

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    @property
    def output(self) -> Path:
        return self.root / ".layerforge"

    @property
    def manifest(self) -> dict[str, Any]:
        value = json.loads((self.output / "manifest.json").read_text())
        assert isinstance(value, dict)
        return value

    def zips(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.output)): path.read_bytes() for path in self.output.rglob("*.zip")}


def offer_wheels(index: LocalIndex, make_wheel: MakeWheel) -> None:
    index.add(make_wheel("greeter", "1.0"))
    index.add(
        make_wheel(
            "greeter",
            "1.2",
            entry_points={"console_scripts": {"greet": "greeter:main"}},
            files={"greeter/__init__.py": "def main():\n    print('hello')\n"},
        )
    )
    index.add(make_wheel("speedups", "3.0", tag="cp313-cp313-manylinux_2_17_x86_64"))
    for tag in ("cp313-cp313-manylinux_2_28_x86_64", "cp312-cp312-manylinux_2_28_aarch64"):
        index.add(
            make_wheel(
                "matrix",
                "2.0",
                tag=tag,
                extras={"fast": ["speedups"]},
                files={"matrix/__init__.py": "", "matrix/data.bin": os.urandom(200_000)},
            )
        )
    # Newer, but made for a glibc that no runtime has.
    index.add(make_wheel("matrix", "2.1", tag="cp313-cp313-manylinux_2_39_x86_64"))
