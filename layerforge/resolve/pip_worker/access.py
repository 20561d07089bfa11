"""pip's configuration and session for one set of index options."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pip._internal.commands import create_command
from pip._internal.exceptions import PipError
from pip._internal.models.link import Link
from pip._internal.utils.misc import normalize_path
from pip._vendor.requests import RequestException, Response

from layerforge.errors import ConfigError, PackageIndexError
from layerforge.model.requirement import IndexOptions
from layerforge.model.url import redact, strip_credentials
from layerforge.resolve.pip_worker.failures import connection_error, status_error

# Statuses that are no answer at all: whatever was asked, the index has to be repaired first.
# 403 and 404 may mean "I do not have this" (an index on S3 says 403), so these are remembered only.
_FATAL = frozenset({401, 407, 429})
# Statuses that may be gone in a moment: asked again, with growing pauses.
_PASSING = (429, 500, 502, 503, 504, 520, 527)
# URLs of the user that carry credentials, by the URL without them: kept in memory, nowhere else.
_with_credentials: dict[str, str] = {}


class Access:
    """Options as pip merges them (flags over environment over pip.conf), and a session that tells.

    `refused` and `missing` hold the URLs that answered 403 and 404.
    """

    def __init__(
        self, options: IndexOptions, *, root: Path | None, retries: int | None, timeout: float | None
    ) -> None:
        command = create_command("install")
        self.options, _ = command.parse_args(pip_flags(options, root=root))
        self.options.cache_dir = self.options.cache_dir and normalize_path(self.options.cache_dir)
        self.retries: int = self.options.retries if retries is None else retries
        self.refused: list[str] = []
        self.missing: list[str] = []
        self._lock = threading.Lock()
        self.session = command._build_session(self.options, retries=self.retries)  # type: ignore[attr-defined]
        self.session.auth.prompting = False
        if timeout is not None:
            self.session.timeout = timeout
        for adapter in self.session.adapters.values():
            if hasattr(adapter, "max_retries"):
                adapter.max_retries = adapter.max_retries.new(status_forcelist=_PASSING)
        self._request = self.session.request
        self.session.request = self.request
        self._refuse_untrusted()

    @property
    def index_urls(self) -> tuple[str, ...]:
        """All indexes that are asked, with credentials."""
        if self.options.no_index:
            return ()
        return (self.options.index_url, *self.options.extra_index_urls)

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        """What every request of pip and of ours goes through; raises PackageIndexError."""
        try:
            response: Response = self._request(method, url, *args, **kwargs)
        except (RequestException, PipError) as error:
            raise connection_error(url, error) from error
        status = response.status_code
        if status in _FATAL or status >= 500:
            raise status_error(url, status)
        with self._lock:
            if status == 403:
                self.refused.append(url)
            elif status == 404:
                self.missing.append(url)
        return response

    def get(self, url: str, *, headers: Mapping[str, str] | None = None, method: str = "GET") -> Response:
        """A streamed answer to a request for a file, uncompressed; 403 and 404 are errors here."""
        asked = {"Accept-Encoding": "identity", "Cache-Control": "no-store", **(headers or {})}
        response = self.request(method, self.with_credentials(url), headers=asked, stream=True)
        if response.status_code in {403, 404}:
            response.close()
            raise status_error(url, response.status_code)
        return response

    def remember(self, url: str) -> str:
        """`url` without credentials; with them it is used for as long as this process lives."""
        stripped = strip_credentials(url)
        if stripped != url:
            _with_credentials[stripped] = url
        return stripped

    def with_credentials(self, url: str) -> str:
        """The inverse of `remember`."""
        return _with_credentials.get(url, url)

    def environment(self) -> dict[str, str]:
        """For pip in another process: the same indexes and ways to reach them, off its command line."""
        options = self.options
        lists = {
            "PIP_EXTRA_INDEX_URL": options.extra_index_urls,
            "PIP_FIND_LINKS": [_one_word(place) for place in options.find_links],
            "PIP_TRUSTED_HOST": options.trusted_hosts,
        }
        given = {
            "PIP_INDEX_URL": options.index_url,
            "PIP_CERT": options.cert,
            "PIP_CLIENT_CERT": options.client_cert,
            "PIP_PROXY": options.proxy,
            **{name: " ".join(values) for name, values in lists.items()},
            "PIP_NO_INDEX": "1" if options.no_index else "",
            "PIP_RETRIES": str(self.retries),
            "PIP_NO_INPUT": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        # What speaks of the user's own environment, not of one for a build.
        dropped = {
            "PIP_TARGET",
            "PIP_PREFIX",
            "PIP_ROOT",
            "PIP_USER",
            "PIP_REQUIRE_VIRTUALENV",
            "PIP_CONSTRAINT",
        }
        dropped |= {"PIP_REQUIRE_HASHES", "PIP_NO_DEPS", "PIP_REQUIREMENT", "PYTHONPATH", "PYTHONHOME"}
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        return kept | {name: str(value) for name, value in given.items() if value}

    def _refuse_untrusted(self) -> None:
        for url in self.index_urls:
            # pip only warns that it ignores such an index, and then finds nothing.
            if urlsplit(url).scheme in {"http", "https"} and not self.session.is_secure_origin(Link(url)):
                host = urlsplit(url).netloc.rpartition("@")[2]
                raise PackageIndexError(
                    f"{redact(url)} is not encrypted, so pip ignores it",
                    hint=f"use https, or trust it: --trusted-host {host} in the requirements or pip.conf",
                )


def pip_flags(options: IndexOptions, *, root: Path | None) -> list[str]:
    """`options` as flags for pip's own parser (called in this process: no command line shows them)."""
    flags: list[str] = []
    if options.index_url:
        flags += ["--index-url", options.index_url]
    for flag, values in (
        ("--extra-index-url", options.extra_index_urls),
        ("--trusted-host", options.trusted_hosts),
        ("--no-binary", options.no_binary),
        ("--only-binary", options.only_binary),
    ):
        flags += [part for value in values for part in (flag, value)]
    for place in options.find_links:
        flags += ["--find-links", _find_links_place(place, root)]
    if options.no_index:
        flags.append("--no-index")
    if options.pre:
        flags.append("--pre")
    return flags


