"""One reader: what it may send, what it is subscribed to, and what is on its way to it.

A connection does no I/O. An adapter gives it the messages that arrive (`receive`) and an `Outlet` that takes what
leaves:

    outlet: write(parts), buffered(), close(code, reason)        connection: receive, drained, disconnected, sign_in,
    send, close

Framed connections get whole WebSocket frames as bytes, possibly many in one part, for the transport itself; plain
ones get one part a message, text for JSON and bytes for MessagePack. Reading should pause while `congested`.
"""

import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final, Protocol, cast, runtime_checkable

import msgspec
from msgspec import UNSET, Raw, Struct

from marketdata.messages import (
    CHANNELS,
    INTERVALS,
    RATES,
    Depths,
    Echo,
    Error,
    Interval,
    Ping,
    Pong,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
    echo_of,
    refusal,
)
from marketdata.streams import Stream
from marketdata.wire import Encoding, Packet, Payload, chunk, form_of

if TYPE_CHECKING:
    from marketdata.feed import Feed

MAX_FRAME: Final = 64 * 1024
"""Bytes of a message that a reader may send; a longer one closes the connection with 1009."""

MAX_LOOSE: Final = 1_024
"""Bytes of a MessagePack message that may hold maps and lists within lists; a longer one has scalars and lists of them,
which every request is made of. (Keys of a map may be lists in MessagePack, and a sender can choose thousands that all
have one hash: to take such a map apart costs the square of their number, a third of a second for 44 kB.)
"""

MAX_SUBSCRIPTIONS: Final = 1_024
"""Of one connection."""

MAX_IN_FLIGHT: Final = 1_024
"""Order entry requests of one connection that wait for their answer; one more is refused."""

REQUESTS_PER_SECOND: Final = 1_000
"""Market data requests that a connection may go on sending; each symbol of a subscription counts as one."""

REQUESTS_AT_ONCE: Final = 2_000
"""How many it may send in a burst. What is over is refused, `too_many_requests`."""

MAX_REFUSED: Final = 1_000
"""Requests refused for their number since the last one that was not: one more closes the connection with 1008."""

MAX_OUTGOING: Final = 1024 * 1024
"""Bytes that may wait for a reader before its streams pause."""

LOW_WATER: Final = 256 * 1024
"""Bytes waiting at which paused streams go on."""

MAX_BUFFERED: Final = 16 * 1024 * 1024
"""Bytes waiting at which a connection is closed whatever they are: a large snapshot fits, a reader who never reads
does not.
"""

REST_S: Final = 0.01
"""How long a connection is not read after an order of it found all places of its participant taken."""

PATIENCE_NS: Final = 30 * 1_000_000_000
"""How long a stream waits for a slow reader before the connection is closed with `TOO_SLOW`."""

POLICY_VIOLATION: Final = 1008
TOO_BIG: Final = 1009
TOO_SLOW: Final = 4008

ORDER_ENTRY_OPS: Final = ("sign_in", "place", "amend", "cancel", "cancel_all")

_log = logging.getLogger(__name__)
_decode_json = msgspec.json.Decoder().decode
_decode_msgpack = msgspec.msgpack.Decoder().decode

_Scalar = bool | int | float | str | None
_decode_long_msgpack = msgspec.msgpack.Decoder(dict[str, _Scalar | list[_Scalar]]).decode
_decode_scalar = msgspec.msgpack.Decoder(_Scalar).decode


class _Marked(Struct):
    """Of a message that is wrong otherwise: what its error is marked with. Nothing else of it is looked into."""

    id: Raw = Raw(b"\xc0")


_decode_mark = msgspec.msgpack.Decoder(_Marked).decode


class Outlet(Protocol):
    """Where a connection's messages go; none of this blocks or raises."""

    def write(self, parts: list[Payload]) -> None:
        """Send these, in order."""
        ...

    def buffered(self) -> int:
        """Bytes written that have not left yet."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Close the WebSocket after what is written, at once where that does not leave."""
        ...


