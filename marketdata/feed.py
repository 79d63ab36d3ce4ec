"""The feed: one object that is told of committed commands and tells everyone who reads, without I/O of its own.

    roof ──publish, publish_account──► Feed ──► instruments ──► streams ──► connections ──► outlets of the adapters
                       clock ──tick──►  │
                                        └─► wake: "something is ready, call flush() soon"

Two adapters carry it: `marketdata/server.py` on a port of its own for programs, and the web's `/feed` for browsers.
Whatever was published before a `flush` leaves in one write a connection, so the more there is to send, the fewer
writes a message costs.

Limits are named in `marketdata/connection.py` (readers) and `marketdata/streams.py` (what is kept).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from marketdata.candles import DAY_NS, SHANGHAI_NS, trading_day
from marketdata.connection import (
    MAX_OUTGOING,
    PATIENCE_NS,
    TOO_SLOW,
    Connection,
    OrderEntry,
    Outlet,
    Subscription,
)
from marketdata.index import OVERALL, BananaIndex, Entry, IndexState, Reading, code_of, entries, variety_of
from marketdata.instrument import Instrument, InstrumentState
from marketdata.messages import (
    AccountChange,
    CandleRow,
    Error,
    HeartbeatMessage,
    Interval,
    MarketEvent,
    OrderOnBook,
    Trade,
    TradeBusted,
)
from marketdata.reckoned import AuctionStream, IndexDay, IndexStream
from marketdata.series import LotsStream, OrdersStream
from marketdata.streams import (
    AccountStream,
    BookStream,
    CandlesStream,
    InstrumentStream,
    StatusStream,
    Stream,
    TickerStream,
    TradesStream,
)
from marketdata.wire import Encoding
from matching.messages import InstrumentDefined, Phase, TradeExecuted

__all__ = ["Connection", "Feed", "OrderEntry", "Outlet"]

SECOND_NS: Final = 1_000_000_000
HEARTBEAT_NS: Final = SECOND_NS

INDEX_NS: Final = SECOND_NS
"""A code of the index is told so often at most."""

KEPT_UNREAD_NS: Final = 60 * SECOND_NS
"""How long a stream that nobody reads goes on, so that a reader who lost his connection can resume."""

TICK_NS: Final = SECOND_NS // 40
"""How often `tick` wants to be called while a slower lane is read or somebody is behind."""

QUIET_TICK_NS: Final = SECOND_NS // 10
"""And otherwise: to wake forty times a second cost an idle venue as much as its idle readers."""


def _next(due_ns: int, period_ns: int, now_ns: int) -> int:
    """A period after it was due, so that the rate holds on average; after now, where the caller was away for longer."""
    return due_ns + period_ns if due_ns + period_ns > now_ns else now_ns + period_ns


def _nobody(participant_id: int) -> dict[str, Any]:
    return {"orders": [], "balances": []}


class FeedState(Struct, frozen=True, array_like=True):
    """What a feed knows of the market, without its readers and their streams."""

    sequence: int
    time_ns: int
    clock_ns: int
    day_ends_ns: int
    instruments: list[InstrumentState]
    index: IndexState


class Feed:
    """Market data for all readers of the venue, in one thread.

    `account_snapshot(participant_id)` gives `{"orders": […], "balances": […]}`, true of the last published sequence.
    `wake` is called when something is ready to leave and nothing has been since the last `flush`; without it the
    caller flushes.
    """

    def __init__(
        self,
        *,
        account_snapshot: Callable[[int], Mapping[str, Any]] = _nobody,
        wake: Callable[[], None] | None = None,
    ) -> None:
        self.account_snapshot = account_snapshot
        self.wake = wake
        self.sequence = 0
        self.time_ns = 0
        self.clock_ns = 0
        """The venue's time as far as `tick` or a command has told it; `time_ns` is the last command's."""
        self.now_ns = 0
        """The steady clock of `tick`, by which rates, heartbeats and patience are measured."""
        self.instruments: dict[str, Instrument] = {}
        self.index = BananaIndex()
        self.connections: dict[Connection, None] = {}
        self.heartbeats: dict[Connection, None] = {}
        self.behind: dict[Subscription, None] = {}
        self.unsealed: list[Stream] = []
        self.dirty: list[Connection] = []
        self.overfull = False
        self.halted: str | None = None
        """Why the venue has stopped acknowledging: for good, as far as this feed is concerned."""
        self._stirred = False
        self._streams: dict[tuple[str, str, int | str | None, int], InstrumentStream] = {}
        self._accounts: dict[int, AccountStream] = {}
        self._indices: dict[str, IndexStream] = {}
        self._index_days: list[tuple[Reading, dict[str, Entry]]] = []
        self._codes: dict[str, None] = {OVERALL: None}
        self._to_reckon: list[Stream] = []
        self._lanes: dict[int, list[Stream]] = {10: [], 4: []}
        self._due_ns = {10: 0, 4: 0}
        self._second_due_ns = 0
        self._index_due_ns = 0
        self._day_ends_ns = 0

    # From the roof

    def publish(self, sequence: int, time_ns: int, events: Sequence[MarketEvent]) -> None:
        """Tell of one committed command. Each stream says at most one thing about it.

        Behind an `InstrumentDefined` whose phase is not `continuous` a `PhaseChanged` should say so. Raises
        `ValueError` on a sequence that is not later than the last. Without readers it only keeps the books,
        O(events).
        """
        if sequence <= self.sequence:
            raise ValueError(f"sequence {sequence} after {self.sequence}")
        self.sequence, self.time_ns = sequence, time_ns
        if time_ns > self.clock_ns:
            self.clock_ns = time_ns
        touched: dict[Instrument, None] = {}
        if time_ns >= self._day_ends_ns:
            self._begin_day(time_ns, touched)
        instruments = self.instruments
        for event in events:
            instrument = instruments.get(event.symbol)
            if instrument is None:
                instrument = instruments[event.symbol] = self._define(event.symbol)
            if not isinstance(event, InstrumentDefined):
                instrument.apply(event, time_ns)
                touched[instrument] = None
                if isinstance(event, TradeExecuted):
                    self.index.add(event.symbol, time_ns, event.price, event.quantity)
                elif isinstance(event, TradeBusted):
                    self.index.take_out(event.symbol, event.traded_ns, event.price, event.quantity)
        for instrument in touched:
            for stream in instrument.streams:
                stream.command(sequence, time_ns)
            instrument.settle()
        if self.overfull:
            self.flush()
        elif self.unsealed or self._to_reckon:
            self.stir()

    def publish_account(
        self, participant_id: int, sequence: int, time_ns: int, changes: Iterable[AccountChange]
    ) -> None:
        """Tell one participant what a committed command did to what is his. Without a reader it costs a look-up."""
        stream = self._accounts.get(participant_id)
        if stream is not None:
            stream.change(sequence, time_ns, list(changes))
            if self.unsealed:
                self.stir()

    def shown(self, symbol: str, order_id: int) -> int:
        """What an order shows in the book as published; 0: nothing."""
        instrument = self.instruments.get(symbol)
        order = None if instrument is None else instrument.depth.orders.get(order_id)
        return 0 if order is None else order[2]

    def halt(self, reason: str) -> None:
        """The venue has stopped acknowledging. Every `status` says so from now on, in a snapshot, since no command led
        to it; who is signed in is told that his orders are not taken. Books stand as they were.
        """
        self.halted = reason
        for stream in self._streams.values():
            if isinstance(stream, StatusStream):
                stream.halt()
        for connection in list(self.connections):
            if connection.participant_id is not None:
                connection.send(Error(id=None, code="venue_halted", detail=reason))
        self.stir()

    @property
    def tells_accounts(self) -> bool:
        """Whether some account's stream is kept: those of readers, and for a while those of readers who have left."""
        return bool(self._accounts)

    def load(
        self,
        symbol: str,
        *,
        phase: Phase = "continuous",
        orders: Iterable[OrderOnBook] = (),
        trades: Iterable[Trade] = (),
        candles: Mapping[Interval, Iterable[CandleRow]] | None = None,
    ) -> None:
        """Put an instrument in place from elsewhere than `publish`, before anyone reads: `trades` ascending,
        `candles` over those.
        """
        instrument = self.instruments[symbol] = self._define(symbol)
        instrument.phase = phase
        instrument.dark = phase == "auction"
        for order in orders:
            instrument.depth.apply(order)
        instrument.load(trades)
        for interval, rows in (candles or {}).items():
            instrument.candles.load(interval, rows)
        instrument.settle()

    def state(self) -> FeedState:
        """All that `publish` has told, for a feed that goes on from here. O(what is kept)."""
        instruments = [instrument.state() for instrument in self.instruments.values()]
        return FeedState(self.sequence, self.time_ns, self.clock_ns, self._day_ends_ns, instruments, self.index.state())

    def restore(self, state: FeedState) -> None:
        """Put back what `state` gave, before anyone reads. Raises ValueError, and has changed nothing, where it is of
        another form. O(what is kept)."""
        assert not self._streams
        assert not self._accounts
        assert not self._indices
        index = BananaIndex.restored(state.index)
        self.instruments = {each.symbol: Instrument.restored(each) for each in state.instruments}
        self.index = index
        for symbol in self.instruments:
            self._codes[code_of(variety_of(symbol))] = None
        self.sequence, self.time_ns = state.sequence, state.time_ns
        self.clock_ns, self._day_ends_ns = state.clock_ns, state.day_ends_ns

    def begin(self, sequence: int, time_ns: int) -> None:
        """What was loaded is true of this sequence."""
        self.sequence, self.time_ns = sequence, time_ns

    def _define(self, symbol: str) -> Instrument:
        instrument = Instrument(symbol)
        instrument.day.roll(self.time_ns)
        self._codes[code_of(variety_of(symbol))] = None
        return instrument

    def _begin_day(self, time_ns: int, touched: dict[Instrument, None]) -> None:
        self._day_ends_ns = (trading_day(time_ns) + 1) * DAY_NS - SHANGHAI_NS
        for instrument in self.instruments.values():
            if instrument.day.roll(time_ns):
                touched[instrument] = None

    # From the adapters

    def connect(
        self,
        outlet: Outlet,
        *,
        encoding: Encoding = "json",
        framed: bool = False,
        lane: int = 0,
        order_entry: OrderEntry | None = None,
    ) -> Connection:
        """A new reader. `lane` is 0 for real time, 10 or 4 messages a second; `framed` readers get whole WebSocket
        frames.
        """
        connection = Connection(self, outlet, encoding=encoding, framed=framed, lane=lane, order_entry=order_entry)
        self.connections[connection] = None
        return connection

    @property
    def tick_ns(self) -> int:
        """How soon `tick` wants to be called again."""
        return TICK_NS if self.behind or any(self._lanes.values()) else QUIET_TICK_NS

    def tick(self, now_ns: int, time_ns: int | None = None) -> None:
        """Time goes on: lanes speak, paused readers go on, hearts beat. `now_ns` is a steady clock; `time_ns` the
        venue's.
        """
        self.now_ns = now_ns
        if time_ns is not None:
            self.clock_ns = time_ns
        for rate, streams in self._lanes.items():
            if now_ns >= self._due_ns[rate]:
                self._due_ns[rate] = _next(self._due_ns[rate], SECOND_NS // rate, now_ns)
                for stream in streams:
                    stream.release(self.sequence, self.time_ns)
        if self.behind:
            for subscription in list(self.behind):
                if subscription.behind:
                    subscription.catch_up()
        if self._indices and now_ns >= self._index_due_ns:
            self._index_due_ns = now_ns + INDEX_NS
            for index in self._indices.values():
                index.tell()
        if now_ns >= self._second_due_ns:
            self._second_due_ns = _next(self._second_due_ns, HEARTBEAT_NS, now_ns)
            self._lose_patience()
            self._forget_unread()
            if self.heartbeats:
                self.flush()
                for connection in list(self.heartbeats):
                    self._beat(connection)
        self.flush()

    def flush(self) -> None:
        """Let everything leave that is ready. O(what is ready × its readers)."""
        self._stirred = False
        self.overfull = False
        if self._to_reckon:
            to_reckon, self._to_reckon = self._to_reckon, []
            for stream in to_reckon:
                stream.release(self.sequence, self.time_ns)
        if self.unsealed:
            streams, self.unsealed = self.unsealed, []
            for stream in streams:
                stream.seal()
        if self.dirty:
            connections, self.dirty = self.dirty, []
            for connection in connections:
                connection.flush()

    def stir(self) -> None:
        if not self._stirred:
            self._stirred = True
            if self.wake is not None:
                self.wake()

    # Streams

    def knows(self, channel: str, symbol: str) -> bool:
        """Whether there is something to read by that name."""
        return symbol in (self._codes if channel == "index" else self.instruments)

    def stream(self, channel: str, symbol: str, depth: int | None, interval: Interval | None, lane: int) -> Stream:
        """The stream that all such readers share; a new channel has its entry here."""
        if channel == "index":
            index = self._indices.get(symbol)
            if index is None:
                index = self._indices[symbol] = IndexStream(self, symbol)
            return index
        if channel == "status":
            lane = 0
        key = (channel, symbol, depth if channel == "book" else interval, lane)
        stream = self._streams.get(key)
        if stream is not None:
            return stream
        instrument = self.instruments[symbol]
        if channel == "book":
            stream = BookStream(self, instrument, lane, depth)
        elif channel == "orders":
            stream = OrdersStream(self, instrument, lane)
        elif channel == "auction":
            stream = AuctionStream(self, instrument, lane)
        elif channel == "lots":
            stream = LotsStream(self, instrument, lane)
        elif channel == "trades":
            stream = TradesStream(self, instrument, lane)
        elif channel == "ticker":
            stream = TickerStream(self, instrument, lane)
        elif channel == "candles":
            assert interval is not None
            stream = CandlesStream(self, instrument, lane, interval)
        else:
            assert channel == "status"
            stream = StatusStream(self, instrument)
        self._streams[key] = stream
        instrument.streams.append(stream)
        if lane:
            self._lanes[lane].append(stream)
        return stream

    def account(self, participant_id: int) -> AccountStream:
        stream = self._accounts.get(participant_id)
        if stream is None:
            stream = self._accounts[participant_id] = AccountStream(self, participant_id)
        return stream

    def reckon_later(self, stream: Stream) -> None:
        """Release it with the next flush."""
        self._to_reckon.append(stream)

    def index_days(self, code: str) -> list[IndexDay]:
        """What the index says of the last two trading days, ascending. O(1) where nothing has changed."""
        last = self.index.last(2)
        read = [reading for _, reading in last]
        if len(read) != len(self._index_days) or any(
            new is not old for new, (old, _) in zip(read, self._index_days, strict=True)
        ):
            self._index_days = [
                (reading, {entry.code: entry for entry in entries(days, reading)}) for days, reading in last
            ]
        told = []
        for reading, found in self._index_days:
            day, entry, final = reading.day, found.get(code), reading is not read[-1]
            if entry is None:
                told.append(IndexDay(day, None, [], final, False))
            else:
                told.append(IndexDay(day, entry.value, entry.constituents, final, entry.carried))
        return told

    def _forget_unread(self) -> None:
        before_ns = self.now_ns - KEPT_UNREAD_NS
        awaited = {subscription.stream for subscription in self.behind}
        for key, stream in list(self._streams.items()):
            if not stream.readers and stream.idle_since_ns < before_ns and stream not in awaited:
                del self._streams[key]
                stream.instrument.streams.remove(stream)
                stream.end()
                if stream.lane:
                    self._lanes[stream.lane].remove(stream)
        for participant_id, account in list(self._accounts.items()):
            if not account.readers and account.idle_since_ns < before_ns and account not in awaited:
                del self._accounts[participant_id]
        for code, index in list(self._indices.items()):
            if not index.readers and index.idle_since_ns < before_ns and index not in awaited:
                del self._indices[code]

    # Seconds

    def _lose_patience(self) -> None:
        for subscription in list(self.behind):
            if subscription.behind and self.now_ns - subscription.since_ns > PATIENCE_NS:
                stream = subscription.stream
                subscription.connection.close(TOO_SLOW, f"too slow for {stream.channel} {stream.symbol or ''}".rstrip())
        for connection in list(self.connections):
            if connection.outlet.buffered() <= MAX_OUTGOING:
                connection.congested_since_ns = None
            elif connection.congested_since_ns is None:
                connection.congested_since_ns = self.now_ns
            elif self.now_ns - connection.congested_since_ns > PATIENCE_NS:
                connection.close(TOO_SLOW, "too slow for what it asked")

    def _beat(self, connection: Connection) -> None:
        if connection.congested:
            return
        streams: list[tuple[str, str | None, int]] = []
        for (channel, symbol), subscription in connection.subscriptions.items():
            sequence = subscription.delivered if subscription.behind else subscription.stream.sequence
            if sequence is not None:
                streams.append((channel, symbol, sequence))
        connection.send(
            HeartbeatMessage(
                channel="heartbeat",
                symbol=None,
                kind="snapshot",
                sequence=self.sequence,
                previous=None,
                time_ns=self.clock_ns,
                streams=streams,
            )
        )

    def check(self) -> None:
        """O(everything)."""
        for instrument in self.instruments.values():
            instrument.check()
