"""API Gateway's events and answers."""

import base64
import json
from typing import Any


def body_of(event: dict[str, Any]) -> bytes:
    """The body of a request, decoded where API Gateway encoded it."""
    body = event.get("body") or ""
    return base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()


def answer(status: int, document: Any) -> dict[str, Any]:
    """A JSON answer; numbers and dates that JSON does not know become text."""
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(document, default=str),
    }
