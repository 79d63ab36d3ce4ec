"""The model: what the venue has told, executed once more by an engine of its own and judged by books of its own.

It is told of each batch when the venue tells it, and of what was durable and never told when a life begins. Whatever
the venue shows afterwards (answers, balances, the feed, the database, the next life) is held against it. It never goes
back: what was told and is not there any more is a violation.
"""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec import Struct

from exchange.engine import Engine
from exchange.journal import Record
from exchange.protocol import Command, Entry, Event, encode
from matching.messages import AuctionUncrossed, DefineInstrument, InstrumentDefined, PhaseChanged, TradeExecuted
from settlement.messages import TradeBusted
from tests.exchange.whole_venue.auditor import Auditor

Levels = tuple[tuple[int, int, int], ...]
"""Price, quantity, orders; best first."""


class Violation(AssertionError):
    """The venue has broken a promise."""


class Book(NamedTuple):
    """What the public may see of an instrument's book from `sequence` on."""

    sequence: int
    bids: Levels
    asks: Levels


class Done(NamedTuple):
    """One command of the venue's history."""

    command: Command
    events: tuple[Event, ...]
    time_ns: int


class Instrument(Struct):
    dark: bool
    books: list[Book]
    trades: list[tuple[int, int]]
    """(trade id, sequence) as told: a trade that is taken back is told again."""


class Model:
    """Raises `Violation` (an `AssertionError`, like the books' own) where the venue is wrong."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.books = Auditor()
        self.history: list[Done] = []
        self.chains: dict[int, bytes] = {}
        """By the last sequence of each row."""
        self.instruments: dict[str, Instrument] = {}

    @property
    def sequence(self) -> int:
        return self.engine.sequence

    def take(self, entry: Entry) -> None:
        """A batch follows. O(its commands × what is live)."""
        engine = self.engine
        if entry.first_sequence != engine.sequence + 1:
            raise Violation(f"the batch at {entry.first_sequence} follows sequence {engine.sequence}")
        if entry.time_ns < engine.time_ns:
            raise Violation(f"the batch at {entry.first_sequence} goes back in time")
        for sequence, (command, told) in enumerate(
            zip(entry.commands, entry.events, strict=True), entry.first_sequence
        ):
            brought: tuple[Event, ...] = ()
            if entry.time_ns != engine.time_ns:
                brought = engine.advance(entry.time_ns, sequence)
                self.books.take(None, brought, sequence, entry.time_ns)
            events = engine.execute(command, sequence, entry.time_ns)
            self.books.take(command, events, sequence, entry.time_ns)
            if encode(brought + events) != encode(told):
                raise Violation(f"sequence {sequence} leads to other events: {told} told, {brought + events} found")
            self.history.append(Done(command, told, entry.time_ns))
            self._show(sequence, command, told)

    def take_row(self, record: Record) -> None:
        """A row of the journal: one more, or one that was told before and must be the same."""
        entry = record.entry()
        known = self.chains.get(record.last_sequence)
        if record.last_sequence > self.sequence:
            self.take(entry)
        elif encode(entry.commands) != encode(
            tuple(done.command for done in self.history[record.first_sequence - 1 : record.last_sequence])
        ):
            raise Violation(f"the row at {record.first_sequence} holds other commands than were told")
        if known is not None and known != record.chain:
            raise Violation(f"the row at {record.first_sequence} was written anew")
        self.chains[record.last_sequence] = record.chain

    def judge(self) -> None:
        """The invariants of the engine, and its state against the books. O(state)."""
        self.engine.audit()
        self.books.compare(self.engine)

    # What the public may see

    def _show(self, sequence: int, command: Command, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, InstrumentDefined):
                phase = command.phase if isinstance(command, DefineInstrument) else "continuous"
                if event.symbol not in self.instruments:
                    self.instruments[event.symbol] = Instrument(phase == "auction", [], [])
            elif isinstance(event, PhaseChanged):
                instrument = self.instruments[event.symbol]
                # What an auction has collected stays unseen until it has uncrossed, also while it is halted.
                instrument.dark = event.phase == "auction" or (instrument.dark and event.phase == "halted")
            elif isinstance(event, AuctionUncrossed):
                self.instruments[event.symbol].dark = False
            elif isinstance(event, TradeExecuted):
                self.instruments[event.symbol].trades.append((event.trade_id, sequence))
            elif isinstance(event, TradeBusted):
                self.instruments[event.trade.symbol].trades.append((event.trade.trade_id, sequence))
        for symbol, instrument in self.instruments.items():
            bids, asks = ((), ()) if instrument.dark else self._levels(symbol)
            last = instrument.books[-1] if instrument.books else None
            if last is None or (bids, asks) != (last.bids, last.asks):
                instrument.books.append(Book(sequence, bids, asks))

    def _levels(self, symbol: str) -> tuple[Levels, Levels]:
        market = self.engine.market
        return tuple(market.levels(symbol, "buy", None)), tuple(market.levels(symbol, "sell", None))

    def book(self, symbol: str, sequence: int) -> Book | None:
        """As it stood after that command; none before it was defined. O(log changes)."""
        books = self.instruments[symbol].books
        low, high = 0, len(books)
        while low < high:
            middle = (low + high) // 2
            if books[middle].sequence <= sequence:
                low = middle + 1
            else:
                high = middle
        return books[low - 1] if low else None
