"""The streams of the feed: one per channel, symbol, depth or interval, and rate; each says everything once for all
its readers.

A stream gathers what commands change. In real time it releases one message a command; in a slower lane one a tick, so
that levels, tickers and candles are conflated there, while trades are put together in one message and none is lost.
Messages are chained: each carries the sequence of the one before it. The last ones are kept, so that a reader who was
away may go on from where he was.

    command ─► gather ─► (lane's tick) ─► release ─► emit ─┬─► kept, for those who come back
                                                          └─► unsealed ─► seal ─► chunk of bytes ─► connections
"""

from bisect import bisect_left
from collections import deque
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from marketdata.candles import start_of
from marketdata.depth import EMPTY_CHECKSUM, Touched
from marketdata.messages import (
    AccountChange,
    AccountMessage,
    AccountSnapshot,
    BookMessage,
    CandlesMessage,
    Channel,
    DataMessage,
    Interval,
    Kind,
    StatusMessage,
    TickerMessage,
    Trade,
    TradesMessage,
)
from marketdata.wire import Form, Packet, chunk

if TYPE_CHECKING:
    from marketdata.connection import Subscription
    from marketdata.feed import Feed
    from marketdata.instrument import Instrument

RING: Final = 4_096
"""Messages kept by each stream for `resume_from`: as many as the largest batch of commands may cause."""

ROWS_A_REQUEST: Final = 64
"""Rows of a snapshot that cost the venue about as much as any other request."""

SEAL_AT: Final = 512
"""Unsealed messages of a stream at which the feed flushes without waiting for the end of the batch."""

_sequence_of = attrgetter("sequence")


class Stream:
    """What all streams do: chain, keep, hand out."""

    channel: Channel
    conflates = False
    """Whether a slow reader is given a snapshot in place of what he missed."""
    renews = False
    """Whether he is where that is not kept any more; else his connection is closed."""

    def __init__(self, feed: "Feed", symbol: str | None, lane: int) -> None:
        self.feed = feed
        self.symbol = symbol
        self.lane = lane
        self.sequence = feed.sequence
        """Of the last message, or of the moment when the stream began: where a snapshot joins."""
        self.time_ns = feed.time_ns
        self.idle_since_ns = feed.now_ns
        self.pending = False
        """Whether something is gathered that no message has told yet. A snapshot can be given only when nothing is."""
        self.readers: dict[Form, dict[Subscription, None]] = {}
        self._floor = self.sequence
        self._ring: deque[Packet] = deque(maxlen=RING)
        self._unsealed: list[Packet] = []
        self._sealed = self.sequence
        self._snapshot: Packet | None = None

    # What each kind of stream says

    def gather(self) -> None:
        """Take in what the command changed; sets `pending` where it concerns this stream."""
        raise NotImplementedError

    def delta(self, previous: int) -> DataMessage | None:
        """What is gathered, or none where it came to nothing; `sequence` and `time_ns` are set already."""
        raise NotImplementedError

    def whole(self) -> DataMessage:
        """The snapshot that deltas go on from."""
        raise NotImplementedError

    # Chaining

    def command(self, sequence: int, time_ns: int) -> None:
        """A command is done that concerns this stream's instrument."""
        self.gather()
        if self.pending and not self.lane:
            self.release(sequence, time_ns)

    def release(self, sequence: int, time_ns: int) -> None:
        """Tell what is gathered."""
        if not self.pending:
            return
        self.pending = False
        previous, time_before = self.sequence, self.time_ns
        self.sequence, self.time_ns = sequence, time_ns
        message = self.delta(previous)
        if message is None:
            self.sequence, self.time_ns = previous, time_before
        else:
            self.emit(message)

    def emit(self, message: DataMessage) -> None:
        packet = Packet(message, message.sequence)
        self._snapshot = None
        if message.kind == "snapshot":
            # Nobody need be told what came before it.
            self._ring.clear()
            self._floor = message.sequence
            self._snapshot = packet
        else:
            if len(self._ring) == RING:
                self._floor = self._ring[0].sequence
            self._ring.append(packet)
        if self.readers:
            if not self._unsealed:
                self.feed.unsealed.append(self)
            self._unsealed.append(packet)
            if len(self._unsealed) >= SEAL_AT:
                self.feed.overfull = True
        else:
            self._sealed = packet.sequence

    def snapshot(self) -> Packet:
        """The same one for all who ask before the next message."""
        assert not self.pending
        if self._snapshot is None:
            self._snapshot = Packet(self.whole(), self.sequence)
        return self._snapshot

    def after(self, sequence: int) -> list[Packet] | None:
        """What a reader has missed who last applied `sequence`; none where that is unknown or no longer kept.
        O(missed).

        Where a command had several messages (`AccountStream`) that is all but its first, since he may have stopped
        between them; and nothing, if not all of them are kept.
        """
        if sequence == self._floor:
            return list(self._ring) if not self._ring or self._ring[0].sequence > sequence else None
        index = bisect_left(self._ring, sequence, key=_sequence_of)
        if index == len(self._ring) or self._ring[index].sequence != sequence:
            return None
        return list(islice(self._ring, index + 1, None))

    # Handing out

    def attach(self, subscription: "Subscription") -> None:
        """From the next message on. What is unsealed goes to those who read already."""
        self.seal()
        self.readers.setdefault(subscription.connection.form, {})[subscription] = None

    def detach(self, subscription: "Subscription") -> None:
        self.seal()
        form = subscription.connection.form
        readers = self.readers.get(form)
        if readers is not None and subscription in readers:
            del readers[subscription]
            if not readers:
                del self.readers[form]
        if not self.readers:
            self.idle_since_ns = self.feed.now_ns

    def seal(self) -> None:
        """Put what was emitted into the outboxes of all readers: encoded once, joined once. O(readers)."""
        packets = self._unsealed
        if not packets:
            return
        self._unsealed = []
        before, self._sealed = self._sealed, packets[-1].sequence
        dirty = self.feed.dirty
        behind: list[Subscription] = []
        for form, subscriptions in self.readers.items():
            parts, size = chunk(packets, form)
            for subscription in subscriptions:
                connection = subscription.connection
                if connection.room < size and not connection.measure(size):
                    behind.append(subscription)
                    continue
                connection.room -= size
                if not connection.outbox:
                    dirty.append(connection)
                connection.outbox.extend(parts)
        for subscription in behind:
            subscription.fall_behind(before)

    def head(self, kind: Kind, previous: int | None) -> dict[str, Any]:
        return {
            "channel": self.channel,
            "symbol": self.symbol,
            "kind": kind,
            "sequence": self.sequence,
            "previous": previous,
            "time_ns": self.time_ns,
        }

    def weight(self) -> int:
        """How many requests asking for its snapshot counts as. O(1)."""
        return 1

    def end(self) -> None:
        """Nobody reads it any more, nor comes back to it: it is forgotten."""


