"""Civil dates in integers: days since 1970-01-01, ISO text, ISO weeks, and the venue's local day.

The venue lives at UTC+8 the whole year round, China keeps no summer time; a local day begins at 16:00 UTC.
"""

from typing import Final

NANOSECONDS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * NANOSECONDS
VENUE_OFFSET_NS: Final = 8 * 3_600 * NANOSECONDS

_DAYS_BEFORE_MONTH: Final = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
_DAYS_TO_1970: Final = 719_162
"""Days from 0001-01-01 to 1970-01-01 in the Gregorian calendar."""


def day_number(date: str) -> int | None:
    """Days from 1970-01-01 to an ISO date, or None where the text is no date that exists. O(1)."""
    if len(date) != 10 or date[4] != "-" or date[7] != "-":
        return None
    digits = date[:4] + date[5:7] + date[8:]
    if not (digits.isascii() and digits.isdigit()):
        return None
    year, month, day = int(date[:4]), int(date[5:7]), int(date[8:])
    if year < 1 or not 1 <= month <= 12 or not 1 <= day <= _days_in_month(year, month):
        return None
    return _days_to_year(year) + _days_to_month(year, month) + day - 1 - _DAYS_TO_1970


def iso_date(day: int) -> str:
    """The ISO text of a day number, years 1 to 9999. O(1)."""
    ordinal = day + _DAYS_TO_1970
    # 146,097 days make 400 years: the guess is the year or the one before it.
    year = ordinal * 400 // 146_097 + 1
    while _days_to_year(year) > ordinal:
        year -= 1
    while _days_to_year(year + 1) <= ordinal:
        year += 1
    rest = ordinal - _days_to_year(year)
    month = 12
    while _days_to_month(year, month) > rest:
        month -= 1
    return f"{year:04}-{month:02}-{rest - _days_to_month(year, month) + 1:02}"


def iso_week(day: int) -> tuple[int, int]:
    """(year, week) by ISO 8601: weeks begin on Monday and belong to the year that holds their Thursday. O(1)."""
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0.
    thursday = day - weekday + 3
    year = int(iso_date(thursday)[:4])
    first = _days_to_year(year) - _DAYS_TO_1970
    return year, (thursday - first) // 7 + 1


def venue_day(time_ns: int) -> int:
    """The number of the day on the venue's wall at this time."""
    return (time_ns + VENUE_OFFSET_NS) // DAY_NS


def day_start_ns(day: int) -> int:
    """The time at which a local day begins."""
    return day * DAY_NS - VENUE_OFFSET_NS


def _leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def _days_to_year(year: int) -> int:
    """Days from 0001-01-01 to the first of January of the year."""
    before = year - 1
    return before * 365 + before // 4 - before // 100 + before // 400


def _days_to_month(year: int, month: int) -> int:
    return _DAYS_BEFORE_MONTH[month - 1] + (1 if month > 2 and _leap(year) else 0)


def _days_in_month(year: int, month: int) -> int:
    if month == 12:
        return 31
    return _days_to_month(year, month + 1) - _days_to_month(year, month)
