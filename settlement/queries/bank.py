"""The bank's statements and their lines, withdrawals, vouchers, transfers in two phases; an account's day."""

from typing import Literal

from msgspec import Struct
from sqlalchemy import Connection, func, select

from settlement import tables
from settlement.messages.ledger import PendingState, PendingTransfer
from settlement.messages.treasury import BankLine, LineState, Voucher, VoucherState, Withdrawal, WithdrawalState
from settlement.queries.paging import DEFAULT_LIMIT, Page, by_id, either, message, one, page
from settlement.queries.treasury import LedgerEntry
from settlement.tables.bank import LINE_IS_OPEN, WITHDRAWAL_LIVES


class BankStatement(Struct, frozen=True, kw_only=True):
    """A day's statement as it was imported; `lines` are how many."""

    statement_id: int
    date: str
    opening_fen: int
    closing_fen: int
    lines: int
    paid_in_fen: int
    paid_out_fen: int
    operator_id: int
    sequence: int
    time_ns: int


class Reconciliation(Struct, frozen=True, kw_only=True):
    """The bank's closing balance against the ledger after a statement; see `StatementReconciled`."""

    statement_id: int
    date: str
    bank_fen: int
    ledger_fen: int
    difference_fen: int
    by_hand: int
    by_hand_fen: int
    unassigned: int
    unassigned_fen: int
    unexplained_fen: int
    suspense: int
    suspense_fen: int
    in_flight: int
    in_flight_fen: int
    sequence: int
    time_ns: int


def bank_statements(
    connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[BankStatement]:
    """Descending `statement_id`, which is descending date."""
    table = tables.bank_statements
    query = select(table).order_by(table.c.statement_id.desc())
    return page(connection, query, table.c.statement_id, cursor, limit, BankStatement)


def bank_statement(connection: Connection, statement_id: int) -> BankStatement | None:
    return by_id(connection, tables.bank_statements.c.statement_id, statement_id, BankStatement)


def bank_lines(
    connection: Connection,
    *,
    statement_id: int | None = None,
    state: Literal["open", "all"] | LineState = "all",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[BankLine]:
    """Lines as they stand, descending `line_id`; open are those that wait for a decision or for the bank."""
    table = tables.bank_lines
    query = select(table).order_by(table.c.line_id.desc())
    if statement_id is not None:
        query = query.where(table.c.statement_id == statement_id)
    if state == "open":
        query = query.where(LINE_IS_OPEN)
    elif state != "all":
        query = query.where(table.c.state == state)
    return page(connection, query, table.c.line_id, cursor, limit, BankLine)


def bank_line(connection: Connection, line_id: int) -> BankLine | None:
    return by_id(connection, tables.bank_lines.c.line_id, line_id, BankLine)


def reconciliations(
    connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[Reconciliation]:
    """Descending `statement_id`."""
    table = tables.reconciliations
    query = select(table).order_by(table.c.statement_id.desc())
    return page(connection, query, table.c.statement_id, cursor, limit, Reconciliation)


def withdrawals(
    connection: Connection,
    participant_id: int | None,
    *,
    state: Literal["live", "all"] | WithdrawalState = "all",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Withdrawal]:
    """As they stand, descending `withdrawal_id`; live are those that are requested or with the bank."""
    table = tables.withdrawals
    query = select(table).order_by(table.c.withdrawal_id.desc())
    if participant_id is not None:
        query = query.where(table.c.participant_id == participant_id)
    if state == "live":
        query = query.where(WITHDRAWAL_LIVES)
    elif state != "all":
        query = query.where(table.c.state == state)
    return page(connection, query, table.c.withdrawal_id, cursor, limit, Withdrawal)


def withdrawal(connection: Connection, withdrawal_id: int) -> Withdrawal | None:
    return by_id(connection, tables.withdrawals.c.withdrawal_id, withdrawal_id, Withdrawal)


def vouchers(
    connection: Connection,
    *,
    state: Literal["all"] | VoucherState = "all",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Voucher]:
    """As they stand, descending `voucher_id`."""
    table = tables.vouchers
    query = select(table).order_by(table.c.voucher_id.desc())
    if state != "all":
        query = query.where(table.c.state == state)
    return page(connection, query, table.c.voucher_id, cursor, limit, Voucher)


def voucher(connection: Connection, voucher_id: int) -> Voucher | None:
    return by_id(connection, tables.vouchers.c.voucher_id, voucher_id, Voucher)


def pending_transfers(
    connection: Connection,
    *,
    state: Literal["all"] | PendingState = "all",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[PendingTransfer]:
    """As they stand, descending `pending_id`."""
    table = tables.pending_transfers
    query = select(table).order_by(table.c.pending_id.desc())
    if state != "all":
        query = query.where(table.c.state == state)
    return page(connection, query, table.c.pending_id, cursor, limit, PendingTransfer)


def pending_transfer_of(connection: Connection, key: str) -> PendingTransfer | None:
    """The newest that was asked for by this key."""
    table = tables.pending_transfers
    query = select(table).where(table.c.key == tables.storable(key)).order_by(table.c.pending_id.desc()).limit(1)
    return one(connection, query, PendingTransfer)


# An account's day


def balances_before(connection: Connection, account: str, time_ns: int) -> dict[str, int]:
    """What the account held of each asset just before a time; empty ones left out.

    Added up from the postings, each direction by its own index: O(postings of the account before).
    """
    table = tables.transfers
    held: dict[str, int] = {}
    for column, sign in ((table.c.credit, 1), (table.c.debit, -1)):
        query = (
            select(table.c.asset, func.sum(table.c.amount))
            .where(column == account, table.c.time_ns < time_ns)
            .group_by(table.c.asset)
        )
        for asset, amount in connection.execute(query):
            held[asset] = held.get(asset, 0) + sign * int(amount)
    return {asset: amount for asset, amount in sorted(held.items()) if amount}


def postings_between(
    connection: Connection, account: str, from_ns: int, before_ns: int, limit: int
) -> list[LedgerEntry]:
    """The account's postings from one time to just before another, as they were made, at most `limit`.

    O(postings of the account).
    """
    table = tables.transfers
    day = (table.c.time_ns >= from_ns, table.c.time_ns < before_ns)
    query = either((table.c.debit, table.c.credit), account, day, table.c.transfer_id, limit, newest=False)
    return [message(row, LedgerEntry) for row in connection.execute(query).mappings()]


def symbols_of_lots(connection: Connection, lot_ids: list[int]) -> dict[int, str]:
    """What the goods of some lots trade as now. O(lots)."""
    if not lot_ids:
        return {}
    table = tables.lots
    query = select(table.c.lot_id, table.c.symbol).where(table.c.lot_id.in_(lot_ids))
    return {int(lot_id): str(symbol) for lot_id, symbol in connection.execute(query)}
