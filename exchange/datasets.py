"""What can be exported: the columns of each dataset, what it can be narrowed down by, and its rows.

Rows come as the database streams them, in an order that the dataset states, so that the same database gives the same
bytes and memory is bounded whatever there is. A column named `…_ns` holds nanoseconds since 1970 UTC; a file tells it
twice, as that integer and readable. No dataset knows a participant.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct
from sqlalchemy import Column, Connection, Select, func, select

from exchange.projector import cursor
from marketdata import tables
from marketdata.candles import SHANGHAI_NS
from marketdata.index import date_of
from settlement import queries as of_settlement
from settlement.civil import iso_date, venue_day
from settlement.queries import statistics
from web.disclosure import DAYS_AT_ONCE, disclosed_cells, disclosed_through
from web.disclosure import Kind as Told
from web.ports import DatasetView, ExportColumn, Wanted
from web.price_records import all_prices, decimal

FETCHED_AT_ONCE: Final = 5_000
"""Rows that are in memory as the database gives them."""

SECOND_NS: Final = 1_000_000_000

Rows = Iterator[Sequence[Any]]

Kind = Literal["integer", "text", "boolean"]


class Dataset(Struct, frozen=True):
    """`rows` gives values in the order of the columns. It reads one snapshot, the connection's."""

    title: str
    filters: tuple[str, ...]
    columns: tuple[tuple[str, Kind], ...]
    rows: Callable[[Connection, Wanted], Rows]

    def view(self, name: str) -> DatasetView:
        columns = [ExportColumn(column, kind) for column, kind in self.columns]
        return DatasetView(name=name, title=self.title, filters=list(self.filters), columns=columns)


class Unfit(ValueError):
    """The dataset cannot be narrowed down like that; the text begins with the filter's name."""


def rows_of(dataset: Dataset, connection: Connection, wanted: Wanted) -> Rows:
    """Raises `Unfit` at once where the dataset knows no such filter."""
    for name, value in wanted.given().items():
        if value is not None and name not in dataset.filters:
            known = ", ".join(dataset.filters) or "none"
            raise Unfit(f"{name} does not narrow this dataset down; what does: {known}")
    return dataset.rows(connection, wanted)


def _stream(connection: Connection, query: Select[Any]) -> Rows:
    yield from connection.execute(query.execution_options(yield_per=FETCHED_AT_ONCE))


def _narrowed(query: Select[Any], wanted: Wanted, time: Column[int]) -> Select[Any]:
    """Of one instrument, and of times `[from, to)`."""
    if wanted.symbol is not None:
        query = query.where(time.table.c.symbol == wanted.symbol)
    if wanted.from_ns is not None:
        query = query.where(time >= wanted.from_ns)
    if wanted.to_ns is not None:
        query = query.where(time < wanted.to_ns)
    return query


def _trades(connection: Connection, wanted: Wanted) -> Rows:
    table = tables.trades
    columns = [table.c[name] for name, _ in DATASETS["trades"].columns]
    return _stream(connection, _narrowed(select(*columns), wanted, table.c.time_ns).order_by(table.c.trade_id))


def _candles(connection: Connection, wanted: Wanted) -> Rows:
    table = tables.candles
    columns = [table.c[name] for name, _ in DATASETS["candles"].columns]
    query = _narrowed(select(*columns), wanted, table.c.start_ns)
    if wanted.interval is not None:
        query = query.where(table.c.interval == wanted.interval)
    return _stream(connection, query.order_by(table.c.symbol, table.c.interval, table.c.start_ns))


def _phases(connection: Connection, wanted: Wanted) -> Rows:
    table = tables.phase_changes
    columns = [table.c[name] for name, _ in DATASETS["phases"].columns]
    query = _narrowed(select(*columns), wanted, table.c.time_ns)
    return _stream(connection, query.order_by(table.c.symbol, table.c.sequence, table.c.position))


