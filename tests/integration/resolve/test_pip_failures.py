"""Sentences about failures that are hard to bring about for real."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from layerforge.resolve.pip_worker.failures import connection_error, status_error
from layerforge.resolve.pip_worker.transfer import disk_error

URL = "https://me:secret@index.example/simple/app/#sha256=00"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            OSError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
            "https://****@index.example/simple/app/ has a certificate that is not trusted here",
        ),
        (
            OSError("ProxyError: Cannot connect to proxy."),
            "https://****@index.example/simple/app/ cannot be reached through the proxy",
        ),
        (
            OSError("ProxyError: Tunnel connection failed: 407 Proxy Authentication Required"),
            "https://****@index.example/simple/app/ cannot be reached: the proxy asks for credentials (407)",
        ),
        (
            OSError("[Errno -2] Name or service not known"),
            "https://****@index.example/simple/app/ cannot be reached: its name is not known",
        ),
        (TimeoutError("timed out"), "https://****@index.example/simple/app/ did not answer in time"),
        (ConnectionResetError("by peer"), "https://****@index.example/simple/app/ cut the connection"),
        (ConnectionRefusedError("refused"), "https://****@index.example/simple/app/ cannot be reached"),
    ],
)
def test_why_there_is_no_answer(error: OSError, sentence: str) -> None:
    assert connection_error(URL, error).headline == sentence


def test_causes_are_found_below_other_errors() -> None:
    outer = RuntimeError("outer")
    outer.__cause__ = OSError(1, "SSLError")
    assert connection_error(URL, outer).hint == (
        "name the certificate authority's file in PIP_CERT (or REQUESTS_CA_BUNDLE)"
    )


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "asks for credentials (401)"),
        (403, "refuses access (403)"),
        (407, "cannot be reached: the proxy asks for credentials (407)"),
        (429, "says that we ask too often (429)"),
        (500, "answers with an error (500)"),
    ],
)
def test_answers_that_are_errors(status: int, said: str) -> None:
    assert status_error(URL, status).headline == f"https://****@index.example/simple/app/ {said}"


def test_full_disk_names_the_directory_and_what_to_do() -> None:
    error = disk_error(OSError(errno.ENOSPC, "No space left on device"), Path("/cache"))
    assert (error.headline, error.exit_code) == ("no space is left on the disk of /cache", 4)
    assert "LAYERFORGE_CACHE_DIR" in (error.hint or "")
