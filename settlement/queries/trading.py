"""Orders as last reported, fills, and trades that were taken back."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, literal, select, tuple_

from matching.messages import Side
from settlement import tables
from settlement.messages import ExecutionReport
from settlement.queries.paging import DEFAULT_LIMIT, InvalidCursor, Page, by_id, fetch, integer, message, one, page

LIVE_ORDERS: Final = ("accepted", "resting", "partly_filled")

Displayed = tuple[str, Side, int, int]
"""Symbol, side, price, kilograms displayed."""


class Fill(Struct, frozen=True, kw_only=True):
    """One side of a settled trade; `lots` are `(receipt_id, kilograms)`. `busted`: it was taken back."""

    trade_id: int
    order_id: int
    participant_id: int
    symbol: str
    side: Side
    price: int
    quantity: int
    fee_fen: int
    lots: list[tuple[int, int]]
    sequence: int
    time_ns: int
    busted: bool = False


class Bust(Struct, frozen=True, kw_only=True):
    """A trade that was taken back, by whom, when and why."""

    trade_id: int
    operator_id: int
    reason: str
    sequence: int
    time_ns: int


def orders(
    connection: Connection,
    participant_id: int | None,
    *,
    status: Literal["live", "ended", "all"] = "all",
    symbol: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[ExecutionReport]:
    """Orders as last reported, descending `order_id`."""
    table = tables.orders
    query = select(table).order_by(table.c.order_id.desc())
    if participant_id is not None:
        query = query.where(table.c.participant_id == participant_id)
    if symbol is not None:
        query = query.where(table.c.symbol == tables.storable(symbol))
    if status == "live":
        query = query.where(table.c.status.in_(LIVE_ORDERS))
    elif status == "ended":
        query = query.where(table.c.status.not_in(LIVE_ORDERS))
    return page(connection, query, table.c.order_id, cursor, limit, ExecutionReport)


def order(connection: Connection, order_id: int, *, participant_id: int | None = None) -> ExecutionReport | None:
    """An order as last reported; with `participant_id`, only if it is that participant's."""
    found = by_id(connection, tables.orders.c.order_id, order_id, ExecutionReport)
    return found if found is None or participant_id in (None, found.participant_id) else None


def order_by_client_id(connection: Connection, participant_id: int, client_order_id: str) -> ExecutionReport | None:
    """The newest order that the participant gave this name."""
    table = tables.orders
    query = (
        select(table)
        .where(table.c.participant_id == participant_id, table.c.client_order_id == tables.storable(client_order_id))
        .order_by(table.c.order_id.desc())
        .limit(1)
    )
    return one(connection, query, ExecutionReport)


def displayed(connection: Connection, order_ids: Sequence[int]) -> dict[int, Displayed]:
    """What these orders show in the book, as last reported; who shows nothing is left out. O(orders), in one statement.

    They come as one parameter: thousands of marks take a compiler of statements longer than the rest.
    """
    if not order_ids:
        return {}
    shown = "SELECT order_id, symbol, side, price, displayed FROM orders WHERE displayed > 0 AND via = 'order' AND"
    if connection.dialect.name == "postgresql":
        found = connection.exec_driver_sql(f"{shown} order_id = ANY(%s)", (list(order_ids),))
    else:
        among = msgspec.json.encode(order_ids).decode()
        found = connection.exec_driver_sql(f"{shown} order_id IN (SELECT value FROM json_each(?))", (among,))
    return {order_id: (symbol, side, price, quantity) for order_id, symbol, side, price, quantity in found}


def fills(
    connection: Connection,
    participant_id: int | None,
    *,
    order_id: int | None = None,
    symbol: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Fill]:
    """Fills, descending `trade_id`; of one trade the seller's first."""
    table = tables.fills
    query = select(table).order_by(table.c.trade_id.desc(), table.c.side.desc())
    if participant_id is not None:
        query = query.where(table.c.participant_id == participant_id)
    if order_id is not None:
        query = query.where(table.c.order_id == order_id)
    if symbol is not None:
        query = query.where(table.c.symbol == tables.storable(symbol))
    if cursor is not None:
        number, _, side = cursor.partition("-")
        if side not in ("buy", "sell"):
            raise InvalidCursor(cursor)
        before = tuple_(literal(integer(number)), literal(side))
        query = query.where(tuple_(table.c.trade_id, table.c.side) < before)
    return fetch(connection, query, limit, Fill, lambda fill: f"{fill.trade_id}-{fill.side}")


def fills_of_trade(connection: Connection, trade_id: int) -> list[Fill]:
    """Both sides of a trade, the buyer's first; none of a trade that is not settled, or of no trade."""
    if not 0 <= trade_id < 2**63:
        return []
    table = tables.fills
    query = select(table).where(table.c.trade_id == trade_id).order_by(table.c.side)
    return [message(row, Fill) for row in connection.execute(query).mappings()]


def bust(connection: Connection, trade_id: int) -> Bust | None:
    """Why and when a trade was taken back; none where it was not."""
    return by_id(connection, tables.busts.c.trade_id, trade_id, Bust)


def busts(connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Bust]:
    """Trades that were taken back, descending `sequence`."""
    table = tables.busts
    return page(connection, select(table).order_by(table.c.sequence.desc()), table.c.sequence, cursor, limit, Bust)
