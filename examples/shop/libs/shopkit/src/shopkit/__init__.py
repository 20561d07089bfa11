"""What the functions of the shop have in common."""

from shopkit.http import answer, body_of
from shopkit.orders import Line, Order

__all__ = ["Line", "Order", "answer", "body_of"]
