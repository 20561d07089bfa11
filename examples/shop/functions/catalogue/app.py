"""Finds products."""

from typing import Any

from pydantic import BaseModel, Field, ValidationError
from shopkit import answer
from shopkit.database import Product, engine
from sqlalchemy import select
from sqlalchemy.orm import Session


class Search(BaseModel):
    """What may stand in the query."""

    text: str = ""
    limit: int = Field(default=20, gt=0, le=100)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    try:
        search = Search.model_validate(event.get("queryStringParameters") or {})
    except ValidationError as error:
        return answer(400, {"errors": error.errors(include_url=False, include_input=False)})
    wanted = (
        select(Product)
        .where(Product.name.icontains(search.text, autoescape=True))
        .order_by(Product.name)
        .limit(search.limit)
    )
    with Session(engine()) as session:
        found = session.scalars(wanted).all()
        return answer(200, [{"sku": one.sku, "name": one.name, "price": one.price} for one in found])
