"""Data frames of what the client reads, in polars or in pandas.

    pip install "banana-exchange[polars]"        pip install "banana-exchange[pandas]"

Integers stay integers (fen per kilogram, kilograms), times become timestamps in UTC to the nanosecond, dates become
dates. A frame of trades has each trade once, as it was last told; so has one of candles, and of the index.
"""

import importlib
import io
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, Final, Literal, NamedTuple

from msgspec import Struct

from marketdata.client.books import Book, BookView, OrderBook
from marketdata.client.history import CandleSeries, Export, IndexDay, IndexSeries, Instrument, Tape
from marketdata.messages import (
    CandlesMessage,
    IndexMessage,
    LotRow,
    LotsSnapshot,
    OrderRow,
    OrdersSnapshot,
    StatusMessage,
    TickerMessage,
    TradesMessage,
)

Library = Literal["polars", "pandas"]
LIBRARIES: Final[tuple[Library, ...]] = ("polars", "pandas")

Kind = Literal["integer", "maybe_integer", "text", "truth", "maybe_truth", "time", "maybe_time", "date"]
"""What a column holds. Times are nanoseconds since 1970 UTC here."""

Source = (
    TradesMessage
    | Tape
    | CandlesMessage
    | CandleSeries
    | TickerMessage
    | StatusMessage
    | IndexMessage
    | IndexDay
    | IndexSeries
    | Book
    | BookView
    | OrderBook
    | OrdersSnapshot
    | OrderRow
    | LotsSnapshot
    | LotRow
    | Instrument
)


class Table(NamedTuple):
    """Rows and what their columns hold, for whichever library."""

    columns: dict[str, Kind]
    rows: list[tuple[Any, ...]]


def to_frame(source: Source | Export | Iterable[Source], library: Library | None = None) -> Any:
    """A frame of one thing, or of several of one sort. Without a `library` polars is taken where it is installed, else
    pandas. Raises `ModuleNotFoundError` where there is neither, TypeError where there is no frame of that, ValueError
    where there is nothing to tell what it would be a frame of.
    """
    if isinstance(source, Export):
        # Both read it alike, and pandas by pyarrow.
        return _installed(library).read_parquet(io.BytesIO(source.content))
    return framed(table_of(source), library)


def table_of(source: Source | Iterable[Source]) -> Table:
    """The rows of a frame. O(n log n)."""
    several = [source] if isinstance(source, (Struct, Book, OrderBook)) else list(source)
    if not several:
        raise ValueError("there is nothing here to make a frame of")
    makers = [_MAKERS.get(type(each)) for each in several]
    if makers[0] is None:
        raise TypeError(f"there is no frame of {type(several[0]).__name__}")
    sort = makers[0].sort
    rows: list[tuple[Any, ...]] = []
    for each, maker in zip(several, makers, strict=True):
        if maker is None or maker.sort is not sort:
            raise TypeError("a frame is of one sort of thing")
        rows.extend(maker.rows(each))
    if sort.key:
        # The last word of each counts, in the place of its key.
        rows = [row for _, row in sorted({row[: sort.key]: row for row in rows}.items())]
    return Table(sort.columns, rows)


def framed(table: Table, library: Library | None = None) -> Any:
    """The table as a frame of the library."""
    module = _installed(library)
    return _in_polars(module, table) if module.__name__ == "polars" else _in_pandas(module, table)


def _installed(library: Library | None) -> Any:
    """The module of that library, or of the first that is there."""
    for each in (library,) if library is not None else LIBRARIES:
        try:
            return importlib.import_module(each)
        except ModuleNotFoundError as error:
            if error.name != each:
                raise
    raise ModuleNotFoundError(f"a frame needs {library or 'polars or pandas'}: pip install {library or 'polars'}")


