"""Brings the warehouse's stock into the shop's database."""

import os
from typing import Any

import requests
from pydantic import BaseModel, Field, TypeAdapter
from sqlalchemy import create_engine, text


class Stock(BaseModel):
    """How many pieces of a product lie in the warehouse."""

    sku: str
    pieces: int = Field(ge=0)


_STOCKS = TypeAdapter(list[Stock])


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    response = requests.get(os.environ["WAREHOUSE_URL"], timeout=10)
    response.raise_for_status()
    return {"updated": store(_STOCKS.validate_json(response.content))}


def store(stocks: list[Stock]) -> int:
    """Write the numbers down; how many products were known."""
    engine = create_engine(os.environ.get("DATABASE_URL", "sqlite:////tmp/shop.db"))
    update = text("UPDATE products SET stock = :pieces WHERE sku = :sku")
    with engine.begin() as connection:
        return sum(connection.execute(update, stock.model_dump()).rowcount for stock in stocks)
