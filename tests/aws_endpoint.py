"""An AWS endpoint on 127.0.0.1: moto_server behind a proxy that remembers, adds what moto lacks, and fails.

moto keeps the state of Lambda, S3, STS, CloudFormation and tags. The proxy makes of it what AWS
documents and moto leaves out: pages, digests only where AWS has them, RevisionId, updates that take a
while, GetAccountSettings, layer policies as AWS spells them, and the limit of a request.
"""

from __future__ import annotations

import http.client
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
# Method and path of the operations of Lambda that layerforge calls. Source: botocore 1.44.8.
_LAMBDA = tuple(
    (method, re.compile(pattern), operation)
    for method, pattern, operation in (
        ("GET", r"/2016-08-19/account-settings/?", "GetAccountSettings"),
        ("GET", r"/2018-10-31/layers/?", "ListLayers"),
        ("GET", r"/2018-10-31/layers/(?P<name>[^/]+)/versions/?", "ListLayerVersions"),
        ("POST", r"/2018-10-31/layers/(?P<name>[^/]+)/versions/?", "PublishLayerVersion"),
        ("GET", r"/2018-10-31/layers/(?P<name>[^/]+)/versions/\d+", "GetLayerVersion"),
        ("DELETE", r"/2018-10-31/layers/(?P<name>[^/]+)/versions/\d+", "DeleteLayerVersion"),
        ("GET", r"/2018-10-31/layers/(?P<name>[^/]+)/versions/\d+/policy", "GetLayerVersionPolicy"),
        ("POST", r"/2018-10-31/layers/(?P<name>[^/]+)/versions/\d+/policy", "AddLayerVersionPermission"),
        (
            "DELETE",
            r"/2018-10-31/layers/(?P<name>[^/]+)/versions/\d+/policy/[^/]+",
            "RemoveLayerVersionPermission",
        ),
        ("GET", r"/2015-03-31/functions/?", "ListFunctions"),
        ("POST", r"/2015-03-31/functions/?", "CreateFunction"),
        ("GET", r"/2015-03-31/functions/(?P<name>[^/]+)/configuration", "GetFunctionConfiguration"),
        ("PUT", r"/2015-03-31/functions/(?P<name>[^/]+)/configuration", "UpdateFunctionConfiguration"),
        ("PUT", r"/2015-03-31/functions/(?P<name>[^/]+)/code", "UpdateFunctionCode"),
        ("POST", r"/2015-03-31/functions/(?P<name>[^/]+)/versions/?", "PublishVersion"),
        ("GET", r"/2015-03-31/functions/(?P<name>[^/]+)/aliases/?", "ListAliases"),
        ("POST", r"/2015-03-31/functions/(?P<name>[^/]+)/aliases/?", "CreateAlias"),
        ("GET", r"/2015-03-31/functions/(?P<name>[^/]+)/aliases/[^/]+", "GetAlias"),
        ("PUT", r"/2015-03-31/functions/(?P<name>[^/]+)/aliases/[^/]+", "UpdateAlias"),
        ("POST", r"/2015-03-31/functions/(?P<name>[^/]+)/invocations", "Invoke"),
        ("GET", r"/2017-03-31/tags/.+", "ListTags"),
        ("POST", r"/2017-03-31/tags/.+", "TagResource"),
        ("DELETE", r"/2017-03-31/tags/.+", "UntagResource"),
    )
)
_PAGED = {
    "ListLayers": "Layers",
    "ListLayerVersions": "LayerVersions",
    "ListFunctions": "Functions",
    "ListAliases": "Aliases",
}
_REQUEST_LIMIT = 69_905_067
_NOT_FORWARDED = {"connection", "transfer-encoding", "expect", "content-length", "host"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """How calls of an operation go wrong: `times` of them (None: all), after `skip` good ones.

    `error` answers with that status, code and message, without asking moto; `drop` closes the connection
    instead. With `after`, moto has carried the call out before. `cut` reads a part of the request only.
    `first` is called before anything else, `look` with what was asked (JSON). `answer` changes what moto
    said.
    """

    operation: str
    times: int | None = 1
    skip: int = 0
    error: tuple[int, str, str] | None = None
    drop: bool = False
    after: bool = False
    cut: bool = False
    first: Callable[[], None] | None = None
    look: Callable[[Any], None] | None = None
    answer: Callable[[Any], Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A call as it came in. `sent` counts the bytes of its body."""

    service: str
    operation: str
    region: str
    path: str
    sent: int


@dataclass
class _Armed:
    fault: Fault
    seen: int = 0
    used: int = 0


class _Dropped(Exception):  # noqa: N818 - no error: the connection is to be closed
    pass


@dataclass
class _Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Endpoint:
    """The proxy. `page` is how many items lists have at most, `slow` how often an update is under way."""

    url: str
    moto: str
    page: int = 50
    slow: int = 1
    code_storage: int = 322_122_547_200
    code_storage_used: int = 0
    calls: list[Seen] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.RLock()
        self._armed: list[_Armed] = []
        self._revisions: Counter[tuple[str, str]] = Counter()
        self._updating: Counter[tuple[str, str]] = Counter()

    def fail(self, operation: str, **how: Any) -> None:
        """Let calls of an operation go wrong; see Fault."""
        with self._lock:
            self._armed.append(_Armed(Fault(operation=operation, **how)))

    def heal(self) -> None:
        """Let nothing go wrong any more, and forget the calls so far."""
        with self._lock:
            self._armed.clear()
            self.calls.clear()

    def count(self, operation: str) -> int:
        """How often an operation was called."""
        return sum(1 for call in self.calls if call.operation == operation)

    def sent(self) -> int:
        """Bytes of all bodies that went to Lambda and S3."""
        return sum(call.sent for call in self.calls if call.service in {"lambda", "s3"})

    # What follows is the server's.

    def handle(self, method: str, path: str, headers: Message[str, str], read: _Body) -> _Answer:
        service, operation, region, name = _recognise(method, path, headers)
        fault = self._fault(operation)
        if fault is not None and fault.cut:
            read.part()
            raise _Dropped
        body = read.whole()
        if not operation:
            # The query protocol has it in the body, too late for a fault.
            operation = parse_qs(body.decode()).get("Action", [""])[0]
        with self._lock:
            self.calls.append(
                Seen(service=service, operation=operation, region=region, path=path, sent=len(body))
            )
        if fault is not None and fault.look is not None:
            fault.look(json.loads(body))
        if fault is not None and not fault.after:
            self._spoil(fault, service)
        if service != "lambda":
            answer = self._forward(method, path, headers, body)
        else:
            answer = self._lambda(operation, (region, name), _Request(method, path, headers, body))
        if fault is not None and fault.after:
            self._spoil(fault, service)
        if fault is not None and fault.answer is not None:
            answer.body = json.dumps(fault.answer(json.loads(answer.body))).encode()
        return answer

    def _fault(self, operation: str) -> Fault | None:
        with self._lock:
            for armed in self._armed:
                if armed.fault.operation not in {operation, "*"}:
                    continue
                armed.seen += 1
                fault = armed.fault
                if armed.seen > fault.skip and (fault.times is None or armed.used < fault.times):
                    armed.used += 1
                    return fault
        return None

    def _spoil(self, fault: Fault, service: str) -> None:
        if fault.first is not None:
            fault.first()
        if fault.drop:
            raise _Dropped
        if fault.error is not None:
            raise _Refused(*fault.error, xml=service in {"s3", "cloudformation", "sts"}, s3=service == "s3")

    def _lambda(self, operation: str, key: tuple[str, str], request: _Request) -> _Answer:
        if operation == "GetAccountSettings":
            return self._account_settings()
        if operation == "PublishLayerVersion" and len(request.body) >= _REQUEST_LIMIT:
            text = f"Request must be smaller than {_REQUEST_LIMIT} bytes for the {operation} operation"
            raise _Refused(413, "RequestEntityTooLargeException", text)
        if operation == "AddLayerVersionPermission":
            request = self._added_permission(request)
        if operation in {"UpdateFunctionConfiguration", "PublishVersion"}:
            self._check_revision(key, request)
        if operation == "UpdateAlias":
            self._check_alias(request)
        answer = self._forward(request.method, request.path, request.headers, request.body)
        if answer.status < 300:
            answer.body = self._corrected(operation, key, request, answer.body)
        return answer

    def _account_settings(self) -> _Answer:
        document = {
            "AccountLimit": {
                "TotalCodeSize": self.code_storage,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": 1000,
                "UnreservedConcurrentExecutions": 1000,
            },
            "AccountUsage": {"TotalCodeSize": self.code_storage_used, "FunctionCount": 0},
        }
        return _Answer(200, [("Content-Type", "application/json")], json.dumps(document).encode())

    def _added_permission(self, request: _Request) -> _Request:
        """AWS has one statement of an id; moto knows an organization by another name."""
        asked = json.loads(request.body)
        policy = self._forward("GET", request.path, request.headers, b"")
        if policy.status == 200:
            held = json.loads(json.loads(policy.body)["Policy"])["Statement"]
            if any(one["Sid"] == asked["StatementId"] for one in held):
                text = f"The statement id ({asked['StatementId']}) provided already exists."
                raise _Refused(409, "ResourceConflictException", text)
        if "OrganizationId" in asked:
            asked["PrincipalOrgID"] = asked.pop("OrganizationId")
        return _Request(request.method, request.path, request.headers, json.dumps(asked).encode())

    def _check_revision(self, key: tuple[str, str], request: _Request) -> None:
        given = json.loads(request.body or b"{}").get("RevisionId")
        if given is not None and given != self._revision(key):
            raise _Refused(412, "PreconditionFailedException", "The Revision Id provided does not match")
        if self._updating[key]:
            raise _Refused(409, "ResourceConflictException", "An update is in progress")

    def _check_alias(self, request: _Request) -> None:
        given = json.loads(request.body).get("RevisionId")
        held = json.loads(self._forward("GET", request.path, request.headers, b"").body)
        if given is not None and given != self._alias_revision(held):
            raise _Refused(412, "PreconditionFailedException", "The Revision Id provided does not match")

    def _revision(self, key: tuple[str, str]) -> str:
        return f"revision-{self._revisions[key]}"

    @staticmethod
    def _alias_revision(alias: dict[str, Any]) -> str:
        return f"{alias['RevisionId']}-{alias['FunctionVersion']}"

    def _corrected(self, operation: str, key: tuple[str, str], request: _Request, body: bytes) -> bytes:
        if operation in {"UpdateFunctionConfiguration", "UpdateFunctionCode"}:
            with self._lock:
                self._revisions[key] += 1
                self._updating[key] = self.slow
        if not body or operation not in _CORRECTED:
            return body
        document = json.loads(body)
        if operation in {"GetFunctionConfiguration", "UpdateFunctionConfiguration", "PublishVersion"}:
            document = self._with_state(operation, key, document)
        elif operation in {"GetAlias", "UpdateAlias", "CreateAlias"}:
            document["RevisionId"] = self._alias_revision(document)
        elif operation == "GetLayerVersionPolicy":
            document["Policy"] = json.dumps(_as_aws_spells_it(json.loads(document["Policy"])))
        elif operation in _PAGED:
            document = self._a_page(operation, request.path, document)
        return json.dumps(document).encode()

    def _with_state(self, operation: str, key: tuple[str, str], document: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            if operation == "GetFunctionConfiguration" and self._updating[key]:
                self._updating[key] -= 1
                if not self._updating[key]:
                    # As in AWS: the end of an update is a revision of its own.
                    self._revisions[key] += 1
                else:
                    document["LastUpdateStatus"] = "InProgress"
            if operation == "UpdateFunctionConfiguration" and self._updating[key]:
                document["LastUpdateStatus"] = "InProgress"
            document["RevisionId"] = self._revision(key)
        return document

    def _a_page(self, operation: str, path: str, document: dict[str, Any]) -> dict[str, Any]:
        query = parse_qs(urlsplit(path).query)
        items = document[_PAGED[operation]]
        begin = int(query.get("Marker", ["0"])[0])
        size = min(self.page, int(query.get("MaxItems", [str(self.page)])[0]))
        shown = items[begin : begin + size]
        if operation == "ListLayerVersions":
            shown = [{key: value for key, value in item.items() if key != "Content"} for item in shown]
        more = {"NextMarker": str(begin + size)} if begin + size < len(items) else {}
        return {_PAGED[operation]: shown, **more}

    def _forward(self, method: str, path: str, headers: Message[str, str], body: bytes) -> _Answer:
        host = urlsplit(self.moto).netloc
        connection = http.client.HTTPConnection(host, timeout=300)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", host)
            for name, value in headers.items():
                if name.lower() not in _NOT_FORWARDED:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            return _Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()


_CORRECTED = {
    "GetFunctionConfiguration", "UpdateFunctionConfiguration", "PublishVersion", "GetAlias", "UpdateAlias",
    "CreateAlias", "GetLayerVersionPolicy", *_PAGED,
}  # fmt: skip


def _as_aws_spells_it(policy: dict[str, Any]) -> dict[str, Any]:
    for statement in policy["Statement"]:
        principal = statement["Principal"]
        if isinstance(principal, str) and principal.isdecimal():
            statement["Principal"] = {"AWS": f"arn:aws:iam::{principal}:root"}
    return policy


@dataclass(frozen=True)
class _Request:
    method: str
    path: str
    headers: Message[str, str]
    body: bytes


class _Refused(Exception):  # noqa: N818 - it becomes an answer
    def __init__(self, status: int, code: str, message: str, *, xml: bool = False, s3: bool = False) -> None:
        super().__init__(message)
        if s3:
            text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        elif xml:
            text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
            text = f"<ErrorResponse>{text}</ErrorResponse>"
        else:
            text = json.dumps({"Message": message, "Type": "User"})
        kind = "application/xml" if xml else "application/json"
        self.answer = _Answer(status, [("Content-Type", kind), ("x-amzn-ErrorType", code)], text.encode())


def _recognise(method: str, path: str, headers: Message[str, str]) -> tuple[str, str, str, str]:
    """Service, operation, region, and the name of the function or layer."""
    scope = _SCOPE.search(headers.get("Authorization", ""))
    service, region = (scope["service"], scope["region"]) if scope else ("", "")
    parts = urlsplit(path)
    if service == "lambda":
        for wanted, pattern, operation in _LAMBDA:
            match = pattern.fullmatch(parts.path)
            if wanted == method and match:
                name = unquote(match.groupdict().get("name") or "")
                return service, operation, region, name.rsplit(":", maxsplit=1)[-1]
        return service, f"{method} {parts.path}", region, ""
    if service == "s3":
        return service, _s3_operation(method, parts.path, parts.query), region, ""
    target = headers.get("X-Amz-Target", "")
    return service, target.rpartition(".")[2], region, ""


def _s3_operation(method: str, path: str, query: str) -> str:
    is_object = path.strip("/").count("/") > 0
    if "uploadId=" in query:
        return {"PUT": "UploadPart", "POST": "CompleteMultipartUpload"}.get(method, "AbortMultipartUpload")
    if query.startswith("uploads"):
        return "CreateMultipartUpload"
    if "versioning" in query:
        return f"{method.title()}BucketVersioning"
    return f"{method.title()}{'Object' if is_object else 'Bucket'}"


class _Body:
    """The body of a request, read when it is wanted."""

    def __init__(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        self._handler = handler

    def part(self) -> None:
        self._handler.rfile.read(min(1000, int(self._handler.headers.get("Content-Length") or 0)))

    def whole(self) -> bytes:
        if self._handler.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(self._chunks())
        return self._handler.rfile.read(int(self._handler.headers.get("Content-Length") or 0))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._handler.rfile.readline().split(b";")[0], 16):
            yield self._handler.rfile.read(size)
            self._handler.rfile.readline()
        self._handler.rfile.readline()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    endpoint: Endpoint

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients hang up, as they should in some tests."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        try:
            answer = self.server.endpoint.handle(self.command, self.path, self.headers, _Body(self))
        except _Dropped:
            self.close_connection = True
            return
        except _Refused as refused:
            answer = refused.answer
        self.send_response(answer.status)
        for name, value in answer.headers:
            if name.lower() not in {"content-length", "connection", "transfer-encoding", "date", "server"}:
                self.send_header(name, value)
        length = str(len(answer.body))
        if self.command == "HEAD":
            length = next((value for name, value in answer.headers if name.lower() == "content-length"), "0")
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET  # noqa: N815 - as the base class names them

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def running_moto(**environment: str) -> Iterator[str]:
    """moto_server in a process of its own, on a port that is free; its URL."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command[-1] = str(port)
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={
            **os.environ,
            "MOTO_PORT": str(port),
            "AWS_ACCESS_KEY_ID": "moto",
            "AWS_SECRET_ACCESS_KEY": "moto",
            **environment,
        },
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/moto-api/", timeout=5).close()
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    "moto_server does not start: install it with `pip install 'moto[server]'`"
                ) from error
            time.sleep(0.05)
        else:
            return


@contextmanager
def running_endpoint(moto: str) -> Iterator[Endpoint]:
    """The proxy before a moto_server whose state is emptied first."""
    urllib.request.urlopen(
        urllib.request.Request(f"{moto}/moto-api/reset", method="POST"), timeout=60
    ).close()
    with _Server(("127.0.0.1", 0), _Handler) as server:
        host, port = server.server_address[:2]
        server.endpoint = Endpoint(url=f"http://{host!s}:{port}", moto=moto)
        thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
        thread.start()
        try:
            yield server.endpoint
        finally:
            server.shutdown()
            thread.join()