def _in_polars(polars: Any, table: Table) -> Any:
    types = {
        "integer": polars.Int64,
        "maybe_integer": polars.Int64,
        "text": polars.String,
        "truth": polars.Boolean,
        "maybe_truth": polars.Boolean,
        "time": polars.Datetime("ns", "UTC"),
        "maybe_time": polars.Datetime("ns", "UTC"),
        "date": polars.Date,
    }
    series = []
    for (name, kind), values in _columns(table):
        if kind in ("time", "maybe_time"):
            series.append(polars.Series(name, values, dtype=polars.Int64).cast(types[kind]))
        else:
            series.append(polars.Series(name, _dates(values) if kind == "date" else values, dtype=types[kind]))
    return polars.DataFrame(series)


def _in_pandas(pandas: Any, table: Table) -> Any:
    types = {
        "integer": "int64",
        "maybe_integer": "Int64",
        "text": "string",
        "truth": "bool",
        "maybe_truth": "boolean",
        "time": "int64",
        "maybe_time": "Int64",
        "date": "string",
    }
    series = {}
    for (name, kind), values in _columns(table):
        column = pandas.Series(values, dtype=types[kind])
        if kind in ("time", "maybe_time"):
            column = pandas.to_datetime(column, unit="ns", utc=True)
        elif kind == "date":
            column = pandas.to_datetime(column, format="%Y-%m-%d")
        series[name] = column
    return pandas.DataFrame(series)


def _columns(table: Table) -> list[tuple[tuple[str, Kind], list[Any]]]:
    values = [list(column) for column in zip(*table.rows, strict=True)] or [[] for _ in table.columns]
    return list(zip(table.columns.items(), values, strict=True))


def _dates(texts: list[Any]) -> list[date | None]:
    return [None if text is None else date.fromisoformat(text) for text in texts]


# What each source is a frame of


class _Sort(NamedTuple):
    """A sort of frame; its first `key` columns name a row, 0: rows stand as they come."""

    columns: dict[str, Kind]
    key: int


class _Maker(NamedTuple):
    sort: _Sort
    rows: Callable[[Any], Iterable[tuple[Any, ...]]]


_TRADES = _Sort(
    {
        "symbol": "text",
        "trade_id": "integer",
        "time": "time",
        "price": "integer",
        "quantity": "integer",
        "aggressor_side": "text",
        "busted": "truth",
    },
    2,
)
_CANDLES = _Sort(
    {
        "symbol": "text",
        "interval": "text",
        "start": "time",
        "open": "integer",
        "high": "integer",
        "low": "integer",
        "close": "integer",
        "volume": "integer",
    },
    3,
)
_BOOK = _Sort(
    {
        "symbol": "text",
        "sequence": "integer",
        "time": "time",
        "side": "text",
        "level": "integer",
        "price": "integer",
        "quantity": "integer",
        "orders": "integer",
    },
    0,
)
_ORDERS = _Sort({"order": "integer", "side": "text", "price": "integer", "quantity": "integer"}, 0)
_FIGURES: Final = ("last", "open", "high", "low", "previous_close")
_TICKER = _Sort(
    {
        "symbol": "text",
        "sequence": "integer",
        "time": "time",
        "bid": "maybe_integer",
        "bid_quantity": "maybe_integer",
        "ask": "maybe_integer",
        "ask_quantity": "maybe_integer",
        **dict.fromkeys(_FIGURES, "maybe_integer"),
        "volume": "integer",
        "turnover_fen": "integer",
        "vwap": "maybe_integer",
    },
    2,
)
_STATUS = _Sort({"symbol": "text", "sequence": "integer", "time": "time", "phase": "text", "reason": "text"}, 2)
_INDEX = _Sort({"code": "text", "date": "date", "value": "integer", "final": "truth", "carried": "truth"}, 2)
_LOTS = _Sort(
    {
        "id": "integer",
        "kind": "text",
        "side": "text",
        "price": "maybe_integer",
        "quantity": "integer",
        "remaining": "integer",
        "minimum": "maybe_integer",
        "variety": "text",
        "grade": "text",
        "warehouse": "text",
        "origin": "text",
        "harvest_date": "date",
        "green_days": "maybe_integer",
        "certificate": "maybe_truth",
        "expires": "maybe_time",
    },
    1,
)
_INSTRUMENTS = _Sort(
    {
        "symbol": "text",
        "variety": "text",
        "grade": "text",
        "warehouse": "text",
        "harvest_week": "text",
        "mode": "text",
        "phase": "text",
        "last": "maybe_integer",
        "bid": "maybe_integer",
        "ask": "maybe_integer",
    },
    1,
)


