"""The bell: sets the phases that the timetable says, and ends the auctions that collars began, by commands like any
others, in the journal like any others.

    timetable, auctions' ends ─► due ─► SetPhase … ─► sequencer ─► journal
                                  ▲                       │
                                  └─ a batch has brought the time

A batch that brings the time of a change is followed by the commands for it before anything that its answers lead to:
who is told of the new time finds the phases of that time. Orders of that very batch still meet the phase before. On a
real clock a timer lets time come; on a manual one the operator does.

A jump over several changes makes them all, in order; over several days the rest of the first, one whole day for all
between, and the last so far, so that `day` orders expire and what auctions collected is uncrossed. A start is such a
jump from the last thing that the journal tells.

Instruments of mode `continuous` follow the timetable, and those of mode `call_auction`, which collect where the others
trade and are uncrossed at the close. A venue without a timetable trades round the clock: phases are its operator's, and
the bell ends what a collar began, no more. What else may set phases, and what becomes of it:

- `halted` by hand outside a break stays until something sets another phase, however many days that takes; an
  instrument so halted is left alone altogether, its `day` orders too.
- `closed` by hand outside the night stays until the next trading day begins.
- Any other phase set by hand lasts until the next change; a start sets it right.
- An auction that a collar began ends at a moment drawn for it, and `continuous` goes on. Its length counts from the
  time in the journal: after a start its end is still to come, or comes at once. A change of the timetable before that,
  into an auction too, takes it over, as does whoever sets another phase. What the uncross sets off may meet the collar
  again: that is another auction.
- An instrument that is defined, or opened for goods that came or came free again, gets the phase of the timetable at
  once.
- One that has had receipts, none of which may be sold any more, is not opened, until there is one again.

On a weekday of a year whose holidays nobody has told the venue stays closed and says so.
"""

import asyncio
import logging
from collections import deque
from random import Random
from typing import Final

import msgspec
from msgspec import Struct

from exchange.calendar import NEVER_NS, Change, Timetable, UnknownYear, VolatilityAuction
from exchange.engine import Engine
from exchange.protocol import Command, Entry
from exchange.sequencer import LONGEST_TIMER_SECONDS, Sequencer
from matching.messages import AdvanceTime, DefineInstrument, InstrumentDefined, Phase, PhaseChanged, SetPhase
from settlement.civil import day_start_ns, venue_day
from settlement.messages import ConfigureVenue, ReceiptChanged
from web.ports import VenueBusy, VenueHalted

NOTICE_DAYS: Final = 30
"""So many days before the calendar ends the log begins to say so."""

FOLLOWING_MODES: Final = ("continuous", "call_auction")
"""Whose instruments have the phases of the timetable."""

_log = logging.getLogger(__name__)

_encode = msgspec.msgpack.Encoder().encode


class BellState(Struct, frozen=True, array_like=True):
    """What the journal tells the bell beside the engine's state, canonical. Auctions come as they began."""

    told_ns: int | None
    halted: list[tuple[str, int]]
    begun: list[tuple[str, int]]
    stocked: list[str]


class Heard:
    """What the journal tells beside the engine's state, whatever the hours are: a witness (`exchange.recovery`).

    `halted_ns` and `begun_ns` say of instruments that are halted, and of those in an auction that a collar began, since
    when; `stocked` are those that have had receipts.
    """

    name: Final = "bell"

    def __init__(self) -> None:
        self.told_ns: int | None = None
        self.halted_ns: dict[str, int] = {}
        self.begun_ns: dict[str, int] = {}
        self.stocked: dict[str, None] = {}

    def hear(self, entry: Entry) -> None:
        """O(events)."""
        if type(entry.commands[-1]) is not ConfigureVenue:  # A start may have written that one, long after the rest.
            self.told_ns = entry.time_ns
        for command, events in zip(entry.commands, entry.events, strict=True):
            for event in events:
                if type(event) is PhaseChanged:
                    self._enter(command, event.symbol, event.phase, entry.time_ns)
                elif type(event) is InstrumentDefined and isinstance(command, DefineInstrument):
                    self._enter(command, event.symbol, command.phase, entry.time_ns)
                elif type(event) is ReceiptChanged:
                    self.stocked[event.receipt.symbol] = None

    def _enter(self, command: Command, symbol: str, phase: Phase, time_ns: int) -> None:
        """An auction that the command did not ask for is a collar's. Not only orders meet one: a command that begins
        `continuous` may set off stops.
        """
        self.halted_ns.pop(symbol, None)
        self.begun_ns.pop(symbol, None)
        if phase == "halted":
            self.halted_ns[symbol] = time_ns
        elif phase == "auction":
            if not isinstance(command, SetPhase | DefineInstrument) or command.phase != "auction":
                self.begun_ns[symbol] = time_ns

    def state(self) -> bytes:
        halted = sorted(self.halted_ns.items())
        return _encode(BellState(self.told_ns, halted, list(self.begun_ns.items()), sorted(self.stocked)))

    def restore(self, state: bytes, engine: Engine) -> None:
        """Put back what `state` gave. Raises ValueError, and has changed nothing, on another release's."""
        decoded = msgspec.msgpack.decode(state, type=BellState)
        self.told_ns = decoded.told_ns
        self.halted_ns = dict(decoded.halted)
        self.begun_ns = dict(decoded.begun)
        self.stocked = dict.fromkeys(decoded.stocked)


