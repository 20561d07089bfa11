"""What really went wrong between us and an index, in sentences."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from layerforge.errors import PackageIndexError
from layerforge.model.url import redact

_LINES_SHOWN = 20
_FRAME = re.compile(r"|\[\d+ lines of output\]|\[end of output\]|No available output\.")
_CREDENTIALS_HINT = (
    "pip takes credentials from the index URL (pip.conf, PIP_INDEX_URL, PIP_EXTRA_INDEX_URL), "
    "from netrc, or from keyring: check that one of them names this host"
)
_PROXY_HINT = "give the proxy's credentials in HTTPS_PROXY or pip's proxy setting"
_STATUS_WORDS = {
    401: "asks for credentials (401)",
    403: "refuses access (403)",
    407: "cannot be reached: the proxy asks for credentials (407)",
    429: "says that we ask too often (429)",
}


def status_error(url: str, status: int) -> PackageIndexError:
    """An answer that is an error."""
    said = _STATUS_WORDS.get(status, f"answers with an error ({status})")
    hints = {
        401: _CREDENTIALS_HINT,
        403: _CREDENTIALS_HINT,
        407: _PROXY_HINT,
        404: "check the index URL: the one that pip wants ends in /simple/",
    }
    default = "try again later; if it stays, ask those who run the index"
    return PackageIndexError(f"{shown(url)} {said}", hint=hints.get(status, default))


def connection_error(url: str, error: BaseException) -> PackageIndexError:
    """No answer at all: says whether it is the certificate, the proxy, the name, time, or the line."""
    chain = _chain(error)
    words = " ".join(f"{type(one).__name__}: {one}" for one in chain)
    host = urlsplit(url).hostname or redact(url)
    for marks, sentence, hint in _causes(host):
        if any(mark in words for mark in marks):
            return PackageIndexError(f"{shown(url)} {sentence}", details=_last_words(chain), hint=hint)
    return PackageIndexError(
        f"{shown(url)} cannot be reached",
        details=_last_words(chain),
        hint=f"check the index URL, and that {host} can be reached from here (proxy: HTTPS_PROXY)",
    )


def _causes(host: str) -> tuple[tuple[tuple[str, ...], str, str], ...]:
    return (
        (
            ("SSLVerification", "SSLError", "CERTIFICATE_VERIFY", "SSLCertVerification"),
            "has a certificate that is not trusted here",
            "name the certificate authority's file in PIP_CERT (or REQUESTS_CA_BUNDLE)",
        ),
        (
            ("407 Proxy Authentication",),
            "cannot be reached: the proxy asks for credentials (407)",
            _PROXY_HINT,
        ),
        (
            ("ProxyConnection", "ProxyError"),
            "cannot be reached through the proxy",
            "check HTTPS_PROXY and NO_PROXY",
        ),
        (
            ("NameResolution", "gaierror", "Name or service not known"),
            "cannot be reached: its name is not known",
            f"check the spelling of {host}, the network, and HTTPS_PROXY",
        ),
        (("TooManyRedirects",), "redirects without end", "check the index URL"),
        (
            ("ResponseError", "error responses"),
            "keeps answering with errors",
            "try again later; if it stays, ask those who run the index",
        ),
        (
            ("Timeout", "timed out"),
            "did not answer in time",
            "try again, or raise PIP_DEFAULT_TIMEOUT (seconds) and PIP_RETRIES",
        ),
        (
            ("IncompleteRead", "ProtocolError", "RemoteDisconnected", "ConnectionReset"),
            "cut the connection",
            "try again; a proxy in between may be limiting the size or time of downloads",
        ),
    )  # fmt: skip


def output_of(error: BaseException) -> tuple[str, ...]:
    """The last lines of the program whose failure pip reports with `error`; none if pip kept none."""
    for one in _chain(error):
        # pip shows it in a frame, as rich text.
        said = str(getattr(one, "context", None) or "").splitlines()
        shown_lines = [redact(line.rstrip()) for line in said if not _FRAME.fullmatch(line.strip())]
        if shown_lines:
            return tuple(shown_lines[-_LINES_SHOWN:])
    return ()


def digest_error(filename: str, *, url: str, expected: str, got: str) -> PackageIndexError:
    """Bytes that are not the ones that were promised."""
    return PackageIndexError(
        f"{filename} is not what the lock or the index says it is: expected sha256 {expected}, got {got}",
        where=shown(url),
        hint="if the file was replaced on the index, run `layerforge lock` and look at what changed; "
        "otherwise do not trust it",
    )


def shown(url: str) -> str:
    """`url` as it may stand in a message."""
    return redact(url).split("#", 1)[0]


def _chain(error: BaseException) -> list[BaseException]:
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        reason = getattr(current, "reason", None)
        inner = next((arg for arg in current.args if isinstance(arg, BaseException)), None)
        current = (
            current.__cause__
            or (reason if isinstance(reason, BaseException) else None)
            or inner
            or current.__context__
        )
    return chain


def _last_words(chain: list[BaseException]) -> tuple[str, ...]:
    said = str(chain[-1]) or type(chain[-1]).__name__
    return (redact(said.splitlines()[0]),)
