"""An order, as it travels between functions."""

from decimal import Decimal
from uuid import UUID, uuid4

from pydantic import BaseModel, ConfigDict, Field


class Line(BaseModel):
    """So many pieces of one product."""

    model_config = ConfigDict(frozen=True)

    sku: str = Field(pattern=r"^[A-Z0-9-]{3,20}$")
    quantity: int = Field(gt=0, le=1000)
    unit_price: Decimal = Field(ge=0, decimal_places=2)


class Order(BaseModel):
    """What a customer has asked for."""

    model_config = ConfigDict(frozen=True)

    id: UUID = Field(default_factory=uuid4)
    customer: str = Field(min_length=1)
    lines: tuple[Line, ...] = Field(min_length=1)

    @property
    def total(self) -> Decimal:
        """The price of all lines."""
        return sum((line.quantity * line.unit_price for line in self.lines), Decimal(0))
