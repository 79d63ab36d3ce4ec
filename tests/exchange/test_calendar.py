"""Trading days as the State Council announced them, and the hours of a day to the second."""

from random import Random

import pytest

from exchange.calendar import Change, Hours, Timetable, TradingCalendar, UnknownYear, read_hours
from settlement.civil import day_number, day_start_ns, iso_date, venue_day

CALENDAR = TradingCalendar()
SECOND_NS = 10**9
DEFAULT = read_hours(("08:30-11:30", "13:30-15:30"), 600, 0, 300, 30)
MONDAY = "2026-11-23"


def day(date: str) -> int:
    number = day_number(date)
    assert number is not None
    return number


def at(date: str, time: str) -> int:
    """The time in nanoseconds of `HH:MM[:SS]` on the venue's wall."""
    hours, minutes, seconds = (int(part) for part in f"{time}:00".split(":")[:3])
    return day_start_ns(day(date)) + (hours * 3_600 + minutes * 60 + seconds) * SECOND_NS


def wall(time_ns: int) -> str:
    second = (time_ns - day_start_ns(venue_day(time_ns))) // SECOND_NS
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


class Latest(Random):
    """Draws nothing off: every auction ends as published."""

    def randrange(self, *_: int) -> int:  # type: ignore[override]
        return 0


class Earliest(Random):
    """Draws all that there is."""

    def randrange(self, stop: int, *_: int) -> int:  # type: ignore[override]
        return stop - 1


def story(hours: Hours, chance: Random | None = None, date: str = MONDAY) -> list[str]:
    changes = Timetable(CALENDAR, hours).changes(day(date), chance or Latest())
    return [f"{wall(change.time_ns)} {change.phase}" for change in changes]


# --- trading days


@pytest.mark.parametrize(
    ("first", "last", "trading"),
    [
        ("2026-01-01", "2026-01-05", "2026-01-05"),  # New Year, with Sunday the 4th made a working day
        ("2026-02-14", "2026-02-24", "2026-02-24"),  # Spring Festival, with Saturday the 14th made one
        ("2026-02-28", "2026-03-02", "2026-03-02"),  # and Saturday the 28th
        ("2026-04-04", "2026-04-07", "2026-04-07"),  # Qingming
        ("2026-05-01", "2026-05-06", "2026-05-06"),  # Labour Day
        ("2026-06-19", "2026-06-22", "2026-06-22"),  # Dragon Boat
        ("2026-09-25", "2026-09-28", "2026-09-28"),  # Mid-Autumn
        ("2026-10-01", "2026-10-08", "2026-10-08"),  # National Day
        ("2026-10-10", "2026-10-12", "2026-10-12"),  # Saturday the 10th made a working day
    ],
)
def test_the_holidays_of_2026(first: str, last: str, trading: str) -> None:
    found = [iso_date(each) for each in range(day(first), day(last) + 1) if CALENDAR.is_trading_day(each)]
    assert found == [trading]


def test_2026_has_242_trading_days() -> None:
    """261 weekdays less the 19 on which the Shanghai exchange is shut."""
    days = range(day("2026-01-01"), day("2027-01-01"))
    assert sum(CALENDAR.is_trading_day(each) for each in days) == 242


@pytest.mark.parametrize("working", ["2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20"])
def test_a_weekend_made_a_working_day_does_not_trade(working: str) -> None:
    assert not CALENDAR.is_trading_day(day(working))


@pytest.mark.parametrize(
    ("traded", "count", "due"),
    [
        ("2026-11-23", 0, "2026-11-23"),
        ("2026-11-23", 2, "2026-11-25"),  # D1 Monday, D3 Wednesday
        ("2026-11-27", 1, "2026-11-30"),
        ("2026-11-28", 0, "2026-11-30"),  # Traded on a Saturday round the clock: D1 is Monday
        ("2026-11-28", 2, "2026-12-02"),
        ("2026-09-30", 2, "2026-10-09"),  # D3 behind National Day, Saturday the 10th no day
        ("2026-02-12", 4, "2026-02-26"),  # D5 behind Spring Festival
        ("2026-02-12", 14, "2026-03-12"),  # D15
    ],
)
def test_settlement_counts_in_trading_days(traded: str, count: int, due: str) -> None:
    assert iso_date(CALENDAR.add_trading_days(day(traded), count)) == due


