"""Trades become tape and candles, definitions become instruments: the same on SQLite and on PostgreSQL."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.exc import IntegrityError

from marketdata import queries
from marketdata.candles import Candles
from marketdata.messages import INTERVALS, TradeBusted
from marketdata.projection import project
from marketdata.queries import InvalidCursor
from marketdata.tables import metadata
from matching.messages import (
    AdvanceTime,
    DefineInstrument,
    InstrumentDefined,
    OrderAccepted,
    PhaseChanged,
    SetPhase,
    TradeExecuted,
)
from settlement.messages import IssueReceipt

SYMBOL = "BXJ-1-SX1-26W47"
OTHER = "FJ-2-SX2-26W48"
MINUTE_NS = 60_000_000_000
MONDAY_NS = 1_795_392_000_000_000_000 - 8 * 3_600_000_000_000
"""2026-11-23 00:00 in Suixi."""


class Batch(Struct, frozen=True):
    first_sequence: int
    time_ns: int
    commands: Sequence[Any]
    events: Sequence[Sequence[Any]]


@pytest.fixture
def market(database: Engine) -> Engine:
    """A database that knows two instruments."""
    tell(database, *DEFINED)
    return database


def tell(database: Engine, *batches: Batch) -> None:
    with database.begin() as connection:
        project(connection, batches)


DEFINED = (
    Batch(
        1,
        1,
        [DefineInstrument(SYMBOL), DefineInstrument(OTHER)],
        [[InstrumentDefined(SYMBOL)], [InstrumentDefined(OTHER)]],
    ),
)


def traded(trade_id: int, time_ns: int, price: int, quantity: int, symbol: str = SYMBOL) -> Batch:
    """A batch of one command, ten after the trade's number, that led to one trade."""
    trade = TradeExecuted(trade_id, symbol, price, quantity, 1, 2, "buy")
    return Batch(10 + trade_id, time_ns, [AdvanceTime(time_ns)], [[OrderAccepted(1, symbol), trade]])


def test_the_tape_is_read_newest_first(market: Engine) -> None:
    tell(market, traded(1, 10, 250, 5), traded(2, 20, 251, 6, OTHER), traded(3, 30, 252, 7), traded(4, 40, 253, 8))
    with market.connect() as connection:
        page = queries.trades(connection, SYMBOL, limit=2)
        assert [each.trade_id for each in page.items] == [4, 3]
        rest = queries.trades(connection, SYMBOL, limit=2, cursor=page.next)
        assert [each.trade_id for each in rest.items] == [1]
        assert rest.next is None
        newest = queries.last_trade(connection, SYMBOL)
        assert newest is not None
        assert (newest.price, newest.quantity, newest.aggressor_side) == (253, 8, "buy")
        assert (newest.sequence, newest.time_ns, newest.busted) == (14, 40, False)
        assert queries.last_trade(connection, "NTH-E-SX1-26W47") is None
        assert queries.trade(connection, 2) == queries.last_trade(connection, OTHER)
        assert queries.trade(connection, 99) is None


def test_an_auctions_trades_have_no_aggressor(market: Engine) -> None:
    trades = [TradeExecuted(n, SYMBOL, 250, 5, 1, 2, None) for n in (1, 2)]
    tell(market, Batch(11, 10, [SetPhase(SYMBOL, "continuous")], [trades]))
    with market.connect() as connection:
        assert [each.aggressor_side for each in queries.trades(connection, SYMBOL).items] == [None, None]


def test_a_candle_grows_over_transactions(market: Engine) -> None:
    tell(market, traded(1, MONDAY_NS + 1, 250, 5))
    tell(market, traded(2, MONDAY_NS + 2, 240, 6), traded(3, MONDAY_NS + 3, 260, 7))
    tell(market, traded(4, MONDAY_NS + MINUTE_NS - 1, 245, 1), traded(5, MONDAY_NS + MINUTE_NS, 251, 2))
    with market.connect() as connection:
        assert queries.candles(connection, SYMBOL, "1m").items == [
            (MONDAY_NS, 250, 260, 240, 245, 19),
            (MONDAY_NS + MINUTE_NS, 251, 251, 251, 251, 2),
        ]
        for interval in ("5m", "1h", "1d", "1w"):
            assert queries.candles(connection, SYMBOL, interval).items == [(MONDAY_NS, 250, 260, 240, 251, 21)]


