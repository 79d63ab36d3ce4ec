"""Deliveries as last told, the docks kept for them, their trucks, and how those that failed were made good."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection, Select, null, select

from settlement import tables
from settlement.messages.delivery import BuyIn, DeliveryOrder, DeliveryState, Load, Slot
from settlement.queries.paging import DEFAULT_LIMIT, Page, by_id, message, page
from settlement.tables.delivery import DELIVERY_LIVES


class BuyInAttempt(Struct, frozen=True, kw_only=True):
    """One attempt to buy in, and the command that made it."""

    delivery_id: int
    attempt: int
    sequence: int
    time_ns: int
    order_id: int | None
    limit_price: int
    quantity: int
    bought: int
    amount_fen: int
    fee_fen: int
    reason: str | None


def deliveries(
    connection: Connection,
    participant_id: int | None,
    *,
    state: Literal["live", "all"] | DeliveryState = "all",
    warehouse: str | None = None,
    receipt_id: int | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[DeliveryOrder]:
    """Delivery orders of a buyer, descending `delivery_id`. Live is what has not ended."""
    table = tables.deliveries
    query = _orders().order_by(table.c.delivery_id.desc())
    if participant_id is not None:
        query = query.where(table.c.participant_id == participant_id)
    if state == "live":
        query = query.where(DELIVERY_LIVES)
    elif state != "all":
        query = query.where(table.c.state == state)
    if warehouse is not None:
        query = query.where(table.c.warehouse == tables.storable(warehouse))
    if receipt_id is not None:
        query = query.where(table.c.receipt_id == receipt_id)
    found = page(connection, query, table.c.delivery_id, cursor, limit, DeliveryOrder)
    return Page(_with_slots(connection, found.items), found.next)


def delivery(connection: Connection, delivery_id: int) -> DeliveryOrder | None:
    """The order of that number, which is a positive one of 53 bits at most."""
    found = connection.execute(_orders().where(tables.deliveries.c.delivery_id == delivery_id)).mappings().first()
    return None if found is None else _with_slots(connection, [message(found, DeliveryOrder)])[0]


def loads(connection: Connection, delivery_id: int) -> list[Load]:
    """A delivery's trucks, ascending."""
    table = tables.loads
    query = select(table).where(table.c.delivery_id == delivery_id).order_by(table.c.load_id)
    return [message(row, Load) for row in connection.execute(query).mappings()]


def buy_in(connection: Connection, delivery_id: int) -> BuyIn | None:
    return by_id(connection, tables.buy_ins.c.delivery_id, delivery_id, BuyIn)


def buy_in_attempts(connection: Connection, delivery_id: int) -> list[BuyInAttempt]:
    """In their order."""
    table = tables.buy_in_attempts
    query = select(table).where(table.c.delivery_id == delivery_id).order_by(table.c.attempt)
    return [message(row, BuyInAttempt) for row in connection.execute(query).mappings()]


def _orders() -> Select[Any]:
    """Delivery orders without their slots."""
    return select(tables.deliveries, null().label("slot"))


def _with_slots(connection: Connection, orders: Sequence[DeliveryOrder]) -> list[DeliveryOrder]:
    """The orders with the docks that are kept for them, by one more query."""
    table = tables.slots
    wanted = [order.delivery_id for order in orders]
    query = select(table).where(table.c.delivery_id.in_(wanted), table.c.state == "booked")
    booked = {row["delivery_id"]: message(row, Slot) for row in connection.execute(query).mappings()}
    return [replace(order, slot=booked.get(order.delivery_id)) for order in orders]
