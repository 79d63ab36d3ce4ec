"""Candles and the figures of the trading day, in the time of Asia/Shanghai."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketdata.candles import KEPT, Candles, start_of, trading_day
from marketdata.messages import INTERVALS, Interval
from marketdata.statistics import DayStatistics
from tests.marketdata.feed_reader import NOON_NS, SECOND_NS

SHANGHAI = timezone(timedelta(hours=8))


def at(text: str) -> int:
    """Nanoseconds of a local time in Shanghai."""
    return int(datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).timestamp()) * SECOND_NS


@pytest.mark.parametrize(
    ("interval", "start"),
    [
        ("1m", "2026-11-19 15:07"),
        ("5m", "2026-11-19 15:05"),
        ("15m", "2026-11-19 15:00"),
        ("1h", "2026-11-19 15:00"),
        ("1d", "2026-11-19 00:00"),
        ("1w", "2026-11-16 00:00"),  # a Monday
    ],
)
def test_a_candle_begins_where_its_interval_does_in_shanghai(interval: Interval, start: str) -> None:
    assert start_of(interval, at("2026-11-19 15:07:31") + 5) == at(start)


def test_noon_is_noon() -> None:
    assert at("2026-11-19 12:00") == NOON_NS


@given(st.integers(0, 2**62))
def test_days_are_those_of_the_calendar(time_ns: int) -> None:
    moment = datetime.fromtimestamp(time_ns // SECOND_NS, UTC).astimezone(SHANGHAI)
    assert trading_day(time_ns) == (moment.date() - datetime(1970, 1, 1, tzinfo=UTC).date()).days
    week = start_of("1w", time_ns)
    assert datetime.fromtimestamp(week // SECOND_NS, UTC).astimezone(SHANGHAI).weekday() == 0
    assert 0 <= time_ns - week < 7 * 86_400 * SECOND_NS


def test_trades_make_candles_and_silence_makes_none() -> None:
    candles = Candles()
    for seconds, price, quantity in ((0, 250, 10), (20, 270, 5), (59, 240, 1), (200, 260, 2)):
        candles.add(NOON_NS + seconds * SECOND_NS, price, quantity)
    candles.check()
    assert candles.rows("1m") == [
        (NOON_NS, 250, 270, 240, 240, 16),
        (NOON_NS + 180 * SECOND_NS, 260, 260, 260, 260, 2),
    ]
    assert candles.rows("1d") == [(at("2026-11-19 00:00"), 250, 270, 240, 260, 18)]
    assert candles.since("1m", NOON_NS + 60 * SECOND_NS) == candles.rows("1m")[1:]


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 500), st.integers(1, 50)), max_size=40))
def test_every_candle_is_what_its_trades_say(trades: list[tuple[int, int, int]]) -> None:
    candles = Candles()
    trades.sort(key=lambda each: each[0])
    for seconds, price, quantity in trades:
        candles.add(NOON_NS + seconds * SECOND_NS, price, quantity)
    candles.check()
    for interval in INTERVALS:
        groups: dict[int, list[tuple[int, int]]] = {}
        for seconds, price, quantity in trades:
            groups.setdefault(start_of(interval, NOON_NS + seconds * SECOND_NS), []).append((price, quantity))
        assert candles.rows(interval) == [
            (
                start,
                of[0][0],
                max(price for price, _ in of),
                min(price for price, _ in of),
                of[-1][0],
                sum(quantity for _, quantity in of),
            )
            for start, of in groups.items()
        ]


def test_a_bounded_number_of_candles_is_kept() -> None:
    candles = Candles()
    for minute in range(KEPT + 20):
        candles.add(NOON_NS + minute * 60 * SECOND_NS, 250, 1)
    assert len(candles.rows("1m")) == KEPT
    assert candles.rows("1m")[0][0] == NOON_NS + 20 * 60 * SECOND_NS


def test_the_figures_of_a_day() -> None:
    day = DayStatistics()
    assert day.vwap is None
    day.add(NOON_NS, 250, 10)
    day.add(NOON_NS, 270, 5)
    day.add(NOON_NS, 260, 1)
    day.check()
    assert (day.open, day.high, day.low, day.last, day.volume) == (250, 270, 250, 260, 16)
    assert day.turnover_fen == 2_500 + 1_350 + 260
    assert day.vwap == 257  # 256.875
    assert day.previous_close is None


def test_halves_round_up() -> None:
    day = DayStatistics()
    day.add(NOON_NS, 250, 1)
    day.add(NOON_NS, 251, 1)
    assert day.vwap == 251


def test_a_day_ends_at_midnight_in_shanghai_and_its_last_price_becomes_the_previous_close() -> None:
    day = DayStatistics()
    day.add(NOON_NS, 250, 10)
    assert not day.roll(at("2026-11-19 23:59:59"))
    assert day.volume == 10
    assert day.roll(at("2026-11-20 00:00"))
    day.check()
    assert (day.open, day.volume, day.previous_close, day.last) == (None, 0, 250, 250)
    day.add(at("2026-11-20 09:00"), 300, 1)
    assert (day.open, day.previous_close) == (300, 250)


def test_a_day_without_trades_passes_the_close_on() -> None:
    day = DayStatistics()
    day.add(NOON_NS, 250, 10)
    day.roll(at("2026-11-20 00:00"))
    day.roll(at("2026-11-21 00:00"))
    day.add(at("2026-11-21 09:00"), 300, 1)
    assert day.previous_close == 250


def filled(*trades: tuple[int, int, int]) -> Candles:
    candles = Candles()
    for seconds, price, quantity in trades:
        candles.add(NOON_NS + seconds * SECOND_NS, price, quantity)
    return candles


def test_a_trade_that_is_taken_back_leaves_candles_as_if_it_had_never_been() -> None:
    """The middle one of three, in a minute, a quarter and a day that others traded in too."""
    candles = filled((0, 250, 10), (20, 999, 5), (50, 240, 1), (200, 260, 2))
    near = [(NOON_NS + after * SECOND_NS, price, 1) for after, price in ((0, 250), (50, 240), (200, 260))]
    candles.take_out(NOON_NS + 20 * SECOND_NS, 5, near)
    candles.check()
    others = filled((0, 250, 10), (50, 240, 1), (200, 260, 2))
    for interval in INTERVALS:
        assert candles.rows(interval) == others.rows(interval)


def test_a_candle_that_is_left_with_nothing_has_the_close_before_and_begins_anew() -> None:
    candles = filled((0, 250, 10), (60, 999, 5))
    minute_ns = NOON_NS + 60 * SECOND_NS
    candles.take_out(minute_ns, 5, [(NOON_NS, 250, 10)])
    candles.check()
    assert candles.rows("1m")[-1] == (minute_ns, 250, 250, 250, 250, 0)
    assert candles.rows("1d")[-1][1:] == (250, 250, 250, 250, 10)
    assert candles.last_close("1m") == 250
    candles.add(minute_ns + 5, 245, 1)
    assert candles.rows("1m")[-1] == (minute_ns, 245, 245, 245, 245, 1)


def test_what_is_not_known_of_a_minute_costs_its_candle_the_volume_alone() -> None:
    candles = filled((0, 250, 10), (20, 999, 5), (50, 240, 1))
    candles.take_out(NOON_NS + 20 * SECOND_NS, 5, None)
    candles.check()
    assert candles.rows("1m") == [(NOON_NS, 250, 999, 240, 240, 11)]
    candles.take_out(at("2026-11-01 12:00"), 5, None)
    assert candles.rows("1m") == [(NOON_NS, 250, 999, 240, 240, 11)]


def counted(*trades: tuple[int, int, int]) -> tuple[DayStatistics, Candles]:
    day, candles = DayStatistics(), filled(*trades)
    for seconds, price, quantity in trades:
        day.add(NOON_NS + seconds * SECOND_NS, price, quantity)
    return day, candles


def test_the_figures_of_the_day_forget_a_trade_that_is_taken_back() -> None:
    day, candles = counted((0, 250, 10), (100, 999, 5))
    candles.take_out(NOON_NS + 100 * SECOND_NS, 5, [(NOON_NS, 250, 10)])
    day.take_out(NOON_NS + 100 * SECOND_NS, 999, 5, candles)
    day.check()
    assert (day.last, day.open, day.high, day.low, day.volume, day.vwap) == (250, 250, 250, 250, 10, 250)
    candles.take_out(NOON_NS, 10, [])
    day.take_out(NOON_NS, 250, 10, candles)
    day.check()
    assert (day.last, day.open, day.volume, day.turnover_fen) == (None, None, 0, 0)


def test_a_trade_of_the_day_before_counts_in_the_close_before() -> None:
    tomorrow = 86_400
    day, candles = counted((0, 250, 10), (100, 999, 5), (tomorrow, 240, 1))
    assert day.previous_close == 999
    candles.take_out(NOON_NS + 100 * SECOND_NS, 5, [(NOON_NS, 250, 10)])
    day.take_out(NOON_NS + 100 * SECOND_NS, 999, 5, candles)
    day.check()
    assert (day.previous_close, day.last, day.volume) == (250, 240, 1)
