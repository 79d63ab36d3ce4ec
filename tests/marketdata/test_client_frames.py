"""Frames in polars and in pandas: integers stay integers, times keep their nanoseconds, the last word counts."""

import importlib
import io
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from marketdata.client import (
    Book,
    BookView,
    CandleSeries,
    Export,
    IndexDay,
    IndexSeries,
    Instrument,
    OrderBook,
    Tape,
    to_frame,
)
from marketdata.client.frames import LIBRARIES, Library
from marketdata.messages import (
    BookMessage,
    CandlesMessage,
    HeartbeatMessage,
    IndexMessage,
    LotRow,
    OrderRow,
    OrdersSnapshot,
    StatusMessage,
    TickerMessage,
    Trade,
    TradesMessage,
)
from tests.marketdata.feed_reader import NOON_NS, checksum_of

libraries = pytest.mark.parametrize("library", LIBRARIES)

HEAD: dict[str, Any] = {"symbol": "A", "kind": "snapshot", "sequence": 9, "previous": None, "time_ns": NOON_NS}


def rows(frame: Any) -> list[tuple[Any, ...]]:
    """A frame's rows in plain values: times in nanoseconds, dates as ISO text, nothing as None."""
    if type(frame).__module__.startswith("polars"):
        polars = importlib.import_module("polars")
        frame = frame.with_columns(
            polars.col(polars.Datetime).dt.epoch("ns"), polars.col(polars.Date).cast(polars.String)
        )
        return [tuple(row) for row in frame.rows()]
    pandas = importlib.import_module("pandas")
    columns = []
    for name in frame.columns:
        column = frame[name]
        if isinstance(column.dtype, pandas.DatetimeTZDtype):
            assert str(column.dtype) == "datetime64[ns, UTC]"
            values = [None if value is pandas.NaT else value.value for value in column]
        elif pandas.api.types.is_datetime64_dtype(column.dtype):
            values = [None if value is pandas.NaT else value.strftime("%Y-%m-%d") for value in column]
        else:
            values = [None if value is pandas.NA else value for value in column.astype(object)]
            values = [None if value != value else value for value in values]
        columns.append(values)
    return list(zip(*columns, strict=True))


def trade(trade_id: int, *, busted: bool = False) -> Trade:
    return Trade(
        trade_id=trade_id,
        price=250 + trade_id,
        quantity=100,
        aggressor_side="buy" if trade_id % 2 else None,
        time_ns=NOON_NS + trade_id,
        busted=busted,
    )


@libraries
def test_trades_stand_once_as_last_told_whether_live_or_from_history(library: Library) -> None:
    live = TradesMessage(**HEAD, channel="trades", trades=[trade(2), trade(3), trade(2, busted=True)])
    past = Tape(symbol="A", trades=[trade(1), trade(2)], sequence=8)
    frame = to_frame([past, live], library)
    assert list(frame.columns) == ["symbol", "trade_id", "time", "price", "quantity", "aggressor_side", "busted"]
    assert rows(frame) == [
        ("A", 1, NOON_NS + 1, 251, 100, "buy", False),
        ("A", 2, NOON_NS + 2, 252, 100, None, True),
        ("A", 3, NOON_NS + 3, 253, 100, "buy", False),
    ]


@libraries
def test_candles_are_joined_by_their_start(library: Library) -> None:
    past = CandleSeries(
        symbol="A", interval="1m", candles=[(NOON_NS, 1, 2, 1, 2, 10), (NOON_NS + 60, 2, 2, 2, 2, 5)], sequence=8
    )
    live = CandlesMessage(**HEAD, channel="candles", interval="1m", candles=[(NOON_NS + 60, 2, 9, 2, 9, 15)])
    assert rows(to_frame([live, past, live], library)) == [
        ("A", "1m", NOON_NS, 1, 2, 1, 2, 10),
        ("A", "1m", NOON_NS + 60, 2, 9, 2, 9, 15),
    ]


@libraries
def test_a_book_is_framed_level_by_level(library: Library) -> None:
    bids, asks = {250: (400, 2), 249: (10, 1)}, {260: (300, 1)}
    book = Book("A")
    assert book.apply(
        BookMessage(
            **HEAD,
            channel="book",
            depth=None,
            bids=[(250, 400, 2), (249, 10, 1)],
            asks=[(260, 300, 1)],
            checksum=checksum_of(bids, asks),
        )
    )
    wanted = [
        ("A", 9, NOON_NS, "buy", 1, 250, 400, 2),
        ("A", 9, NOON_NS, "buy", 2, 249, 10, 1),
        ("A", 9, NOON_NS, "sell", 1, 260, 300, 1),
    ]
    assert rows(to_frame(book, library)) == wanted
    assert rows(to_frame(book.view(1), library)) == [wanted[0], wanted[2]]
    empty = to_frame(BookView(symbol="A", sequence=1, time_ns=0, bids=[], asks=[]), library)
    assert rows(empty) == []
    assert list(empty.columns)[3:] == ["side", "level", "price", "quantity", "orders"]