def _book_levels(connection: Connection, wanted: Wanted) -> Rows:
    table = tables.level_changes
    columns = [table.c[name] for name, _ in DATASETS["book-levels"].columns]
    query = _narrowed(select(*columns), wanted, table.c.time_ns)
    return _stream(connection, query.order_by(table.c.symbol, table.c.sequence, table.c.side, table.c.price))


def _books(connection: Connection, wanted: Wanted) -> Rows:
    """Instrument by instrument, the book at each full step of the venue's wall clock at which something stands."""
    table = tables.level_changes
    every_ns = (wanted.every_seconds or 3_600) * SECOND_NS
    depth = wanted.depth or 25
    latest_ns = connection.execute(select(func.max(tables.moments.c.time_ns))).scalar_one() or 0
    end_ns = latest_ns + 1 if wanted.to_ns is None else min(wanted.to_ns, latest_ns + 1)
    named = select(tables.instruments.c.symbol).order_by(tables.instruments.c.symbol)
    if wanted.symbol is not None:
        named = named.where(tables.instruments.c.symbol == wanted.symbol)
    for symbol in connection.execute(named).scalars().all():
        changes = select(
            table.c.sequence, table.c.time_ns, table.c.side, table.c.price, table.c.quantity, table.c.orders
        ).where(table.c.symbol == symbol, table.c.time_ns < end_ns)
        ordered = changes.order_by(table.c.sequence, table.c.side, table.c.price)
        yield from _at_each_step(symbol, _stream(connection, ordered), wanted.from_ns, end_ns, every_ns, depth)


def _at_each_step(
    symbol: str, changes: Iterable[Sequence[Any]], from_ns: int | None, end_ns: int, every_ns: int, depth: int
) -> Rows:
    """A book at a step is made of the changes until then, its own time included. O(changes + rows)."""
    sides: dict[str, dict[int, tuple[int, int]]] = {"buy": {}, "sell": {}}
    sequence = 0
    step_ns = None if from_ns is None else _step_from(from_ns, every_ns)

    def shown(until_ns: int) -> Rows:
        nonlocal step_ns
        while step_ns is not None and step_ns < until_ns:
            if not (sides["buy"] or sides["sell"]):
                step_ns = _step_from(until_ns, every_ns)
                return
            for side, levels in sides.items():
                for rank, price in enumerate(sorted(levels, reverse=side == "buy")[:depth], 1):
                    yield (step_ns, symbol, sequence, side, rank, price, *levels[price])
            step_ns += every_ns

    for changed, time_ns, side, price, quantity, orders in changes:
        if step_ns is None:
            step_ns = _step_from(time_ns, every_ns)
        yield from shown(time_ns)
        sequence = changed
        if quantity:
            sides[side][price] = (quantity, orders)
        else:
            sides[side].pop(price, None)
    yield from shown(end_ns)


