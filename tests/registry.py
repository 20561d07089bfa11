"""A registry on 127.0.0.1 that holds one image: what `docker pull` asks of it, and nothing more.

Source: https://distribution.github.io/distribution/spec/api/ (version check, manifests, blobs).
"""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclass
class Registry:
    """One image under every name. `host` is what references begin with; `asked` are the paths."""

    host: str = ""
    asked: list[str] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifest: bytes = b""

    @property
    def digest(self) -> str:
        return _digest(self.manifest)

    def hold(self, files: dict[str, bytes], *, architecture: str = "amd64") -> None:
        """An image of one layer."""
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as tar:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        packed = gzip.compress(layer.getvalue(), mtime=0)
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer.getvalue())]},
        }
        raw = json.dumps(config).encode()
        self.blobs = {_digest(packed): packed, _digest(raw): raw}
        self.manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": {"mediaType": _CONFIG, "size": len(raw), "digest": _digest(raw)},
                "layers": [{"mediaType": _LAYER, "size": len(packed), "digest": _digest(packed)}],
            }
        ).encode()

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body."""
        self.asked.append(path)
        if path == "/v2/":
            return 200, "application/json", b"{}"
        if "/manifests/" in path and not path.endswith(":none"):
            return (200, _MANIFEST, self.manifest) if "/missing/" not in path else _error("MANIFEST_UNKNOWN")
        blob = self.blobs.get(path.rpartition("/")[2])
        return (200, "application/octet-stream", blob) if blob is not None else _error("BLOB_UNKNOWN")


def _error(code: str) -> tuple[int, str, bytes]:
    body = {"errors": [{"code": code, "message": code.replace("_", " ").lower()}]}
    return 404, "application/json", json.dumps(body).encode()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@contextmanager
def running_registry() -> Iterator[Registry]:
    """Engines take one on 127.0.0.0/8 without TLS."""
    registry = Registry()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, kind, body = registry.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            if "/manifests/" in self.path and status == 200:
                self.send_header("Docker-Content-Digest", _digest(body))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    registry.host = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
