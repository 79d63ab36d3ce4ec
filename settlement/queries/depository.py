"""Receipts as last told."""

from typing import Final, Literal

from sqlalchemy import Connection, select

from settlement import tables
from settlement.messages import Receipt, ReceiptState
from settlement.queries.paging import DEFAULT_LIMIT, Page, by_id, page

ENDED_RECEIPTS: Final = ("split", "delivered")


def receipts(
    connection: Connection,
    participant_id: int | None,
    *,
    state: Literal["live", "all"] | ReceiptState = "all",
    warehouse: str | None = None,
    symbol: str | None = None,
    lot_id: int | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Receipt]:
    """Receipts of a holder, descending `receipt_id`; `reserved_g` of a live one is the engine's to tell.

    Live is what still stands for goods in the warehouse: all but `split` and `delivered`.
    """
    table = tables.receipts
    query = select(table).order_by(table.c.receipt_id.desc())
    if participant_id is not None:
        query = query.where(table.c.participant_id == participant_id)
    if state == "live":
        query = query.where(table.c.state.not_in(ENDED_RECEIPTS))
    elif state != "all":
        query = query.where(table.c.state == state)
    if warehouse is not None:
        query = query.where(table.c.warehouse == tables.storable(warehouse))
    if symbol is not None:
        query = query.where(table.c.symbol == tables.storable(symbol))
    if lot_id is not None:
        query = query.where(table.c.lot_id == lot_id)
    return page(connection, query, table.c.receipt_id, cursor, limit, Receipt)


def receipt(connection: Connection, receipt_id: int) -> Receipt | None:
    return by_id(connection, tables.receipts.c.receipt_id, receipt_id, Receipt)