def _one_word(place: str) -> str:
    """A place for a list that spaces divide."""
    return Path(place).absolute().as_uri() if " " in place and "://" not in place else place


def _find_links_place(place: str, root: Path | None) -> str:
    if "://" in place or root is None:
        return place
    path = root / place
    if not path.exists():
        raise ConfigError(f"--find-links names {place}, which does not exist", hint=f"looked in {root}")
    return str(path)


@functools.lru_cache(maxsize=16)
def _access(options: IndexOptions, root: Path | None, retries: int | None, timeout: float | None) -> Access:
    return Access(options, root=root, retries=retries, timeout=timeout)


def open_access(
    options: IndexOptions, *, root: Path | None, retries: int | None, timeout: float | None
) -> Access:
    """The access for these options; one for the life of the process, so that connections are kept."""
    access = _access(options, root, retries, timeout)
    access.refused.clear()
    access.missing.clear()
    for url in options.direct_urls:
        access.remember(repository_url(url) if url.startswith("git+") else url.split("#", 1)[0])
    return access


def repository_url(url: str) -> str:
    """`https://me:secret@host/a.git` of `git+https://me:secret@host/a.git@v1#subdirectory=b`."""
    plain = url.removeprefix("git+").split("#", 1)[0]
    _, _, path = plain.partition("://")[2].partition("/")
    return plain.rpartition("@")[0] if "@" in path else plain


def local_path(url: str) -> Path | None:
    """The path that a file:// URL names."""
    link = Link(url)
    return Path(link.file_path) if link.is_file else None


def redacted(urls: Iterable[str]) -> list[str]:
    """Each URL once, as it may be shown."""
    return list(dict.fromkeys(map(redact, urls)))
