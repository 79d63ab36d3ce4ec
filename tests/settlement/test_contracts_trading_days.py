"""Trading days as the venue is told them: counted, extended, revised, and never guessed."""

import pytest

from settlement.civil import day_number
from settlement.messages.contracts import AnnounceTradingDays, TradingDaysAnnounced
from settlement.trading_days import KEPT_DAYS, TradingDays


def day(date: str) -> int:
    found = day_number(date)
    assert found is not None
    return found


def announcement(since: str, until: str, *days: str) -> AnnounceTradingDays:
    return AnnounceTradingDays(since=since, until=until, days=days)


WEEK = ("2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27", "2026-11-30")


def told_a_week() -> TradingDays:
    days = TradingDays()
    answer = days.announce(announcement("2026-11-23", "2026-11-30", *WEEK), day("2026-11-23"))
    assert isinstance(answer, TradingDaysAnnounced)
    return days


def test_days_are_counted_over_the_weekend() -> None:
    days = told_a_week()
    assert days.add(day("2026-11-26"), 0) == day("2026-11-26")
    assert days.add(day("2026-11-26"), 2) == day("2026-11-30")
    assert days.add(day("2026-11-28"), 0) == day("2026-11-30")
    assert days.is_trading_day(day("2026-11-28")) is False
    assert days.is_trading_day(day("2026-11-30")) is True


def test_beyond_what_is_told_nothing_is_known() -> None:
    days = told_a_week()
    assert days.add(day("2026-11-27"), 2) is None
    assert days.add(day("2026-12-01"), 0) is None
    assert days.add(day("2026-11-22"), 0) is None
    assert days.is_trading_day(day("2026-12-01")) is None
    assert TradingDays().add(day("2026-11-23"), 0) is None
    assert TradingDays().told() is None


def test_an_announcement_extends_and_another_corrects() -> None:
    days = told_a_week()
    days.announce(announcement("2026-12-01", "2026-12-02", "2026-12-01", "2026-12-02"), day("2026-11-23"))
    assert days.told() == (day("2026-11-23"), day("2026-12-02"))
    # A typhoon: the venue stays closed on the first.
    days.announce(announcement("2026-12-01", "2026-12-02", "2026-12-02"), day("2026-11-23"))
    assert days.add(day("2026-11-30"), 1) == day("2026-12-02")
    assert days.dates() == [*WEEK, "2026-12-02"]


@pytest.mark.parametrize(
    ("since", "until", "told", "refusal"),
    [
        ("2026-02-30", "2026-12-01", (), ("invalid_days", "since")),
        ("2026-11-23", "2026-13-01", (), ("invalid_days", "until")),
        ("2026-12-02", "2026-12-01", (), ("invalid_days", "until")),
        ("2026-12-01", "2026-12-02", ("2026-12-03",), ("invalid_days", "days")),
        ("2026-12-01", "2026-12-02", ("2026-12-02", "2026-12-01"), ("invalid_days", "days")),
        ("2026-12-01", "2026-12-02", ("2026-12-01", "2026-12-01"), ("invalid_days", "days")),
        ("2026-12-01", "2026-12-02", ("2026-11-31",), ("invalid_days", "days")),
        ("2026-12-02", "2026-12-03", (), ("outside_calendar", "since")),
        ("2026-11-22", "2026-12-03", (), ("outside_calendar", "since")),
        ("2026-11-24", "2026-11-29", (), ("outside_calendar", "until")),
    ],
)
def test_what_is_no_calendar_changes_nothing(
    since: str, until: str, told: tuple[str, ...], refusal: tuple[str, str]
) -> None:
    days = told_a_week()
    before = days.state()
    assert days.announce(announcement(since, until, *told), day("2026-11-23")) == refusal
    assert days.state() == before


def test_the_past_is_forgotten_and_the_rest_comes_back_from_its_state() -> None:
    days = told_a_week()
    today = day("2026-11-30") + KEPT_DAYS - 3
    days.announce(announcement("2026-12-01", "2026-12-31", "2026-12-31"), today)
    assert days.dates() == ["2026-11-27", "2026-11-30", "2026-12-31"]
    assert days.told() == (day("2026-11-27"), day("2026-12-31"))
    days.audit()
    restored = TradingDays()
    restored.restore(days.state())
    assert restored.state() == days.state()
    assert restored.told() == days.told()
