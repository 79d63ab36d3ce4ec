"""The channel `candles` of a busy day: a trade taken back hours later leaves every interval as if it had not been."""

import pytest

from marketdata.candles import KEPT, LENGTH_NS, start_of
from marketdata.feed import Feed
from marketdata.messages import INTERVALS, Interval, TradeBusted
from matching.messages import InstrumentDefined
from tests.marketdata.feed_reader import NOON_NS, SECOND_NS, Reader, trade

MINUTE_NS = 60 * SECOND_NS
MINUTES = KEPT + 60
"""More than candles of a minute are kept."""


@pytest.mark.parametrize("interval", INTERVALS)
def test_a_trade_of_hours_ago_is_taken_out_of_its_candle(interval: Interval) -> None:
    feed = Feed()
    feed.publish(1, NOON_NS, [InstrumentDefined(symbol="A")])
    trades: list[tuple[int, int]] = []
    for number in range(1, 3 * MINUTES):
        time_ns = NOON_NS + number * MINUTE_NS // 3
        price = 999 if number == 100 else 250 + number % 7
        trades.append((time_ns, price))
        feed.publish(number + 1, time_ns, [trade(number, price, 2)])
    reader = Reader(feed)
    reader.ask(op="subscribe", channel="candles", symbols=["A"], interval=interval)
    rows = {row[0]: row[1:] for row in reader.data("candles")[0]["candles"]}
    assert len(rows) == min(KEPT, len({start_of(interval, time_ns) for time_ns, _ in trades}))

    traded_ns, price = trades.pop(99)
    busted = TradeBusted(symbol="A", trade_id=100, price=price, quantity=2, aggressor_side="buy", traded_ns=traded_ns)
    feed.publish(feed.sequence + 1, feed.time_ns, [busted])
    rows.update({row[0]: row[1:] for message in reader.data("candles") for row in message["candles"]})
    for start_ns, row in rows.items():
        prices = [price for time_ns, price in trades if 0 <= time_ns - start_ns < LENGTH_NS[interval]]
        assert row == [prices[0], max(prices), min(prices), prices[-1], 2 * len(prices)]


def test_trades_are_kept_for_a_day_and_no_longer() -> None:
    feed = Feed()
    feed.publish(1, NOON_NS, [InstrumentDefined(symbol="A")])
    for hour in range(60):
        feed.publish(hour + 2, NOON_NS + hour * 60 * MINUTE_NS, [trade(hour + 1, 250, 1)])
    kept = [each.trade_id for each in feed.instruments["A"].recent]
    assert kept == list(range(36, 61))
    assert [each.trade_id for each in feed.instruments["A"].trades] == list(range(11, 61))
