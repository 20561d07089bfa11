"""What containers are given of this machine: it works for them, and is nowhere to be found afterwards."""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from pathlib import Path
from threading import Thread
from typing import Any

import docker
import pytest

from tests.integration.containers.native_shop import files_of, make_shop, offer
from tests.local_index import PASSWORD, LocalIndex
from tests.wheel_files import MakeWheel

pytestmark = [pytest.mark.container, pytest.mark.slow]

TOKEN = "tok3n-of-the-company"
PROXY = "pr0xy-passw0rd"
NETRC = "n3trc-passw0rd"
FILE = "s3cret-of-a-file"
SECRETS = (TOKEN, PROXY, NETRC, FILE, PASSWORD)


def holds(command: str, said: str) -> str:
    """A command of the backend that fails unless `command` prints `said`, which stands nowhere in it."""
    digest = hashlib.sha256(said.encode()).hexdigest()
    return f'test "$({command} | sha256sum | cut -d" " -f1)" = {digest}'


# A backend that finds all of it, prints all of it, and waits so that it can be looked at.
BEFORE = (
    holds('printf %s "$COMPANY_TOKEN"', TOKEN),
    holds('printf %s "$https_proxy"', f"http://me:{PROXY}@proxy.example:3128"),
    holds('cat "$NETRC"', f"machine files.example login me password {NETRC}\n"),
    holds("cat /run/secrets/licence.txt", FILE),
    'grep -q "BEGIN CERTIFICATE" "$SSL_CERT_FILE"',
    "env; cat /run/secrets/*; cat $PIP_CONFIG_FILE",
    "sleep 4",
)


class Watcher(Thread):
    """Looks at containers and their logs while they live."""

    def __init__(self, name: str) -> None:
        super().__init__(daemon=True)
        self.seen: list[str] = []
        self.ended = False
        self._purposes = {f"build {name} 1.0", f"describe {name} 1.0"}

    def run(self) -> None:
        client = docker.from_env()
        while not self.ended:
            for one in client.api.containers(all=True, filters={"label": "layerforge"}):
                if one["Labels"].get("layerforge.purpose") in self._purposes:
                    self._look(client, one["Id"])
            time.sleep(0.2)
        client.close()

    def _look(self, client: docker.DockerClient, identity: str) -> None:
        try:
            self.seen.append(json.dumps(client.api.inspect_container(identity)))
            self.seen.append(json.dumps(client.api.top(identity)))
            self.seen.append(client.api.logs(identity).decode())
        except docker.errors.APIError:
            return


def test_secrets_reach_the_build_and_nothing_else(
    tmp_path: Path, local_index: LocalIndex, container_toml: str, make_wheel: MakeWheel
) -> None:
    name = f"guarded{time.time_ns()}"
    offer(local_index, tmp_path / "sdists", name, before=BEFORE)
    local_index.protect()
    passing = (
        '[container]\nenvironment = ["COMPANY_TOKEN"]\nsecrets = ["licence.txt"]\nca-bundle = "ca.pem"\n'
    )
    toml = container_toml.replace("[container]\n", passing, 1)
    shop = make_shop(tmp_path / "shop", local_index, toml, {name: f"{name}\n"})
    shop.write("licence.txt", FILE)
    shop.write("ca.pem", "-----BEGIN CERTIFICATE-----\n")
    shop.write("netrc", f"machine files.example login me password {NETRC}\n")
    watcher = Watcher(name)
    watcher.start()
    ended = shop.run(
        *("build", "-v"),
        COMPANY_TOKEN=TOKEN,
        PIP_INDEX_URL=local_index.url_with_credentials,
        https_proxy=f"http://me:{PROXY}@proxy.example:3128",
        NETRC=str(shop.root / "netrc"),
        LAYERFORGE_CACHE_DIR=str(tmp_path / "cache"),
    )
    watcher.ended = True
    watcher.join()
    assert ended.code == 0, ended.stderr
    # It was printed, heard, and hidden.
    assert "COMPANY_TOKEN=***" in ended.stderr
    told = ended.stdout + ended.stderr
    assert [secret for secret in SECRETS if secret in told] == []
    assert watcher.seen
    assert [secret for secret in SECRETS if any(secret in text for text in watcher.seen)] == []
    for path, data in (*files_of(shop).items(), *written(shop.root), *written(tmp_path / "cache")):
        assert [secret for secret in SECRETS if secret.encode() in data] == [], path
    assert images_with(SECRETS) == []


def written(folder: Path) -> list[tuple[str, bytes]]:
    """Every file below a folder, those in zips unpacked; what the test wrote itself is left out."""
    found: list[tuple[str, bytes]] = []
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name in {"licence.txt", "netrc"}:
            continue
        found.append((str(path), path.read_bytes()))
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as opened:
                found += [(f"{path}:{name}", opened.read(name)) for name in opened.namelist()]
    return found


def images_with(secrets: tuple[str, ...]) -> list[Any]:
    """Images of the engine whose configuration or history has one."""
    client = docker.from_env()
    api: Any = client.api
    texts = [
        json.dumps([api.inspect_image(one["Id"]), api.history(one["Id"])]) for one in api.images(all=True)
    ]
    client.close()
    return [secret for secret in secrets if any(secret in text for text in texts)]
