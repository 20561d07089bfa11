"""From a published layer to an answer: a function runs in an image like Lambda's, the layer at /opt."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator

import pytest

from layerforge.containers.engine import Image
from tests.aws_endpoint import Endpoint, running_endpoint, running_moto
from tests.images.making import connect
from tests.integration.publish.conftest import Shop

pytestmark = [pytest.mark.aws, pytest.mark.container, pytest.mark.slow]

# moto gives handler and event as arguments, and takes the last line of output for the answer.
INVOKE = """\
import json, subprocess, sys, time, urllib.request
subprocess.Popen(["/lambda-entrypoint.sh", sys.argv[1]], stdout=sys.stderr)
url = "http://127.0.0.1:8080/2015-03-31/functions/function/invocations"
for _ in range(100):
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, sys.argv[2].encode()), timeout=30)
        break
    except OSError:
        time.sleep(0.1)
sys.stderr.flush()
print()
print(answer.read().decode(), flush=True)
"""
HANDLER = (
    "import numpy\ndef handler(event, context):\n    return {'made': numpy.made, 'order': event['order']}\n"
)
IMAGE = "layerforge-test-invoke:latest"
HELPER = "busybox:latest"


@pytest.fixture
def aws(run_image_313: Image, monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """An endpoint whose functions run in an image like Lambda's; what it made in the engine is removed."""
    import docker

    client = connect()
    made = [IMAGE]
    command = ["python3.13", "-c", INVOKE]
    changes = [f"ENTRYPOINT {json.dumps(['/var/lang/bin/python3.13', *command[1:]])}"]
    tags = {IMAGE: changes}
    try:
        client.images.get(HELPER)
    except docker.errors.ImageNotFound:
        # moto copies files with it.
        tags[HELPER] = ["ENTRYPOINT []"]
        made.append(HELPER)
    for tag, change in tags.items():
        container = client.containers.create(run_image_313.id, command="none")
        repository, _, version = tag.partition(":")
        container.commit(repository=repository, tag=version, changes=change)
        container.remove()
    environment = {"MOTO_DOCKER_LAMBDA_IMAGE": IMAGE, "MOTO_DOCKER_NETWORK_MODE": "none"}
    environment |= {name: value for name, value in os.environ.items() if name.startswith("DOCKER_")}
    with running_moto(**environment) as moto, running_endpoint(moto) as endpoint:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, "a-secret-that-is-never-shown")
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.url)
        yield endpoint
    for tag in made:
        client.images.remove(tag, force=True)
    client.close()


def code() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("app.py", HANDLER)
    return stream.getvalue()


def test_what_was_published_runs(shop: Shop) -> None:
    client = shop.client("lambda")
    shop.create_function("orders", Timeout=30, MemorySize=256, Code={"ZipFile": code()})
    for numpy, made in ((b"made = 1", 1), (b"made = 2", 2)):
        shop.build(numpy=numpy)
        assert shop.run("publish", "--attach", "-q").code == 0
        answer = client.invoke(FunctionName="orders", Payload=json.dumps({"order": 7}))
        assert json.loads(answer["Payload"].read()) == {"made": made, "order": 7}
