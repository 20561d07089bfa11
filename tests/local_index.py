"""A package index on 127.0.0.1 that does what real ones do, good and bad, and remembers what it was asked.

It serves PEP 503 (HTML) or PEP 691 (JSON) as the client accepts, PEP 658 metadata, `Range` requests
with `If-Range`, and basic authentication. `fail` makes paths misbehave.
"""

from __future__ import annotations

import base64
import email
import hashlib
import html
import http.server
import json
import socket
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

USER = "deploy"
# Characters that have to be quoted in a URL: where someone forgets to, a test shall notice.
PASSWORD = "s3cr3t@pa:ss/wd"
_JSON = "application/vnd.pypi.simple.v1+json"
_PIECE = 1 << 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """How a path misbehaves, `times` times for each path it matches (None: always).

    `delay` waits so many seconds before the answer. `status` answers with that status, `headers`
    and `body`. `body` without a status replaces the content (garbage); `corrupt` flips one byte in
    its middle. `cut_after` closes the connection after so many bytes of the body; `stall_after`
    falls silent for `stall` seconds there and then goes on. `drop` closes the connection at once.
    """

    times: int | None = None
    delay: float = 0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    corrupt: bool = False
    cut_after: int | None = None
    stall_after: int | None = None
    stall: float = 0
    drop: bool = False


@dataclass(kw_only=True, slots=True)
class Seen:
    """A request as it was answered. `status` 0: dropped.

    `sent` counts the bytes of the body, in pieces, before each is sent: so a client that has got all
    of it never finds less here, and one that hung up finds at most a piece too much.
    """

    method: str
    path: str
    status: int
    sent: int
    range: str | None
    accept: str | None
    authorized: bool
    user_agent: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    name: str
    content: bytes
    metadata: bytes | None
    sha256: str | None
    size: int | None
    requires_python: str | None
    yanked: str | None


@dataclass(kw_only=True, slots=True)
class _Rule:
    pattern: str
    fault: Fault
    uses: dict[str, int] = field(default_factory=dict)

    def take(self, path: str) -> Fault | None:
        used = self.uses.get(path, 0)
        if not fnmatchcase(path, self.pattern) or (self.fault.times is not None and used >= self.fault.times):
            return None
        self.uses[path] = used + 1
        return self.fault


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


