"""The trading calendar: which days trade, and when the phases of a trading day change.

    08:20     08:30        11:30    13:30        15:25     15:30
    ──closed──┬─auction─┬─continuous─┬─halted─┬─continuous─┬─auction─┬─closed──

A trading day is a Monday to Friday that is no holiday of the state. A Saturday or Sunday that the State Council makes a
working day to pay for a long holiday (调休) is none, as on the exchanges of Shanghai and Shenzhen. The holidays come
from the package `chinesecalendar`, which holds them as announced, each year's late in the year before. Nothing is
guessed beyond: a weekday of a year that nobody has told is `UnknownYear`.

Days are numbers from 1970-01-01 on the venue's wall (`settlement.civil`), hours are seconds of the local day, changes
are nanoseconds since 1970 UTC.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache
from itertools import pairwise
from random import Random
from typing import Final, NamedTuple

from msgspec import Struct

from matching.messages import Phase
from settlement.civil import NANOSECONDS, day_number, day_start_ns, iso_date, venue_day

MAXIMUM_SESSIONS: Final = 8
"""Of one day."""

MILLISECOND_NS: Final = 1_000_000

NEVER_NS: Final = 2**63 - 1
"""Later than any time of a venue."""

_ORDINAL_OF_1970: Final = date(1970, 1, 1).toordinal()


class UnknownYear(LookupError):
    """Whether a weekday trades cannot be told: the holidays of its year are not known. The text says what to do."""

    def __init__(self, year: int, version: str, first: int, last: int) -> None:
        super().__init__(
            f"the holidays of {year} are not known: chinesecalendar {version} has those of {first} to {last};"
            " install a newer release, or name all of that year's in the setting holidays"
        )
        self.year = year


class TradingCalendar:
    """The venue's trading days, which settlement counts in: D1, D3, D5."""

    def __init__(self, holidays: Iterable[str] = ()) -> None:
        """`holidays` are ISO dates on which the venue does not trade either. A year that the package does not know is
        known by them, and then has no others. Raises ValueError that names the date that does not exist.
        """
        state = _state_holidays()
        own = [read_date(text) for text in holidays]
        self._state = state
        self._holidays = state.days.union(own)
        self._told_years = frozenset(map(_year_of, own))

    def is_trading_day(self, day: int) -> bool:
        """Raises `UnknownYear`, but not for a weekend, which trades in no year. O(1)."""
        if (day + 3) % 7 >= 5 or day in self._holidays:  # 1970-01-01 was a Thursday; Monday is 0.
            return False
        year = _year_of(day)
        state = self._state
        if state.first_year <= year <= state.last_year or year in self._told_years:
            return True
        raise UnknownYear(year, state.version, state.first_year, state.last_year)

    def next_trading_day(self, day: int) -> int:
        """The first trading day after the day. Raises `UnknownYear`. O(days between)."""
        day += 1
        while not self.is_trading_day(day):
            day += 1
        return day

    def add_trading_days(self, day: int, count: int) -> int:
        """So many trading days later. What happens on a day without trading counts as of the next trading day, so that
        a trade of D1 is due at D3 on `add_trading_days(day, 2)`, and 0 gives D1 itself. Raises `UnknownYear`.
        O(days between).
        """
        assert count >= 0
        day = self.next_trading_day(day - 1)
        for _ in range(count):
            day = self.next_trading_day(day)
        return day


class Hours(Struct, frozen=True):
    """The hours of every trading day; `read_hours` makes them. All in seconds, sessions in seconds of the local day."""

    sessions: tuple[tuple[int, int], ...]
    """(begin, end) of continuous trading, ascending; between two of them is a break, which is `halted`."""
    opening_auction: int
    """How long an auction collects before the first session; 0: there is none."""
    reopening_auction: int
    """How long before each later session."""
    closing_auction: int
    """How long at the end of the last session, within it."""
    random_end: int
    """Each auction ends at a moment drawn from so many seconds before its published end."""

    def auction_before(self, index: int) -> int:
        return self.reopening_auction if index else self.opening_auction


class VolatilityAuction(Struct, frozen=True):
    """How long an auction lasts that a collar began; `read_volatility_auction` makes it. In seconds."""

    length: int
    """0: it has no end of its own."""
    random_end: int
    """As that of the auctions of `Hours`."""

    def end_ns(self, began_ns: int, chance: Random) -> int:
        """A moment drawn from `chance` for each auction; `NEVER_NS` where there is none."""
        if not self.length:
            return NEVER_NS
        return _drawn_ns(began_ns + self.length * NANOSECONDS, self.random_end, chance)


class Change(NamedTuple):
    """From this time on an instrument that follows the calendar is in this phase."""

    time_ns: int
    phase: Phase


