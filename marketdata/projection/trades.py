"""The tape, and candles of every interval; a trade that was taken back leaves them again."""

from collections.abc import Sequence
from functools import cache
from typing import Final

from sqlalchemy import ColumnElement, Connection, Executable, Table, bindparam, case, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from marketdata import tables
from marketdata.candles import LENGTH_NS, start_of
from marketdata.messages import INTERVALS, Interval, TradeBusted
from marketdata.projection.rows import Row, add_rows
from matching.messages import TradeExecuted

MAXIMUM_SUM: Final = 2**63 - 1
"""Sums stop here: no market reaches it, and a column that overflowed would stop the view for good."""


class Trades:
    """A candle here is only what these batches add to it."""

    def __init__(self) -> None:
        self._trades: list[Row] = []
        self._candles: dict[tuple[str, str, int], Row] = {}
        self._busts: list[TradeBusted] = []

    def add(self, event: TradeExecuted, sequence: int, time_ns: int) -> None:
        self._trades.append(
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

    def bust(self, event: TradeBusted) -> None:
        self._busts.append(event)

    def write(self, connection: Connection) -> None:
        add_rows(connection, tables.trades, self._trades)
        if self._candles:
            connection.execute(_add_to_candles(connection.dialect.name), list(self._candles.values()))
        if self._busts:
            _take_out(connection, self._busts)

    def _count(self, trade: TradeExecuted, interval: str, start_ns: int) -> None:
        candle = self._candles.get((trade.symbol, interval, start_ns))
        turnover_fen = trade.price * trade.quantity
        if candle is None:
            self._candles[trade.symbol, interval, start_ns] = {
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


def _into(table: Table, dialect: str) -> sqlite.Insert | postgresql.Insert:
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)


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
