"""Bringing whole files: resumed after a cut, verified, all or nothing."""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

from pip._vendor.requests import RequestException, Response
from pip._vendor.urllib3.exceptions import HTTPError

from layerforge.cache import Cache, atomic_file, sha256_of
from layerforge.errors import BuildError, PackageIndexError
from layerforge.model.lock import Archive
from layerforge.resolve.pip_worker.access import Access, local_path
from layerforge.resolve.pip_worker.failures import connection_error, digest_error, shown
from layerforge.resolve.pip_worker.ranges import pause

_THREADS = 8
_PIECE = 1 << 18
Advance = Callable[[int], None]


def download(access: Access, wanted: Sequence[tuple[Archive, Path]], *, advance: Advance) -> None:
    """Bring every archive to its path, at most eight at a time; the first failure ends all."""
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="download") as pool:
        # The largest first: none of them is left alone at the end.
        largest = sorted(wanted, key=lambda one: -(one[0].size or 0))
        futures = [pool.submit(_fetch, access, archive, path, advance) for archive, path in largest]
        try:
            for future in futures:
                future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def bring(access: Access, archive: Archive, cache: Cache) -> str:
    """Bring an archive into the cache; its sha256, which nobody may have told before."""
    try:
        temporary = cache.temporary(".part")
        try:
            _fetch(access, archive, temporary, lambda _: None)
            sha256 = archive.sha256 or sha256_of(temporary)
            cache.adopt(temporary, sha256)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise disk_error(error, cache.root) from error
    return sha256


def _fetch(access: Access, archive: Archive, path: Path, advance: Advance) -> None:
    try:
        with atomic_file(path) as stream:
            _fill(access, archive, stream, advance)
            _verify(archive, stream)
    except OSError as error:
        raise disk_error(error, path.parent) from error


def _fill(access: Access, archive: Archive, stream: IO[bytes], advance: Advance) -> None:
    source = local_path(archive.url)
    if source is not None:
        _copy(source, stream, archive)
        advance(stream.tell())
        return
    validator: str | None = None
    for attempt in range(access.retries + 1):
        done = stream.tell()
        try:
            with access.get(archive.url, headers=_range_headers(done, validator)) as response:
                if done and response.status_code != 206:
                    # The server starts over: so do we, and the bytes count once.
                    advance(-done)
                    stream.seek(0)
                    stream.truncate()
                validator = _validator(response)
                _pour(response, stream, advance)
            return
        except (HTTPError, RequestException) as error:
            if attempt == access.retries:
                raise connection_error(archive.url, error) from error
            pause(attempt)
    raise PackageIndexError(f"{shown(archive.url)} cannot be reached")


def _range_headers(done: int, validator: str | None) -> dict[str, str]:
    if not done:
        return {}
    return {"Range": f"bytes={done}-", **({"If-Range": validator} if validator else {})}


def _validator(response: Response) -> str | None:
    etag = response.headers.get("ETag")
    # A weak etag may not stand in If-Range (RFC 9110, 13.1.5).
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")


def _pour(response: Response, stream: IO[bytes], advance: Advance) -> None:
    announced = response.headers.get("Content-Length", "")
    got = 0
    for piece in response.raw.stream(_PIECE, decode_content=False):
        stream.write(piece)
        got += len(piece)
        advance(len(piece))
    # urllib3 does not mind a short body unless it is told to.
    if announced.isdecimal() and got < int(announced):
        raise HTTPError(f"IncompleteRead: {got} of {announced} bytes")


def _copy(source: Path, stream: IO[bytes], archive: Archive) -> None:
    try:
        with source.open("rb") as original:
            shutil.copyfileobj(original, stream, _PIECE)
    except FileNotFoundError:
        raise PackageIndexError(
            f"{archive.filename} is not at {source} any more",
            hint="if it was moved, run `layerforge lock`",
        ) from None


def _verify(archive: Archive, stream: IO[bytes]) -> None:
    if not archive.sha256:
        return
    stream.seek(0)
    digest = hashlib.sha256()
    while piece := stream.read(_PIECE):
        digest.update(piece)
    if digest.hexdigest() != archive.sha256:
        raise digest_error(archive.filename, url=archive.url, expected=archive.sha256, got=digest.hexdigest())


def disk_error(error: OSError, directory: Path) -> BuildError:
    """A directory that takes no more, or nothing at all."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return BuildError(
            f"no space is left on the disk of {directory}",
            hint="make room (`layerforge cache --prune` empties the cache), "
            "or set LAYERFORGE_CACHE_DIR to a larger disk",
        )
    return BuildError(f"cannot write to {directory}: {error.strerror or error}")
