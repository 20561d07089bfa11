"""Places orders: checks them, takes them into the database, tells the warehouse."""

import os
from typing import Any

import requests
from pydantic import ValidationError
from shopkit import Order, answer, body_of
from shopkit.database import Sale, SaleLine, engine
from sqlalchemy.orm import Session


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    try:
        order = Order.model_validate_json(body_of(event))
    except ValidationError as error:
        return answer(400, {"errors": error.errors(include_url=False, include_input=False)})
    with Session(engine()) as session, session.begin():
        session.add(
            Sale(
                id=str(order.id),
                customer=order.customer,
                lines=[SaleLine(**line.model_dump()) for line in order.lines],
            )
        )
    return answer(201, {"id": order.id, "total": order.total, "announced": announce(order)})


def announce(order: Order) -> bool:
    """Whether the warehouse knows; an order is placed even where it cannot be told."""
    url = os.environ.get("WAREHOUSE_URL")
    if not url:
        return False
    try:
        return requests.post(url, json=order.model_dump(mode="json"), timeout=3).ok
    except requests.RequestException:
        return False
