"""The venue's trading days as it has been told them: terms count in days that were announced, and never guess further.

    told    2026-11-24 … 2026-12-31        Tu We Th Fr -- -- Mo Tu We Th Fr -- -- …
    a trade on Friday 27: D1 is 27, D3 is Tuesday 1, D5 is Thursday 3

Which days they are is known at the roof (`exchange.calendar`), which announces them by command. Days are numbers of
local days (`settlement.civil`).
"""

from bisect import bisect_left
from typing import Final

from msgspec import Struct

from settlement.civil import day_number, iso_date
from settlement.messages.contracts import AnnounceTradingDays, TradingDaysAnnounced

KEPT_DAYS: Final = 31
"""Days that have passed are forgotten so long after."""


class TradingDaysState(Struct, frozen=True, array_like=True):
    since: int
    until: int
    days: list[int]


class TradingDays:
    """What is told: every day from `since` to `until` trades or does not; of others nothing is known."""

    def __init__(self) -> None:
        self._since = 0
        self._until = -1
        self._days: list[int] = []

    def announce(self, command: AnnounceTradingDays, today: int) -> TradingDaysAnnounced | tuple[str, str]:
        """Take over what is told, in place of what was told of these days before; or (reason, field).

        `invalid_days`: a date that does not exist, `until` before `since`, days not ascending or not between the two.
        `outside_calendar`: what is told would have a gap, or reach less far than before. O(days).
        """
        since = day_number(command.since)
        until = day_number(command.until)
        if since is None:
            return "invalid_days", "since"
        if until is None or until < since:
            return "invalid_days", "until"
        days: list[int] = []
        for text in command.days:
            day = day_number(text)
            if day is None or not since <= day <= until or (days and day <= days[-1]):
                return "invalid_days", "days"
            days.append(day)
        if self._until >= self._since:
            if not self._since <= since <= self._until + 1:
                return "outside_calendar", "since"
            if until < self._until:
                return "outside_calendar", "until"
        else:
            self._since = since
        del self._days[bisect_left(self._days, since) :]
        self._days += days
        self._until = until
        self._forget(today)
        return TradingDaysAnnounced(since=command.since, until=command.until, days=command.days)

    def add(self, day: int, count: int) -> int | None:
        """So many trading days later; a day without trading counts as of the next trading day, and 0 gives that one.

        None where the day, or the one sought, is beyond what was told. O(log days).
        """
        assert count >= 0
        if not self._since <= day <= self._until:
            return None
        at = bisect_left(self._days, day) + count
        return self._days[at] if at < len(self._days) else None

    def is_trading_day(self, day: int) -> bool | None:
        """None where nobody has told. O(log days)."""
        if not self._since <= day <= self._until:
            return None
        at = bisect_left(self._days, day)
        return at < len(self._days) and self._days[at] == day

    def told(self) -> tuple[int, int] | None:
        """(first, last) day of which is known whether it trades."""
        return (self._since, self._until) if self._until >= self._since else None

    def dates(self) -> list[str]:
        """The trading days that are told, ascending."""
        return [iso_date(day) for day in self._days]

    def announced(self) -> TradingDaysAnnounced | None:
        """All that is told, as if at once; None before anything was. O(days)."""
        if self._until < self._since:
            return None
        return TradingDaysAnnounced(since=iso_date(self._since), until=iso_date(self._until), days=tuple(self.dates()))

    def state(self) -> TradingDaysState:
        return TradingDaysState(self._since, self._until, list(self._days))

    def restore(self, state: TradingDaysState) -> None:
        self._since = state.since
        self._until = state.until
        self._days = list(state.days)

    def audit(self) -> None:
        """Assert that the days are in order, and within what is told."""
        assert all(before < after for before, after in zip(self._days, self._days[1:], strict=False))
        assert all(self._since <= day <= self._until for day in self._days)

    def _forget(self, today: int) -> None:
        """The state does not grow with the years."""
        first = min(today - KEPT_DAYS, self._until)
        if first > self._since:
            self._since = first
            del self._days[: bisect_left(self._days, first)]
