"""The hours come from the settings like everything else, and what cannot be is named before the venue opens."""

from pathlib import Path
from random import Random

import pytest

from exchange.calendar import NEVER_NS, VolatilityAuction
from exchange.config import SetupError, load


def test_a_venue_trades_round_the_clock_unless_it_keeps_sessions() -> None:
    assert load({}, environment={}).calendar == "round-the-clock"


def test_an_auction_by_a_collar_lasts_five_minutes_or_until_an_operator_ends_it() -> None:
    assert load({}, environment={}).volatility_auction() == VolatilityAuction(300, 30)
    assert load({"volatility_auction_seconds": 0}, environment={}).volatility_auction().end_ns(1, Random(1)) == NEVER_NS


def test_hours_may_come_from_variables() -> None:
    environment = {
        "EXCHANGE_CALENDAR": "sessions",
        "EXCHANGE_SESSIONS": "09:00-11:30,13:00-15:00",
        "EXCHANGE_OPENING_AUCTION_SECONDS": "300",
        "EXCHANGE_REOPENING_AUCTION_SECONDS": "60",
        "EXCHANGE_CLOSING_AUCTION_SECONDS": "180",
        "EXCHANGE_VOLATILITY_AUCTION_SECONDS": "120",
        "EXCHANGE_RANDOM_END_SECONDS": "10",
        "EXCHANGE_HOLIDAYS": "2026-09-24,2027-01-01",
    }
    settings = load({}, environment=environment)
    hours = settings.hours()
    assert settings.calendar == "sessions"
    assert hours.sessions == ((9 * 3600, 11 * 3600 + 1800), (13 * 3600, 15 * 3600))
    assert (hours.opening_auction, hours.reopening_auction, hours.closing_auction, hours.random_end) == (
        300,
        60,
        180,
        10,
    )
    assert settings.volatility_auction() == VolatilityAuction(120, 10)
    assert settings.holidays == ("2026-09-24", "2027-01-01")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ('calendar = "lunar"', "calendar"),
        ("sessions = []", "sessions"),
        ('sessions = ["08:30"]', "sessions: '08:30'"),
        ('sessions = ["08:30-11:30", "11:00-12:00"]', "sessions: 11:00-12:00"),
        ("opening_auction_seconds = -1", "opening_auction_seconds"),
        ("opening_auction_seconds = 30601", "opening_auction_seconds"),
        ("reopening_auction_seconds = 7200", "reopening_auction_seconds"),
        ("closing_auction_seconds = 7200", "closing_auction_seconds"),
        ("random_end_seconds = 300", "random_end_seconds"),
        ("volatility_auction_seconds = 30", "random_end_seconds: 30 leave nothing of an auction of 30"),
        ("volatility_auction_seconds = -1", "volatility_auction_seconds"),
        ('holidays = ["2026-13-01"]', "holidays: '2026-13-01'"),
    ],
)
def test_hours_that_cannot_be_are_named_with_their_setting(tmp_path: Path, content: str, named: str) -> None:
    file = tmp_path / "exchange.toml"
    file.write_text(content)
    with pytest.raises(SetupError, match=named):
        load({}, environment={}, file=str(file))