class LocalIndex:
    """Set `ranges`, `json`, `html` to False to take these abilities away; `protect()` asks for a password."""

    def __init__(self) -> None:
        self.ranges = True
        self.json = True
        self.html = True
        self.requests: list[Seen] = []
        self._credentials: tuple[str, str] | None = None
        self._projects: dict[str, dict[str, _File]] = {}
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self.closing = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    # --- for tests

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self._server.server_address[1])

    @property
    def root(self) -> str:
        """`http://127.0.0.1:port`, what stands before `/simple/` and `/files/`."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The index URL, without credentials."""
        return f"{self.root}/simple/"

    @property
    def url_with_credentials(self) -> str:
        """The index URL with user and (percent-encoded) password."""
        return f"http://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/simple/"

    @property
    def secrets(self) -> tuple[str, ...]:
        """Texts that may appear in no file, no log and no output."""
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return (PASSWORD, quote(PASSWORD, safe=""), pair)

    def protect(self) -> None:
        """From now on answer 401 to who does not bring USER and PASSWORD."""
        self._credentials = (USER, PASSWORD)

    def add(
        self,
        path: Path,
        *,
        sha256: str | None = None,
        tell_digest: bool = True,
        tell_size: bool = True,
        metadata: bool | str = True,
        requires_python: str | None = None,
        yanked: str | None = None,
    ) -> str:
        """Offer a wheel or sdist; the URL of the file.

        `sha256` tells a wrong digest. `metadata` is whether PEP 658 metadata is served beside a
        wheel, or what it says. `requires_python` is read from the file unless given.
        """
        content = path.read_bytes()
        text = _core_metadata(path)
        served = (text if metadata is True else metadata) if metadata and path.suffix == ".whl" else None
        self._projects.setdefault(_project_of(path.name), {})[path.name] = _File(
            name=path.name,
            content=content,
            metadata=served.encode() if served is not None else None,
            sha256=(sha256 or hashlib.sha256(content).hexdigest()) if tell_digest else None,
            size=len(content) if tell_size else None,
            requires_python=requires_python or email.message_from_string(text)["Requires-Python"],
            yanked=yanked,
        )
        return self.file_url(path.name)

    def remove(self, filename: str) -> None:
        """Offer a file no longer."""
        del self._projects[_project_of(filename)][filename]

    def file_url(self, filename: str) -> str:
        """Where a file of that name would lie."""
        return f"{self.root}/files/{quote(filename)}"

    def fail(self, pattern: str, fault: Fault) -> None:
        """Let paths (`/simple/numpy/`, `/files/*.whl`) misbehave. The first fitting rule wins."""
        self._rules.append(_Rule(pattern=pattern, fault=fault))

    def heal(self) -> None:
        """Forget all faults."""
        self._rules.clear()

    def seen(self, pattern: str = "*", *, method: str | None = None) -> list[Seen]:
        """Requests to paths that fit, in order."""
        with self._lock:
            return [
                request
                for request in self.requests
                if fnmatchcase(request.path, pattern) and method in {None, request.method}
            ]

    def count(self, pattern: str = "*", *, method: str | None = None) -> int:
        """How many requests went to paths that fit."""
        return len(self.seen(pattern, method=method))

    def bytes_sent(self, pattern: str = "*") -> int:
        """Bytes of bodies sent for paths that fit."""
        return sum(request.sent for request in self.seen(pattern))

    def forget_requests(self) -> None:
        """Count from zero."""
        with self._lock:
            self.requests.clear()

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Refuse connections from now on; returns when every handler has ended."""
        if self.closing.is_set():
            return
        self.closing.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()

    # --- for the handler

    def fault_for(self, path: str) -> Fault | None:
        with self._lock:
            return next((fault for rule in self._rules if (fault := rule.take(path)) is not None), None)

    def remember(self, request: Seen) -> None:
        with self._lock:
            self.requests.append(request)

    def authorized(self, header: str | None) -> bool:
        if self._credentials is None:
            return True
        pair = base64.b64encode(":".join(self._credentials).encode()).decode()
        return header == f"Basic {pair}"

    def answer(self, path: str, accept: str) -> _Answer:
        parts = [unquote(part) for part in path.strip("/").split("/")]
        match parts:
            case ["simple"]:
                return self._listing(accept)
            case ["simple", name] if canonicalize_name(name) in self._projects:
                return self._project_page(canonicalize_name(name), accept)
            case ["files", filename]:
                return self._file(filename)
        return _Answer(status=404, body=b"404 Not Found\n")

    def _listing(self, accept: str) -> _Answer:
        names = sorted(self._projects)
        if self._wants_json(accept):
            return _json_answer({"projects": [{"name": name} for name in names]})
        return _html_answer(f'<a href="/simple/{name}/">{name}</a>' for name in names)

    def _project_page(self, name: str, accept: str) -> _Answer:
        files = [file for _, file in sorted(self._projects[name].items())]
        if not self._wants_json(accept):
            return _html_answer(_anchor(file) for file in files)
        return _json_answer({"name": name, "files": [_json_file(file) for file in files]})

    def _wants_json(self, accept: str) -> bool:
        return self.json and (_JSON in accept or not self.html)

    def _file(self, filename: str) -> _Answer:
        is_metadata = filename.endswith(".metadata")
        name = filename.removesuffix(".metadata")
        file = next((files[name] for files in self._projects.values() if name in files), None)
        content = None if file is None else file.metadata if is_metadata else file.content
        if content is None:
            return _Answer(status=404, body=b"404 Not Found\n")
        etag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        return _Answer(
            status=200, body=content, content_type="application/octet-stream", headers={"ETag": etag}
        )


@contextmanager
def running_index() -> Iterator[LocalIndex]:
    """An index that serves until the block ends."""
    index = LocalIndex()
    index.start()
    try:
        yield index
    finally:
        index.stop()


class _Server(http.server.ThreadingHTTPServer):
    # Handlers are joined in server_close: none is left to write after its test has ended.
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], index: LocalIndex) -> None:
        self.index = index
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: clients that hang up are part of the tests."""

    def hang_up(self) -> None:
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet: tests read `LocalIndex.requests`."""

    def _serve(self) -> None:
        index = self.server.index
        path = urlsplit(self.path).path
        fault = index.fault_for(unquote(path)) or Fault()
        if fault.delay:
            index.closing.wait(fault.delay)
        if fault.drop:
            self._remember(path, status=0)
            self.close_connection = True
            return
        answer = self._ranged(self._chosen(path, fault))
        self._send(answer, fault, self._remember(path, status=answer.status))

    def _chosen(self, path: str, fault: Fault) -> _Answer:
        index = self.server.index
        if fault.status is not None:
            body = fault.body if fault.body is not None else f"{fault.status} on purpose\n".encode()
            return _Answer(status=fault.status, body=body, headers=fault.headers)
        if not index.authorized(self.headers["Authorization"]):
            return _Answer(
                status=401, body=b"401 Unauthorized\n", headers={"WWW-Authenticate": 'Basic realm="index"'}
            )
        answer = index.answer(path, self.headers["Accept"] or "")
        body = answer.body if fault.body is None else fault.body
        if fault.corrupt:
            middle = len(body) // 2
            body = body[:middle] + bytes([body[middle] ^ 0xFF]) + body[middle + 1 :]
        return _Answer(
            status=answer.status,
            body=body,
            content_type=answer.content_type,
            headers={**answer.headers, **fault.headers},
        )

    def _ranged(self, answer: _Answer) -> _Answer:
        """The part that `Range` asks for (RFC 9110, one range only), if it may be had."""
        etag = answer.headers.get("ETag")
        wanted = self.headers["Range"]
        if answer.status != 200 or etag is None or not self.server.index.ranges:
            return answer
        headers = {**answer.headers, "Accept-Ranges": "bytes"}
        whole = _Answer(status=200, body=answer.body, content_type=answer.content_type, headers=headers)
        if wanted is None or not wanted.startswith("bytes=") or self.headers["If-Range"] not in {None, etag}:
            return whole
        size = len(answer.body)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, size - int(last))
        end = min(int(last), size - 1) if first and last else size - 1
        if start > end:
            return _Answer(status=416, headers={**headers, "Content-Range": f"bytes */{size}"})
        headers["Content-Range"] = f"bytes {start}-{end}/{size}"
        return _Answer(
            status=206,
            body=answer.body[start : end + 1],
            content_type=answer.content_type,
            headers=headers,
        )

    def _send(self, answer: _Answer, fault: Fault, seen: Seen) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        body = answer.body if fault.cut_after is None else answer.body[: fault.cut_after]
        if len(body) < len(answer.body):
            self.close_connection = True
        try:
            self._write(body, fault, seen)
        except OSError:
            self.close_connection = True

    def _write(self, body: bytes, fault: Fault, seen: Seen) -> None:
        pause = fault.stall_after
        while seen.sent < len(body):
            if pause is not None and seen.sent >= pause:
                pause = None
                self.wfile.flush()
                self.server.index.closing.wait(fault.stall)
            start = seen.sent
            end = start + _PIECE if pause is None else min(start + _PIECE, pause)
            seen.sent = min(end, len(body))
            self.wfile.write(body[start : seen.sent])

    def _remember(self, path: str, *, status: int) -> Seen:
        seen = Seen(
            method=self.command,
            path=unquote(path),
            status=status,
            sent=0,
            range=self.headers["Range"],
            accept=self.headers["Accept"],
            authorized="Authorization" in self.headers,
            user_agent=self.headers["User-Agent"],
        )
        self.server.index.remember(seen)
        return seen


def _project_of(filename: str) -> str:
    if filename.endswith(".whl"):
        return parse_wheel_filename(filename)[0]
    return parse_sdist_filename(filename)[0]


def _core_metadata(path: Path) -> str:
    """METADATA of a wheel or PKG-INFO of an sdist; empty where the file is broken on purpose."""
    try:
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                name = next(entry for entry in wheel.namelist() if entry.endswith(".dist-info/METADATA"))
                return wheel.read(name).decode()
        with tarfile.open(path) as sdist:
            member = next(name for name in sdist.getnames() if name.count("/") == 1 and "PKG-INFO" in name)
            stream = sdist.extractfile(member)
            return stream.read().decode() if stream else ""
    except (StopIteration, zipfile.BadZipFile, tarfile.TarError, UnicodeDecodeError):
        return ""


def _json_file(file: _File) -> dict[str, Any]:
    described: dict[str, Any] = {
        "filename": file.name,
        "url": f"../../files/{quote(file.name)}",
        "hashes": {"sha256": file.sha256} if file.sha256 else {},
        "yanked": file.yanked if file.yanked is not None else False,
    }
    if file.size is not None:
        described["size"] = file.size
    if file.requires_python:
        described["requires-python"] = file.requires_python
    if file.metadata is not None:
        described["core-metadata"] = {"sha256": hashlib.sha256(file.metadata).hexdigest()}
    return described


def _anchor(file: _File) -> str:
    fragment = f"#sha256={file.sha256}" if file.sha256 else ""
    attributes = [f'href="../../files/{quote(file.name)}{fragment}"']
    if file.requires_python:
        attributes.append(f'data-requires-python="{html.escape(file.requires_python)}"')
    if file.metadata is not None:
        attributes.append(f'data-core-metadata="sha256={hashlib.sha256(file.metadata).hexdigest()}"')
    if file.yanked is not None:
        attributes.append(f'data-yanked="{html.escape(file.yanked)}"')
    return f"<a {' '.join(attributes)}>{html.escape(file.name)}</a>"


def _json_answer(value: dict[str, Any]) -> _Answer:
    # 1.0 asks for no sizes: some files tell none on purpose.
    document = {"meta": {"api-version": "1.0"}, **value}
    return _Answer(status=200, body=json.dumps(document).encode(), content_type=_JSON)


def _html_answer(anchors: Iterator[str]) -> _Answer:
    lines = [
        "<!DOCTYPE html>",
        "<html><body>",
        *(f"{anchor}<br>" for anchor in anchors),
        "</body></html>",
        "",
    ]
    return _Answer(status=200, body="\n".join(lines).encode(), content_type="text/html; charset=utf-8")
