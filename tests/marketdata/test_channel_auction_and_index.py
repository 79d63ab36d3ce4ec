"""The channels that are reckoned for their readers: `auction`, what an uncross would come to, and `index`."""

from typing import Any

import pytest

from marketdata.feed import Feed
from marketdata.index import RULES
from marketdata.messages import OrderAtMarket, OrderOnBook, PhaseExplained, TermsDefined, TradeBusted
from matching.messages import AuctionUncrossed, InstrumentDefined, PhaseChanged
from tests.marketdata.feed_reader import NOON_NS, SECOND_NS, Reader, on_book, trade

DAY_NS = 86_400 * SECOND_NS
BXJ, FJ = "BXJ-1-SX1-26W47", "FJ-1-SX1-26W47"


@pytest.fixture
def feed() -> Feed:
    feed = Feed()
    terms = TermsDefined(symbol="A", tick_size=1, reference_price=250, band=None)
    feed.publish(1, NOON_NS, [InstrumentDefined(symbol="A"), terms, PhaseChanged(symbol="A", phase="auction")])
    return feed


def indications(messages: list[dict[str, Any]]) -> list[tuple[int, int | None, int, int]]:
    return [(each["sequence"], each["price"], each["quantity"], each["surplus"]) for each in messages]


def test_an_auction_is_indicated_once_for_what_was_published_together(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="auction", symbols=["A"])
    assert indications(reader.data("auction")) == [(1, None, 0, 0)]
    feed.publish(2, NOON_NS, [on_book(1, "buy", 252, 100)])
    assert reader.read() == []
    feed.publish(3, NOON_NS, [on_book(2, "sell", 248, 60)])
    feed.publish(4, NOON_NS, [on_book(3, "sell", 250, 60)])
    assert indications(reader.read()) == [(4, 250, 100, -20)]
    feed.publish(5, NOON_NS, [on_book(4, "sell", 270, 60)])
    assert reader.read() == [], "it changes nothing at the price"


def test_what_is_hidden_and_what_waits_without_a_price_counts(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="auction", symbols=["A"])
    reader.read()
    iceberg = OrderOnBook(symbol="A", order_id=1, side="buy", price=252, quantity=10, hidden=90)
    feed.publish(2, NOON_NS, [iceberg, on_book(2, "sell", 252, 150)])
    assert indications(reader.read()) == [(2, 252, 100, -50)]
    feed.publish(3, NOON_NS, [OrderAtMarket(symbol="A", order_id=3, side="buy", quantity=30)])
    assert indications(reader.read()) == [(3, 252, 130, -20)]
    feed.publish(4, NOON_NS, [OrderAtMarket(symbol="A", order_id=3, side="buy", quantity=0)])
    assert indications(reader.read()) == [(4, 252, 100, -50)]


def test_an_auction_that_ends_is_told_at_once_and_one_that_is_halted_goes_on(feed: Feed) -> None:
    feed.publish(2, NOON_NS, [on_book(1, "buy", 252, 100), on_book(2, "sell", 252, 100)])
    readers = [Reader(feed), Reader(feed, lane=4)]
    for reader in readers:
        reader.ask(op="subscribe", channel="auction", symbols=["A"])
        assert indications(reader.data("auction")) == [(2, 252, 100, 0)]
    feed.publish(3, NOON_NS, [PhaseChanged(symbol="A", phase="halted")])
    feed.publish(4, NOON_NS, [on_book(1, "buy", 252, 50)])
    assert indications(readers[0].read()) == [(4, 252, 50, -50)]
    uncrossed = AuctionUncrossed(symbol="A", price=252, quantity=50, surplus=-50)
    feed.publish(5, NOON_NS, [trade(1, 252, 50, aggressor=None), uncrossed, on_book(1, "buy", 252, 0)])
    assert indications(readers[0].read()) == [(5, None, 0, 0)]
    assert readers[1].read() == []
    feed.tick(SECOND_NS)
    assert indications(readers[1].read()) == [(5, None, 0, 0)]


def test_the_last_price_decides_and_a_trade_taken_back_stays_the_last(feed: Feed) -> None:
    """Buyers and sellers of equal weight leave all prices between them open."""
    busted = TradeBusted(symbol="A", trade_id=1, price=258, quantity=5, aggressor_side=None, traded_ns=NOON_NS)
    feed.publish(2, NOON_NS, [on_book(1, "buy", 260, 10), on_book(2, "sell", 240, 10)])
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="auction", symbols=["A"])
    assert indications(reader.data("auction")) == [(2, 250, 10, 0)]
    feed.publish(3, NOON_NS, [trade(1, 258, 5, aggressor=None)])
    assert indications(reader.read()) == [(3, 258, 10, 0)]
    feed.publish(4, NOON_NS, [busted])
    assert reader.read() == []


# Why an instrument is in its phase


