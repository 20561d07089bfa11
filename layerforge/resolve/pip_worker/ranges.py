"""A file on an index as a seekable stream that fetches only what is read."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

from pip._vendor.requests import RequestException, Response
from pip._vendor.urllib3.exceptions import HTTPError

from layerforge.errors import PackageIndexError
from layerforge.resolve.pip_worker.access import Access
from layerforge.resolve.pip_worker.failures import connection_error

Result = TypeVar("Result")
# What a reader of zips asks for first (the end record with the longest comment), and a little more.
_TAIL = (1 << 16) + (1 << 12)
# A further range costs a round trip: take more than the few bytes that were asked for.
_PIECE = 1 << 14
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class RangesNotAnsweredError(Exception):
    """The server sends the whole file or nothing."""


class RemoteFile(io.RawIOBase):
    """The file at `url`: its last 68 KB come with the first request, more as it is read.

    Raises RangesNotAnsweredError if the server does not answer ranges.
    """

    def __init__(self, access: Access, url: str) -> None:
        super().__init__()
        self._access = access
        self._url = url
        self._position = 0
        start, tail, self.size = self._fetch(f"bytes=-{_TAIL}")
        self._parts: dict[int, bytes] = {start: tail}

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """Where the next read starts."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move; nothing is fetched."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill `buffer` as far as the file goes."""
        data = self._bytes(self._position, min(self._position + len(buffer), self.size))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _bytes(self, start: int, end: int) -> bytes:
        if start >= end:
            return b""
        for first, part in self._parts.items():
            if first <= start and end <= first + len(part):
                return part[start - first : end - first]
        last = min(self.size, max(end, start + _PIECE))
        first, part, _ = self._fetch(f"bytes={start}-{last - 1}")
        self._parts[first] = part
        return part[: end - start]

    def _fetch(self, wanted: str) -> tuple[int, bytes, int]:
        def fetch() -> tuple[int, bytes, int]:
            response = self._access.get(self._url, headers={"Range": wanted})
            with response:
                match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
                if response.status_code != 206 or match is None:
                    raise RangesNotAnsweredError(self._url)
                first, last, size = map(int, match.groups())
                body = read_body(response)
            if len(body) != last - first + 1:
                raise HTTPError(f"{len(body)} bytes came where {last - first + 1} were announced")
            return first, body, size

        return with_retries(self._access, self._url, fetch)


def read_body(response: Response) -> bytes:
    """All of a streamed body as it was sent."""
    return b"".join(response.raw.stream(1 << 16, decode_content=False))


def with_retries(access: Access, url: str, fetch: Callable[[], Result]) -> Result:
    """Call `fetch` again, after growing pauses, when the line breaks within a body."""
    for attempt in range(access.retries + 1):
        try:
            return fetch()
        except (HTTPError, RequestException, OSError) as error:
            if attempt == access.retries:
                raise connection_error(url, error) from error
            pause(attempt)
    raise PackageIndexError(f"{url} cannot be reached")


def pause(attempt: int) -> None:
    """Wait before the next attempt: a quarter of a second, doubling, at most eight."""
    time.sleep(min(8.0, 0.25 * 2**attempt))


def open_remote(access: Access, url: str) -> tuple[BinaryIO, int]:
    """A buffered stream over `RemoteFile`, and the size of the file in bytes."""
    remote = RemoteFile(access, url)
    return io.BufferedReader(remote, buffer_size=1 << 13), remote.size


def open_local(path: Path) -> tuple[BinaryIO, int]:
    """The same for a file of this machine."""
    return path.open("rb"), path.stat().st_size
