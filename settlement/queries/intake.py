"""Lots as last reported."""

from sqlalchemy import Connection, select

from settlement import tables
from settlement.messages import Lot, LotStatus
from settlement.queries.paging import DEFAULT_LIMIT, Page, by_id, page


def lots(
    connection: Connection,
    participant_id: int | None,
    *,
    status: LotStatus | None = None,
    warehouse: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Lot]:
    """Lots of a grower as last reported, descending `lot_id`."""
    table = tables.lots
    query = select(table).order_by(table.c.lot_id.desc())
    if participant_id is not None:
        query = query.where(table.c.participant_id == participant_id)
    if status is not None:
        query = query.where(table.c.status == status)
    if warehouse is not None:
        query = query.where(table.c.warehouse == tables.storable(warehouse))
    return page(connection, query, table.c.lot_id, cursor, limit, Lot)


def lot(connection: Connection, lot_id: int) -> Lot | None:
    return by_id(connection, tables.lots.c.lot_id, lot_id, Lot)
