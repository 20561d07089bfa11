"""Adds up each day's sales."""

from typing import Any

import pandas as pd
from shopkit.database import Sale, SaleLine, engine
from sqlalchemy import select


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    sold = select(Sale.placed, SaleLine.sku, SaleLine.quantity, SaleLine.unit_price).join(SaleLine)
    frame = pd.read_sql(sold, engine(), parse_dates=["placed"])
    if frame.empty:
        return {"days": {}}
    frame["revenue"] = frame["quantity"] * frame["unit_price"].astype(float)
    days = frame.groupby(frame["placed"].dt.date).agg(
        pieces=("quantity", "sum"), products=("sku", "nunique"), revenue=("revenue", "sum")
    )
    return {"days": {str(day): row.to_dict() for day, row in days.iterrows()}}
