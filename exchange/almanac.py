"""The almanac: announces trading days to the engine, a year ahead, by commands in the journal like any others.

    calendar ─► AnnounceTradingDays 2026-11-24 … 2027-11-24 ─► sequencer ─► journal
                once a local day: what is further by a day, or what the calendar says otherwise by now

The terms of contracts count in these days (`settlement.trading_days`). A venue without contracts needs none and is told
none. One without a timetable trades round the clock, every day. In a year of which nobody has told the holidays nothing
is announced, so that the engine refuses what would need it, and the log says so.

What it announces can always be announced again: it looks at what the engine has been told.
"""

import logging
from typing import Final

from exchange.calendar import TradingCalendar, UnknownYear
from exchange.engine import Engine
from exchange.protocol import Entry
from exchange.sequencer import Sequencer
from settlement.civil import iso_date, venue_day
from settlement.messages.contracts import MAXIMUM_DAYS, AnnounceTradingDays
from web.ports import VenueBusy, VenueHalted

AHEAD_DAYS: Final = 366
"""How far the venue is told, from today."""

_log = logging.getLogger(__name__)


class Almanac:
    """`start` in the event loop of the sequencer; from then on it looks at each batch that the journal holds."""

    _sequencer: Sequencer
    _engine: Engine

    def __init__(self, calendar: TradingCalendar | None) -> None:
        """None: every day trades."""
        self._calendar: Final = calendar
        # The day and the terms at the last look, which finds nothing new before one of them has changed.
        self._looked: tuple[int, bool] | None = None
        self._said: dict[str, None] = {}

    def start(self, sequencer: Sequencer, engine: Engine) -> None:
        """Follow the sequencer from now on. The engine stands where the journal ends, and nothing is under way."""
        self._sequencer = sequencer
        self._engine = engine
        sequencer.on_committed.append(self._committed)
        self._look(sequencer.time_ns)

    def _committed(self, entry: Entry) -> None:
        """Between two batches, so that the engine shows what is committed and no more."""
        self._look(entry.time_ns)

    def _look(self, now_ns: int) -> None:
        """O(1), but once a day O(days ahead)."""
        today = venue_day(now_ns)
        looked = today, self._engine.venue().contract is not None
        if looked == self._looked:
            return
        try:
            if looked[1]:
                for command in self.due(today):
                    self._sequencer.offer(command)
            self._looked = looked
        except VenueBusy:
            pass  # The next batch finds the rest.
        except VenueHalted:
            self._looked = looked

    def due(self, today: int) -> list[AnnounceTradingDays]:
        """What the engine is to be told today: from the first day on that it knows otherwise, or not at all.

        More days than an announcement holds are several. None where the calendar reaches less far than it has been
        told: then that stands. O(days ahead).
        """
        days = self._engine.contracts.days
        told = days.told()
        since = today if told is None else told[1] + 1
        trades = self._known(min(since, today), today + AHEAD_DAYS)
        until = max(trades, default=since - 1)
        if told is not None and until >= told[1]:
            wrong = (day for day in trades if today <= day <= told[1] and days.is_trading_day(day) != trades[day])
            since = min(next(wrong, since), since)
        return [
            AnnounceTradingDays(
                since=iso_date(first),
                until=iso_date(min(first + MAXIMUM_DAYS - 1, until)),
                days=tuple(iso_date(day) for day in range(first, min(first + MAXIMUM_DAYS, until + 1)) if trades[day]),
            )
            for first in range(since, until + 1, MAXIMUM_DAYS)
        ]

    def _known(self, first: int, last: int) -> dict[int, bool]:
        """Which days trade, as far as the calendar can tell."""
        found: dict[int, bool] = {}
        for day in range(first, last + 1):
            try:
                found[day] = self._calendar is None or self._calendar.is_trading_day(day)
            except UnknownYear as unknown:
                self._say(f"contracts reach no further than {iso_date(day)}: {unknown}")
                break
        return found

    def _say(self, text: str) -> None:
        """Once."""
        if text not in self._said:
            self._said[text] = None
            _log.warning("%s", text)