def test_the_next_trading_day_is_never_the_day_itself() -> None:
    assert iso_date(CALENDAR.next_trading_day(day("2026-11-23"))) == "2026-11-24"
    assert iso_date(CALENDAR.next_trading_day(day("2026-09-30"))) == "2026-10-08"


@pytest.mark.parametrize("date", ["2003-12-31", "2099-01-05"])
def test_a_year_that_nobody_has_told_is_an_error_that_says_what_to_do(date: str) -> None:
    with pytest.raises(UnknownYear, match=rf"the holidays of {date[:4]} are not known.*setting holidays"):
        CALENDAR.is_trading_day(day(date))


def test_days_are_counted_into_an_unknown_year_by_nobody() -> None:
    with pytest.raises(UnknownYear, match="2099"):
        TradingCalendar(["2098-01-01"]).add_trading_days(day("2098-12-30"), 3)


def test_a_weekend_is_no_trading_day_in_any_year() -> None:
    assert not CALENDAR.is_trading_day(day("2099-01-03"))


def test_a_year_can_be_told_before_the_package_knows_it() -> None:
    told = TradingCalendar(["2099-01-01", "2099-01-22"])
    assert [told.is_trading_day(day(date)) for date in ("2099-01-01", "2099-01-02", "2099-01-22")] == [
        False,
        True,
        False,
    ]


def test_the_venue_may_keep_days_off_of_its_own() -> None:
    typhoon = TradingCalendar(["2026-09-24"])
    assert iso_date(typhoon.next_trading_day(day("2026-09-23"))) == "2026-09-28"
    assert typhoon.is_trading_day(day("2026-09-23"))


def test_a_holiday_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match="holidays: '2026-02-30'"):
        TradingCalendar(["2026-02-30"])


# --- hours


def test_the_usual_day() -> None:
    assert story(DEFAULT) == [
        "08:20:00 auction",
        "08:30:00 continuous",
        "11:30:00 halted",
        "13:30:00 continuous",
        "15:25:00 auction",
        "15:30:00 closed",
    ]


def test_a_day_without_auctions() -> None:
    assert story(read_hours(("09:00-12:00",), 0, 0, 0, 30)) == ["09:00:00 continuous", "12:00:00 closed"]


def test_each_session_may_have_an_auction_before_it() -> None:
    assert story(read_hours(("09:00-10:00", "11:00-12:00", "20:30-23:00"), 60, 120, 0, 0)) == [
        "08:59:00 auction",
        "09:00:00 continuous",
        "10:00:00 halted",
        "10:58:00 auction",
        "11:00:00 continuous",
        "12:00:00 halted",
        "20:28:00 auction",
        "20:30:00 continuous",
        "23:00:00 closed",
    ]


@pytest.mark.parametrize("date", ["2026-11-22", "2026-10-01", "2026-10-10"])
def test_a_day_off_changes_nothing(date: str) -> None:
    assert story(DEFAULT, date=date) == []


def test_auctions_end_at_most_so_many_seconds_early_and_never_late() -> None:
    early = story(DEFAULT, Earliest())
    assert (early[1], early[5]) == ("08:29:30 continuous", "15:29:30 closed")
    assert [early[0], *early[2:5]] == [story(DEFAULT)[0], *story(DEFAULT)[2:5]]