class InstrumentStream(Stream):
    """A stream about one instrument."""

    def __init__(self, feed: "Feed", instrument: "Instrument", lane: int) -> None:
        super().__init__(feed, instrument.symbol, lane)
        self.instrument = instrument


class BookStream(InstrumentStream):
    """A window of the book. In an auction it is dark: one empty snapshot, then nothing until the uncross."""

    channel = "book"
    conflates = True

    def __init__(self, feed: "Feed", instrument: "Instrument", lane: int, size: int | None) -> None:
        super().__init__(feed, instrument, lane)
        self.size = size
        self._dark = instrument.dark
        self._bids: Touched = {}
        self._asks: Touched = {}
        depth = instrument.depth
        self._bids_edge = depth.bids.edge(size)
        self._asks_edge = depth.asks.edge(size)

    def weight(self) -> int:
        if self.size is not None:
            return 1
        depth = self.instrument.depth
        return 1 + (len(depth.bids.keys) + len(depth.asks.keys)) // ROWS_A_REQUEST

    def gather(self) -> None:
        instrument = self.instrument
        if instrument.dark and self._dark:
            return
        if instrument.dark is not self._dark:
            self.pending = True
        # Inside a lane's tick the first value counts: it is the one that readers have.
        bids, asks = instrument.depth.bids.touched, instrument.depth.asks.touched
        if bids:
            self._bids = bids | self._bids if self._bids else dict(bids)
            self.pending = True
        if asks:
            self._asks = asks | self._asks if self._asks else dict(asks)
            self.pending = True

    def delta(self, previous: int) -> DataMessage | None:
        instrument, depth, size = self.instrument, self.instrument.depth, self.size
        touched_bids, touched_asks = self._bids, self._asks
        old_bids_edge, old_asks_edge = self._bids_edge, self._asks_edge
        self._bids, self._asks = {}, {}
        self._bids_edge, self._asks_edge = depth.bids.edge(size), depth.asks.edge(size)
        if self._dark or instrument.dark:
            if self._dark and instrument.dark:
                return None
            self._dark = instrument.dark
            return self.whole()
        bids = depth.bids.changes(touched_bids, old_bids_edge, self._bids_edge)
        asks = depth.asks.changes(touched_asks, old_asks_edge, self._asks_edge)
        if not bids and not asks:
            return None
        return BookMessage(
            channel="book",
            symbol=self.symbol,
            kind="delta",
            sequence=self.sequence,
            previous=previous,
            time_ns=self.time_ns,
            depth=size,
            bids=bids,
            asks=asks,
            checksum=depth.checksum(),
        )

    def whole(self) -> DataMessage:
        depth = self.instrument.depth
        if self._dark:
            return BookMessage(
                **self.head("snapshot", None), depth=self.size, bids=[], asks=[], checksum=EMPTY_CHECKSUM
            )
        return BookMessage(
            **self.head("snapshot", None),
            depth=self.size,
            bids=depth.bids.best(self.size),
            asks=depth.asks.best(self.size),
            checksum=depth.checksum(),
        )