class Bell:
    """`heard` is told of every batch that the journal holds; then `start`, in the event loop of the sequencer."""

    _sequencer: Sequencer
    _engine: Engine

    def __init__(self, timetable: Timetable | None, volatility: VolatilityAuction, chance: Random) -> None:
        """Without a timetable the venue trades round the clock. The ends of auctions are drawn from `chance`."""
        self._timetable = timetable
        self._volatility = volatility
        self._chance = chance
        self.heard: Final = Heard()
        # When auctions end that a collar began, once they have been looked at.
        self._ends_ns: dict[str, int] = {}
        # Where the timetable stands: the day, what is left of its changes, and the phase since the last one.
        self._day = 0
        self._plan: deque[Change] = deque()
        self._phase: Phase = "closed" if timetable is not None else "continuous"
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
        if self._timetable is not None:
            told_ns = sequencer.time_ns if self.heard.told_ns is None else self.heard.told_ns
            self._day = venue_day(told_ns)
            self._plan.extend(self._changes_of(self._timetable, self._day, told_ns))
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

    def _watch(self, entry: Entry) -> None:
        """What a batch that is committed now means for what is under way. O(events)."""
        self.heard.hear(entry)
        for command, events in zip(entry.commands, entry.events, strict=True):
            if self._offered and command is self._offered[0]:
                self._offered.popleft()
            for event in events:
                if type(event) is PhaseChanged:
                    self._ends_ns.pop(event.symbol, None)
                    if self._opened_for_goods(command, event):
                        self._open(event.symbol)
                elif type(event) is InstrumentDefined:
                    self._ends_ns.pop(event.symbol, None)
                    self._open(event.symbol)
                elif type(event) is ReceiptChanged and event.receipt.symbol in self._spent:
                    self._open(event.receipt.symbol)

    def _opened_for_goods(self, command: Command, event: PhaseChanged) -> bool:
        """Whether nobody asked for the phase: goods have come, or come free again, for an instrument that was closed
        for want of them. An auction that a collar began is none of that.
        """
        if isinstance(command, SetPhase | DefineInstrument) and command.symbol == event.symbol:
            return False
        view = self._engine.market.instrument(event.symbol)
        return view is not None and event.phase == _fitting("continuous", view.mode)

    def _by_hand(self, symbol: str) -> bool:
        """Whether it is halted, and not by a break."""
        halted_ns = self.heard.halted_ns.get(symbol)
        return halted_ns is not None and self._timetable is not None and not self._timetable.is_break(halted_ns)

    def _open(self, symbol: str) -> None:
        if self._timetable is not None:
            self._opened[symbol] = None

    # What is due

    def _committed(self, entry: Entry) -> None:
        """Between two batches, so that the engine shows what is committed and no more."""
        self._watch(entry)
        if not self._offered and not self._due:
            self._look(entry.time_ns)
        self._offer()

    def _look(self, now_ns: int) -> None:
        """Find what the time asks for. O(auctions by collars); O(instruments) where a change is due or something was
        opened.
        """
        begun_ns = self.heard.begun_ns
        for symbol, began_ns in begun_ns.items():
            view = self._engine.market.instrument(symbol)
            assert view is not None
            if view.mode == "continuous":  # A receipt that opens one of mode `call_auction` leads into an auction too.
                self._ends_ns[symbol] = self._volatility.end_ns(began_ns, self._chance)
        begun_ns.clear()
        changes = self._pass(now_ns)
        if changes or self._opened:
            self._change(changes)
        self._end_auctions(now_ns)
        if changes:
            _log.info("the calendar sets the phase %s: %d commands", self._phase, len(self._due))
            if self._timer is not None:
                self._timer.cancel()
                self._wind()

    def _change(self, changes: list[Change]) -> None:
        """Make the timetable's changes, and set right what was opened."""
        modes: dict[str, str] = {}
        phases: dict[str, Phase] = {}
        for symbol in self._engine.market.symbols():
            view = self._engine.market.instrument(symbol)
            assert view is not None
            if view.mode in FOLLOWING_MODES and not self._by_hand(symbol):
                modes[symbol] = view.mode
                phases[symbol] = view.phase
        for change in changes:
            for symbol in self._end_auctions(change.time_ns - 1):
                phases[symbol] = "continuous"
            self._ends_ns.clear()
            for symbol, phase in phases.items():
                wanted = _fitting(change.phase, modes[symbol])
                if phase != wanted and (phase != "closed" or self._opens(symbol)):
                    self._due.append(SetPhase(symbol, wanted))
                    phases[symbol] = wanted
            self._phase = change.phase
        for symbol in self._opened:
            if symbol not in phases or (symbol in self._ends_ns and self._phase == "continuous"):
                continue
            wanted = _fitting(self._phase, modes[symbol])
            # A closed one stays so, but where a receipt has come for it.
            if phases[symbol] != wanted:
                if phases[symbol] != "closed" or (symbol in self._spent and self._sellable(symbol)):
                    self._due.append(SetPhase(symbol, wanted))
                    self._ends_ns.pop(symbol, None)
        self._opened.clear()

    def _end_auctions(self, until_ns: int) -> list[str]:
        """End those of collars whose time has come by then; the instruments that are `continuous` again."""
        over = sorted((end_ns, symbol) for symbol, end_ns in self._ends_ns.items() if end_ns <= until_ns)
        for _, symbol in over:
            del self._ends_ns[symbol]
        if not over or self._phase == "auction":
            return []
        ended = [symbol for _, symbol in over]
        self._due.extend(SetPhase(symbol, "continuous") for symbol in ended)
        _log.info("auctions end that collars began: %s", ", ".join(ended))
        return ended

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
        return symbol not in self.heard.stocked or self._engine.tradable(symbol)

    def _pass(self, now_ns: int) -> list[Change]:
        """The changes since the last look. One whole day stands for any number of them: each leaves what the first
        left. O(days).
        """
        if self._timetable is None:
            return []
        today = venue_day(now_ns)
        changes: list[Change] = []
        if today > self._day:
            changes += self._plan
            self._plan.clear()
            whole: list[Change] = []
            for day in range(self._day + 1, today):
                whole = self._changes_of(self._timetable, day) or whole
            changes += whole
            self._day = today
            self._plan.extend(self._changes_of(self._timetable, today))
        while self._plan and self._plan[0].time_ns <= now_ns:
            changes.append(self._plan.popleft())
        return changes

    def _changes_of(self, timetable: Timetable, day: int, done_ns: int = 0) -> list[Change]:
        """None in a year that the calendar does not know."""
        try:
            changes = timetable.changes(day, self._chance, done_ns)
        except UnknownYear as unknown:
            self._say(logging.ERROR, f"the venue stays closed: {unknown}")
            return []
        try:
            timetable.calendar.is_trading_day(day + NOTICE_DAYS)
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
        """On a real clock: when the next change or end is due, let time come. Not more than a second ahead, because
        loop timers run on another clock; an auction that a collar begins meanwhile lasts a second at least.
        """
        next_ns = min(self._ends_ns.values(), default=NEVER_NS)
        if self._timetable is not None:
            next_ns = min(next_ns, self._plan[0].time_ns if self._plan else day_start_ns(self._day + 1))
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


def _fitting(phase: Phase, mode: str) -> Phase:
    """The phase of the timetable as an instrument of the mode has it."""
    return "auction" if mode == "call_auction" and phase == "continuous" else phase