def _trades(source: TradesMessage | Tape) -> Iterable[tuple[Any, ...]]:
    return (
        (source.symbol, each.trade_id, each.time_ns, each.price, each.quantity, each.aggressor_side, each.busted)
        for each in source.trades
    )


def _candles(source: CandlesMessage | CandleSeries) -> Iterable[tuple[Any, ...]]:
    return ((source.symbol, source.interval, *row) for row in source.candles)


def _book(source: BookView) -> Iterable[tuple[Any, ...]]:
    for side, levels in (("buy", source.bids), ("sell", source.asks)):
        for level, (price, quantity, orders) in enumerate(levels, 1):
            yield (source.symbol, source.sequence, source.time_ns, side, level, price, quantity, orders)


def _ticker(source: TickerMessage) -> Iterable[tuple[Any, ...]]:
    bid, ask = source.bid or (None, None), source.ask or (None, None)
    figures = [getattr(source, name) for name in _FIGURES]
    yield (
        *(source.symbol, source.sequence, source.time_ns, *bid, *ask, *figures),
        *(source.volume, source.turnover_fen, source.vwap),
    )


def _status(source: StatusMessage) -> Iterable[tuple[Any, ...]]:
    yield (source.symbol, source.sequence, source.time_ns, source.phase, source.reason)


def _index_message(source: IndexMessage) -> Iterable[tuple[Any, ...]]:
    if source.value is not None:
        yield (source.symbol, source.date, source.value, source.final, source.carried)


def _index_day(source: IndexDay) -> Iterable[tuple[Any, ...]]:
    yield (source.code, source.date, source.value, source.final, source.carried)


def _order(source: OrderRow) -> tuple[Any, ...]:
    return (source.order, source.side, source.price, source.quantity)


def _lot(source: LotRow) -> tuple[Any, ...]:
    names = [name for name in _LOTS.columns if name != "expires"]
    return (*(getattr(source, name) for name in names), source.expires_ns)


def _instrument(source: Instrument) -> tuple[Any, ...]:
    return tuple(getattr(source, name) for name in _INSTRUMENTS.columns)


_MAKERS: Final[dict[type, _Maker]] = {
    TradesMessage: _Maker(_TRADES, _trades),
    Tape: _Maker(_TRADES, _trades),
    CandlesMessage: _Maker(_CANDLES, _candles),
    CandleSeries: _Maker(_CANDLES, _candles),
    BookView: _Maker(_BOOK, _book),
    Book: _Maker(_BOOK, lambda book: _book(book.view())),
    OrderBook: _Maker(_ORDERS, lambda book: map(_order, [*book.orders("buy"), *book.orders("sell")])),
    OrdersSnapshot: _Maker(_ORDERS, lambda message: map(_order, message.orders)),
    OrderRow: _Maker(_ORDERS, lambda row: [_order(row)]),
    TickerMessage: _Maker(_TICKER, _ticker),
    StatusMessage: _Maker(_STATUS, _status),
    IndexMessage: _Maker(_INDEX, _index_message),
    IndexDay: _Maker(_INDEX, _index_day),
    IndexSeries: _Maker(_INDEX, lambda series: [row for each in series.days for row in _index_day(each)]),
    LotsSnapshot: _Maker(_LOTS, lambda message: map(_lot, message.lots)),
    LotRow: _Maker(_LOTS, lambda row: [_lot(row)]),
    Instrument: _Maker(_INSTRUMENTS, lambda row: [_instrument(row)]),
}