class OrderEntry(Protocol):
    """Who answers the operations beyond market data: `sign_in`, `place`, `amend`, `cancel`, `cancel_all`."""

    async def handle(self, connection: "Connection", op: str, message: dict[str, Any]) -> Any:
        """Answer one request, once the journal has it; refusals are answers too (`messages.Error`, `messages.refusal`).

        `message` is the request as decoded, `op` and `id` included. The answer is an object that msgspec encodes,
        with `op` and the request's `id`. Requests of a connection start in the order in which they arrived and are
        answered as they complete.
        """
        ...

    async def disconnected(self, connection: "Connection") -> None:
        """The connection is gone: what it asked for in that case is to be done (`cancel_on_disconnect`)."""
        ...


@runtime_checkable
class QuickOrderEntry(OrderEntry, Protocol):
    """One that knows a short way too."""

    def enter(self, connection: "Connection", data: str | bytes) -> bool:
        """Take a request as it came, without awaiting anything, and answer it by `Connection.answer` later or at
        once; false, and nothing has happened, where it has to go the way of `handle`.

        Only asked for those who have signed in, and while nothing of theirs is on that way, so that requests keep
        their order.
        """
        ...


class Subscription:
    """A connection's reading of one stream. While `behind`, it is given nothing until its connection has drained."""

    __slots__ = ("behind", "connection", "delivered", "since_ns", "stream")

    def __init__(self, connection: "Connection", stream: Stream, delivered: int | None) -> None:
        self.connection = connection
        self.stream = stream
        self.delivered = delivered
        """While behind: the last sequence that was delivered, none where a snapshot has to come first."""
        self.since_ns = 0
        self.behind = False

    def wait(self) -> None:
        self.behind = True
        self.since_ns = self.connection.feed.now_ns
        self.connection.feed.behind[self] = None

    def fall_behind(self, delivered: int) -> None:
        """The connection has no room for what the stream says after `delivered`."""
        self.stream.detach(self)
        self.delivered = delivered
        self.wait()

    def catch_up(self) -> None:
        """Give the reader what it needs to go on, if there is room by now: what it missed, or a snapshot where that
        will do.

        A stream of which nothing may be lost and that no longer keeps what was missed closes the connection.
        """
        connection, stream = self.connection, self.stream
        if not connection.open:
            return
        if MAX_OUTGOING - connection.room > LOW_WATER and connection.waiting() > LOW_WATER:
            return
        missed = None
        if self.delivered is not None and not stream.conflates:
            missed = stream.after(self.delivered)
            if missed is None and not stream.renews:
                connection.close(TOO_SLOW, f"too slow for {stream.channel} {stream.symbol or ''}".rstrip())
                return
        if missed is None:
            if stream.pending:
                return
            missed = [stream.snapshot()]
        self.stop()
        stream.attach(self)
        connection.put(missed)

    def stop(self) -> None:
        if self.behind:
            self.behind = False
            self.connection.feed.behind.pop(self, None)
        else:
            self.stream.detach(self)


