"""The services of pip-audit, asked over a socket, or through an adapter of requests."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter
from urllib3.util import Retry

from layerforge.audit.advisories import Advisory, Answer, ask_all
from layerforge.audit.services import PipAuditService
from layerforge.errors import ToolError
from layerforge.model.audit import AuditSettings
from tests.fakes import RecordingProgress
from tests.osv_server import OsvServer, osv_server, vulnerability


@pytest.fixture
def osv() -> Iterator[OsvServer]:
    with osv_server() as server:
        yield server


def service_of(osv: OsvServer, tmp_path: Path) -> PipAuditService:
    return PipAuditService(AuditSettings(service="osv", url=osv.url), cache=tmp_path / "cache", network={})


def test_what_osv_says(osv: OsvServer, tmp_path: Path) -> None:
    osv.vulnerable["jinja2", "3.1.2"] = [
        vulnerability(
            "GHSA-h5c8", "jinja2", aliases=("CVE-2024-1",), summary="a\x1b[31m\nb", fixed=("3.1.3",)
        ),
        vulnerability("PYSEC-2024-7", "jinja2", aliases=("CVE-2024-1",)),
        vulnerability("CVE-2023-9", "jinja2", summary="x" * 500),
    ]
    answer = service_of(osv, tmp_path).ask(("jinja2", "3.1.2"))
    assert answer == Answer(
        advisories=(
            Advisory(id="CVE-2023-9", description=f"{'x' * 159}…"),
            # Two databases tell of the same; nothing of what they write reaches a terminal's controls.
            Advisory(
                id="CVE-2024-1",
                aliases=("GHSA-h5c8", "PYSEC-2024-7"),
                description="a [31m b",
                fixed_in=("3.1.3",),
            ),
        )
    )
    assert service_of(osv, tmp_path).ask(("jinja2", "3.1.6")) == Answer()


def test_each_distribution_is_asked_about_once(osv: OsvServer, tmp_path: Path) -> None:
    progress = RecordingProgress()
    pins = [("b", "2"), ("a", "1"), ("b", "2"), ("b", "3")]
    answers = ask_all(service_of(osv, tmp_path), pins, jobs=4, progress=progress)
    assert sorted(osv.asked) == sorted(answers) == [("a", "1"), ("b", "2"), ("b", "3")]
    assert [task.label for task in progress.tasks] == ["asking OSV about 3 distributions"]


def test_a_busy_service_is_asked_again(osv: OsvServer, tmp_path: Path) -> None:
    osv.failing = [(503, b"busy"), (429, b"slow down")]
    assert service_of(osv, tmp_path).ask(("a", "1")) == Answer()
    assert len(osv.asked) == 3


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((403, b"no"), "it gave no answer about a 1"),
        ((200, b"<html>"), "it gave no answer about a 1"),
        ((200, b'{"vulns": 1}'), "its answer about a 1 cannot be read"),
        ((200, b'{"next_page_token": "x"}'), "its answer about a 1 cannot be read"),
        ((200, b'{"vulns": [{"id": "x", "schema_version": "1;2"}]}'), "its answer about a 1 cannot be read"),
    ],
)
def test_other_answers_are_one_error(
    osv: OsvServer, tmp_path: Path, answer: tuple[int, bytes], told: str
) -> None:
    osv.always = answer
    with pytest.raises(ToolError) as caught:
        service_of(osv, tmp_path).ask(("a", "1"))
    assert caught.value.sentence == f"OSV ({osv.url}) cannot be asked for vulnerabilities: {told}"
    assert caught.value.details[0]
    assert caught.value.hint is not None
    assert "HTTPS_PROXY" in caught.value.hint


def test_who_does_not_answer(osv: OsvServer, tmp_path: Path) -> None:
    settings = AuditSettings(service="osv", url="http://me:secret@127.0.0.1:9/v1/query")
    service = PipAuditService(settings, cache=tmp_path, network={})
    for adapter in service._service.session.adapters.values():
        adapter.max_retries = Retry(0)
    with pytest.raises(ToolError) as caught:
        ask_all(service, [("a", "1")], jobs=1, progress=RecordingProgress())
    assert caught.value.sentence.startswith("OSV (http://****@127.0.0.1:9/v1/query) cannot be asked")
    assert "secret" not in str(caught.value.details)


class _Pypi(BaseAdapter):
    """Stands in the place of the network."""

    def __init__(self, answers: dict[str, Any]) -> None:
        super().__init__()
        self.answers = answers

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        found = self.answers.get(request.path_url)
        response = requests.Response()
        response.status_code = 200 if found else 404
        response.raw = io.BytesIO(json.dumps(found).encode())
        response.request = request
        return response

    def close(self) -> None:
        pass


def pypi(answers: dict[str, Any], tmp_path: Path) -> PipAuditService:
    service = PipAuditService(AuditSettings(), cache=tmp_path, network={})
    service._service.session.mount("https://", _Pypi(answers))
    return service


def test_what_pypi_says(tmp_path: Path) -> None:
    found = {
        "id": "PYSEC-2024-1",
        "aliases": ["CVE-2024-1"],
        "summary": None,
        "details": "of\nlines",
        "fixed_in": ["3.10", "3.9"],
    }
    service = pypi({"/pypi/jinja2/3.1.2/json": {"vulnerabilities": [found]}}, tmp_path)
    assert service.ask(("jinja2", "3.1.2")) == Answer(
        advisories=(
            Advisory(
                id="PYSEC-2024-1", aliases=("CVE-2024-1",), description="of lines", fixed_in=("3.9", "3.10")
            ),
        )
    )
    assert service.ask(("ours", "1")) == Answer(is_known=False)


def test_a_service_that_knows_nothing_is_no_good_news(tmp_path: Path) -> None:
    service = pypi({}, tmp_path)
    with pytest.raises(ToolError, match=r"PyPI \(https://pypi\.org\) knows none of 2 distributions"):
        ask_all(service, [("a", "1"), ("b", "1")], jobs=1, progress=RecordingProgress())
    known = pypi({"/pypi/a/1/json": {"vulnerabilities": []}}, tmp_path)
    answers = ask_all(known, [("a", "1"), ("b", "1")], jobs=1, progress=RecordingProgress())
    assert answers == {("a", "1"): Answer(), ("b", "1"): Answer(is_known=False)}
    assert ask_all(service, [], jobs=1, progress=RecordingProgress()) == {}


def test_pips_proxy_and_certificates_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nproxy = http://file:1\ncert = /file.pem\n[install]\ncert = /other.pem\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("PIP_CERT", "/variable.pem")
    session = PipAuditService(AuditSettings(), cache=tmp_path)._service.session
    assert (session.proxies, session.verify) == (
        {"http": "http://file:1", "https": "http://file:1"},
        "/variable.pem",
    )