def test_candles_are_read_by_time_and_backwards_page_by_page(market: Engine) -> None:
    tell(market, *(traded(n + 1, MONDAY_NS + n * MINUTE_NS, 250 + n, 1) for n in range(6)))
    with market.connect() as connection:

        def starts(**wanted: Any) -> list[int]:
            page = queries.candles(connection, SYMBOL, "1m", **wanted)
            return [(start - MONDAY_NS) // MINUTE_NS for start, *_ in page.items]

        assert starts() == [0, 1, 2, 3, 4, 5]
        assert starts(from_ns=MONDAY_NS + MINUTE_NS, to_ns=MONDAY_NS + 4 * MINUTE_NS) == [1, 2, 3]
        newest = queries.candles(connection, SYMBOL, "1m", limit=4)
        assert [start for start, *_ in newest.items] == [MONDAY_NS + n * MINUTE_NS for n in (2, 3, 4, 5)]
        assert starts(limit=4, cursor=newest.next) == [0, 1]


@pytest.mark.parametrize("cursor", ["", "x", "-1", "9223372036854775808", "\0"])
def test_a_cursor_that_no_page_gave_is_refused(database: Engine, cursor: str) -> None:
    with database.connect() as connection:
        with pytest.raises(InvalidCursor):
            queries.trades(connection, SYMBOL, cursor=cursor)
        with pytest.raises(InvalidCursor):
            queries.candles(connection, SYMBOL, "1m", cursor=cursor)


def test_sums_stop_where_the_column_ends(market: Engine) -> None:
    most = 2**53 - 1
    for first in (1, 3):
        tell(market, traded(first, 10, most, most), traded(first + 1, 10, most, most))
    with market.connect() as connection:
        ((_, _, _, _, _, volume),) = queries.candles(connection, SYMBOL, "1m").items
        assert volume == 4 * most
        turnover = select(metadata.tables["candles"].c.turnover_fen)
        assert set(connection.execute(turnover).scalars()) == {2**63 - 1}


def test_an_instrument_is_as_the_operator_defined_it(database: Engine) -> None:
    command = DefineInstrument(SYMBOL, tick_size=5, lot_size=10, phase="auction", reference_price=250, band=50)
    tell(database, Batch(1, 10, [command], [[InstrumentDefined(SYMBOL)]]))
    with database.connect() as connection:
        found = queries.instrument(connection, SYMBOL)
    assert found is not None
    assert (found.tick_size, found.lot_size, found.phase) == (5, 10, "auction")
    assert (found.reference_price, found.band, found.collar, found.sequence) == (250, 50, None, 1)


def test_a_first_receipt_opens_its_instrument_with_the_usual_terms(database: Engine) -> None:
    tell(database, Batch(1, 10, [IssueReceipt(operator_id=4, lot_id=1)], [[InstrumentDefined(SYMBOL)]]))
    with database.connect() as connection:
        found = queries.instrument(connection, SYMBOL)
    assert found is not None
    assert (found.tick_size, found.lot_size, found.mode, found.phase) == (1, 1, "continuous", "continuous")


def test_phases_follow_each_other_within_and_between_transactions(database: Engine) -> None:
    def phased(sequence: int, phase: Any) -> Batch:
        return Batch(sequence, 10, [SetPhase(SYMBOL, phase)], [[PhaseChanged(SYMBOL, phase)]])

    defined = Batch(1, 10, [DefineInstrument(SYMBOL), DefineInstrument(OTHER)], [[InstrumentDefined(SYMBOL)], []])
    tell(database, defined, phased(3, "halted"))
    with database.connect() as connection:
        (found,) = queries.instruments(connection).items
        assert (found.phase, found.sequence) == ("halted", 3)
    tell(database, phased(4, "continuous"), phased(5, "closed"))
    with database.connect() as connection:
        (found,) = queries.instruments(connection).items
        assert (found.phase, found.sequence) == ("closed", 5)
    # Defined anew after it was closed: the definition's own phase counts.
    again = Batch(8, 10, [DefineInstrument(SYMBOL, tick_size=2)], [[InstrumentDefined(SYMBOL)]])
    tell(database, phased(7, "auction"), again)
    with database.connect() as connection:
        (found,) = queries.instruments(connection).items
        assert (found.phase, found.tick_size, found.sequence) == ("continuous", 2, 8)
        assert queries.instrument(connection, OTHER) is None


def test_a_trade_that_is_projected_twice_is_refused(market: Engine) -> None:
    tell(market, traded(1, 10, 250, 5))
    with pytest.raises(IntegrityError):
        tell(market, traded(1, 10, 250, 5))


def busted(sequence: int, trade_id: int, traded_ns: int, price: int, quantity: int, symbol: str = SYMBOL) -> Batch:
    bust = TradeBusted(
        symbol=symbol, trade_id=trade_id, price=price, quantity=quantity, aggressor_side="buy", traded_ns=traded_ns
    )
    return Batch(sequence, traded_ns + 5, [AdvanceTime(traded_ns + 5)], [[bust]])


def test_a_trade_that_was_taken_back_is_marked_and_leaves_the_candles(market: Engine) -> None:
    tell(market, traded(1, MONDAY_NS + 1, 250, 5), traded(2, MONDAY_NS + 2, 999, 6), traded(3, MONDAY_NS + 3, 240, 7))
    tell(market, busted(4, 2, MONDAY_NS + 2, 999, 6))
    with market.connect() as connection:
        assert [each.busted for each in queries.trades(connection, SYMBOL).items] == [False, True, False]
        for interval in INTERVALS:
            ((_, *figures),) = queries.candles(connection, SYMBOL, interval).items
            assert figures == [250, 250, 240, 240, 12]
        turnover = select(metadata.tables["candles"].c.turnover_fen)
        assert set(connection.execute(turnover).scalars()) == {5 * 250 + 7 * 240}


def test_a_candle_whose_trades_were_all_taken_back_is_gone(market: Engine) -> None:
    tell(market, traded(1, MONDAY_NS, 250, 5), traded(2, MONDAY_NS + MINUTE_NS, 999, 6))
    tell(market, busted(3, 2, MONDAY_NS + MINUTE_NS, 999, 6), busted(4, 1, MONDAY_NS, 250, 5))
    with market.connect() as connection:
        for interval in INTERVALS:
            assert queries.candles(connection, SYMBOL, interval).items == []


# However the journal is cut into transactions, the candles are those that the feed counts.

some_trades = st.lists(
    st.tuples(
        st.integers(0, 40 * MINUTE_NS), st.integers(1, 500), st.integers(1, 50), st.sampled_from([SYMBOL, OTHER])
    ),
    min_size=1,
    max_size=30,
)


def rows(connection: Connection) -> dict[str, list[Any]]:
    return {table.name: sorted(map(repr, connection.execute(select(table)).all())) for table in metadata.sorted_tables}


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=some_trades, cuts=st.sets(st.integers(1, 29)), taken_back=st.sets(st.integers(1, 30), max_size=5))
def test_candles_are_those_of_the_feed_however_batches_are_taken_together(
    database: Engine, steps: list[tuple[int, int, int, str]], cuts: set[int], taken_back: set[int]
) -> None:
    time_ns, batches, counted = MONDAY_NS, [], {SYMBOL: Candles(), OTHER: Candles()}
    busts = []
    for number, (later_ns, price, quantity, symbol) in enumerate(steps, 1):
        time_ns += later_ns
        batches.append(traded(number, time_ns, price, quantity, symbol))
        if number in taken_back:
            busts.append(busted(100 + number, number, time_ns, price, quantity, symbol))
        else:
            counted[symbol].add(time_ns, price, quantity)
    batches += busts
    edges = [0, *sorted(cut for cut in cuts if cut < len(batches)), len(batches)]
    with database.begin() as connection:
        project(connection, DEFINED)
        for start, end in pairwise(edges):
            project(connection, batches[start:end])
        for symbol, candles in counted.items():
            for interval in INTERVALS:
                assert queries.candles(connection, symbol, interval).items == candles.rows(interval)[-100:]
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
