"""A client of the feed for programs: it keeps books, finds gaps, verifies checksums, comes back when it was cut off,
and trades.

    async with FeedClient("ws://127.0.0.1:8001", token=token) as client:
        await client.subscribe("book", ["BXJ-1-SX1-26W47"])
        order = await client.place(client_order_id="1", symbol=…, side="buy", quantity=100, price=250, kind="limit")
        with client.messages("trades") as messages:
            async for message in messages:
                …

What is wrong with a stream is repaired by asking for a snapshot, and counted; what cannot be repaired is raised:

    FeedError
    ├── Refused          the venue said no: code, detail, field
    ├── Disconnected     the connection went while an answer was awaited: whether the request was done is unknown
    └── Overflow         a reader of `messages` did not keep up
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from msgspec import Struct
from websockets import Subprotocol
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from marketdata.depth import DepthSide, checksum
from marketdata.messages import (
    AccountMessage,
    AccountSnapshot,
    BookMessage,
    CandlesMessage,
    DataMessage,
    HeartbeatMessage,
    Interval,
    Level,
    StatusMessage,
    TickerMessage,
    TradesMessage,
)
from marketdata.wire import SUBPROTOCOLS, Encoding

FIRST_DELAY_S: Final = 0.1
LONGEST_DELAY_S: Final = 5.0
"""Between attempts to come back; each is twice the last, less up to half of it by chance, so that not all come at
once.
"""

ANSWER_S: Final = 10.0
"""How long an answer is awaited."""

SILENCE_S: Final = 5.0
"""Without anything arriving, heartbeats included, the connection is given up."""

MAX_MESSAGE: Final = 64 * 1024 * 1024
QUEUE: Final = 10_000
"""Messages that a reader of `messages` may leave unread."""


class FeedError(Exception):
    """What a client raises."""


class Refused(FeedError):
    """The venue refused a request."""

    def __init__(self, code: str, detail: str, field: str | None = None, symbol: str | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.field = field
        self.symbol = symbol


class Disconnected(FeedError):
    """The connection went before the answer came. An order has its `client_order_id` to be asked by."""


class Overflow(FeedError):
    """More messages came than this reader had room for: some are lost, and it must begin anew."""


class Book:
    """One instrument's book as the messages so far make it."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.sequence = 0
        self.time_ns = 0
        self._bids = DepthSide(1)
        self._asks = DepthSide(-1)

    def apply(self, message: BookMessage) -> bool:
        """Take in a message; says whether the checksum agrees. O(changes × log levels)."""
        if message.kind == "snapshot":
            self._bids, self._asks = DepthSide(1), DepthSide(-1)
        for price, quantity, orders in message.bids:
            self._bids.put(price, quantity, orders)
        for price, quantity, orders in message.asks:
            self._asks.put(price, quantity, orders)
        self.sequence, self.time_ns = message.sequence, message.time_ns
        return checksum(self.bids(10), self.asks(10)) == message.checksum

    def bids(self, count: int | None = None) -> list[Level]:
        """Price, quantity, orders, best first."""
        return self._bids.best(count)

    def asks(self, count: int | None = None) -> list[Level]:
        """Price, quantity, orders, best first."""
        return self._asks.best(count)


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

    __slots__ = ("ask", "last")

    def __init__(self, ask: dict[str, Any]) -> None:
        self.ask = ask
        self.last: int | None = None


class _Head(Struct):
    op: str | None = None
    channel: str | None = None
    kind: str | None = None


class _Pending:
    """A request that waits for all its answers: all `expected` symbols are named in them, or one is enough."""

    __slots__ = ("answers", "done", "expected")

    def __init__(self, expected: set[str]) -> None:
        self.expected = expected
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


class Messages:
    """The data messages that a client receives from the moment it was asked for them; `close` it, or use it in a
    `with`.
    """

    def __init__(self, client: "FeedClient", channel: str | None, symbol: str | None) -> None:
        self._client = client
        self._channel = channel
        self._symbol = symbol
        self._queue: deque[DataMessage] = deque()
        self._ready = asyncio.Event()
        self._overflown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> DataMessage:
        while not self._queue:
            if self._overflown:
                raise Overflow(f"more than {QUEUE} messages were left unread")
            if self._client.failure is not None:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        return self._queue.popleft()

    def close(self) -> None:
        """No more of them."""
        self._client.listeners.pop(self, None)

    def offer(self, message: DataMessage) -> None:
        if self._channel in (None, message.channel) and self._symbol in (None, message.symbol):
            if len(self._queue) < QUEUE and not self._overflown:
                self._queue.append(message)
            else:
                self._overflown = True
            self._ready.set()

    def wake(self) -> None:
        self._ready.set()


