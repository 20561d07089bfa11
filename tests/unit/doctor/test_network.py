from __future__ import annotations

from pathlib import Path

import pytest

from layerforge.doctor.needs import Needs
from layerforge.doctor.network import (
    observe_certificates,
    observe_indexes,
    observe_passing,
    observe_proxies,
)
from layerforge.doctor.observation import Observation, State
from layerforge.model.container import ContainerSettings
from layerforge.resolve.reach import IndexReport, PipSettings, Reached

SETTINGS = PipSettings(
    files=("/etc/pip.conf",),
    index_urls=("https://index.example/simple",),
    find_links=("/wheels",),
    trusted_hosts=("index.example",),
    proxy="http://****@proxy:3128",
    cert="/etc/ca.pem",
    client_cert=None,
)


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "none is set"),
        (
            {
                "https_proxy": "http://me:hunter2@proxy:3128",
                "HTTPS_PROXY": "http://other:3128",
                "no_proxy": "localhost,.local",
            },
            "HTTPS_PROXY=http://****@proxy:3128, NO_PROXY=localhost,.local",
        ),
        ({"HTTP_PROXY": "me:hunter2@proxy:3128"}, "HTTP_PROXY=****@proxy:3128"),
    ],
)
def test_proxies_are_shown_without_their_passwords(environment: dict[str, str], sentence: str) -> None:
    assert observe_proxies(environment) == (Observation(topic="proxy", state=State.OK, sentence=sentence),)


def test_certificates_that_are_named_and_not_there(tmp_path: Path) -> None:
    (tmp_path / "own.pem").touch()
    settings = ContainerSettings(ca_bundle="own.pem")
    present, absent = observe_certificates({"PIP_CERT": "/nowhere/ca.pem"}, settings, tmp_path)
    assert present.sentence == f"[container] ca-bundle={tmp_path}/own.pem"
    assert (absent.state, absent.sentence) == (
        State.WARNING,
        "PIP_CERT names /nowhere/ca.pem, which is not there",
    )
    (default,) = observe_certificates({}, ContainerSettings(), tmp_path)
    assert default.sentence == "those that come with pip"


def test_what_is_passed_to_containers_has_to_be_here(tmp_path: Path) -> None:
    settings = ContainerSettings(environment=("TOKEN",))
    observed = [
        observe_passing(Needs(builder=builder, container=settings), {}, tmp_path)
        for builder in ("container", "auto", "wheels")
    ]
    assert [[one.state for one in several] for several in observed] == [[State.MISSING], [State.WARNING], []]
    assert observed[0][0].sentence == "[container] environment names TOKEN, which is not set"
    assert observe_passing(Needs(container=settings), {"TOKEN": "s3cr3t"}, tmp_path) == ()


def test_proxy_of_this_machine_does_not_serve_containers(tmp_path: Path) -> None:
    (observed,) = observe_passing(Needs(), {"https_proxy": "me:hunter2@localhost:3128"}, tmp_path)
    assert (observed.state, observed.sentence) == (
        State.WARNING,
        (
            "the proxy ****@localhost:3128 is this machine itself, which containers reach under that name "
            'only with network = "host" in [container]'
        ),
    )


def test_indexes() -> None:
    url = "https://index.example/simple"
    report = IndexReport(
        project="requests",
        settings=SETTINGS,
        reached=(
            Reached(url=url, seconds=0.25, status=200),
            Reached(url=f"{url}2", seconds=0.1, status=404),
            Reached(url=f"{url}3", seconds=9.0, status=None, problem="it is down", hint="start it"),
        ),
    )
    assert observe_indexes(report) == (
        Observation(
            topic="pip-settings",
            state=State.OK,
            sentence="/etc/pip.conf; proxy http://****@proxy:3128; cert /etc/ca.pem; find-links /wheels; "
            "trusted-host index.example",
        ),
        Observation(
            topic="indexes", subject=url, state=State.OK, sentence=f"{url} answers (requests: 0.2 s)"
        ),
        Observation(
            topic="indexes",
            subject=f"{url}2",
            state=State.OK,
            sentence=f"{url}2 answers, and has no requests",
        ),
        Observation(
            topic="indexes",
            subject=f"{url}3",
            state=State.MISSING,
            sentence="it is down",
            hint="start it",
        ),
    )


def test_only_index_without_what_is_asked_for_may_be_a_wrong_url() -> None:
    reached = (Reached(url="https://index.example", seconds=0.1, status=404),)
    observed = observe_indexes(IndexReport(project="requests", settings=SETTINGS, reached=reached))[-1]
    assert (observed.state, observed.hint) == (
        State.WARNING,
        "check the index URL: the one that pip wants ends in /simple/",
    )
