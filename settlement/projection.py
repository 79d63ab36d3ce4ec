"""Committed events become rows of `settlement.tables`, in few statements: what later events of a call overwrite is not
written first.

Whoever calls this moves the cursor in the same transaction, so each event is projected once; a row that exists already
therefore means that this was broken, and raises `IntegrityError` where rows are only ever added.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Connection, Executable, Table, bindparam, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from settlement import messages, tables

Row = dict[str, Any]


class Committed(Protocol):
    """A batch as the journal has it: command `i` has sequence `first_sequence + i` and caused `events[i]`."""

    @property
    def first_sequence(self) -> int: ...
    @property
    def time_ns(self) -> int: ...
    @property
    def events(self) -> Sequence[Sequence[Any]]: ...


def project(connection: Connection, batches: Iterable[Committed]) -> None:
    """Write what the batches did, in their order. O(events), one statement a table that they touch."""
    changes = _Changes()
    for batch in batches:
        for index, events in enumerate(batch.events):
            changes.take(events, batch.first_sequence + index, batch.time_ns)
    changes.write(connection)


class _Changes:
    """The rows that some batches lead to: added ones in order, changed ones only as they stand at the end."""

    def __init__(self) -> None:
        self.venue_configurations: list[Row] = []
        self.participants: dict[int, Row] = {}
        self.deposits: list[Row] = []
        self.lots: dict[int, messages.Lot] = {}
        self.receipts: dict[int, messages.Receipt] = {}
        self.orders: dict[int, messages.ExecutionReport] = {}
        self.fills: list[Row] = []
        self.busts: list[Row] = []
        self.adjustments: list[Row] = []
        self.transfers: list[Row] = []
        self.balances: dict[tuple[int, str], messages.BalanceChanged] = {}

    def take(self, events: Sequence[Any], sequence: int, time_ns: int) -> None:
        for event in events:
            match event:
                case messages.ExecutionReport():
                    self.orders[event.order_id] = event
                case messages.BalanceChanged():
                    self.balances[event.participant_id, event.asset] = event
                case messages.LedgerPosted():
                    about = {
                        "sequence": sequence,
                        "time_ns": time_ns,
                        "cause": event.cause,
                        "reference_id": event.reference_id,
                    }
                    self.transfers += [about | asdict(transfer) for transfer in event.transfers]
                case messages.TradeSettled():
                    self.fills += _fills(event, sequence, time_ns)
                case messages.TradeBusted():
                    self.busts.append(
                        {
                            "trade_id": event.trade.trade_id,
                            "sequence": sequence,
                            "time_ns": time_ns,
                            "operator_id": event.operator_id,
                            "reason": event.reason,
                        }
                    )
                case messages.CashAdjusted():
                    self.adjustments.append(asdict(event) | {"sequence": sequence, "time_ns": time_ns})
                case messages.ReceiptChanged():
                    self.receipts[event.receipt.receipt_id] = event.receipt
                case messages.LotChanged():
                    self.lots[event.lot.lot_id] = event.lot
                case messages.CashDeposited():
                    self.deposits.append(asdict(event) | {"sequence": sequence, "time_ns": time_ns})
                case messages.ParticipantRegistered():
                    self.participants[event.participant_id] = asdict(event)
                case messages.VenueConfigured():
                    configuration = asdict(event) | {
                        "warehouses": [asdict(warehouse) for warehouse in event.warehouses],
                        "varieties": [asdict(variety) for variety in event.varieties],
                    }
                    self.venue_configurations.append(configuration | {"sequence": sequence, "time_ns": time_ns})
                case _:
                    pass  # a refusal, or matching's own: nothing of settlement changed

    def write(self, connection: Connection) -> None:
        _add(connection, tables.venue_configurations, [_storable(row) for row in self.venue_configurations])
        _set(connection, tables.participants, [_storable(row) for row in self.participants.values()])
        _add(connection, tables.deposits, [_storable(row) for row in self.deposits])
        _set(connection, tables.lots, [_storable(asdict(lot)) for lot in self.lots.values()])
        _set(connection, tables.receipts, _rows(self.receipts.values()))
        _set(connection, tables.orders, [_order(report) for report in self.orders.values()])
        _add(connection, tables.fills, self.fills)
        _add(connection, tables.busts, [_storable(row) for row in self.busts])
        if self.busts:
            connection.execute(_bust_fills(), [{"of": bust["trade_id"]} for bust in self.busts])
        _add(connection, tables.adjustments, [_storable(row) for row in self.adjustments])
        _add(connection, tables.transfers, self.transfers)
        _set(connection, tables.balances, _rows(self.balances.values()))


def _fills(trade: messages.TradeSettled, sequence: int, time_ns: int) -> tuple[Row, Row]:
    common = {
        "trade_id": trade.trade_id,
        "symbol": trade.symbol,
        "price": trade.price,
        "quantity": trade.quantity,
        "sequence": sequence,
        "time_ns": time_ns,
        "busted": False,
    }
    bought = common | {
        "side": "buy",
        "order_id": trade.buy_order_id,
        "participant_id": trade.buyer_id,
        "fee_fen": trade.buyer_fee_fen,
        "lots": [(received, kilograms) for _, received, kilograms in trade.lots],
    }
    sold = common | {
        "side": "sell",
        "order_id": trade.sell_order_id,
        "participant_id": trade.seller_id,
        "fee_fen": trade.seller_fee_fen,
        "lots": [(delivered, kilograms) for delivered, _, kilograms in trade.lots],
    }
    return bought, sold


def _order(report: messages.ExecutionReport) -> Row:
    row = asdict(report)
    # A rejected order shows what was asked for, whatever that was; any other has passed the market's rules.
    if report.status == "rejected" or "\0" in report.client_order_id:
        return _storable(row)
    return row


def _storable(row: Row) -> Row:
    """The row with what a participant may send and PostgreSQL cannot keep made fit: NUL in a text, integers over 63
    bits."""
    return {name: _fit(value) for name, value in row.items()}


def _fit(value: Any) -> Any:
    if isinstance(value, str):
        return tables.storable(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return min(max(value, -(2**63)), 2**63 - 1)
    return value


def _rows(structs: Iterable[Struct]) -> list[Row]:
    return [asdict(struct) for struct in structs]


def _add(connection: Connection, table: Table, rows: list[Row]) -> None:
    if rows:
        connection.execute(_insert(table), rows)


def _set(connection: Connection, table: Table, rows: list[Row]) -> None:
    """Insert the rows; where the key is there, overwrite the rest. Keys must differ among the rows."""
    if rows:
        connection.execute(_upsert(table, connection.dialect.name), rows)


@cache
def _bust_fills() -> Executable:
    return update(tables.fills).where(tables.fills.c.trade_id == bindparam("of")).values(busted=True)


@cache
def _insert(table: Table) -> Executable:
    return insert(table)


@cache
def _upsert(table: Table, dialect: str) -> Executable:
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    return statement.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_={column.name: statement.excluded[column.name] for column in table.c if not column.primary_key},
    )
