from __future__ import annotations

import configparser
import json
from pathlib import Path
from typing import Any

import pytest

from layerforge.containers.passing import Passing, make_passing
from layerforge.errors import ConfigError
from layerforge.model.container import ContainerSettings

PIP = {
    "PIP_INDEX_URL": "https://me:in%40dex-pw@index.example/simple",
    "PIP_EXTRA_INDEX_URL": "https://other.example/simple file:///here/simple",
    "PIP_TRUSTED_HOST": "index.example",
    "PIP_RETRIES": "2",
}


def passed(
    root: Path, settings: ContainerSettings, pip: dict[str, str], environment: dict[str, str]
) -> Passing:
    return make_passing(settings, pip_environment=pip, environment=environment, root=root)


def contents(passing: Passing) -> dict[str, str]:
    return {
        file.path: (file.data if isinstance(file.data, bytes) else file.data.read_bytes()).decode()
        for file in passing.files
    }


def test_everything(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("certificates")
    (tmp_path / "licence").write_text("licence-key = abcdefgh-ijkl\n")
    (tmp_path / "netrc").write_text("machine a login b password netrc-pw\n")
    (tmp_path / "found").mkdir()
    (tmp_path / "found/a.whl").write_text("wheel")
    passing = passed(
        tmp_path,
        ContainerSettings(ca_bundle="ca.pem", environment=("TOKEN",), secrets=("licence",), network="host"),
        {**PIP, "PIP_FIND_LINKS": "found https://links.example/x"},
        {
            "TOKEN": "t0ken",
            "NETRC": str(tmp_path / "netrc"),
            "HTTPS_PROXY": "me:proxy-pw@proxy:3128",
            "no_proxy": "localhost",
        },
    )
    held = contents(passing)
    variables: dict[str, Any] = json.loads(held.pop("/run/secrets/environment.json"))
    bundle = "/run/secrets/ca-bundle.pem"
    assert variables == {
        **dict.fromkeys(
            ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO",
             "CARGO_HTTP_CAINFO", "NODE_EXTRA_CA_CERTS"), bundle),
        "HTTPS_PROXY": "me:proxy-pw@proxy:3128",
        "https_proxy": "me:proxy-pw@proxy:3128",
        "NO_PROXY": "localhost",
        "no_proxy": "localhost",
        "PIP_CONFIG_FILE": "/run/secrets/pip.conf",
        "NETRC": "/run/secrets/netrc",
        "TOKEN": "t0ken",
    }  # fmt: skip
    pip = configparser.RawConfigParser()
    pip.read_string(held.pop("/run/secrets/pip.conf"))
    assert dict(pip["global"]) == {
        "index-url": PIP["PIP_INDEX_URL"],
        "extra-index-url": "https://other.example/simple",
        "trusted-host": "index.example",
        "retries": "2",
        "find-links": "/run/find-links/0\nhttps://links.example/x",
    }
    assert held == {
        bundle: "certificates",
        "/run/find-links/0/a.whl": "wheel",
        "/run/secrets/netrc": "machine a login b password netrc-pw\n",
        "/run/secrets/licence": "licence-key = abcdefgh-ijkl\n",
    }
    # Only what is no secret may be read by other users of the container.
    assert {file.path for file in passing.files if file.mode & 0o077} == {bundle, "/run/find-links/0/a.whl"}
    assert passing.notes == ("an index that is a folder of this machine is not there for containers",)


def test_what_was_passed_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "licence").write_text("licence-key = abcdefgh-ijkl\nid\n")
    (tmp_path / "netrc").write_text("machine a login b password netrc-pw\n")
    passing = passed(
        tmp_path,
        ContainerSettings(environment=("TOKEN", "SHORT"), secrets=("licence",)),
        PIP,
        {
            "TOKEN": "t0ken",
            "SHORT": "abc",
            "NETRC": str(tmp_path / "netrc"),
            "https_proxy": "me:proxy-pw@proxy:3128",
        },
    )
    text = "t0ken in@dex-pw in%40dex-pw proxy-pw netrc-pw abcdefgh-ijkl licence-key = abcdefgh-ijkl id abc"
    assert passing.hide(text) == "*** *** *** *** *** *** *** id abc"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ContainerSettings(environment=("TOKEN",)), "[container] environment names TOKEN, which is not set"),
        (ContainerSettings(secrets=("~/key",)), "[container] secrets names ~/key, which is not a file"),
        (ContainerSettings(ca_bundle="ca.pem"), "[container] ca-bundle names ca.pem, which is not a file"),
    ],
)
def test_what_is_named_has_to_be_there(tmp_path: Path, settings: ContainerSettings, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        passed(tmp_path, settings, {}, {"HOME": str(tmp_path)})
    assert caught.value.headline == message


def test_certificates_that_pip_is_told_of_are_passed(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("x")
    for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"):
        passing = passed(tmp_path, ContainerSettings(), {name: str(tmp_path / "ca.pem")}, {})
        assert "/run/secrets/ca-bundle.pem" in contents(passing)
    assert "/run/secrets/ca-bundle.pem" not in contents(passed(tmp_path, ContainerSettings(), {}, {}))


def test_folders_that_are_too_large_stay_here(tmp_path: Path) -> None:
    (tmp_path / "found").mkdir()
    with (tmp_path / "found/a.whl").open("wb") as file:
        file.truncate(65 * 2**20)
    passing = passed(tmp_path, ContainerSettings(), {"PIP_FIND_LINKS": "found"}, {})
    assert passing.notes == (
        (
            f"find-links {tmp_path}/found is not there for containers: it holds 65.0 MB, more than the "
            "64.0 MB that are copied"
        ),
    )