def test_a_phase_says_why_where_nobody_asked_for_it(feed: Feed) -> None:
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="status", symbols=["A"])
    assert reader.data("status")[0]["reason"] is None
    feed.publish(2, NOON_NS, [PhaseChanged(symbol="A", phase="continuous")])
    feed.publish(3, NOON_NS, [PhaseChanged(symbol="A", phase="auction"), PhaseExplained(symbol="A", reason="collar")])
    assert [(each["phase"], each["reason"]) for each in reader.read()] == [("continuous", None), ("auction", "collar")]
    late = Reader(feed)
    late.ask(op="subscribe", channel="status", symbols=["A"])
    assert late.data("status")[0]["reason"] == "collar"


# The index


@pytest.fixture
def market() -> Feed:
    feed = Feed()
    feed.publish(1, NOON_NS, [InstrumentDefined(symbol=BXJ), InstrumentDefined(symbol=FJ)])
    return feed


def buy(feed: Feed, symbol: str, price: int, kilograms: int, *, trades: int = 5, day: int = 0) -> None:
    """Command by command, on so many days after the first."""
    for _ in range(trades):
        number = feed.sequence + 1
        feed.publish(number, NOON_NS + day * DAY_NS, [trade(number, price, kilograms // trades, symbol=symbol)])


def said(messages: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(each["symbol"], each["date"], each["value"], each["final"]) for each in messages]


def test_the_index_is_told_once_a_second_by_code(market: Feed) -> None:
    reader = Reader(market)
    reader.ask(op="subscribe", id=1, channel="index", symbols=["SXBI", "SXBI-BXJ", "SXBI-GJ", BXJ])
    answers = [message for message in reader.read() if "op" in message]
    assert [(each.get("code"), each.get("symbol")) for each in answers[:2]] == [
        ("unknown_symbol", "SXBI-GJ"),
        ("unknown_symbol", BXJ),
    ]
    buy(market, BXJ, 280, 5_000)
    assert reader.read() == []
    market.tick(SECOND_NS)
    messages = reader.read()
    assert said(messages) == [("SXBI", "2026-11-19", 100_000, False), ("SXBI-BXJ", "2026-11-19", 28_000, False)]
    assert messages[1]["constituents"] == [[BXJ, 5_000, 28_000]]
    buy(market, BXJ, 300, 5_000)
    market.tick(SECOND_NS + SECOND_NS // 2)
    assert reader.read() == []
    market.tick(2 * SECOND_NS)
    assert said(reader.read())[-1] == ("SXBI-BXJ", "2026-11-19", 29_000, False)
    market.tick(3 * SECOND_NS)
    assert reader.read() == []


def test_a_day_is_final_when_the_next_begins_and_a_bust_revises_it(market: Feed) -> None:
    buy(market, BXJ, 280, 10_000)
    reader = Reader(market)
    reader.ask(op="subscribe", channel="index", symbols=["SXBI-BXJ"])
    assert said(reader.data("index")) == [("SXBI-BXJ", "2026-11-19", 28_000, False)]
    buy(market, BXJ, 320, 10_000, day=1)
    market.tick(SECOND_NS)
    messages = reader.read()
    assert said(messages) == [("SXBI-BXJ", "2026-11-19", 28_000, True), ("SXBI-BXJ", "2026-11-20", 32_000, False)]
    assert [each["previous"] for each in messages] == [6, 11]
    busted = TradeBusted(symbol=BXJ, trade_id=2, price=280, quantity=2_000, aggressor_side="buy", traded_ns=NOON_NS)
    market.publish(12, NOON_NS + DAY_NS, [busted])
    market.tick(2 * SECOND_NS)
    # Four trades are thin, and there is nothing before them.
    assert said(reader.read()) == [("SXBI-BXJ", "2026-11-19", None, True)]
    assert RULES.thin_trades == 5


def test_the_index_of_a_venue_that_has_not_traded_is_nothing_yet(market: Feed) -> None:
    reader = Reader(market, encoding="msgpack")
    reader.ask(op="subscribe", channel="index", symbols=["SXBI"])
    assert said(reader.data("index")) == [("SXBI", None, None, False)]


def test_the_index_goes_on_after_a_restart(market: Feed) -> None:
    buy(market, BXJ, 280, 10_000)
    buy(market, BXJ, 300, 10_000, day=1)
    again = Feed()
    again.restore(market.state())
    for feed in (market, again):
        buy(feed, FJ, 500, 10_000, day=1)
        buy(feed, FJ, 510, 10_000, day=2)
        buy(feed, BXJ, 290, 1_000, trades=1, day=2)
    told = []
    for feed in (market, again):
        reader = Reader(feed)
        reader.ask(op="subscribe", channel="index", symbols=["SXBI", "SXBI-BXJ", "SXBI-FJ"])
        told.append([(each["value"], each["carried"], each["constituents"]) for each in reader.data("index")])
    assert told[0] == told[1]
    assert again.state() == market.state()
