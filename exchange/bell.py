"""The bell: sets the phases that the timetable says, as commands like any others, in the journal like any others.

    timetable ─► due changes ─► SetPhase … ─► sequencer ─► journal
                     ▲                           │
                     └─── a batch has brought the time ◄┘

A batch that brings the time of a change is followed by the commands for it before anything that its answers lead to:
who is told of the new time finds the phases of that time. Orders of that very batch still meet the phase before. On a
real clock a timer lets time come; on a manual one the operator does.

A jump over several changes makes them all, in order; over several days the rest of the first, one
whole day for all between, and the last so far, so that `day` orders expire and what auctions collected is uncrossed.
A start is such a jump from the last thing that the journal tells.

Only instruments of mode `continuous` follow the timetable. What else may set their phases, and what becomes of it:

- `halted` by hand outside a break stays until something sets another phase, however many days that takes; an
  instrument so halted is left alone altogether, its `day` orders too.
- `closed` by hand outside the night stays until the next trading day begins.
- Any other phase set by hand, or an auction that a collar began, lasts until the next change; a start sets it right.
- An instrument that is defined, or opened by its first receipt, gets the phase of the timetable at once.
- One that has had receipts, none of which may be sold any more, is not opened, until there is one again.

On a weekday of a year whose holidays nobody has told the venue stays closed and says so.
"""

import asyncio
import logging
from collections import deque
from random import Random
from typing import Final

from exchange.calendar import Change, Timetable, UnknownYear
from exchange.engine import Engine
from exchange.protocol import Entry, Event
from exchange.sequencer import LONGEST_TIMER_SECONDS, Sequencer
from matching.messages import AdvanceTime, DefineInstrument, InstrumentDefined, Phase, PhaseChanged, SetPhase
from settlement.civil import day_start_ns, venue_day
from settlement.messages import ConfigureVenue, IssueReceipt, ReceiptChanged
from web.ports import VenueBusy, VenueHalted

NOTICE_DAYS: Final = 30
"""So many days before the calendar ends the log begins to say so."""

_log = logging.getLogger(__name__)