def test_ends_are_drawn_to_the_millisecond_over_the_whole_of_those_seconds() -> None:
    chance = Random(2026)
    timetable = Timetable(CALENDAR, DEFAULT)
    published = at(MONDAY, "08:30")
    drawn = [published - timetable.changes(day(MONDAY), chance)[1].time_ns for _ in range(400)]
    assert all(0 <= early <= 30 * SECOND_NS and early % 10**6 == 0 for early in drawn)
    assert len(set(drawn)) > 350
    assert min(drawn) < SECOND_NS
    assert max(drawn) > 29 * SECOND_NS


def test_the_same_seed_draws_the_same_day() -> None:
    timetable = Timetable(CALENDAR, DEFAULT)
    days = range(day(MONDAY), day(MONDAY) + 5)
    first, second = ([timetable.changes(each, chance) for each in days] for chance in (Random(7), Random(7)))
    assert first == second


def test_an_auction_that_may_have_ended_already_ends_right_after() -> None:
    timetable = Timetable(CALENDAR, DEFAULT)
    done = at(MONDAY, "08:29:40")
    assert timetable.changes(day(MONDAY), Latest(), done)[1] == Change(done + 1, "continuous")
    assert timetable.changes(day(MONDAY), Earliest(), done)[1] == Change(done + 1, "continuous")
    for outside in (at(MONDAY, "08:29:29"), at(MONDAY, "08:30")):
        assert timetable.changes(day(MONDAY), Latest(), outside)[1] == Change(at(MONDAY, "08:30"), "continuous")


def test_an_unknown_year_has_no_day() -> None:
    with pytest.raises(UnknownYear):
        Timetable(CALENDAR, DEFAULT).changes(day("2099-01-05"), Latest())


@pytest.mark.parametrize(
    ("time", "is_break"),
    [("11:29:59", False), ("11:30", True), ("13:27:59", True), ("13:28", False), ("13:30", False), ("16:00", False)],
)
def test_the_break_lasts_until_its_auction(time: str, is_break: bool) -> None:
    timetable = Timetable(CALENDAR, read_hours(("08:30-11:30", "13:30-15:30"), 600, 120, 300, 30))
    assert timetable.is_break(at(MONDAY, time)) == is_break
    assert not timetable.is_break(at("2026-11-22", time)), "a Sunday"
    assert not timetable.is_break(at("2099-01-05", time)), "of a year that nobody knows"


@pytest.mark.parametrize(
    ("sessions", "lengths", "named"),
    [
        ((), (0, 0, 0, 0), "sessions: 1 to 8"),
        (("08:30-11:30",) * 9, (0, 0, 0, 0), "sessions: 1 to 8"),
        (("8:30-11:30",), (0, 0, 0, 0), "sessions: '8:30-11:30'"),
        (("08:30",), (0, 0, 0, 0), "sessions: '08:30'"),
        (("08:30-24:00",), (0, 0, 0, 0), "sessions: '08:30-24:00'"),
        (("08:60-11:30",), (0, 0, 0, 0), "sessions: '08:60-11:30'"),
        (("08:3０-11:30",), (0, 0, 0, 0), "sessions: '08:3０-11:30'"),
        (("11:30-08:30",), (0, 0, 0, 0), "sessions: 11:30-08:30 ends"),
        (("08:30-11:30", "11:30-15:30"), (0, 0, 0, 0), "sessions: 11:30-15:30 does not begin after"),
        (("13:30-15:30", "08:30-11:30"), (0, 0, 0, 0), "sessions: 08:30-11:30 does not begin after"),
        (("00:05-11:30",), (301, 0, 0, 0), "opening_auction_seconds: 301"),
        (("08:30-11:30", "11:40-15:30"), (0, 600, 0, 0), "reopening_auction_seconds: 600"),
        (("08:30-11:30", "13:30-13:35"), (0, 0, 300, 0), "closing_auction_seconds: 300"),
        (("08:30-11:30",), (600, 0, 30, 30), "random_end_seconds: 30"),
    ],
)
def test_hours_that_cannot_be_are_named(
    sessions: tuple[str, ...], lengths: tuple[int, int, int, int], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        read_hours(sessions, *lengths)
