"""Committed events become rows of `marketdata.tables`, in few statements.

Whoever calls this moves the cursor in the same transaction, so each event is projected once: a candle's volume can be
added to, and a trade that exists already means that this was broken (`IntegrityError`).
"""

from collections.abc import Iterable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Final, Protocol

import msgspec
from msgspec.structs import asdict
from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Table,
    bindparam,
    case,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from marketdata import tables
from marketdata.candles import LENGTH_NS, start_of
from marketdata.messages import INTERVALS, Interval, TradeBusted
from matching.messages import DefineInstrument, InstrumentDefined, PhaseChanged, TradeExecuted

Row = dict[str, Any]

MAXIMUM_SUM: Final = 2**63 - 1
"""Sums stop here: no market reaches it, and a column that overflowed would stop the view for good."""


_TRADE_COLUMNS: Final = [column.name for column in tables.trades.c]
_trade_values: Final = itemgetter(*_TRADE_COLUMNS)
_encode: Final = msgspec.json.Encoder().encode


class Committed(Protocol):
    """A batch as the journal has it: command `i` has sequence `first_sequence + i` and caused `events[i]`."""

    @property
    def first_sequence(self) -> int: ...
    @property
    def time_ns(self) -> int: ...
    @property
    def commands(self) -> Sequence[Any]: ...
    @property
    def events(self) -> Sequence[Sequence[Any]]: ...


def project(connection: Connection, batches: Iterable[Committed]) -> None:
    """Write what the batches did, in their order. O(events), a few statements in all."""
    changes = _Changes()
    for batch in batches:
        for index, command in enumerate(batch.commands):
            changes.take(command, batch.events[index], batch.first_sequence + index, batch.time_ns)
    changes.write(connection)


class _Changes:
    """The rows that some batches lead to; a candle here is only what these batches add to it."""

    def __init__(self) -> None:
        self.instruments: dict[str, Row] = {}
        self.phases: dict[str, Row] = {}
        self.trades: list[Row] = []
        self.candles: dict[tuple[str, str, int], Row] = {}
        self.busts: list[TradeBusted] = []

    def take(self, command: Any, events: Sequence[Any], sequence: int, time_ns: int) -> None:
        for event in events:
            match event:
                case TradeExecuted():
                    self.trades.append(
                        {
                            "trade_id": event.trade_id,
                            "symbol": event.symbol,
                            "price": event.price,
                            "quantity": event.quantity,
                            "aggressor_side": event.aggressor_side,
                            "sequence": sequence,
                            "time_ns": time_ns,
                            "busted": False,
                        }
                    )
                    for interval in INTERVALS:
                        self._count(event, interval, start_of(interval, time_ns))
                case TradeBusted():
                    self.busts.append(event)
                case PhaseChanged():
                    if event.symbol in self.instruments:
                        self.instruments[event.symbol] |= {"phase": event.phase, "sequence": sequence}
                    else:
                        self.phases[event.symbol] = {
                            "of": event.symbol,
                            "new_phase": event.phase,
                            "new_sequence": sequence,
                        }
                case InstrumentDefined():
                    self.instruments[event.symbol] = asdict(_definition(command, event)) | {"sequence": sequence}
                    self.phases.pop(event.symbol, None)
                case _:
                    pass  # settlement's, or about single orders: not the public's to see

    def _count(self, trade: TradeExecuted, interval: str, start_ns: int) -> None:
        candle = self.candles.get((trade.symbol, interval, start_ns))
        turnover_fen = trade.price * trade.quantity
        if candle is None:
            self.candles[trade.symbol, interval, start_ns] = {
                "symbol": trade.symbol,
                "interval": interval,
                "start_ns": start_ns,
                "open": trade.price,
                "high": trade.price,
                "low": trade.price,
                "close": trade.price,
                "volume": trade.quantity,
                "turnover_fen": min(turnover_fen, MAXIMUM_SUM),
            }
            return
        candle["high"] = max(candle["high"], trade.price)
        candle["low"] = min(candle["low"], trade.price)
        candle["close"] = trade.price
        candle["volume"] = min(candle["volume"] + trade.quantity, MAXIMUM_SUM)
        candle["turnover_fen"] = min(candle["turnover_fen"] + turnover_fen, MAXIMUM_SUM)

    def write(self, connection: Connection) -> None:
        dialect = connection.dialect.name
        if self.instruments:
            connection.execute(_set_instruments(dialect), list(self.instruments.values()))
        if self.phases:
            connection.execute(_set_phases(), list(self.phases.values()))
        if self.trades:
            _add_trades(connection, self.trades)
        if self.candles:
            connection.execute(_add_to_candles(dialect), list(self.candles.values()))
        if self.busts:
            _take_out(connection, self.busts)


