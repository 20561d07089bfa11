"""`sam local invoke` with our layers: AWS's own tool puts them where Lambda does, and they work there."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from layerforge.containers.engine import Image
from tests.integration.containers.native_shop import make_shop, offer
from tests.local_index import LocalIndex
from tests.wheel_files import MakeWheel

# The tool comes from the real index; `network` keeps pip's settings.
pytestmark = [pytest.mark.container, pytest.mark.network, pytest.mark.slow]

# As sam names what it runs python3.13 in, and what it makes of that.
PRODUCTION = "public.ecr.aws/lambda/python:3.13-x86_64"
MADE = "samcli/lambda-python"
TEMPLATE = """\
Transform: AWS::Serverless-2016-10-31
Resources:
  Fast:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: fast
      Handler: app.handler
      Runtime: python3.13
      Layers: [{refs}]
{layers}"""
LAYER = """\
  Layer{number}:
    Type: AWS::Serverless::LayerVersion
    Properties: {{ContentUri: .layerforge/{path}}}
"""


@pytest.fixture
def production_name(run_image_313: Image) -> Iterator[None]:
    """The test image under the name that AWS's has, for as long as the test lasts."""
    client = docker.from_env()
    client.images.get(run_image_313.reference).tag(PRODUCTION)
    yield
    for one in client.images.list(name=MADE):
        client.images.remove(str(one.id), force=True)
    client.images.remove(PRODUCTION)
    client.close()


def test_handlers_run_with_our_layers(
    tmp_path: Path,
    local_index: LocalIndex,
    container_toml: str,
    make_wheel: MakeWheel,
    sam: Path,
    production_name: None,
) -> None:
    local_index.add(make_wheel("plain", files={"plain.py": "WHERE = __file__"}))
    offer(local_index, tmp_path / "sdists", "fast", requires=["plain"])
    shop = make_shop(tmp_path / "shop", local_index, container_toml, {"fast": "fast\n"})
    shop.write(
        "fast/app.py",
        "import fast, plain\n"
        "from importlib.metadata import version\n\n"
        "def handler(event, context):\n"
        "    return {'answer': fast.answer(), 'where': plain.WHERE, 'version': version('fast'), **event}\n",
    )
    ended = shop.run("build")
    assert ended.code == 0, ended.stderr
    paths = [layer["path"] for layer in shop.manifest["layers"]]
    layers = "".join(LAYER.format(number=number, path=path) for number, path in enumerate(paths))
    refs = ", ".join(f"!Ref Layer{number}" for number in range(len(paths)))
    shop.write("template.yaml", TEMPLATE.format(refs=refs, layers=layers))
    shop.write("event.json", '{"order": 7}')
    done = subprocess.run(
        [str(sam), "local", "invoke", "Fast", "-e", "event.json", "--skip-pull-image"],
        cwd=shop.root,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-west-1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "answer": 42,
        "where": "/opt/python/plain.py",
        "version": "1.0",
        "order": 7,
    }