class Bell:
    """`watch` is told of every batch that the journal holds; then `start`, in the event loop of the sequencer."""

    _sequencer: Sequencer
    _engine: Engine

    def __init__(self, timetable: Timetable, chance: Random) -> None:
        """The ends of auctions are drawn from `chance`."""
        self._timetable = timetable
        self._chance = chance
        # What the journal tells beside the engine's state.
        self._told_ns: int | None = None
        self._halted_by_hand: dict[str, None] = {}
        self._stocked: dict[str, None] = {}
        # Where the timetable stands: the day, what is left of its changes, and the phase since the last one.
        self._day = 0
        self._plan: deque[Change] = deque()
        self._phase: Phase = "closed"
        # Instruments that something else has opened since the last look, and those kept closed for want of receipts.
        self._opened: dict[str, None] = {}
        self._spent: dict[str, None] = {}
        # Commands to offer, and those offered that are not committed yet.
        self._due: deque[SetPhase] = deque()
        self._offered: deque[SetPhase] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._said: dict[str, None] = {}

    def start(self, sequencer: Sequencer, engine: Engine) -> None:
        """Follow the sequencer from now on. The engine stands where the journal ends, and nothing is under way."""
        self._sequencer = sequencer
        self._engine = engine
        told_ns = sequencer.time_ns if self._told_ns is None else self._told_ns
        self._day = venue_day(told_ns)
        self._plan.extend(self._changes_of(self._day, told_ns))
        while self._plan and self._plan[0].time_ns <= told_ns:
            self._phase = self._plan.popleft().phase
        self._opened = dict.fromkeys(engine.market.symbols())
        sequencer.on_committed.append(self._committed)
        self._look(sequencer.time_ns)
        self._offer()
        if sequencer.clock.mode == "real":
            self._wind()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def watch(self, entry: Entry) -> None:
        """Remember what the engine's state does not tell: see the rules above. O(commands)."""
        if type(entry.commands[-1]) is not ConfigureVenue:  # A start may have written that one, long after the rest.
            self._told_ns = entry.time_ns
        for command, events in zip(entry.commands, entry.events, strict=True):
            if isinstance(command, SetPhase | DefineInstrument):
                self._watch_phase(command, events, entry.time_ns)
            elif isinstance(command, IssueReceipt):
                self._watch_receipt(events)

    def _watch_phase(self, command: SetPhase | DefineInstrument, events: tuple[Event, ...], time_ns: int) -> None:
        if self._offered and command is self._offered[0]:
            self._offered.popleft()
        symbol = command.symbol
        if not _changed(events, symbol, command.phase):
            return
        if command.phase == "halted" and not self._timetable.is_break(time_ns):
            self._halted_by_hand[symbol] = None
        else:
            self._halted_by_hand.pop(symbol, None)
        if isinstance(command, DefineInstrument):
            self._opened[symbol] = None

    def _watch_receipt(self, events: tuple[Event, ...]) -> None:
        for event in events:
            if isinstance(event, ReceiptChanged) and event.cause == "issued":
                symbol = event.receipt.symbol
                self._stocked[symbol] = None
                if symbol in self._spent or _changed(events, symbol, None):
                    self._opened[symbol] = None

    # What is due

    def _committed(self, entry: Entry) -> None:
        """Between two batches, so that the engine shows what is committed and no more."""
        self.watch(entry)
        if not self._offered and not self._due:
            self._look(entry.time_ns)
        self._offer()

    def _look(self, now_ns: int) -> None:
        """Find what the time asks for. O(instruments) where a change is due or something was opened."""
        changes = self._pass(now_ns)
        if not changes and not self._opened:
            return
        phases: dict[str, Phase] = {}
        for symbol in self._engine.market.symbols():
            view = self._engine.market.instrument(symbol)
            assert view is not None
            if view.mode == "continuous" and symbol not in self._halted_by_hand:
                phases[symbol] = view.phase
        for change in changes:
            for symbol, phase in phases.items():
                if phase != change.phase and (phase != "closed" or self._opens(symbol)):
                    self._due.append(SetPhase(symbol, change.phase))
                    phases[symbol] = change.phase
            self._phase = change.phase
        for symbol in self._opened:
            # A closed one stays so, but where a receipt has come for it.
            if phases.get(symbol, self._phase) != self._phase:
                if phases[symbol] != "closed" or (symbol in self._spent and self._sellable(symbol)):
                    self._due.append(SetPhase(symbol, self._phase))
        self._opened.clear()
        if changes:
            _log.info("the calendar sets the phase %s: %d commands", self._phase, len(self._due))
            if self._timer is not None:
                self._timer.cancel()
                self._wind()

    def _opens(self, symbol: str) -> bool:
        """Whether the change that comes opens a closed instrument: it begins the day, and there is something to sell
        or never was.
        """
        if self._phase != "closed":
            return False
        if self._sellable(symbol):
            self._spent.pop(symbol, None)
            return True
        self._spent[symbol] = None
        return False

    def _sellable(self, symbol: str) -> bool:
        return symbol not in self._stocked or self._engine.tradable(symbol)

    def _pass(self, now_ns: int) -> list[Change]:
        """The changes since the last look. One whole day stands for any number of them: each leaves what the first
        left. O(days).
        """
        today = venue_day(now_ns)
        changes: list[Change] = []
        if today > self._day:
            changes += self._plan
            self._plan.clear()
            whole: list[Change] = []
            for day in range(self._day + 1, today):
                whole = self._changes_of(day) or whole
            changes += whole
            self._day = today
            self._plan.extend(self._changes_of(today))
        while self._plan and self._plan[0].time_ns <= now_ns:
            changes.append(self._plan.popleft())
        return changes

    def _changes_of(self, day: int, done_ns: int = 0) -> list[Change]:
        """None in a year that the calendar does not know."""
        try:
            changes = self._timetable.changes(day, self._chance, done_ns)
        except UnknownYear as unknown:
            self._say(logging.ERROR, f"the venue stays closed: {unknown}")
            return []
        try:
            self._timetable.calendar.is_trading_day(day + NOTICE_DAYS)
        except UnknownYear as unknown:
            self._say(logging.WARNING, f"the venue will stay closed in {unknown.year}: {unknown}")
        return changes

    def _say(self, level: int, text: str) -> None:
        """Once."""
        if text not in self._said:
            self._said[text] = None
            _log.log(level, "%s", text)

    # Saying it

    def _offer(self) -> None:
        try:
            while self._due:
                self._sequencer.offer(self._due[0])
                self._offered.append(self._due.popleft())
        except VenueBusy:
            pass  # What waits is committed soon, and then the rest is offered.
        except VenueHalted:
            self._due.clear()

    def _wind(self) -> None:
        """On a real clock: when the next change is due, let time come. Not more than a second ahead, because loop
        timers run on another clock.
        """
        next_ns = self._plan[0].time_ns if self._plan else day_start_ns(self._day + 1)
        left_seconds = (next_ns - self._sequencer.time_ns) / 1e9
        if left_seconds <= 0:
            try:
                self._sequencer.offer(AdvanceTime(self._sequencer.time_ns))
            except VenueBusy:
                pass  # The batches that keep it busy bring the time.
            except VenueHalted:
                return
            left_seconds = LONGEST_TIMER_SECONDS
        self._timer = asyncio.get_running_loop().call_later(min(left_seconds, LONGEST_TIMER_SECONDS), self._wind)


def _changed(events: tuple[Event, ...], symbol: str, phase: Phase | None) -> bool:
    """Whether the instrument was defined, or has entered the phase (None: any)."""
    return any(
        event.symbol == symbol and (isinstance(event, InstrumentDefined) or phase in (None, event.phase))
        for event in events
        if isinstance(event, InstrumentDefined | PhaseChanged)
    )