def _take_out(connection: Connection, busts: Sequence[TradeBusted]) -> None:
    """Mark trades as busted and correct the candles that they are in. O(trades of their instruments)."""
    connection.execute(_bust_trades(), [{"of": bust.trade_id} for bust in busts])
    lost: dict[tuple[str, Interval, int], tuple[int, int]] = {}
    for bust in busts:
        for interval in INTERVALS:
            key = (bust.symbol, interval, start_of(interval, bust.traded_ns))
            volume, turnover_fen = lost.get(key, (0, 0))
            lost[key] = volume + bust.quantity, turnover_fen + bust.price * bust.quantity
    for (symbol, interval, start_ns), (volume, turnover_fen) in lost.items():
        _correct_candle(connection, symbol, interval, start_ns, volume, turnover_fen)


def _correct_candle(
    connection: Connection, symbol: str, interval: Interval, start_ns: int, volume: int, turnover_fen: int
) -> None:
    """Take this much out of a candle; its prices are those of the trades that are left, without any it goes."""
    table, trades = tables.candles, tables.trades
    this = (table.c.symbol == symbol, table.c.interval == interval, table.c.start_ns == start_ns)
    left = (
        trades.c.symbol == symbol,
        trades.c.time_ns >= start_ns,
        trades.c.time_ns < start_ns + LENGTH_NS[interval],
        trades.c.busted.is_(False),
    )
    first, last, high, low = connection.execute(
        select(
            func.min(trades.c.trade_id), func.max(trades.c.trade_id), func.max(trades.c.price), func.min(trades.c.price)
        ).where(*left)
    ).one()
    if first is None:
        connection.execute(delete(table).where(*this))
        return

    def price_of(trade_id: int) -> int:
        return int(connection.execute(select(trades.c.price).where(trades.c.trade_id == trade_id)).scalar_one())

    connection.execute(
        update(table)
        .where(*this)
        .values(
            open=price_of(first),
            high=high,
            low=low,
            close=price_of(last),
            volume=table.c.volume - min(volume, MAXIMUM_SUM),
            turnover_fen=table.c.turnover_fen - min(turnover_fen, MAXIMUM_SUM),
        )
    )


def _definition(command: Any, event: InstrumentDefined) -> DefineInstrument:
    """The words of the definition; a command that has none of them opens the instrument by the defaults."""
    if isinstance(command, DefineInstrument) and command.symbol == event.symbol:
        return command
    return DefineInstrument(event.symbol)


def _into(table: Table, dialect: str) -> sqlite.Insert | postgresql.Insert:
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)


@cache
def _set_instruments(dialect: str) -> Executable:
    statement = _into(tables.instruments, dialect)
    return statement.on_conflict_do_update(
        index_elements=["symbol"],
        set_={
            column.name: statement.excluded[column.name] for column in tables.instruments.c if not column.primary_key
        },
    )


@cache
def _set_phases() -> Executable:
    table = tables.instruments
    return (
        update(table)
        .where(table.c.symbol == bindparam("of"))
        .values(phase=bindparam("new_phase"), sequence=bindparam("new_sequence"))
    )


def _add_trades(connection: Connection, rows: Sequence[Row]) -> None:
    """PostgreSQL gets them as one JSON value, which it unrolls itself, SQLite one by one: half of the time that it
    takes through the compiler of statements goes into making parameters."""
    columns = ", ".join(_TRADE_COLUMNS)
    if connection.dialect.name == "postgresql":
        statement = f"INSERT INTO trades ({columns}) SELECT {columns} FROM json_populate_recordset(NULL::trades, %s)"
        connection.exec_driver_sql(statement, (_encode(rows).decode(),))
    else:
        statement = f"INSERT INTO trades ({columns}) VALUES ({', '.join('?' * len(_TRADE_COLUMNS))})"
        connection.exec_driver_sql(statement, list(map(_trade_values, rows)))


@cache
def _bust_trades() -> Executable:
    return update(tables.trades).where(tables.trades.c.trade_id == bindparam("of")).values(busted=True)


@cache
def _add_to_candles(dialect: str) -> Executable:
    """What is there keeps its open; the added part is the later one, so its close counts."""
    statement = _into(tables.candles, dialect)
    old, new = tables.candles.c, statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["symbol", "interval", "start_ns"],
        set_={
            "high": case((old.high > new.high, old.high), else_=new.high),
            "low": case((old.low < new.low, old.low), else_=new.low),
            "close": new.close,
            "volume": _sum(old.volume, new.volume),
            "turnover_fen": _sum(old.turnover_fen, new.turnover_fen),
        },
    )


def _sum(old: ColumnElement[int], new: ColumnElement[int]) -> ColumnElement[int]:
    return case((old > MAXIMUM_SUM - new, MAXIMUM_SUM), else_=old + new)
