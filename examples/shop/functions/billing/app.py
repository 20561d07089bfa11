"""Writes an invoice for every order that was placed, and signs it."""

import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from shopkit.database import Sale, engine
from sqlalchemy.orm import Session


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    failed = []
    with Session(engine()) as session:
        for record in event["Records"]:
            sale = session.get(Sale, json.loads(record["body"])["id"])
            if sale is None:
                failed.append({"itemIdentifier": record["messageId"]})
            else:
                print(json.dumps(invoice(sale)))  # noqa: T201 - a function's log is its standard output
    return {"batchItemFailures": failed}


def invoice(sale: Sale) -> dict[str, str]:
    """What the customer gets: the text, and the proof that it is ours."""
    lines = [f"{line.quantity} x {line.sku} at {line.unit_price}" for line in sale.lines]
    total = sum(line.quantity * line.unit_price for line in sale.lines)
    text = "\n".join([f"Invoice {sale.id} for {sale.customer}", *lines, f"Total {total}"])
    return {"text": text, "signature": signing_key().sign(text.encode()).hex()}


@cache
def signing_key() -> Ed25519PrivateKey:
    """A key for as long as the function stays warm; a real shop reads its own from Parameter Store."""
    return Ed25519PrivateKey.generate()
