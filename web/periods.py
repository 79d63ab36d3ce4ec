"""Spans of civil days that statistics are asked for, and the spans that they are compared with.

Days are numbers from 1970-01-01, as in `settlement.civil`; both ends of a span count.
"""

from typing import Final, Literal, NamedTuple

from settlement.civil import day_number, iso_date
from web.errors import Fault, InvalidRequest

Period = Literal["day", "week", "month", "year"]

MAXIMUM_DAYS: Final = 366
"""Days of one span at most."""


class Span(NamedTuple):
    first: int
    last: int


def span_of(period: Period | None, date: str | None, from_date: str | None, to_date: str | None, newest: int) -> Span:
    """The span that a request names: a period with a day in it, or its two ends. Left out, the period is the month and
    the day the newest one. Raises `InvalidRequest`.
    """
    if from_date is None and to_date is None:
        return _period(period or "month", newest if date is None else _day("date", date))
    named = [name for name, given in (("period", period), ("date", date)) if given is not None]
    if named:
        raise InvalidRequest(*(Fault(name, "name a period or two dates, not both") for name in named))
    if from_date is None:
        raise InvalidRequest(Fault("from_date", "missing beside to_date"))
    first = _day("from_date", from_date)
    last = newest if to_date is None else _day("to_date", to_date)
    if last < first and to_date is not None:
        raise InvalidRequest(Fault("to_date", "is before from_date"))
    if last - first >= MAXIMUM_DAYS:
        raise InvalidRequest(Fault("to_date", f"a span has at most {MAXIMUM_DAYS} days"))
    return Span(first, last)


def week_before(span: Span) -> Span:
    """The same days of the week before."""
    return Span(span.first - 7, span.last - 7)


def month_before(span: Span) -> Span:
    """The same dates a month before; a date that the month does not have is its last. Whole months stay whole."""
    return _moved(span, 1)


def year_before(span: Span) -> Span:
    """Likewise a year before."""
    return _moved(span, 12)


def _moved(span: Span, months: int) -> Span:
    whole = iso_date(span.first).endswith("-01") and iso_date(span.last + 1).endswith("-01")
    last = _back(span.last + 1, months) - 1 if whole else _back(span.last, months)
    return Span(_back(span.first, months), last)


def _back(day: int, months: int) -> int:
    year, month, date = map(int, iso_date(day).split("-"))
    count = year * 12 + month - 1 - months
    return _dated(count // 12, count % 12 + 1, date)


def _dated(year: int, month: int, date: int) -> int:
    """A date, or the last day of its month where it does not have it."""
    while (day := day_number(f"{year:04}-{month:02}-{date:02}")) is None:
        date -= 1
    return day


def _period(period: Period, day: int) -> Span:
    match period:
        case "day":
            return Span(day, day)
        case "week":
            monday = day - (day + 3) % 7  # 1970-01-01 was a Thursday
            return Span(monday, monday + 6)
        case "month":
            year, month = map(int, iso_date(day).split("-")[:2])
            return Span(_dated(year, month, 1), _dated(year, month, 31))
        case "year":
            year = int(iso_date(day)[:4])
            return Span(_dated(year, 1, 1), _dated(year, 12, 31))


def _day(name: str, date: str) -> int:
    day = day_number(date)
    if day is None or not "1971-01-01" <= date <= "9998-12-31":
        raise InvalidRequest(Fault(name, "a date from 1971 to 9998 is expected, as 2026-11-24"))
    return day