class Timetable:
    """Trading days and hours together."""

    def __init__(self, calendar: TradingCalendar, hours: Hours) -> None:
        self.calendar = calendar
        self.hours = hours

    def changes(self, day: int, chance: Random, done_ns: int = 0) -> list[Change]:
        """The day's changes of phase, ascending, with the ends of auctions drawn from `chance`, one for all
        instruments; none where the day does not trade. It begins and ends `closed`.

        An auction in whose last seconds `done_ns` falls may have ended by then on an earlier draw: it ends right
        after. Raises `UnknownYear`.
        """
        if not self.calendar.is_trading_day(day):
            return []
        hours = self.hours
        midnight_ns = day_start_ns(day)
        changes: list[Change] = []

        def add(second: int, phase: Phase) -> None:
            changes.append(Change(midnight_ns + second * NANOSECONDS, phase))

        def add_end_of_auction(second: int, phase: Phase) -> None:
            end_ns = midnight_ns + second * NANOSECONDS
            drawn_ns = _drawn_ns(end_ns, hours.random_end, chance)
            if end_ns - hours.random_end * NANOSECONDS <= done_ns < end_ns:
                drawn_ns = done_ns + 1
            changes.append(Change(drawn_ns, phase))

        for index, (begin, end) in enumerate(hours.sessions):
            auction = hours.auction_before(index)
            if auction:
                add(begin - auction, "auction")
                add_end_of_auction(begin, "continuous")
            else:
                add(begin, "continuous")
            if index + 1 < len(hours.sessions):
                add(end, "halted")
            elif hours.closing_auction:
                add(end - hours.closing_auction, "auction")
                add_end_of_auction(end, "closed")
            else:
                add(end, "closed")
        return changes

    def is_break(self, time_ns: int) -> bool:
        """Whether the calendar halts trading at this time; a weekday of an unknown year has no hours. O(sessions)."""
        day = venue_day(time_ns)
        try:
            if not self.calendar.is_trading_day(day):
                return False
        except UnknownYear:
            return False
        second = (time_ns - day_start_ns(day)) // NANOSECONDS
        sessions = self.hours.sessions
        return any(end <= second < begin - self.hours.reopening_auction for (_, end), (begin, _) in pairwise(sessions))


def read_hours(
    sessions: Sequence[str],
    opening_auction_seconds: int,
    reopening_auction_seconds: int,
    closing_auction_seconds: int,
    random_end_seconds: int,
) -> Hours:
    """The hours that the settings of these names give; a session is `HH:MM-HH:MM`. Raises ValueError that begins with
    the name of the setting.
    """
    if not 1 <= len(sessions) <= MAXIMUM_SESSIONS:
        raise ValueError(f"sessions: 1 to {MAXIMUM_SESSIONS} of them, not {len(sessions)}")
    read = [_read_session(text) for text in sessions]
    for ((_, end), (begin, _)), text in zip(pairwise(read), sessions[1:], strict=True):
        if begin <= end:
            raise ValueError(f"sessions: {text} does not begin after the session before it has ended")
        if reopening_auction_seconds >= begin - end:
            raise ValueError(f"reopening_auction_seconds: {reopening_auction_seconds} leave no break before {text}")
    if opening_auction_seconds > read[0][0]:
        raise ValueError(f"opening_auction_seconds: {opening_auction_seconds} before {sessions[0]} is the day before")
    if closing_auction_seconds >= read[-1][1] - read[-1][0]:
        raise ValueError(f"closing_auction_seconds: {closing_auction_seconds} leave nothing of {sessions[-1]}")
    for length in (opening_auction_seconds, reopening_auction_seconds, closing_auction_seconds):
        _check_random_end(random_end_seconds, length)
    return Hours(
        tuple(read),
        opening_auction_seconds,
        reopening_auction_seconds,
        closing_auction_seconds,
        random_end_seconds,
    )


def read_volatility_auction(volatility_auction_seconds: int, random_end_seconds: int) -> VolatilityAuction:
    """What the settings of these names give. Raises ValueError that begins with the name of the setting."""
    _check_random_end(random_end_seconds, volatility_auction_seconds)
    return VolatilityAuction(volatility_auction_seconds, random_end_seconds)


def _check_random_end(random_end_seconds: int, length: int) -> None:
    if length and random_end_seconds >= length:
        raise ValueError(f"random_end_seconds: {random_end_seconds} leave nothing of an auction of {length}")


def _drawn_ns(end_ns: int, random_end: int, chance: Random) -> int:
    """When an auction ends whose published end this is: at any millisecond of so many seconds before, alike."""
    return end_ns - chance.randrange(random_end * 1_000 + 1) * MILLISECOND_NS


def read_date(text: str) -> int:
    """The number of an ISO date. Raises ValueError."""
    day = day_number(text)
    if day is None:
        raise ValueError(f"holidays: {text!r} is no date like 2027-01-01")
    return day


def _read_session(text: str) -> tuple[int, int]:
    begin, _, end = text.partition("-")
    times = _read_time(begin), _read_time(end)
    if times[0] is None or times[1] is None:
        raise ValueError(f"sessions: {text!r} is no session like 08:30-11:30")
    if times[0] >= times[1]:
        raise ValueError(f"sessions: {text} ends before it begins")
    return times[0], times[1]


def _read_time(text: str) -> int | None:
    """Seconds of the day of `HH:MM`, or None where it is none."""
    hours, minutes = text[:2], text[3:]
    if len(text) != 5 or text[2] != ":" or not (text.isascii() and (hours + minutes).isdigit()):
        return None
    if int(hours) > 23 or int(minutes) > 59:
        return None
    return int(hours) * 3_600 + int(minutes) * 60


class _StateHolidays(NamedTuple):
    version: str
    first_year: int
    last_year: int
    days: frozenset[int]


@cache
def _state_holidays() -> _StateHolidays:
    """What the package holds: days off, weekends among them, in all years from the first to the last."""
    # Imported here: settings are read on every command line, and only a venue with sessions needs the package.
    import chinese_calendar

    days = frozenset(day.toordinal() - _ORDINAL_OF_1970 for day in chinese_calendar.holidays)
    return _StateHolidays(chinese_calendar.__version__, _year_of(min(days)), _year_of(max(days)), days)


def _year_of(day: int) -> int:
    return int(iso_date(day)[:4])
