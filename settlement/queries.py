"""Reading the settlement history: each function takes a connection and answers with messages ready for the wire.

Lists are pages, the newest first, of at most `limit` items. `Page.next` is an opaque text that asks for what follows,
null on the last page; a page by key alone costs O(log rows + limit), however deep it lies. A cursor that no page gave
raises `InvalidCursor`. A `participant_id` of none means everyone's.
"""

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import Column, ColumnElement, Connection, Select, and_, literal, or_, select, tuple_

from matching.messages import Side
from settlement import tables
from settlement.messages import (
    CASH,
    BalanceChanged,
    ConfigureVenue,
    ExecutionReport,
    Lot,
    LotStatus,
    ParticipantRegistered,
    Receipt,
    ReceiptState,
)

T = TypeVar("T")
S = TypeVar("S", bound=Struct)

MAXIMUM_LIMIT = 1000
DEFAULT_LIMIT = 100

LIVE_ORDERS = ("accepted", "resting", "partly_filled")
ENDED_RECEIPTS = ("split", "delivered")


class Page(Struct, Generic[T], frozen=True):
    """Some items of a list, and the cursor of the following ones."""

    items: list[T]
    next: str | None = None


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


class LedgerEntry(Struct, frozen=True, kw_only=True):
    """One posting: `amount` of `asset` left the debit account and reached the credit account."""

    transfer_id: int
    sequence: int
    time_ns: int
    cause: str
    reference_id: int
    asset: str
    debit: str
    credit: str
    amount: int


class DepositEntry(Struct, frozen=True, kw_only=True):
    """Money that came in, and when it was booked."""

    sequence: int
    time_ns: int
    participant_id: int
    amount_fen: int
    reference: str


class Bust(Struct, frozen=True, kw_only=True):
    """A trade that was taken back, by whom, when and why."""

    trade_id: int
    operator_id: int
    reason: str
    sequence: int
    time_ns: int


class Adjustment(Struct, frozen=True, kw_only=True):
    """Money that an operator moved from one participant to another, and when."""

    operator_id: int
    debit_id: int
    credit_id: int
    amount_fen: int
    reference: str
    reason: str
    sequence: int
    time_ns: int


class InvalidCursor(ValueError):
    """The text is not the `next` of any page of this list."""


# --- orders and fills -----------------------------------------------------------------------------------------------


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
    return _page(connection, query, table.c.order_id, cursor, limit, ExecutionReport)


def order(connection: Connection, order_id: int, *, participant_id: int | None = None) -> ExecutionReport | None:
    """An order as last reported; with `participant_id`, only if it is that participant's."""
    found = _by_id(connection, tables.orders.c.order_id, order_id, ExecutionReport)
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
    return _one(connection, query, ExecutionReport)


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
        before = tuple_(literal(_integer(number)), literal(side))
        query = query.where(tuple_(table.c.trade_id, table.c.side) < before)
    return _fetch(connection, query, limit, Fill, lambda fill: f"{fill.trade_id}-{fill.side}")


# --- money and goods ------------------------------------------------------------------------------------------------


def balances(connection: Connection, participant_id: int) -> list[BalanceChanged]:
    """What a participant holds, as last reported: cash first, then goods by ascending symbol."""
    table = tables.balances
    query = (
        select(table)
        .where(table.c.participant_id == participant_id)
        .order_by((table.c.asset != CASH).asc(), table.c.asset)
    )
    return [_message(row, BalanceChanged) for row in connection.execute(query).mappings()]