def _step_from(time_ns: int, every_ns: int) -> int:
    """The first full step at or after a time, on the venue's wall."""
    return -(-(time_ns + SHANGHAI_NS) // every_ns) * every_ns - SHANGHAI_NS


def _index(connection: Connection, wanted: Wanted) -> Rows:
    last = connection.execute(select(func.max(tables.symbol_days.c.day))).scalar_one() or 0
    for row in _stream(connection, _index_days(wanted)):
        code, day, value, carried, joined, _ = row
        yield (code, date_of(day), value, carried, joined, day < last)


def _index_constituents(connection: Connection, wanted: Wanted) -> Rows:
    for row in _stream(connection, _index_days(wanted)):
        code, day, _, _, _, constituents = row
        for constituent, weight, price in constituents:
            yield (code, date_of(day), constituent, weight, price)


def _index_days(wanted: Wanted) -> Select[Any]:
    """By day, then code; `from` and `to` count by the local day that they fall in."""
    table = tables.index_days
    query = select(
        table.c.code, table.c.day, table.c.value, table.c.carried, table.c.joined, table.c.constituents
    ).order_by(table.c.day, table.c.code)
    if wanted.symbol is not None:
        query = query.where(table.c.code == wanted.symbol)
    if wanted.from_ns is not None:
        query = query.where(table.c.day >= venue_day(wanted.from_ns))
    if wanted.to_ns is not None:
        query = query.where(table.c.day <= venue_day(wanted.to_ns - 1))
    return query


def _lots(connection: Connection, wanted: Wanted) -> Rows:
    for each in of_settlement.lots_in_store(connection, symbol=wanted.symbol):
        yield tuple(getattr(each, name) for name, _ in DATASETS["lots"].columns)


def _receipts_in_store(connection: Connection, wanted: Wanted) -> Rows:
    for each in of_settlement.receipts_in_store(connection, symbol=wanted.symbol):
        yield tuple(getattr(each, name) for name, _ in DATASETS["receipts-in-store"].columns)


def _statistics(connection: Connection, wanted: Wanted) -> Rows:
    span = _days(connection, wanted)
    if span is not None:
        for day, *rest in statistics.daily_totals(connection, *span):
            yield (iso_date(day), *rest)


def _cells(kind: Told) -> Callable[[Connection, Wanted], Rows]:
    """What may be told, of days that cannot change any more; never the rows that it is made of."""

    def rows(connection: Connection, wanted: Wanted) -> Rows:
        span, at = _days(connection, wanted), cursor(connection)
        if span is None or at is None:
            return
        first, last = span[0], min(span[1], disclosed_through(at.time_ns))
        for start in range(first, last + 1, DAYS_AT_ONCE):
            for cell in disclosed_cells(connection, kind, start, min(last, start + DAYS_AT_ONCE - 1)):
                figures = cell.figures
                yield (iso_date(cell.day), cell.key, cell.other, figures.volume, figures.turnover_fen, figures.trades)

    return rows


def _days(connection: Connection, wanted: Wanted) -> tuple[int, int] | None:
    """The days of trading that are wanted, both counted; none where nothing was ever traded."""
    traded = statistics.days_traded(connection)
    if traded is None:
        return None
    first, last = traded
    if wanted.from_ns is not None:
        first = max(first, venue_day(wanted.from_ns))
    if wanted.to_ns is not None:
        last = min(last, venue_day(wanted.to_ns - 1))
    return first, last


def _prices(connection: Connection, wanted: Wanted) -> Rows:
    first = None if wanted.from_ns is None else venue_day(wanted.from_ns)
    last = None if wanted.to_ns is None else venue_day(wanted.to_ns - 1)
    for source, origin, currency, unit, day, price, scale in all_prices(connection, from_day=first, to_day=last):
        yield (source, origin or None, currency, unit, iso_date(day), price, scale, decimal(price, scale))


_CELLS: Final[tuple[tuple[str, Kind], ...]] = (
    ("other", "boolean"),
    ("volume", "integer"),
    ("turnover_fen", "integer"),
    ("trades", "integer"),
)

DATASETS: Final[Mapping[str, Dataset]] = {
    "trades": Dataset(
        "the tape, by ascending number of trade",
        ("symbol", "from", "to"),
        (
            ("trade_id", "integer"),
            ("symbol", "text"),
            ("price", "integer"),
            ("quantity", "integer"),
            ("aggressor_side", "text"),
            ("busted", "boolean"),
            ("sequence", "integer"),
            ("time_ns", "integer"),
        ),
        _trades,
    ),
    "candles": Dataset(
        "candles of every interval that something traded in, by symbol, interval and start",
        ("symbol", "from", "to", "interval"),
        (
            ("symbol", "text"),
            ("interval", "text"),
            ("start_ns", "integer"),
            ("open", "integer"),
            ("high", "integer"),
            ("low", "integer"),
            ("close", "integer"),
            ("volume", "integer"),
            ("turnover_fen", "integer"),
        ),
        _candles,
    ),
    "book-levels": Dataset(
        "each change of a level that readers of the book saw, by symbol, sequence, side and price; quantity 0 takes "
        "the level away",
        ("symbol", "from", "to"),
        (
            ("symbol", "text"),
            ("sequence", "integer"),
            ("side", "text"),
            ("price", "integer"),
            ("quantity", "integer"),
            ("orders", "integer"),
            ("time_ns", "integer"),
        ),
        _book_levels,
    ),
    "books": Dataset(
        "the book at each full step of time (`every` seconds, 3600) to a depth (25), a row a level, by symbol and time",
        ("symbol", "from", "to", "every", "depth"),
        (
            ("time_ns", "integer"),
            ("symbol", "text"),
            ("sequence", "integer"),
            ("side", "text"),
            ("rank", "integer"),
            ("price", "integer"),
            ("quantity", "integer"),
            ("orders", "integer"),
        ),
        _books,
    ),
    "phases": Dataset(
        "the phases of instruments, by symbol and sequence; while `dark` the book is not shown",
        ("symbol", "from", "to"),
        (
            ("symbol", "text"),
            ("sequence", "integer"),
            ("position", "integer"),
            ("phase", "text"),
            ("dark", "boolean"),
            ("time_ns", "integer"),
        ),
        _phases,
    ),
    "index": Dataset(
        "the banana index by day and code: hundredths of a point, of a fen per kilogram for a variety",
        ("symbol", "from", "to"),
        (
            ("code", "text"),
            ("date", "text"),
            ("value", "integer"),
            ("carried", "boolean"),
            ("joined", "integer"),
            ("final", "boolean"),
        ),
        _index,
    ),
    "index-constituents": Dataset(
        "what each day's index is made of: kilograms, and hundredths of a fen per kilogram",
        ("symbol", "from", "to"),
        (
            ("code", "text"),
            ("date", "text"),
            ("constituent", "text"),
            ("weight", "integer"),
            ("price", "integer"),
        ),
        _index_constituents,
    ),
    "lots": Dataset(
        "the lots of which receipts live now, summed up by instrument",
        ("symbol",),
        (
            ("symbol", "text"),
            ("warehouse", "text"),
            ("lots", "integer"),
            ("weight_g", "integer"),
            ("first_harvest", "text"),
            ("last_harvest", "text"),
        ),
        _lots,
    ),
    "receipts-in-store": Dataset(
        "the receipts that live now, summed up by instrument",
        ("symbol",),
        (
            ("symbol", "text"),
            ("warehouse", "text"),
            ("receipts", "integer"),
            ("weight_g", "integer"),
            ("pledged_g", "integer"),
            ("barred_g", "integer"),
            ("ordered_g", "integer"),
            ("expires_ns", "integer"),
        ),
        _receipts_in_store,
    ),
    "statistics": Dataset(
        "what was traded on each day, by variety, grade and warehouse: kilograms, fen, trades",
        ("from", "to"),
        (
            ("date", "text"),
            ("variety", "text"),
            ("grade", "text"),
            ("warehouse", "text"),
            ("volume", "integer"),
            ("turnover_fen", "integer"),
            ("trades", "integer"),
        ),
        _statistics,
    ),
    "statistics-origins": Dataset(
        "what was traded on each day, by town, as far as it reveals nobody: to the day before yesterday",
        ("from", "to"),
        (("date", "text"), ("town", "text"), *_CELLS),
        _cells("origin"),
    ),
    "statistics-regions": Dataset(
        "what was traded on each day, by the region that it went to, likewise",
        ("from", "to"),
        (("date", "text"), ("region", "text"), *_CELLS),
        _cells("buyer_region"),
    ),
    "prices": Dataset(
        "prices of other markets, by series and day: `price` divided by ten to the power of `scale`",
        ("from", "to"),
        (
            ("source", "text"),
            ("origin", "text"),
            ("currency", "text"),
            ("unit", "text"),
            ("date", "text"),
            ("price", "integer"),
            ("scale", "integer"),
            ("decimal", "text"),
        ),
        _prices,
    ),
}
"""By name; a new dataset has its entry here."""
