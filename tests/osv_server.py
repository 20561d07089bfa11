"""An OSV-like service on this machine: answers `POST /v1/query` as https://api.osv.dev does."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class OsvServer:
    """`vulnerable` by name and version; `asked` in order; `failing` is answered instead, if it is set."""

    def __init__(self) -> None:
        self.vulnerable: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.asked: list[tuple[str, str]] = []
        self.failing: list[tuple[int, bytes]] = []
        self.always: tuple[int, bytes] | None = None
        self.url = ""

    def answer(self, question: dict[str, Any]) -> tuple[int, bytes]:
        pin = (question["package"]["name"], question["version"])
        assert question["package"]["ecosystem"] == "PyPI"
        self.asked.append(pin)
        if self.failing:
            return self.failing.pop(0)
        found = self.vulnerable.get(pin)
        return self.always or (200, json.dumps({"vulns": found} if found else {}).encode())


def vulnerability(
    identifier: str,
    name: str,
    *,
    aliases: tuple[str, ...] = (),
    summary: str = "",
    fixed: tuple[str, ...] = (),
) -> dict[str, Any]:
    """As https://ossf.github.io/osv-schema/ has it."""
    events = [{"introduced": "0"}, *({"fixed": version} for version in fixed)]
    return {
        "schema_version": "1.7.0",
        "id": identifier,
        "aliases": list(aliases),
        "summary": summary,
        "affected": [
            {
                "package": {"name": name, "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
            }
        ],
    }


@contextlib.contextmanager
def osv_server() -> Iterator[OsvServer]:
    """Serve until the block ends."""
    service = OsvServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, body = service.answer(question)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has there
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
