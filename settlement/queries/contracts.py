"""Contracts as they stand or ended, and what happened to one."""

from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, select, tuple_

from settlement import tables
from settlement.messages.contracts import Contract, ContractCause, ContractState
from settlement.queries.paging import DEFAULT_LIMIT, InvalidCursor, Page, by_id, either, fetch, integer


class ContractStep(Struct, frozen=True, kw_only=True):
    """What happened to a contract by the command `sequence`, and what it held then."""

    sequence: int
    line: int
    time_ns: int
    contract_id: int
    cause: ContractCause
    state: ContractState
    escrow_fen: int
    buyer_earnest_fen: int
    seller_earnest_fen: int


def contracts(
    connection: Connection,
    participant_id: int | None,
    *,
    standing: Literal["live", "ended", "all"] = "all",
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[Contract]:
    """A participant's on either side, or all, descending `contract_id`."""
    table = tables.contracts
    conditions: list[ColumnElement[bool]] = []
    if standing == "live":
        conditions.append(table.c.ended_ns.is_(None))
    elif standing == "ended":
        conditions.append(table.c.ended_ns.is_not(None))
    if cursor is not None:
        conditions.append(table.c.contract_id < integer(cursor))
    newest = table.c.contract_id.desc()
    wanted: Select[Any]
    if participant_id is None:
        wanted = select(table).where(*conditions).order_by(newest)
    else:
        sides = (table.c.buyer_id, table.c.seller_id)
        wanted = either(sides, participant_id, conditions, table.c.contract_id, limit + 1)
    return fetch(connection, wanted, limit, Contract, lambda each: str(each.contract_id))


def contract(connection: Connection, contract_id: int, *, participant_id: int | None = None) -> Contract | None:
    """A contract as it stands or ended; with `participant_id`, only if that participant is a party."""
    found = by_id(connection, tables.contracts.c.contract_id, contract_id, Contract)
    return found if found is None or participant_id in (None, found.buyer_id, found.seller_id) else None


def contract_of_trade(connection: Connection, trade_id: int) -> Contract | None:
    """The contract that a trade has led to; none where it was settled at once."""
    return by_id(connection, tables.contracts.c.trade_id, trade_id, Contract)


def contract_steps(
    connection: Connection, contract_id: int, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[ContractStep]:
    """What happened to a contract, the newest first."""
    table = tables.contract_steps
    query = (
        select(table).where(table.c.contract_id == contract_id).order_by(table.c.sequence.desc(), table.c.line.desc())
    )
    if cursor is not None:
        sequence, dot, line = cursor.partition(".")
        if not dot:
            raise InvalidCursor(cursor)
        query = query.where(tuple_(table.c.sequence, table.c.line) < (integer(sequence), integer(line)))
    return fetch(connection, query, limit, ContractStep, lambda each: f"{each.sequence}.{each.line}")
