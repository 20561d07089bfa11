"""Takes what payment partners send, if they signed it, and passes it on."""

import os
from typing import Any, Literal

import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel
from shopkit import answer, body_of


class Payment(BaseModel):
    """What a partner tells of a payment."""

    order: str
    state: Literal["paid", "refused", "refunded"]


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    body = body_of(event)
    if not signed(body, event.get("headers", {}).get("x-signature", "")):
        return answer(401, {"error": "the signature does not fit"})
    payment = Payment.model_validate_json(body)
    target = os.environ.get("PAYMENTS_URL")
    if target:
        requests.post(target, json=payment.model_dump(), timeout=5).raise_for_status()
    return answer(202, payment.model_dump())


def signed(body: bytes, signature: str) -> bool:
    """Whether the partner whose key we hold sent these bytes."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(os.environ["PARTNER_KEY"]))
        key.verify(bytes.fromhex(signature), body)
    except (InvalidSignature, ValueError):
        return False
    return True
