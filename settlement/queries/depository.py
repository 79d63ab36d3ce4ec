"""Receipts as last told, what they came of, and what was done with stock."""

from typing import Literal

from msgspec import Struct
from sqlalchemy import Connection, exists, or_, select, tuple_

from settlement import tables
from settlement.messages import ConfigureVenue, Grade, Lot, Receipt, ReceiptState, StockCause
from settlement.queries.intake import lot
from settlement.queries.paging import DEFAULT_LIMIT, Page, by_id, fetch, integer, one, page
from settlement.queries.people import venue
from settlement.queries.treasury import ledger_of_cause
from settlement.tables.depository import RECEIPT_LIVES


class Regrade(Struct, frozen=True, kw_only=True):
    """What an inspection in the store found, when it was told."""

    sequence: int
    time_ns: int
    lot_id: int
    operator_id: int
    previous_symbol: str
    symbol: str
    grade: Grade
    colour_stage: int
    defect_permille: int
    expires_ns: int
    reason: str


class StockChange(Struct, frozen=True, kw_only=True):
    """Shrinkage that was recorded, or a count: what the books said before and after."""

    sequence: int
    position: int
    time_ns: int
    lot_id: int
    warehouse: str
    operator_id: int
    cause: StockCause
    booked_g: int
    weight_g: int
    shrinkage_g: int
    reason: str


class Origin(Struct, frozen=True, kw_only=True):
    """What a receipt states beside itself: its lot and the last inspection of it, when the lot's first receipt was
    issued and by which rules, the receipts that it came of, and the one that it was merged into.
    """

    lot: Lot
    regrade: Regrade | None
    first_issued_ns: int
    venue: ConfigureVenue
    issued_from: tuple[int, ...]
    merged_into: int | None


def receipts(
    connection: Connection,
    participant_id: int | None,
    *,
    state: Literal["live", "all"] | ReceiptState = "all",
    warehouse: str | None = None,
    symbol: str | None = None,
    lot_id: int | None = None,
    lender_id: int | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Receipt]:
    """Receipts of a holder, descending `receipt_id`; `reserved_g` of a live one is the engine's to tell.

    Live is what still stands for goods in the warehouse. With `lender_id` those that are pledged to a lender.
    """
    table = tables.receipts
    query = select(table).order_by(table.c.receipt_id.desc())
    if participant_id is not None:
        query = query.where(table.c.participant_id == participant_id)
    if state == "live":
        query = query.where(RECEIPT_LIVES)
    elif state != "all":
        query = query.where(table.c.state == state)
    if warehouse is not None:
        query = query.where(table.c.warehouse == tables.storable(warehouse))
    if symbol is not None:
        query = query.where(table.c.symbol == tables.storable(symbol))
    if lot_id is not None:
        query = query.where(table.c.lot_id == lot_id)
    if lender_id is not None:
        query = query.where(table.c.lender_id == lender_id)
    return page(connection, query, table.c.receipt_id, cursor, limit, Receipt)


def receipt(connection: Connection, receipt_id: int) -> Receipt | None:
    return by_id(connection, tables.receipts.c.receipt_id, receipt_id, Receipt)


def origin(connection: Connection, of: Receipt) -> Origin | None:
    """What a receipt states beside itself; none where the database has not come to its lot's first receipt yet."""
    found = lot(connection, of.lot_id)
    intake = ledger_of_cause(connection, "intake", of.lot_id)
    rules = venue(connection, intake[0].sequence) if intake else None
    if found is None or rules is None:
        return None
    merges = tables.receipt_merges
    merged_from = select(merges.c.merged_receipt_id).where(merges.c.receipt_id == of.receipt_id)
    merged_into = select(merges.c.receipt_id).where(merges.c.merged_receipt_id == of.receipt_id)
    parents = tuple(connection.execute(merged_from.order_by(merges.c.merged_receipt_id)).scalars())
    if not parents and of.parent_receipt_id is not None:
        parents = (of.parent_receipt_id,)
    return Origin(
        lot=found,
        regrade=last_regrade(connection, of.lot_id),
        first_issued_ns=intake[0].time_ns,
        venue=rules,
        issued_from=parents,
        merged_into=connection.execute(merged_into).scalar_one_or_none(),
    )


def has_part(connection: Connection, lot_id: int, participant_id: int) -> bool:
    """Whether someone brought a lot, or has held a receipt of it."""
    lots, receipts_ = tables.lots, tables.receipts
    brought = exists().where(lots.c.lot_id == lot_id, lots.c.participant_id == participant_id)
    held = exists().where(receipts_.c.lot_id == lot_id, receipts_.c.participant_id == participant_id)
    return bool(connection.execute(select(or_(brought, held))).scalar_one())


def last_regrade(connection: Connection, lot_id: int) -> Regrade | None:
    table = tables.regrades
    query = select(table).where(table.c.lot_id == lot_id).order_by(table.c.sequence.desc()).limit(1)
    return one(connection, query, Regrade)


def stock_changes(
    connection: Connection, lot_id: int, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[StockChange]:
    """What was recorded of a lot's stock, the newest first."""
    table = tables.stock_changes
    query = select(table).where(table.c.lot_id == lot_id).order_by(table.c.sequence.desc(), table.c.position.desc())
    if cursor is not None:
        sequence, _, position = cursor.partition("-")
        at, place = integer(sequence), integer(position)
        query = query.where(tuple_(table.c.sequence, table.c.position) < (at, place))
    return fetch(connection, query, limit, StockChange, lambda change: f"{change.sequence}-{change.position}")
