"""The shop's tables. Needs the extra `sql`."""

import os
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

from sqlalchemy import ForeignKey, Numeric, String, create_engine
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Table(DeclarativeBase):
    """What all tables derive from."""


class Product(Table):
    """Something that can be bought."""

    __tablename__ = "products"

    sku: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    stock: Mapped[int] = mapped_column(default=0)


class Sale(Table):
    """An order that was placed."""

    __tablename__ = "sales"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    customer: Mapped[str] = mapped_column(String(200))
    placed: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))
    lines: Mapped[list["SaleLine"]] = relationship(cascade="all, delete-orphan")


class SaleLine(Table):
    """One product of an order, at the price of that day."""

    __tablename__ = "sale_lines"

    sale_id: Mapped[str] = mapped_column(ForeignKey("sales.id"), primary_key=True)
    sku: Mapped[str] = mapped_column(String(20), primary_key=True)
    quantity: Mapped[int]
    unit_price: Mapped[Decimal] = mapped_column(Numeric(10, 2))


@cache
def engine() -> Engine:
    """One pool for as long as the function stays warm."""
    created = create_engine(os.environ.get("DATABASE_URL", "sqlite:////tmp/shop.db"))
    Table.metadata.create_all(created)
    return created
