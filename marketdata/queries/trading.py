"""Instruments as they are defined, the tape, candles."""

from msgspec import Struct
from sqlalchemy import Connection, select

from marketdata import tables
from marketdata.messages import CandleRow, Interval
from marketdata.queries.paging import DEFAULT_LIMIT, MAXIMUM_LIMIT, Page, integer, value
from matching.messages import Phase, Side


class Trade(Struct, frozen=True, kw_only=True):
    """A trade as the public sees it."""

    trade_id: int
    symbol: str
    price: int
    quantity: int
    aggressor_side: Side | None
    time_ns: int
    sequence: int
    busted: bool


class Instrument(Struct, frozen=True, kw_only=True):
    """The definition in force and the phase, as of `sequence`."""

    symbol: str
    tick_size: int
    lot_size: int
    mode: str
    phase: Phase
    reference_price: int | None
    band: int | None
    collar: int | None
    protection: int | None
    cancel_on_halt: bool
    sequence: int


def trades(
    connection: Connection, symbol: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[Trade]:
    """The tape of an instrument, the newest first."""
    assert 1 <= limit <= MAXIMUM_LIMIT
    table = tables.trades
    query = select(table).where(table.c.symbol == symbol).order_by(table.c.trade_id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(table.c.trade_id < integer(cursor))
    rows = connection.execute(query).mappings().all()
    items = [value(row, Trade) for row in rows[:limit]]
    return Page(items, str(items[-1].trade_id) if len(rows) > limit else None)


def trade(connection: Connection, trade_id: int) -> Trade | None:
    table = tables.trades
    row = connection.execute(select(table).where(table.c.trade_id == trade_id)).mappings().first()
    return None if row is None else value(row, Trade)


def last_trade(connection: Connection, symbol: str) -> Trade | None:
    """The newest trade of an instrument."""
    newest = trades(connection, symbol, limit=1).items
    return newest[0] if newest else None


def candles(
    connection: Connection,
    symbol: str,
    interval: Interval,
    *,
    from_ns: int | None = None,
    to_ns: int | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[CandleRow]:
    """Candles that start in `[from_ns, to_ns)`, ascending: the newest `limit` of them; `next` asks for the older
    ones."""
    assert 1 <= limit <= MAXIMUM_LIMIT
    table = tables.candles
    query = (
        select(table.c.start_ns, table.c.open, table.c.high, table.c.low, table.c.close, table.c.volume)
        .where(table.c.symbol == symbol, table.c.interval == interval)
        .order_by(table.c.start_ns.desc())
        .limit(limit + 1)
    )
    if from_ns is not None:
        query = query.where(table.c.start_ns >= from_ns)
    if to_ns is not None:
        query = query.where(table.c.start_ns < to_ns)
    if cursor is not None:
        query = query.where(table.c.start_ns < integer(cursor))
    rows = connection.execute(query).all()
    items: list[CandleRow] = [tuple(row) for row in rows[:limit]]
    following = str(items[-1][0]) if len(rows) > limit else None
    return Page(items[::-1], following)


def instruments(connection: Connection, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Instrument]:
    """All instruments ever defined, ascending symbol. Any text is a cursor: what comes after it is asked for."""
    assert 1 <= limit <= MAXIMUM_LIMIT
    table = tables.instruments
    query = select(table).order_by(table.c.symbol).limit(limit + 1)
    if cursor is not None:
        query = query.where(table.c.symbol > cursor.replace("\0", ""))
    rows = connection.execute(query).mappings().all()
    items = [value(row, Instrument) for row in rows[:limit]]
    return Page(items, items[-1].symbol if len(rows) > limit else None)


def instrument(connection: Connection, symbol: str) -> Instrument | None:
    table = tables.instruments
    row = connection.execute(select(table).where(table.c.symbol == symbol)).mappings().first()
    return None if row is None else value(row, Instrument)