class Connection:
    """One reader of the feed."""

    def __init__(
        self,
        feed: "Feed",
        outlet: Outlet,
        *,
        encoding: Encoding,
        framed: bool,
        lane: int,
        order_entry: OrderEntry | None,
    ) -> None:
        self.feed = feed
        self.outlet = outlet
        self.encoding = encoding
        self.form = form_of(encoding, framed)
        self.lane = lane
        self.order_entry = order_entry
        self._quick = order_entry if isinstance(order_entry, QuickOrderEntry) else None
        self.participant_id: int | None = None
        self.context: Any = None
        """For the order entry to keep what it has to know of this connection."""
        self.heard: Callable[[], None] | None = None
        """Called for each message that arrives, good or bad: a sign of life, for the order entry."""
        self.open = True
        self.rests = False
        """Set by the order entry where the participant's places are all taken: the adapter then reads nothing for
        `REST_S`, for whoever asks again at once takes the time of all others.
        """
        self.subscriptions: dict[tuple[str, str | None], Subscription] = {}
        self.heartbeat = False
        self.outbox: list[Payload] = []
        self.room = MAX_OUTGOING
        """A lower bound of the bytes that may still be put into the outbox."""
        self._in_flight = 0
        self._handled = 0
        """Of those: how many go by `OrderEntry.handle`, and may not have reached the venue yet."""
        self._sign_ins = 0
        """How many have been asked for, and how many of those answered."""
        self._sign_ins_answered = 0
        self._awaiting_sign_in: deque[tuple[int, dict[str, Any]]] = deque()
        """Requests about the account that came while a sign-in was under way, each with how many had come before it."""
        self._allowance = REQUESTS_AT_ONCE
        self._allowed_ns = feed.now_ns
        self._refused = 0
        self.congested_since_ns: int | None = None

    # What arrives

    def receive(self, data: str | bytes) -> Coroutine[Any, Any, None] | None:
        """Take one message from the reader. What is wrong with it is answered; nothing is raised.

        Where order entry has to be awaited the coroutine is returned for the adapter to run; several may run at a time.
        """
        if not self.open:
            return None
        if self.heard is not None:
            self.heard()
        if len(data) > MAX_FRAME:
            self.close(TOO_BIG, f"a message may have {MAX_FRAME} bytes")
            return None
        if self._enters(data):
            return None
        request = self._decode(data)
        if request is None:
            return None
        if self._sign_ins > self._sign_ins_answered and request.get("channel") == "account":
            self._await_sign_in(request)
            return None
        return self._take(request)

    def _take(self, request: dict[str, Any]) -> Coroutine[Any, Any, None] | None:
        request_id = echo_of(request)
        op = request.get("op")
        try:
            if op == "subscribe":
                self._subscribe(msgspec.convert(request, Subscribe))
            elif op == "unsubscribe":
                self._unsubscribe(msgspec.convert(request, Unsubscribe))
            elif op == "ping":
                if self._may(1, request_id):
                    self.send(Pong(id=msgspec.convert(request, Ping).id, time_ns=self.feed.clock_ns))
            elif op in ORDER_ENTRY_OPS:
                return self._enter(cast(str, op), request_id, request)
            else:
                self.refuse(request_id, "unknown_op", f"there is no op {_shown(op)}", field="op")
        except msgspec.ValidationError as error:
            if self._may(1, request_id):
                self.send(refusal(request_id, error))
        return None

    def _decode(self, data: str | bytes) -> dict[str, Any] | None:
        detail = "a message is an object"
        if isinstance(data, str) is not (self.encoding == "json"):
            wanted, came = ("text", "binary") if self.encoding == "json" else ("binary", "text")
            self.refuse(None, "wrong_encoding", f"this connection speaks {self.encoding}: {wanted} frames, not {came}")
            return None
        try:
            if isinstance(data, str):
                request = _decode_json(data)
            else:
                request = (_decode_msgpack if len(data) <= MAX_LOOSE else _decode_long_msgpack)(data)
        except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
            detail = f"this is no {self.encoding}: {error}"
        else:
            if isinstance(request, dict) and all(isinstance(key, str) for key in request):
                return request
        self.refuse(_mark_of(data), "invalid_message", detail)
        return None

    def _may(self, cost: int, request_id: Echo) -> bool:
        """Whether the reader may ask this much now; says so if not."""
        now_ns = self.feed.now_ns
        earned = (now_ns - self._allowed_ns) * REQUESTS_PER_SECOND // 1_000_000_000
        if earned > 0:
            self._allowance = min(REQUESTS_AT_ONCE, self._allowance + earned)
            self._allowed_ns = now_ns
        if cost <= self._allowance:
            self._allowance -= cost
            self._refused = 0
            return True
        self._refused += 1
        if self._refused > MAX_REFUSED:
            self.close(POLICY_VIOLATION, "too many requests")
        else:
            detail = f"{REQUESTS_PER_SECOND} requests and symbols a second may be asked, {REQUESTS_AT_ONCE} at once"
            self.send(Error(id=request_id, code="too_many_requests", detail=detail))
        return False

    def refuse(
        self, request_id: Echo, code: str, detail: str, *, field: str | None = None, symbol: str | None = None
    ) -> None:
        """Answer with an error; it counts as a request."""
        if self._may(1, request_id):
            self.send(Error(id=request_id, code=code, detail=detail, field=field, symbol=symbol))

    # Order entry

    def _enters(self, data: str | bytes) -> bool:
        """Whether order entry takes the message as it is, which is the short way of nearly all orders."""
        quick = self._quick
        if (
            quick is None
            or self.participant_id is None
            or self._handled
            or self._in_flight >= MAX_IN_FLIGHT
            or isinstance(data, str) is not (self.encoding == "json")
        ):
            return False
        self._in_flight += 1  # first, for the answer may come at once
        if quick.enter(self, data):
            return True
        self._in_flight -= 1
        return False

    def answer(self, message: Any) -> None:
        """Answer one request that `OrderEntry.enter` took."""
        self._in_flight -= 1
        self.send(message)

    def _enter(self, op: str, request_id: Echo, request: dict[str, Any]) -> Coroutine[Any, Any, None] | None:
        if self.order_entry is None:
            self.refuse(request_id, "not_available", "orders are not taken on this connection", field="op")
            return None
        if self._in_flight >= MAX_IN_FLIGHT:
            self.refuse(request_id, "too_many_requests", f"{MAX_IN_FLIGHT} requests wait for their answer already")
            return None
        self._in_flight += 1
        self._handled += 1
        if op == "sign_in":
            self._sign_ins += 1
        return self._answer(self.order_entry, op, request_id, request)

    async def _answer(self, entry: OrderEntry, op: str, request_id: Echo, request: dict[str, Any]) -> None:
        try:
            answer = await entry.handle(self, op, request)
        except Exception:
            # A bug there must not cost the reader its connection, nor leave it waiting.
            _log.exception("order entry failed on %s", op)
            answer = Error(
                id=request_id, code="internal_error", detail="the venue failed to answer; ask what became of it"
            )
        finally:
            self._in_flight -= 1
            self._handled -= 1
        self.send(answer)
        if op == "sign_in":
            self._sign_ins_answered += 1
            while self._awaiting_sign_in and self._awaiting_sign_in[0][0] <= self._sign_ins_answered:
                self._in_flight -= 1
                self._take(self._awaiting_sign_in.popleft()[1])

    def _await_sign_in(self, request: dict[str, Any]) -> None:
        """What depends on who this is waits for the sign-ins sent before it, so that all may be sent in one breath."""
        if self._in_flight >= MAX_IN_FLIGHT:
            detail = f"{MAX_IN_FLIGHT} requests wait for their answer already"
            self.refuse(echo_of(request), "too_many_requests", detail)
            return
        self._in_flight += 1
        self._awaiting_sign_in.append((self._sign_ins, request))

    def sign_in(self, participant_id: int | None) -> None:
        """The adapter or the order entry knows who this is, or that this is nobody in particular."""
        if participant_id != self.participant_id:
            self._stop(("account", None))
            self.participant_id = participant_id

    def sign_out(self, detail: str) -> None:
        """The session has ended: the account falls silent at once, and the reader hears why. The market goes on."""
        if self.participant_id is not None:
            self.sign_in(None)
            self.send(Error(id=None, code="signed_out", detail=detail))

    # Subscriptions

    def _subscribe(self, ask: Subscribe) -> None:
        channel = ask.channel
        if channel not in CHANNELS:
            detail = f"there is no channel {_shown(channel)}: {', '.join(CHANNELS)}"
            return self.refuse(ask.id, "unknown_channel", detail, field="channel")
        if ask.rate is not None and ask.rate not in RATES:
            return self.refuse(ask.id, "invalid_rate", f"rate is one of {RATES}, 0 being real time", field="rate")
        lane = self.lane if not ask.rate else min(ask.rate, self.lane or ask.rate)
        depth: int | None = None
        if channel == "book":
            depth = 25 if ask.depth is UNSET else ask.depth
            if depth not in Depths:
                return self.refuse(ask.id, "invalid_depth", "depth is 25, 100 or null, which is all", field="depth")
        interval: Interval | None = None
        if channel == "candles":
            if ask.interval not in INTERVALS:
                detail = f"candles are asked with an interval: {', '.join(INTERVALS)}"
                return self.refuse(ask.id, "invalid_interval", detail, field="interval")
            interval = ask.interval
        symbols = ask.symbols or []
        if channel in ("heartbeat", "account"):
            if symbols:
                detail = f"the channel {channel} takes no symbols"
                return self.refuse(ask.id, "invalid_symbols", detail, field="symbols")
            if channel == "account" and self.participant_id is None:
                return self.refuse(ask.id, "not_signed_in", "the channel account needs a sign_in first")
        elif not symbols:
            return self.refuse(ask.id, "invalid_symbols", "which symbols?", field="symbols")
        if not self._may(max(1, len(symbols)), ask.id):
            return None
        if channel == "heartbeat":
            self._acknowledge(ask, [], lane, depth, resumed=False)
            self.heartbeat = True
            self.feed.heartbeats[self] = None
            return None
        if channel == "account":
            assert self.participant_id is not None
            streams: list[Stream] = [self.feed.account(self.participant_id)]
        else:
            streams = []
            room = MAX_SUBSCRIPTIONS - len(self.subscriptions)
            for symbol in self._symbols(ask.id, channel, symbols):
                if (channel, symbol) not in self.subscriptions:
                    room -= 1
                    if room < 0:
                        detail = f"a connection has at most {MAX_SUBSCRIPTIONS} subscriptions"
                        self.send(Error(id=ask.id, code="too_many_subscriptions", detail=detail, symbol=symbol))
                        continue
                streams.append(self.feed.stream(channel, symbol, depth, interval, lane))
        self._start(ask, streams, lane, depth)
        return None

    def _start(self, ask: Subscribe, streams: list[Stream], lane: int, depth: int | None) -> None:
        resumed: list[tuple[Stream, list[Packet]]] = []
        fresh: list[Stream] = []
        for stream in streams:
            missed = None if ask.resume_from is None else stream.after(ask.resume_from)
            if missed is None:
                fresh.append(stream)
            else:
                resumed.append((stream, missed))
        # One answer, as a rule; two where some symbols go on and others begin afresh.
        if resumed:
            symbols = [stream.symbol for stream, _ in resumed if stream.symbol is not None]
            self._acknowledge(ask, symbols, lane, depth, resumed=True)
            for stream, missed in resumed:
                if not self.open:
                    return
                subscription = self._replace(stream, ask.resume_from)
                if self.room < chunk(missed, self.form)[1]:
                    subscription.wait()
                else:
                    stream.attach(subscription)
                    self.put(missed)
        if fresh:
            symbols = [stream.symbol for stream in fresh if stream.symbol is not None]
            self._acknowledge(ask, symbols, lane, depth, resumed=False)
            for stream in fresh:
                if not self.open:
                    return
                # What a large snapshot costs beyond the symbol that was counted is paid by waiting for the next one.
                self._allowance -= stream.weight() - 1
                subscription = self._replace(stream, None)
                subscription.wait()
                subscription.catch_up()

    def _acknowledge(self, ask: Subscribe, symbols: list[str], lane: int, depth: int | None, *, resumed: bool) -> None:
        self.send(
            Subscribed(
                id=ask.id,
                channel=ask.channel,
                symbols=symbols,
                resumed=resumed,
                rate=lane,
                depth=depth if ask.channel == "book" else UNSET,
                interval=ask.interval if ask.channel == "candles" and ask.interval is not None else UNSET,
            )
        )

    def _symbols(self, request_id: Echo, channel: str, symbols: list[Any]) -> list[str]:
        """The good ones, once each; an error for every other."""
        good: dict[str, None] = {}
        for symbol in symbols:
            if not isinstance(symbol, str):
                detail = f"a symbol is text, not {_shown(symbol)}"
                self.send(Error(id=request_id, code="invalid_symbols", detail=detail, field="symbols"))
            elif not self.feed.knows(channel, symbol):
                detail = f"there is no {'index' if channel == 'index' else 'instrument'} {_shown(symbol)}"
                self.send(
                    Error(id=request_id, code="unknown_symbol", detail=detail, field="symbols", symbol=symbol[:64])
                )
            else:
                good[symbol] = None
        return list(good)

    def _replace(self, stream: Stream, delivered: int | None) -> Subscription:
        key = (stream.channel, stream.symbol)
        self._stop(key)
        subscription = self.subscriptions[key] = Subscription(self, stream, delivered)
        return subscription

    def _unsubscribe(self, ask: Unsubscribe) -> None:
        channel = ask.channel
        if channel not in CHANNELS:
            detail = f"there is no channel {_shown(channel)}: {', '.join(CHANNELS)}"
            return self.refuse(ask.id, "unknown_channel", detail, field="channel")
        symbols = ask.symbols or []
        if not self._may(max(1, len(symbols)), ask.id):
            return None
        stopped: list[str] = []
        any_stopped = False
        if channel == "heartbeat":
            any_stopped, self.heartbeat = self.heartbeat, False
            self.feed.heartbeats.pop(self, None)
        elif channel == "account":
            any_stopped = self._stop((channel, None))
        else:
            for symbol in symbols:
                if isinstance(symbol, str) and self._stop((channel, symbol)):
                    stopped.append(symbol)
                else:
                    detail = f"there is no subscription to {channel} of {_shown(symbol)}"
                    named = symbol[:64] if isinstance(symbol, str) else None
                    self.send(Error(id=ask.id, code="not_subscribed", detail=detail, field="symbols", symbol=named))
        if stopped or any_stopped:
            self.send(Unsubscribed(id=ask.id, channel=channel, symbols=stopped))
        elif channel in ("heartbeat", "account") or not symbols:
            self.send(Error(id=ask.id, code="not_subscribed", detail=f"there is no subscription to {channel}"))
        return None

    def _stop(self, key: tuple[str, str | None]) -> bool:
        subscription = self.subscriptions.pop(key, None)
        if subscription is None:
            return False
        subscription.stop()
        return True

    # What leaves

    def send(self, message: Any) -> None:
        """Put one message of its own into the outbox."""
        self.put([Packet(message)])

    def put(self, packets: list[Packet]) -> None:
        if not self.open or not packets:
            return
        parts, size = chunk(packets, self.form)
        if not self.outbox:
            self.feed.dirty.append(self)
        self.outbox.extend(parts)
        self.room -= size
        if self.room < MAX_OUTGOING - MAX_BUFFERED and self.waiting() > MAX_BUFFERED:
            self.close(TOO_SLOW, "too slow for what it asks")
        self.feed.stir()

    def waiting(self) -> int:
        """Bytes that have not left. O(messages in the outbox)."""
        return self.outlet.buffered() + sum(map(len, self.outbox))

    def measure(self, size: int) -> bool:
        """Look again how much room there is, and whether it is enough."""
        self.room = MAX_OUTGOING - self.waiting()
        return self.room >= size

    @property
    def congested(self) -> bool:
        """Whether so much waits for this reader that an adapter should not read more from it."""
        return self.room < 0 and self.waiting() > MAX_OUTGOING

    def flush(self) -> None:
        """Hand the outbox to the outlet."""
        if self.open:
            if self.outbox:
                parts, self.outbox = self.outbox, []
                self.outlet.write(parts)
            self.room = MAX_OUTGOING - self.outlet.buffered()

    def drained(self) -> None:
        """The adapter sees that what was written has left, or most of it: streams that were paused go on."""
        for subscription in list(self.subscriptions.values()):
            if subscription.behind:
                subscription.catch_up()

    # The end

    def close(self, code: int, reason: str) -> None:
        """Close from our side. The adapter will say `disconnected`, as for any other end."""
        if self.open:
            if code != TOO_SLOW:
                self.flush()
            self._leave()
            self.outlet.close(code, reason)

    def disconnected(self) -> Coroutine[Any, Any, None] | None:
        """The transport is gone: the subscriptions end; what order entry has to do is returned for the adapter to
        run.
        """
        self._leave()
        self.feed.connections.pop(self, None)
        entry, self.order_entry = self.order_entry, None
        self._quick = None
        return None if entry is None else entry.disconnected(self)

    def _leave(self) -> None:
        self.open = False
        self.outbox = []
        for subscription in self.subscriptions.values():
            subscription.stop()
        self.subscriptions = {}
        self._awaiting_sign_in.clear()
        self.heartbeat = False
        self.feed.heartbeats.pop(self, None)


def _mark_of(data: str | bytes) -> Echo:
    """The `id` of a MessagePack message that is not taken apart, as far as one is to be had."""
    if isinstance(data, str) or len(data) <= MAX_LOOSE:
        return None
    try:
        return echo_of({"id": _decode_scalar(_decode_mark(data).id)})
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError):
        return None


def _shown(value: object) -> str:
    """What arrived, short enough to repeat."""
    text = repr(value) if not isinstance(value, dict | list) else type(value).__name__
    return text if len(text) <= 66 else f"{text[:64]}…"