def ledger(
    connection: Connection,
    participant_id: int | None,
    *,
    asset: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[LedgerEntry]:
    """Postings that touch a participant's account, or all, descending `transfer_id`."""
    return ledger_of_account(
        connection,
        None if participant_id is None else f"participant:{participant_id}",
        asset=asset,
        cursor=cursor,
        limit=limit,
    )


def ledger_of_account(
    connection: Connection,
    account: str | None,
    *,
    asset: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[LedgerEntry]:
    """Postings that touch an account (`participant:<id>`, `bank`, `fees`, `warehouse:<code>`), descending
    `transfer_id`."""
    table = tables.transfers
    conditions: list[ColumnElement[bool]] = []
    if asset is not None:
        conditions.append(table.c.asset == tables.storable(asset))
    if cursor is not None:
        conditions.append(table.c.transfer_id < _integer(cursor))
    newest = table.c.transfer_id.desc()
    wanted: Select[Any]
    if account is None:
        wanted = select(table).where(*conditions).order_by(newest)
    else:
        # The newest of each direction first, each by its own index: together they hold the newest of both.
        ids = [
            select(table.c.transfer_id)
            .where(column == account, *conditions)
            .order_by(newest)
            .limit(limit + 1)
            .subquery()
            for column in (table.c.debit, table.c.credit)
        ]
        either = or_(*(table.c.transfer_id.in_(select(each.c.transfer_id)) for each in ids))
        wanted = select(table).where(either).order_by(newest)
    return _fetch(connection, wanted, limit, LedgerEntry, lambda entry: str(entry.transfer_id))


def ledger_of_cause(connection: Connection, cause: str, reference_id: int) -> list[LedgerEntry]:
    """The postings of one trade, intake or load-out, in the order in which they were made."""
    table = tables.transfers
    query = (
        select(table)
        .where(and_(table.c.cause == cause, table.c.reference_id == reference_id))
        .order_by(table.c.transfer_id)
    )
    return [_message(row, LedgerEntry) for row in connection.execute(query).mappings()]


def deposits(
    connection: Connection, participant_id: int | None, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[DepositEntry]:
    """Money that came in, the newest first."""
    table = tables.deposits
    query = select(table).order_by(table.c.sequence.desc())
    if participant_id is not None:
        query = query.where(table.c.participant_id == participant_id)
    return _page(connection, query, table.c.sequence, cursor, limit, DepositEntry)


def busts(connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Bust]:
    """Trades that were taken back, descending `sequence`."""
    table = tables.busts
    return _page(connection, select(table).order_by(table.c.sequence.desc()), table.c.sequence, cursor, limit, Bust)


def adjustments(connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Adjustment]:
    """Cash adjustments, descending `sequence`."""
    table = tables.adjustments
    query = select(table).order_by(table.c.sequence.desc())
    return _page(connection, query, table.c.sequence, cursor, limit, Adjustment)


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
    return _page(connection, query, table.c.receipt_id, cursor, limit, Receipt)


def receipt(connection: Connection, receipt_id: int) -> Receipt | None:
    return _by_id(connection, tables.receipts.c.receipt_id, receipt_id, Receipt)


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
    return _page(connection, query, table.c.lot_id, cursor, limit, Lot)


def lot(connection: Connection, lot_id: int) -> Lot | None:
    return _by_id(connection, tables.lots.c.lot_id, lot_id, Lot)


# --- people and the venue -------------------------------------------------------------------------------------------


def participants(
    connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[ParticipantRegistered]:
    """Everyone, descending `participant_id`."""
    table = tables.participants
    query = select(table).order_by(table.c.participant_id.desc())
    return _page(connection, query, table.c.participant_id, cursor, limit, ParticipantRegistered)


def participant(connection: Connection, participant_id: int) -> ParticipantRegistered | None:
    return _by_id(connection, tables.participants.c.participant_id, participant_id, ParticipantRegistered)


def participant_by_name(connection: Connection, name: str) -> ParticipantRegistered | None:
    table = tables.participants
    return _one(connection, select(table).where(table.c.name == tables.storable(name)), ParticipantRegistered)


def venue(connection: Connection, sequence: int | None = None) -> ConfigureVenue | None:
    """The configuration in force, or what was in force after a command; none before the first."""
    table = tables.venue_configurations
    query = select(table).order_by(table.c.sequence.desc()).limit(1)
    return _one(connection, query if sequence is None else query.where(table.c.sequence <= sequence), ConfigureVenue)


# --- how pages are cut ----------------------------------------------------------------------------------------------


def _page(
    connection: Connection,
    query: Select[Any],
    key: ColumnElement[int],
    cursor: str | None,
    limit: int,
    kind: type[S],
) -> Page[S]:
    """A page of a list that descends by one integer key."""
    if cursor is not None:
        query = query.where(key < _integer(cursor))
    name = str(getattr(key, "name", ""))
    return _fetch(connection, query, limit, kind, lambda item: str(getattr(item, name)))


def _fetch(
    connection: Connection, query: Select[Any], limit: int, kind: type[S], cursor_of: Callable[[S], str]
) -> Page[S]:
    """One row more than asked for tells whether there is a next page."""
    assert 1 <= limit <= MAXIMUM_LIMIT
    rows = connection.execute(query.limit(limit + 1)).mappings().all()
    items = [_message(row, kind) for row in rows[:limit]]
    return Page(items, cursor_of(items[-1]) if len(rows) > limit else None)


def _by_id(connection: Connection, key: Column[int], number: int, kind: type[S]) -> S | None:
    """A number that no column holds is nobody's id, not an error."""
    if not 0 <= number < 2**63:
        return None
    return _one(connection, select(key.table).where(key == number), kind)


def _one(connection: Connection, query: Select[Any], kind: type[S]) -> S | None:
    row = connection.execute(query).mappings().first()
    return None if row is None else _message(row, kind)


def _message(row: Any, kind: type[S]) -> S:
    """A row has a message's fields as columns; lists in JSON become tuples where the message has them."""
    return msgspec.convert({name: row[name] for name in kind.__struct_fields__}, kind)


def _integer(cursor: str) -> int:
    """Raises `InvalidCursor` where the text is no 63-bit number."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 19) or int(cursor) >= 2**63:
        raise InvalidCursor(cursor)
    return int(cursor)
