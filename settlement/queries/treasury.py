"""What participants hold, the ledger's postings, what came in and was moved."""

from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, and_, select

from settlement import tables
from settlement.messages import CASH, BalanceChanged
from settlement.queries.paging import DEFAULT_LIMIT, Page, either, fetch, integer, message, page


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


def balances(connection: Connection, participant_id: int) -> list[BalanceChanged]:
    """What a participant holds, as last reported: cash first, then goods by ascending symbol."""
    table = tables.balances
    query = select(table).where(table.c.participant_id == participant_id).order_by(table.c.asset)
    found = [message(row, BalanceChanged) for row in connection.execute(query).mappings()]
    return sorted(found, key=lambda balance: balance.asset != CASH)


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
        conditions.append(table.c.transfer_id < integer(cursor))
    wanted: Select[Any]
    if account is None:
        wanted = select(table).where(*conditions).order_by(table.c.transfer_id.desc())
    else:
        wanted = either((table.c.debit, table.c.credit), account, conditions, table.c.transfer_id, limit + 1)
    return fetch(connection, wanted, limit, LedgerEntry, lambda entry: str(entry.transfer_id))


def ledger_of_cause(connection: Connection, cause: str, reference_id: int) -> list[LedgerEntry]:
    """The postings of one trade, intake or load-out, in the order in which they were made."""
    table = tables.transfers
    query = (
        select(table)
        .where(and_(table.c.cause == cause, table.c.reference_id == reference_id))
        .order_by(table.c.transfer_id)
    )
    return [message(row, LedgerEntry) for row in connection.execute(query).mappings()]


def deposits(
    connection: Connection, participant_id: int | None, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[DepositEntry]:
    """Money that came in, the newest first."""
    table = tables.deposits
    query = select(table).order_by(table.c.sequence.desc())
    if participant_id is not None:
        query = query.where(table.c.participant_id == participant_id)
    return page(connection, query, table.c.sequence, cursor, limit, DepositEntry)


def adjustments(connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Adjustment]:
    """Cash adjustments, descending `sequence`."""
    table = tables.adjustments
    query = select(table).order_by(table.c.sequence.desc())
    return page(connection, query, table.c.sequence, cursor, limit, Adjustment)
