"""Brings images from registries, with progress, and says in words why one did not come."""

from __future__ import annotations

from typing import Any

import docker
from docker.errors import APIError

from layerforge.errors import ToolError
from layerforge.model.progress import Progress
from layerforge.model.url import redact

_PLATFORMS = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}
_NO_ACCESS = ("unauthorized", "denied", "authentication required", "no basic auth")
_NOT_FOUND = ("not found", "manifest unknown", "no matching manifest", "does not exist")
_NO_WAY = (
    "no such host", "i/o timeout", "connection refused", "network is unreachable", "tls handshake",
    "certificate", "proxyconnect", "temporary failure", "server misbehaving", "context deadline", "eof",
)  # fmt: skip


def split_reference(reference: str) -> tuple[str, str | None]:
    """`registry:5000/name:tag` in two; a digest stays with the name."""
    if "@" in reference:
        return reference.partition("@")[0], reference.partition("@")[2]
    name, colon, tag = reference.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (reference, None)


def pull(api: docker.APIClient, reference: str, *, architecture: str, progress: Progress) -> None:
    """Pull an image for an architecture. Raises ToolError that says why it cannot be had."""
    name, tag = split_reference(reference)
    try:
        events = api.pull(
            name,
            tag=tag or "latest",
            stream=True,
            decode=True,
            platform=_PLATFORMS.get(architecture, f"linux/{architecture}"),
        )
        with progress.task(f"pulling {reference}", total=None, unit="bytes") as advance:
            arrived: dict[str, int] = {}
            for event in events:
                if error := event.get("error"):
                    raise _pull_error(reference, str(error))
                advance(_grown(event, arrived))
    except APIError as error:
        raise _pull_error(reference, str(error.explanation or error)) from error


def offers(api: docker.APIClient, reference: str, *, architecture: str) -> bool:
    """Whether a registry has an image for an architecture: asked by the engine, which has to reach it.

    Raises ToolError that says why nobody can tell.
    """
    try:
        found: dict[str, Any] = api.inspect_distribution(reference)  # type: ignore[no-untyped-call]
    except APIError as error:
        raise _pull_error(reference, str(error.explanation or error)) from error
    platforms = found.get("Platforms") or ()
    wanted = _PLATFORMS.get(architecture, architecture).removeprefix("linux/")
    return not platforms or any(one.get("architecture") == wanted for one in platforms)


def _grown(event: dict[str, Any], arrived: dict[str, int]) -> int:
    """Bytes of an image's layers that came since the last event."""
    if event.get("status") != "Downloading":
        return 0
    now = int((event.get("progressDetail") or {}).get("current") or 0)
    before = arrived.get(str(event.get("id")), 0)
    arrived[str(event.get("id"))] = max(now, before)
    return max(0, now - before)


def _pull_error(reference: str, said: str) -> ToolError:
    said = redact(said)
    low = said.lower()
    registry = reference.partition("/")[0]
    if "no space left" in low:
        hint: str = "make room: `docker system prune` frees what nothing uses"
    elif any(mark in low for mark in _NO_WAY):
        hint = (
            f"the engine itself has to reach {registry}: check its network and proxy settings, or name an "
            "image of your own registry in [container] of the config"
        )
    elif any(mark in low for mark in _NO_ACCESS):
        hint = f"log in (`docker login {registry}`), and check the name in [container] of the config"
    elif any(mark in low for mark in _NOT_FOUND):
        hint = "check the name and the tag in [container] of the config; the runtime may have no image yet"
    else:
        hint = f"`docker pull {reference}` shows more"
    return ToolError(f"the image {reference} cannot be pulled", details=(said,), hint=hint)
