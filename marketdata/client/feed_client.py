"""A reader of a venue's feed over as many connections, one after the other, as it takes.

What is wrong with a stream is counted and repaired by asking for a snapshot:

    a delta that does not follow the one before            gaps
    a heartbeat that knows of more than has come           gaps
    a book whose checksum is another                       bad_checksums
    a message that cannot be read, or does not fit         bad_messages
    a snapshot that does not come                          asked for again

Repairs of one stream wait longer each time, so that a venue that is wrong for good is not asked in a storm.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Iterable, Sequence
from math import inf
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec
from msgspec import Struct
from websockets import Subprotocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from marketdata.client.books import Book, Offers, OrderBook
from marketdata.client.errors import Disconnected, FeedError, Refused
from marketdata.client.listening import Listener, Messages
from marketdata.messages import (
    AccountMessage,
    AccountSnapshot,
    AuctionMessage,
    BookMessage,
    CandlesMessage,
    DataMessage,
    HeartbeatMessage,
    IndexMessage,
    Interval,
    LotsMessage,
    LotsSnapshot,
    OrdersMessage,
    OrdersSnapshot,
    Rate,
    StatusMessage,
    TickerMessage,
    TradesMessage,
)
from marketdata.wire import SUBPROTOCOLS, Encoding

M = TypeVar("M", bound=DataMessage)

MAX_MESSAGE: Final = 64 * 1024 * 1024
MAX_SYMBOLS: Final = 1_000
"""Of one request: the venue takes 1,024."""

REPAIRS_FORGOTTEN_S: Final = 60.0
"""After so long without one the next repair of a stream is made at once again."""

NOT_NOW: Final = ("too_many_requests", "internal_error")
"""Refusals of a request as a whole that another connection may not meet."""

_log = logging.getLogger("marketdata.client")


class Patience(Struct, frozen=True, kw_only=True):
    """How long a client waits, in seconds, and how much it keeps for those who read slowly."""

    first_delay_s: float = 0.1
    longest_delay_s: float = 5.0
    """Between attempts to come back; each is twice the last, less up to half of it by chance, so that not all come at
    once. Repairs of one stream likewise, but the first.
    """
    answer_s: float = 10.0
    """For an answer, and for a snapshot that was asked for."""
    silence_s: float = 5.0
    """Without anything arriving, heartbeats included, the connection is given up."""
    unread: int = 10_000
    """Messages that one reader may leave unread."""


class Subscription(Struct, frozen=True, kw_only=True):
    """What came of a `subscribe`: the symbols that are read, whether they went on without a snapshot, and what was
    refused.
    """

    channel: str
    symbols: list[str]
    resumed: bool
    refused: list[Refused]


class _Stream:
    """A stream that is read: what was asked, and how far it has come; `last` is none until a snapshot has arrived."""

    __slots__ = ("ask", "asked_s", "last", "repaired_s", "repairs")

    def __init__(self, ask: dict[str, Any]) -> None:
        self.ask = ask
        self.last: int | None = None
        self.asked_s = asyncio.get_running_loop().time()
        self.repairs = 0
        self.repaired_s = float("-inf")


Key = tuple[str, str | None]
"""Channel and symbol: a connection has one stream of each."""


class _Head(Struct):
    op: str | None = None
    channel: str | None = None
    kind: str | None = None
    symbol: str | None = None


class _Pending:
    """A request that waits for all its answers: all `expected` symbols are named in them, or one is enough."""

    __slots__ = ("answers", "done", "expected")

    def __init__(self, expected: Iterable[str]) -> None:
        self.expected = {symbol[:64] for symbol in expected}  # an error repeats no more of it
        self.answers: list[dict[str, Any]] = []
        self.done: asyncio.Future[list[dict[str, Any]]] = asyncio.get_running_loop().create_future()

    def add(self, answer: dict[str, Any]) -> bool:
        self.answers.append(answer)
        named = set(answer["symbols"]) if "symbols" in answer else {answer["symbol"]} if "symbol" in answer else None
        if named:
            self.expected -= named
        if self.expected and named:
            return False
        if not self.done.done():
            self.done.set_result(self.answers)
        return True


_TYPES: Final[dict[tuple[str | None, str | None], type[DataMessage]]] = {
    ("book", "snapshot"): BookMessage,
    ("book", "delta"): BookMessage,
    ("orders", "snapshot"): OrdersSnapshot,
    ("orders", "delta"): OrdersMessage,
    ("trades", "snapshot"): TradesMessage,
    ("trades", "delta"): TradesMessage,
    ("ticker", "snapshot"): TickerMessage,
    ("ticker", "delta"): TickerMessage,
    ("candles", "snapshot"): CandlesMessage,
    ("candles", "delta"): CandlesMessage,
    ("auction", "snapshot"): AuctionMessage,
    ("auction", "delta"): AuctionMessage,
    ("lots", "snapshot"): LotsSnapshot,
    ("lots", "delta"): LotsMessage,
    ("index", "snapshot"): IndexMessage,
    ("index", "delta"): IndexMessage,
    ("status", "snapshot"): StatusMessage,
    ("status", "delta"): StatusMessage,
    ("heartbeat", "snapshot"): HeartbeatMessage,
    ("account", "snapshot"): AccountSnapshot,
    ("account", "delta"): AccountMessage,
}
_PROTOCOLS: Final = {encoding: name for name, encoding in SUBPROTOCOLS.items()}


class FeedClient:
    """The feed of one venue, and orders on it.

    With `token` it signs in on each connection. `reconnect=False` ends it with its first one.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        encoding: Encoding = "json",
        reconnect: bool = True,
        cancel_on_disconnect: bool = False,
        cancel_after_ms: int | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.url = url
        self.encoding: Encoding = encoding
        self.patience = patience or Patience()
        self.books: dict[str, Book] = {}
        """By symbol, of those whose channel `book` is read."""
        self.order_books: dict[str, OrderBook] = {}
        """Of those whose channel `orders` is read."""
        self.offers: dict[str, Offers] = {}
        """Of those whose channel `lots` is read."""
        self.gaps = 0
        """Deltas that did not join, each repaired by a snapshot."""
        self.bad_checksums = 0
        self.bad_messages = 0
        """Messages that could not be read, or said what cannot be."""
        self.connections = 0
        """Connections opened so far."""
        self.refused: dict[Key, Refused] = {}
        """Streams that were read and that the venue no longer gives: channel and symbol."""
        self.failure: FeedError | None = None
        """Why there will be no more, once there will not."""
        self._reconnect = reconnect
        self._sign_in: dict[str, Any] | None = None
        if token is not None:
            self._sign_in = {
                "token": token,
                "cancel_on_disconnect": cancel_on_disconnect,
                "cancel_after_ms": cancel_after_ms,
            }
        self._streams: dict[Key, _Stream] = {}
        self._pending: dict[int, _Pending] = {}
        self.listeners: dict[Listener, None] = {}
        """Who is told of every message as it comes."""
        self._changed = asyncio.Event()
        self._websocket: ClientConnection | None = None
        self._heard_s = 0.0
        self._online = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._repairs: set[asyncio.Task[Any]] = set()
        self._last_id = 0
        self._encode: Callable[[Any], bytes]
        self._decode: Callable[..., Any]
        if encoding == "json":
            self._encode, self._decode = msgspec.json.encode, msgspec.json.decode
        else:
            self._encode, self._decode = msgspec.msgpack.encode, msgspec.msgpack.decode

    # Connecting

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def open(self) -> None:
        """Connect and sign in. Raises `OSError`, `websockets.InvalidHandshake`, `Refused`."""
        websocket = await self._connect()
        self._runner = asyncio.get_running_loop().create_task(self._run(websocket))
        try:
            await self._greet()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connection and end every reader."""
        self._reconnect = False
        if self._websocket is not None:
            await self._websocket.close()
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.wait([self._runner])
        for task in list(self._repairs):
            task.cancel()
        if self._repairs:
            await asyncio.wait(self._repairs)
        self._fail(Disconnected("the client is closed"))

    @property
    def online(self) -> bool:
        """Whether there is a connection, signed in and subscribed again."""
        return self._online.is_set()

    async def _connect(self) -> ClientConnection:
        websocket = await connect(
            self.url,
            subprotocols=[Subprotocol(_PROTOCOLS[self.encoding])],
            compression=None,
            max_size=MAX_MESSAGE,
            close_timeout=2,
            ping_interval=None,  # the heartbeat does that
            proxy=None,
        )
        self._websocket = websocket
        self.connections += 1
        return websocket

    async def _greet(self) -> None:
        """Sign in, ask for heartbeats, and go on with every stream from where it stopped."""
        if self._sign_in is not None:
            await self.request("sign_in", **self._sign_in)
        await self.request("subscribe", channel="heartbeat")
        together: dict[tuple[int, int | None], list[Key]] = {}
        for key, stream in self._streams.items():
            together.setdefault((id(stream.ask), stream.last), []).append(key)
        await asyncio.gather(*(self._join(keys, last) for (_, last), keys in together.items()))
        self._online.set()
        self._notify()

    async def _run(self, websocket: ClientConnection) -> None:
        delay = self.patience.first_delay_s
        try:
            while True:
                came = await self._read(websocket)
                self._online.clear()
                self._drop(Disconnected("the connection was lost"))
                self._notify()
                if not self._reconnect:
                    return
                _log.info("the connection to %s was lost", self.url)
                if came:
                    delay = self.patience.first_delay_s
                while True:
                    await asyncio.sleep(delay * (1 - random.random() / 2))
                    delay = min(2 * delay, self.patience.longest_delay_s)
                    try:
                        websocket = await self._connect()
                        break
                    except (OSError, InvalidHandshake, TimeoutError):
                        continue
                self._spawn(self._return(websocket))
        except Exception as error:
            # A fault of this client: whoever waits for it must not wait for ever, nor be told that it was the venue.
            broken = FeedError(f"the client broke: {error!r}")
            broken.__cause__ = error
            self._fail(broken)
        finally:
            self._fail(Disconnected("the connection was lost"))

    async def _return(self, websocket: ClientConnection) -> None:
        try:
            await self._greet()
        except Refused as refusal:
            # It was welcome before: a token that has run out, a venue that has changed. Trying again would not help.
            self.failure = refusal
            self._reconnect = False
            await websocket.close()
        except (FeedError, TimeoutError):
            await websocket.close()

    async def _read(self, websocket: ClientConnection) -> bool:
        """Take messages in until the connection ends; says whether any came."""
        loop = asyncio.get_running_loop()
        came = False
        self._heard_s = loop.time()
        watch = loop.create_task(self._watch(websocket))
        try:
            while True:
                data = await websocket.recv()
                self._heard_s = loop.time()
                came = True
                self._take(data)
        except ConnectionClosed:
            pass
        finally:
            watch.cancel()
        return came

    async def _watch(self, websocket: ClientConnection) -> None:
        """Close a connection that has fallen silent. Where it is half open that waits for an answer that will not
        come, at most its time-out.
        """
        loop = asyncio.get_running_loop()
        left_s = self.patience.silence_s
        while left_s > 0:
            await asyncio.sleep(left_s)
            left_s = self._heard_s + self.patience.silence_s - loop.time()
        _log.warning("nothing has come from %s for %g seconds", self.url, self.patience.silence_s)
        await websocket.close()

    # What arrives

    def _take(self, data: str | bytes) -> None:
        try:
            head: _Head = self._decode(data, type=_Head)
            if head.op is not None:
                self._answered(self._decode(data))
                return
            kind = _TYPES[(head.channel, head.kind)]
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            # Which stream it was of nobody can say; the next message of it, or a heartbeat, finds the gap.
            self._misread(repr(error))
            return
        key = (str(head.channel), head.symbol)
        stream = self._streams.get(key)
        try:
            message: DataMessage = self._decode(data, type=kind)
        except msgspec.DecodeError as error:
            self._misread(str(error))
            if stream is not None and stream.last is not None:
                self._repair(key, stream)
            return
        if isinstance(message, HeartbeatMessage):
            self._beat(message)
            self._tell(message)
            return
        if stream is None:
            return
        if message.kind == "delta":
            if stream.last is None:
                # Of the stream that was given up; the snapshot is on its way.
                return
            if message.previous != stream.last:
                self._gap(key, stream)
                return
        if not self._keep(message):
            self._repair(key, stream)
            return
        stream.last = message.sequence
        self._tell(message)

    def _keep(self, message: DataMessage) -> bool:
        """Take a message into the books. False where it does not fit, which has then been counted."""
        symbol = message.symbol or ""
        if isinstance(message, BookMessage):
            book = self.books.get(symbol)
            if book is None:
                book = self.books[symbol] = Book(symbol)
            if not book.apply(message):
                self.bad_checksums += 1
                return False
        elif isinstance(message, (OrdersSnapshot, OrdersMessage)):
            orders = self.order_books.get(symbol)
            if orders is None:
                orders = self.order_books[symbol] = OrderBook(symbol)
            if not orders.apply(message):
                self._misread(f"{message} does not fit the orders that stand")
                return False
        elif isinstance(message, (LotsSnapshot, LotsMessage)):
            offers = self.offers.get(symbol)
            if offers is None:
                offers = self.offers[symbol] = Offers(symbol)
            if not offers.apply(message):
                self._misread(f"{message} does not fit the offers that stand")
                return False
        return True

    def _beat(self, message: HeartbeatMessage) -> None:
        """What the venue says was the last of each stream must have arrived before: messages do not overtake each
        other.
        """
        for channel, symbol, sequence in message.streams:
            stream = self._streams.get((channel, symbol))
            if stream is not None and stream.last is not None and stream.last != sequence:
                self._gap((channel, symbol), stream)
        late_s = asyncio.get_running_loop().time() - self.patience.answer_s
        for key, stream in self._streams.items():
            if stream.last is None and stream.asked_s < late_s:
                self._repair(key, stream)

    def _gap(self, key: Key, stream: _Stream) -> None:
        self.gaps += 1
        self._repair(key, stream)

    def _misread(self, why: str) -> None:
        self.bad_messages += 1
        _log.warning("a message of %s could not be read: %s", self.url, why)
        self._notify()

    def _repair(self, key: Key, stream: _Stream) -> None:
        """Begin the stream anew, at once the first time, later and later while that does not help."""
        now_s = asyncio.get_running_loop().time()
        if stream.repaired_s < now_s - REPAIRS_FORGOTTEN_S:
            stream.repairs = 0
        first_s, longest_s = self.patience.first_delay_s, self.patience.longest_delay_s
        delay_s = min(first_s * 2 ** min(stream.repairs - 1, 32), longest_s) if stream.repairs else 0.0
        stream.repairs += 1
        stream.repaired_s = now_s
        stream.last = None
        stream.asked_s = now_s + delay_s
        _log.warning("%s of %s is asked for anew", *key)
        self._notify()
        self._spawn(self._begin_anew(key, stream, delay_s))

    async def _begin_anew(self, key: Key, stream: _Stream, delay_s: float) -> None:
        if delay_s:
            await asyncio.sleep(delay_s)
        if self._streams.get(key) is not stream or stream.last is not None:
            # Given up meanwhile, or begun anew by a new connection.
            return
        try:
            await self._join([key], None)
        except (FeedError, TimeoutError):
            # The connection is gone or useless; the next one asks again.
            if self._websocket is not None:
                await self._websocket.close()

    async def _join(self, keys: list[Key], resume_from: int | None) -> None:
        """Ask again for streams that were asked for in one way and have come equally far.

        What the venue no longer gives is taken out, and told to its readers; it costs no other stream.
        """
        ask = self._streams[keys[0]].ask
        for begin in range(0, len(keys), MAX_SYMBOLS):
            some = keys[begin : begin + MAX_SYMBOLS]
            symbols = [symbol for _, symbol in some if symbol is not None]
            for key in some:
                if (stream := self._streams.get(key)) is not None:
                    stream.asked_s = asyncio.get_running_loop().time()
            answers = await self._request("subscribe", symbols, {**ask, "symbols": symbols, "resume_from": resume_from})
            for answer in answers:
                if answer["op"] == "error":
                    if answer["code"] in NOT_NOW:
                        raise Disconnected(f"{answer['code']}: {answer.get('detail')}")
                    refusal = Refused.of(answer)
                    lost = [key for key in some if refusal.symbol is None or (key[1] or "")[:64] == refusal.symbol]
                    for key in lost:
                        self._forfeit(key, refusal)

    def _forfeit(self, key: Key, refusal: Refused) -> None:
        if self._streams.pop(key, None) is not None:
            _log.warning("%s of %s is refused: %s", *key, refusal)
            self.refused[key] = refusal
            for listener in self.listeners:
                listener.refuse(*key, refusal)
            self._notify()

    def _tell(self, message: DataMessage) -> None:
        for listener in self.listeners:
            listener.offer(message)
        self._notify()

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _answered(self, answer: dict[str, Any]) -> None:
        if answer["op"] == "error" and answer["code"] == "signed_out":
            self._forfeit(("account", None), Refused.of(answer))
            return
        pending = self._pending.get(answer.get("id") or 0)
        if pending is not None and pending.add(answer):
            self._pending.pop(answer["id"], None)

    def _drop(self, error: FeedError) -> None:
        pending, self._pending = self._pending, {}
        for each in pending.values():
            if not each.done.done():
                each.done.set_exception(error)

    def _fail(self, error: FeedError) -> None:
        self.failure = self.failure or error
        self._online.clear()
        self._drop(error)
        for listener in self.listeners:
            listener.end()
        self._notify()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._repairs.add(task)
        task.add_done_callback(self._repairs.discard)

    # Asking

    async def request(self, op: str, *, expected: Iterable[str] = (), **fields: Any) -> dict[str, Any]:
        """Send one operation and return its answer. Raises `Refused`, `Disconnected`, `TimeoutError`."""
        answers = await self._request(op, expected, fields)
        for answer in answers:
            if answer["op"] == "error":
                raise Refused.of(answer)
        return answers[0]

    async def _request(self, op: str, expected: Iterable[str], fields: dict[str, Any]) -> list[dict[str, Any]]:
        if self.failure is not None:
            raise self.failure
        websocket = self._websocket
        assert websocket is not None, "the client has not been opened"
        self._last_id += 1
        request_id = self._last_id
        message = self._encode({"op": op, "id": request_id, **fields})
        pending = self._pending[request_id] = _Pending(expected)
        try:
            await websocket.send(message, text=self.encoding == "json")
            async with asyncio.timeout(self.patience.answer_s):
                return await pending.done
        except ConnectionClosed:
            raise Disconnected("the connection was lost") from None
        finally:
            self._pending.pop(request_id, None)

    async def ping(self) -> int:
        """The venue's time, in nanoseconds."""
        answer = await self.request("ping")
        time_ns: int = answer["time_ns"]
        return time_ns

    # Market data

    async def subscribe(
        self,
        channel: str,
        symbols: Sequence[str] = (),
        *,
        depth: int | None = 25,
        interval: Interval | None = None,
        rate: Rate | None = None,
    ) -> Subscription:
        """Read a channel from now on, and after every reconnection. Raises `Refused` where not one symbol was taken."""
        ask: dict[str, Any] = {"channel": channel}
        if channel == "book":
            ask["depth"] = depth
        if interval is not None:
            ask["interval"] = interval
        if rate is not None:
            ask["rate"] = rate
        keys: list[Key] = [(channel, symbol) for symbol in symbols] or [(channel, None)]
        for key in keys:
            self._streams[key] = _Stream(ask)
            self.refused.pop(key, None)
        answers = await self._request("subscribe", symbols, {**ask, "symbols": list(symbols)})
        taken = [answer for answer in answers if answer["op"] == "subscribed"]
        refused = [Refused.of(answer) for answer in answers if answer["op"] == "error"]
        good = [symbol for answer in taken for symbol in answer["symbols"]]
        for key in keys:
            if not taken or (symbols and key[1] not in good):
                self._streams.pop(key, None)
        if not taken:
            raise refused[0]
        return Subscription(channel=channel, symbols=good, resumed=taken[0]["resumed"], refused=refused)

    async def unsubscribe(self, channel: str, symbols: Sequence[str] = ()) -> None:
        """Raises `Refused` where there was no such subscription."""
        self._streams.pop((channel, None), None)
        for symbol in symbols:
            self._streams.pop((channel, symbol), None)
        await self.request("unsubscribe", expected=symbols, channel=channel, symbols=list(symbols))

    def messages(self, channel: str | None = None, symbol: str | None = None) -> Messages[DataMessage]:
        """Every data message from now on, or those of a channel or symbol, whatever is subscribed to."""
        return self._listen(channel, None if symbol is None else (symbol,))

    async def read_book(
        self, symbols: Sequence[str], *, depth: int | None = 25, rate: Rate | None = None
    ) -> Messages[BookMessage]:
        """Subscribe, and iterate over what comes; `books` has what the messages make. `depth` is 25, 100 or None (all),
        `rate` messages a second at most in each stream: 10, 4, or 0 (all). These methods raise `Refused` where not one
        symbol is taken; what they give says in `refused` which were not.
        """
        return await self._start("book", symbols, depth=depth, rate=rate)

    async def read_orders(self, symbols: Sequence[str]) -> Messages[OrdersSnapshot | OrdersMessage]:
        """The book order by order; `order_books` has what the messages make. No rate merges them."""
        return await self._start("orders", symbols)

    async def read_trades(self, symbols: Sequence[str], *, rate: Rate | None = None) -> Messages[TradesMessage]:
        """The tape: the last 50 first. A trade that is taken back comes again, `busted`. No rate loses any."""
        return await self._start("trades", symbols, rate=rate)

    async def read_ticker(self, symbols: Sequence[str], *, rate: Rate | None = None) -> Messages[TickerMessage]:
        """Best prices and the figures of the day."""
        return await self._start("ticker", symbols, rate=rate)

    async def read_candles(
        self, symbols: Sequence[str], interval: Interval, *, rate: Rate | None = None
    ) -> Messages[CandlesMessage]:
        """Candles of one interval, the last 500 first; a client reads one interval of a symbol at a time."""
        return await self._start("candles", symbols, interval=interval, rate=rate)

    async def read_auction(self, symbols: Sequence[str], *, rate: Rate | None = None) -> Messages[AuctionMessage]:
        """What an uncross would come to, while an auction collects."""
        return await self._start("auction", symbols, rate=rate)

    async def read_lots(self, symbols: Sequence[str]) -> Messages[LotsSnapshot | LotsMessage]:
        """Listings and one-way auctions; `offers` has those that stand."""
        return await self._start("lots", symbols)

    async def read_index(self, codes: Sequence[str] = ("SXBI",)) -> Messages[IndexMessage]:
        """The banana index: `SXBI` overall in hundredths of a point, `SXBI-BXJ` and its like in hundredths of a fen."""
        return await self._start("index", codes)

    async def read_status(self, symbols: Sequence[str]) -> Messages[StatusMessage]:
        """Phases."""
        return await self._start("status", symbols)

    async def read_account(self) -> Messages[AccountSnapshot | AccountMessage]:
        """One's own orders, fills and balances; it needs a `token`."""
        return await self._start("account", ())

    async def _start(self, channel: str, symbols: Sequence[str], **options: Any) -> Messages[Any]:
        listener: Messages[Any] = self._listen(channel, frozenset(symbols) or None)
        try:
            listener.refused = (await self.subscribe(channel, symbols, **options)).refused
        except BaseException:
            listener.close()
            raise
        return listener

    def _listen(self, channel: str | None, symbols: Collection[str] | None) -> Messages[Any]:
        listener: Messages[Any] = Messages(
            channel, symbols, self.patience.unread, lambda each: self.listeners.pop(each, None)
        )
        self.listeners[listener] = None
        if self.failure is not None:
            listener.end()
        return listener

    async def until(self, condition: Callable[[], object], seconds: float | None = None) -> None:
        """Wait until something is true of what this client knows. Raises `TimeoutError` (after `patience.answer_s`
        unless said otherwise; `inf`: never), or the failure that ended the client.
        """
        limit = self.patience.answer_s if seconds is None else seconds
        async with asyncio.timeout(None if limit == inf else limit):
            while not condition():
                if self.failure is not None:
                    raise self.failure
                await self._changed.wait()

    async def synchronised(self, channel: str, symbol: str | None = None, seconds: float | None = None) -> None:
        """Wait until a stream has its snapshot. Raises as `until` does, and `Refused` where the venue gives it no
        more.
        """
        key = (channel, symbol)

        def has_come() -> bool:
            if key in self.refused:
                raise self.refused[key]
            return self._streams[key].last is not None

        await self.until(has_come, seconds)

    # Order entry

    async def place(self, **order: Any) -> dict[str, Any]:
        """Place an order with the fields of the HTTP call; returns it as it stands, also when the market refused it."""
        return await self._order("place", order)

    async def amend(self, order_id: int, **changes: Any) -> dict[str, Any]:
        """Change `quantity`, `price` or `display_quantity`; returns the order."""
        return await self._order("amend", {"order_id": order_id, **changes})

    async def cancel(self, order_id: int) -> dict[str, Any]:
        """Returns the order."""
        return await self._order("cancel", {"order_id": order_id})

    async def cancel_all(self, *, symbol: str | None = None, side: str | None = None) -> dict[str, Any]:
        """Cancel one's live orders, or those of a symbol or side; returns the answer."""
        return await self.request("cancel_all", symbol=symbol, side=side)

    async def _order(self, op: str, fields: dict[str, Any]) -> dict[str, Any]:
        answer = await self.request(op, **fields)
        order: dict[str, Any] = answer["order"]
        return order