_TYPES: Final[dict[tuple[str, str], type[DataMessage]]] = {
    ("book", "snapshot"): BookMessage,
    ("book", "delta"): BookMessage,
    ("trades", "snapshot"): TradesMessage,
    ("trades", "delta"): TradesMessage,
    ("ticker", "snapshot"): TickerMessage,
    ("ticker", "delta"): TickerMessage,
    ("candles", "snapshot"): CandlesMessage,
    ("candles", "delta"): CandlesMessage,
    ("status", "snapshot"): StatusMessage,
    ("status", "delta"): StatusMessage,
    ("heartbeat", "snapshot"): HeartbeatMessage,
    ("account", "snapshot"): AccountSnapshot,
    ("account", "delta"): AccountMessage,
}
_PROTOCOLS: Final = {encoding: name for name, encoding in SUBPROTOCOLS.items()}


class FeedClient:
    """One reader of a venue's feed, over as many connections, one after the other, as it takes.

    With `token` it signs in on each. `reconnect=False` ends it with its first connection.
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
    ) -> None:
        self.url = url
        self.encoding: Encoding = encoding
        self.books: dict[str, Book] = {}
        self.gaps = 0
        """Deltas that did not join, each repaired by a snapshot."""
        self.bad_checksums = 0
        self.connections = 0
        """Connections opened so far."""
        self._reconnect = reconnect
        self._sign_in: dict[str, Any] | None = None
        if token is not None:
            self._sign_in = {
                "token": token,
                "cancel_on_disconnect": cancel_on_disconnect,
                "cancel_after_ms": cancel_after_ms,
            }
        self._streams: dict[tuple[str, str | None], _Stream] = {}
        self._pending: dict[int, _Pending] = {}
        self.listeners: dict[Messages, None] = {}
        self._changed = asyncio.Event()
        self._websocket: ClientConnection | None = None
        self._online = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self._repairs: set[asyncio.Task[Any]] = set()
        self.failure: FeedError | None = None
        """Why there will be no more, once there will not."""
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
        """Close the connection and end every `messages`."""
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
        asks = [
            self._ask(stream, [] if symbol is None else [symbol], stream.last)
            for (_, symbol), stream in list(self._streams.items())
        ]
        await asyncio.gather(*asks)
        self._online.set()
        self._notify()

    async def _run(self, websocket: ClientConnection) -> None:
        delay = FIRST_DELAY_S
        try:
            while True:
                greeted = await self._read(websocket)
                self._online.clear()
                self._drop(Disconnected("the connection was lost"))
                self._notify()
                if not self._reconnect:
                    return
                if greeted:
                    delay = FIRST_DELAY_S
                while True:
                    await asyncio.sleep(delay * (1 - random.random() / 2))
                    delay = min(2 * delay, LONGEST_DELAY_S)
                    try:
                        websocket = await self._connect()
                        break
                    except (OSError, InvalidHandshake, TimeoutError):
                        continue
                self._spawn(self._return(websocket))
        finally:
            self._fail(self.failure or Disconnected("the connection was lost"))

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
        any_came = False
        try:
            while True:
                async with asyncio.timeout(SILENCE_S):
                    data = await websocket.recv()
                any_came = True
                self._take(data)
        except ConnectionClosed:
            pass
        except TimeoutError:
            # Half open: closing waits for an answer that may not come, at most its time-out.
            await websocket.close()
        return any_came

    # What arrives

    def _take(self, data: str | bytes) -> None:
        head = self._decode(data, type=_Head)
        if head.op is not None:
            self._answered(self._decode(data))
            return
        kind = _TYPES.get((head.channel, head.kind))
        if kind is None:
            return
        message: DataMessage = self._decode(data, type=kind)
        if isinstance(message, HeartbeatMessage):
            self._beat(message)
            self._tell(message)
            return
        key = (message.channel, message.symbol)
        stream = self._streams.get(key)
        if stream is None:
            return
        if message.kind == "delta":
            if stream.last is None:
                # Of the stream that was given up; the snapshot is on its way.
                return
            if message.previous != stream.last:
                self.gaps += 1
                self._repair(key, stream)
                return
        if isinstance(message, BookMessage):
            assert message.symbol is not None
            book = self.books.get(message.symbol)
            if book is None:
                book = self.books[message.symbol] = Book(message.symbol)
            if not book.apply(message):
                self.bad_checksums += 1
                self._repair(key, stream)
                return
        stream.last = message.sequence
        self._tell(message)

    def _beat(self, message: HeartbeatMessage) -> None:
        """What the venue says was the last of each stream must have arrived before: messages do not overtake each
        other.
        """
        for channel, symbol, sequence in message.streams:
            stream = self._streams.get((channel, symbol))
            if stream is not None and stream.last is not None and stream.last != sequence:
                self.gaps += 1
                self._repair((channel, symbol), stream)

    def _repair(self, key: tuple[str, str | None], stream: _Stream) -> None:
        stream.last = None
        symbol = key[1]
        self._spawn(self._ask_quietly(stream, [] if symbol is None else [symbol]))

    async def _ask_quietly(self, stream: _Stream, symbols: list[str]) -> None:
        try:
            await self._ask(stream, symbols, None)
        except (FeedError, TimeoutError):
            # The connection is gone or useless; the next one asks again.
            if self._websocket is not None:
                await self._websocket.close()

    def _tell(self, message: DataMessage) -> None:
        for listener in self.listeners:
            listener.offer(message)
        self._notify()

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _answered(self, answer: dict[str, Any]) -> None:
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
            listener.wake()
        self._notify()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._repairs.add(task)
        task.add_done_callback(self._repairs.discard)

    # Asking

    async def request(self, op: str, *, expected: Iterable[str] = (), **fields: Any) -> dict[str, Any]:
        """Send one operation and return its answer. Raises `Refused`, `Disconnected`, `TimeoutError`."""
        answers = await self._request(op, set(expected), fields)
        for answer in answers:
            if answer["op"] != "error":
                return answer
        raise _refused(answers[0])

    async def _request(self, op: str, expected: set[str], fields: dict[str, Any]) -> list[dict[str, Any]]:
        if self.failure is not None:
            raise self.failure
        websocket = self._websocket
        assert websocket is not None
        self._last_id += 1
        request_id = self._last_id
        message = self._encode({"op": op, "id": request_id, **fields})
        pending = self._pending[request_id] = _Pending(expected)
        try:
            await websocket.send(message, text=self.encoding == "json")
            async with asyncio.timeout(ANSWER_S):
                return await pending.done
        except ConnectionClosed:
            raise Disconnected("the connection was lost") from None
        finally:
            self._pending.pop(request_id, None)

    # Market data

    async def subscribe(
        self,
        channel: str,
        symbols: Sequence[str] = (),
        *,
        depth: int | None = 25,
        interval: Interval | None = None,
        rate: int | None = None,
    ) -> Subscription:
        """Read a channel from now on, and after every reconnection. Raises `Refused` where not one symbol was taken."""
        ask: dict[str, Any] = {"channel": channel}
        if channel == "book":
            ask["depth"] = depth
        if interval is not None:
            ask["interval"] = interval
        if rate is not None:
            ask["rate"] = rate
        keys: list[tuple[str, str | None]] = [(channel, symbol) for symbol in symbols] or [(channel, None)]
        for key in keys:
            self._streams[key] = _Stream(ask)
        answers = await self._request("subscribe", set(symbols), {**ask, "symbols": list(symbols)})
        taken = [answer for answer in answers if answer["op"] == "subscribed"]
        refused = [_refused(answer) for answer in answers if answer["op"] == "error"]
        good = [symbol for answer in taken for symbol in answer["symbols"]]
        for key in keys:
            if not taken or (symbols and key[1] not in good):
                self._streams.pop(key, None)
        if not taken:
            raise refused[0]
        return Subscription(channel=channel, symbols=good, resumed=taken[0]["resumed"], refused=refused)

    async def _ask(self, stream: _Stream, symbols: list[str], resume_from: int | None) -> None:
        if resume_from is None:
            stream.last = None
        await self.request("subscribe", expected=symbols, **stream.ask, symbols=symbols, resume_from=resume_from)

    async def unsubscribe(self, channel: str, symbols: Sequence[str] = ()) -> None:
        """Raises `Refused` where there was no such subscription."""
        self._streams.pop((channel, None), None)
        for symbol in symbols:
            self._streams.pop((channel, symbol), None)
        await self.request("unsubscribe", expected=symbols, channel=channel, symbols=list(symbols))

    def messages(self, channel: str | None = None, symbol: str | None = None) -> Messages:
        """Every data message from now on, in order, checked; it ends with the client, and raises `Overflow` if it is
        left unread.
        """
        listener = Messages(self, channel, symbol)
        self.listeners[listener] = None
        return listener

    async def until(self, condition: Callable[[], object], seconds: float = ANSWER_S) -> None:
        """Wait until something is true of what this client knows. Raises `TimeoutError`, or the failure that ended
        the client.
        """
        async with asyncio.timeout(seconds):
            while not condition():
                if self.failure is not None:
                    raise self.failure
                await self._changed.wait()

    async def synchronised(self, channel: str, symbol: str | None = None, seconds: float = ANSWER_S) -> None:
        """Wait until a stream has its snapshot."""
        stream = self._streams[(channel, symbol)]
        await self.until(lambda: stream.last is not None, seconds)

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


def _refused(answer: dict[str, Any]) -> Refused:
    return Refused(answer["code"], answer["detail"], answer.get("field"), answer.get("symbol"))