@libraries
def test_a_ticker_without_prices_has_nothing_in_their_places(library: Library) -> None:
    figures: dict[str, Any] = dict.fromkeys(("last", "open", "high", "low", "previous_close", "vwap"))
    quiet = TickerMessage(**HEAD, channel="ticker", bid=None, ask=(260, 300), volume=0, turnover_fen=0, **figures)
    assert rows(to_frame(quiet, library)) == [
        ("A", 9, NOON_NS, None, None, 260, 300, None, None, None, None, None, 0, 0, None)
    ]


@libraries
def test_the_index_by_day(library: Library) -> None:
    past = IndexDay(code="SXBI", date="2026-11-18", value=100_000, final=True, carried=False, constituents=[])
    live = [
        IndexMessage(
            **HEAD | {"symbol": "SXBI", "sequence": sequence},
            channel="index",
            value=value,
            date=None if value is None else "2026-11-19",
            constituents=[],
            final=False,
            carried=False,
        )
        for sequence, value in ((9, None), (10, 100_100), (11, 100_235))
    ]
    assert rows(to_frame(IndexSeries(code="SXBI", days=[], sequence=9), library)) == []
    series = IndexSeries(code="SXBI", days=[past], sequence=9)
    assert rows(to_frame([*live, series], library)) == rows(to_frame([past, *live], library))
    assert rows(to_frame([*live, past], library)) == [
        ("SXBI", "2026-11-18", 100_000, True, False),
        ("SXBI", "2026-11-19", 100_235, False, False),
    ]


@libraries
def test_orders_lots_phases_and_instruments(library: Library) -> None:
    row = OrderRow(order=7, side="buy", price=250, quantity=100)
    snapshot = OrdersSnapshot(**HEAD, channel="orders", orders=[row])
    orders = OrderBook("A")
    assert orders.apply(snapshot)
    assert rows(to_frame(orders, library)) == rows(to_frame(snapshot, library)) == rows(to_frame(row, library))
    assert rows(to_frame(row, library)) == [(7, "buy", 250, 100)]
    lot = LotRow(
        id=3,
        kind="listing",
        side="sell",
        price=260,
        quantity=1_000,
        remaining=400,
        minimum=None,
        expires_ns=None,
        opened_ns=None,
        start_price=None,
        step=None,
        interval_ns=None,
        variety="BXJ",
        grade="1",
        warehouse="SX1",
        origin="北坡镇",
        harvest_date="2026-11-17",
        green_until_ns=None,
        green_days=12,
        certificate=None,
    )
    assert rows(to_frame([lot], library)) == [
        (3, "listing", "sell", 260, 1_000, 400, None, "BXJ", "1", "SX1", "北坡镇", "2026-11-17", 12, None, None)
    ]
    phase = StatusMessage(**HEAD, channel="status", phase="halted", reason=None)
    assert rows(to_frame(phase, library)) == [("A", 9, NOON_NS, "halted", None)]
    instrument = Instrument(
        symbol="A",
        variety="BXJ",
        grade="1",
        warehouse="SX1",
        harvest_week="26W47",
        mode="continuous",
        phase="continuous",
        tick_size=1,
        lot_size=1,
        reference_price=None,
        last=250,
        bid=None,
        ask=None,
        sequence=9,
    )
    assert rows(to_frame(instrument, library)) == [
        ("A", "BXJ", "1", "SX1", "26W47", "continuous", "continuous", 250, None, None)
    ]


@libraries
def test_an_export_is_framed_as_it_is(library: Library) -> None:
    file = io.BytesIO()
    parquet.write_table(pyarrow.table({"trade_id": [1, 2], "side": ["buy", None]}), file)
    export = Export(dataset="trades", content=file.getvalue(), sequence=9)
    assert rows(to_frame(export, library)) == [(1, "buy"), (2, None)]


def test_what_cannot_be_framed_is_said() -> None:
    with pytest.raises(ValueError, match="nothing"):
        to_frame([])
    heartbeat = HeartbeatMessage(**HEAD, channel="heartbeat", streams=[])
    with pytest.raises(TypeError, match="HeartbeatMessage"):
        to_frame(heartbeat)  # type: ignore[arg-type]
    tape = Tape(symbol="A", trades=[], sequence=1)
    with pytest.raises(TypeError, match="one sort"):
        to_frame([tape, OrderRow(order=7, side="buy", price=250, quantity=100)])


def test_a_missing_library_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    tape = Tape(symbol="A", trades=[], sequence=1)
    with pytest.raises(ModuleNotFoundError, match="polars or pandas: pip install polars"):
        to_frame(tape)
    with pytest.raises(ModuleNotFoundError, match="pip install pandas"):
        to_frame(tape, "pandas")
