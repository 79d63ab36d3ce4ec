"""Civil dates in integers agree with the calendar that everybody uses."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.civil import DAY_NS, day_number, day_start_ns, iso_date, iso_week, venue_day

EPOCH = date(1970, 1, 1).toordinal()


@given(st.dates(min_value=date(1, 1, 4), max_value=date(9999, 12, 26)))
def test_days_dates_and_weeks_agree_with_the_calendar(day: date) -> None:
    number = day.toordinal() - EPOCH
    assert day_number(day.isoformat()) == number
    assert iso_date(number) == day.isoformat()
    assert iso_week(number) == tuple(day.isocalendar())[:2]


@pytest.mark.parametrize(
    ("text", "week"),
    [
        ("2026-11-20", (2026, 47)),
        ("2026-12-31", (2026, 53)),
        ("2027-01-03", (2026, 53)),
        ("2027-01-04", (2027, 1)),
        ("2024-12-30", (2025, 1)),
        ("2000-02-29", (2000, 9)),
    ],
)
def test_weeks_belong_to_the_year_of_their_thursday(text: str, week: tuple[int, int]) -> None:
    number = day_number(text)
    assert number is not None
    assert iso_week(number) == week


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-31",
        "2026-02-29",
        "1900-02-29",
        "2026-00-10",
        "2026-13-10",
        "2026-10-00",
        "0000-01-01",
        "2026-1-01",
        "2026/11/20",
        "20261120",
        "2026-11-20 ",
        "２０２６-11-20",
        "-026-11-20",
        "2026-+1-20",
    ],
)
def test_what_is_no_date_has_no_number(text: str) -> None:
    assert day_number(text) is None


def test_the_venues_day_begins_at_sixteen_hours_in_greenwich() -> None:
    day = day_number("2026-11-23")
    assert day is not None
    start_ns = day_start_ns(day)
    assert start_ns == (day - 1) * DAY_NS + 16 * 3_600 * 10**9
    assert venue_day(start_ns) == day
    assert venue_day(start_ns - 1) == day - 1