class TradesStream(InstrumentStream):
    """Every trade, in every lane."""

    channel = "trades"

    def __init__(self, feed: "Feed", instrument: "Instrument", lane: int) -> None:
        super().__init__(feed, instrument, lane)
        self._trades: list[Trade] = []

    def gather(self) -> None:
        if self.instrument.new_trades:
            self._trades.extend(self.instrument.new_trades)
            self.pending = True

    def delta(self, previous: int) -> DataMessage | None:
        trades, self._trades = self._trades, []
        return TradesMessage(**self.head("delta", previous), trades=trades)

    def whole(self) -> DataMessage:
        return TradesMessage(**self.head("snapshot", None), trades=list(self.instrument.trades))


class TickerStream(InstrumentStream):
    """The market in one line; each message is complete."""

    channel = "ticker"
    conflates = True

    def __init__(self, feed: "Feed", instrument: "Instrument", lane: int) -> None:
        super().__init__(feed, instrument, lane)
        self._told = instrument.ticker()

    def gather(self) -> None:
        self.pending = True

    def delta(self, previous: int) -> DataMessage | None:
        ticker = self.instrument.ticker()
        if ticker == self._told:
            return None
        self._told = ticker
        return TickerMessage(**self.head("delta", previous), **ticker)

    def whole(self) -> DataMessage:
        return TickerMessage(**self.head("snapshot", None), **self._told)


class CandlesStream(InstrumentStream):
    """The candles of one interval; each that is told is complete."""

    channel = "candles"
    conflates = True

    def __init__(self, feed: "Feed", instrument: "Instrument", lane: int, interval: Interval) -> None:
        super().__init__(feed, instrument, lane)
        self.interval = interval
        self._since_ns: int | None = None

    def gather(self) -> None:
        trades = self.instrument.new_trades
        if trades:
            self.pending = True
            # A trade that is taken back may be of an earlier candle.
            since_ns = start_of(self.interval, min([trade.time_ns for trade in trades]))
            if self._since_ns is None or since_ns < self._since_ns:
                self._since_ns = since_ns

    def delta(self, previous: int) -> DataMessage | None:
        assert self._since_ns is not None
        rows = self.instrument.candles.since(self.interval, self._since_ns)
        self._since_ns = None
        return CandlesMessage(**self.head("delta", previous), interval=self.interval, candles=rows)

    def whole(self) -> DataMessage:
        rows = self.instrument.candles.rows(self.interval)
        return CandlesMessage(**self.head("snapshot", None), interval=self.interval, candles=rows)


class StatusStream(InstrumentStream):
    """The phase. It changes a few times a day, so it is told at once in every lane.

    In a venue that has halted every instrument is `halted`, with the venue's reason behind `venue_halted`, whatever
    phase it was in and comes back to.
    """

    channel = "status"

    def __init__(self, feed: "Feed", instrument: "Instrument") -> None:
        super().__init__(feed, instrument, 0)
        self.conflates = feed.halted is not None

    def gather(self) -> None:
        if self.instrument.phase_changed:
            self.pending = True

    def halt(self) -> None:
        self.conflates = True
        self.pending = False
        self.sequence, self.time_ns = self.feed.sequence, self.feed.clock_ns
        self.emit(self.whole())

    def after(self, sequence: int) -> list[Packet] | None:
        """Nobody goes on from before the halt without hearing of it: no command carries its sequence."""
        return super().after(sequence) if self.feed.halted is None else None

    def delta(self, previous: int) -> DataMessage | None:
        instrument = self.instrument
        return StatusMessage(**self.head("delta", previous), phase=instrument.phase, reason=instrument.reason)

    def whole(self) -> DataMessage:
        halted = self.feed.halted
        phase = self.instrument.phase if halted is None else "halted"
        reason = self.instrument.reason if halted is None else f"venue_halted: {halted}"
        return StatusMessage(**self.head("snapshot", None), phase=phase, reason=reason)


class AccountStream(Stream):
    """What happens to one participant: read by all his connections, told at once in every lane, several messages a
    command.

    The first message of a command carries the sequence of the message before it as `previous`, the others that of
    their own command. Each tells a whole order, fill or balance, so to hear one again does no harm.
    """

    channel = "account"

    def __init__(self, feed: "Feed", participant_id: int) -> None:
        super().__init__(feed, None, 0)
        self.participant_id = participant_id

    def gather(self) -> None:
        """Commands reach an account by `change` alone."""

    def change(self, sequence: int, time_ns: int, changes: list[AccountChange]) -> None:
        for change in changes:
            previous, self.sequence, self.time_ns = self.sequence, sequence, time_ns
            self.emit(
                AccountMessage(
                    **self.head("delta", previous), order=change.order, fill=change.fill, balance=change.balance
                )
            )

    def whole(self) -> DataMessage:
        state = self.feed.account_snapshot(self.participant_id)
        return AccountSnapshot(
            **self.head("snapshot", None), orders=list(state["orders"]), balances=list(state["balances"])
        )
