"""The feed for programs without an event loop, notebooks among them: the same client on a thread of its own."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from marketdata.client.books import BookView
from marketdata.client.errors import Disconnected
from marketdata.client.feed_client import FeedClient, Key, Patience, Subscription
from marketdata.client.listening import Messages
from marketdata.messages import (
    AccountMessage,
    AccountSnapshot,
    AuctionMessage,
    BookMessage,
    CandlesMessage,
    DataMessage,
    IndexMessage,
    Interval,
    LotRow,
    LotsMessage,
    LotsSnapshot,
    OrderRow,
    OrdersMessage,
    OrdersSnapshot,
    Rate,
    StatusMessage,
    TickerMessage,
    TradesMessage,
)
from marketdata.wire import Encoding
from matching.messages import Side

M = TypeVar("M", bound=DataMessage)
T = TypeVar("T")


class SyncMessages(Generic[M]):
    """`Messages` that block: a `for` waits for the next one, and ends with the client."""

    def __init__(self, messages: Messages[M], client: "SyncFeedClient") -> None:
        self._messages = messages
        self._client = client
        self._ready: list[M] = []
        self.refused = messages.refused
        """The symbols that were asked for and that the venue does not have."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> M:
        if not self._ready:
            # What has come meanwhile is fetched in one go: each way to the other thread and back costs.
            self._ready = self._client.run(self._messages.fetch())[::-1]
            if not self._ready:
                raise StopIteration
        return self._ready.pop()

    def take(self, count: int | None = None, seconds: float | None = None) -> list[M]:
        """As many messages as are asked for, fewer where the time is up or the client has ended before; with `seconds`
        alone all that come within them.
        """
        taken: list[M] = []
        while self._ready and (count is None or len(taken) < count):
            taken.append(self._ready.pop())
        if count is None or len(taken) < count:
            left = None if count is None else count - len(taken)
            taken += self._client.run(self._messages.take(left, seconds))
        return taken

    def close(self) -> None:
        """No more of them."""
        self._client.call(self._messages.close)


class SyncFeedClient:
    """`FeedClient`, each method waiting until it is done; it raises what that raises.

    It is for one thread at a time, but for `close`.
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
        self._make = partial(
            FeedClient,
            url,
            token=token,
            encoding=encoding,
            reconnect=reconnect,
            cancel_on_disconnect=cancel_on_disconnect,
            cancel_after_ms=cancel_after_ms,
            patience=patience,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._feed: FeedClient | None = None

    # Connecting

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Connect and sign in. Raises `OSError`, `websockets.InvalidHandshake`, `Refused`."""
        assert self._thread is None, "opened twice"
        loop = self._loop = asyncio.new_event_loop()
        # A daemon: a notebook that forgot to close must be able to end.
        self._thread = threading.Thread(target=self._work, args=(loop,), name="feed client", daemon=True)
        self._thread.start()
        try:
            self._feed = self.run(self._opened())
        except BaseException:
            self._end()
            raise

    def close(self) -> None:
        """Close the connection, end every reader and the thread."""
        if self._feed is not None and self._thread is not None:
            self.run(self._feed.close())
            self._end()

    async def _opened(self) -> FeedClient:
        feed = self._make()
        await feed.open()
        return feed

    @staticmethod
    def _work(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    def _end(self) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._thread = None

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the client's loop, and wait for it; an interrupt of the waiting ends it."""
        if self._thread is None or self._loop is None:
            work.close()
            raise Disconnected("the client is not open")
        done = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return done.result()
        except BaseException:
            done.cancel()
            raise

    def call(self, function: Callable[[], T]) -> T:
        """Likewise a plain function: what the client keeps may be looked at on its own thread alone."""

        async def called() -> T:
            return function()

        return self.run(called())

    @property
    def feed(self) -> FeedClient:
        """The client itself, whose counts may be read at any time: `gaps`, `bad_checksums`, `bad_messages`,
        `connections`, `refused`, `failure`.
        """
        if self._feed is None:
            raise Disconnected("the client is not open")
        return self._feed

    @property
    def online(self) -> bool:
        """Whether there is a connection, signed in and subscribed again."""
        return self.feed.online

    # Market data

    def subscribe(
        self,
        channel: str,
        symbols: Sequence[str] = (),
        *,
        depth: int | None = 25,
        interval: Interval | None = None,
        rate: Rate | None = None,
    ) -> Subscription:
        """Read a channel from now on, and after every reconnection. Raises `Refused` where not one symbol was taken."""
        return self.run(self.feed.subscribe(channel, symbols, depth=depth, interval=interval, rate=rate))

    def unsubscribe(self, channel: str, symbols: Sequence[str] = ()) -> None:
        """Raises `Refused` where there was no such subscription."""
        self.run(self.feed.unsubscribe(channel, symbols))

    def messages(self, channel: str | None = None, symbol: str | None = None) -> SyncMessages[DataMessage]:
        """Every data message from now on, or those of a channel or symbol, whatever is subscribed to."""
        return SyncMessages(self.call(lambda: self.feed.messages(channel, symbol)), self)

    def read_book(
        self, symbols: Sequence[str], *, depth: int | None = 25, rate: Rate | None = None
    ) -> SyncMessages[BookMessage]:
        """As all `read_…`: see `FeedClient`. What the messages make is had by `book`."""
        return self._reading(self.feed.read_book(symbols, depth=depth, rate=rate))

    def read_orders(self, symbols: Sequence[str]) -> SyncMessages[OrdersSnapshot | OrdersMessage]:
        """Order by order; what the messages make is had by `orders`."""
        return self._reading(self.feed.read_orders(symbols))

    def read_trades(self, symbols: Sequence[str], *, rate: Rate | None = None) -> SyncMessages[TradesMessage]:
        """The tape."""
        return self._reading(self.feed.read_trades(symbols, rate=rate))

    def read_ticker(self, symbols: Sequence[str], *, rate: Rate | None = None) -> SyncMessages[TickerMessage]:
        """Best prices and the figures of the day."""
        return self._reading(self.feed.read_ticker(symbols, rate=rate))

    def read_candles(
        self, symbols: Sequence[str], interval: Interval, *, rate: Rate | None = None
    ) -> SyncMessages[CandlesMessage]:
        """Candles of one interval."""
        return self._reading(self.feed.read_candles(symbols, interval, rate=rate))

    def read_auction(self, symbols: Sequence[str], *, rate: Rate | None = None) -> SyncMessages[AuctionMessage]:
        """What an uncross would come to."""
        return self._reading(self.feed.read_auction(symbols, rate=rate))

    def read_lots(self, symbols: Sequence[str]) -> SyncMessages[LotsSnapshot | LotsMessage]:
        """Listings and one-way auctions; those that stand are had by `offers`."""
        return self._reading(self.feed.read_lots(symbols))

    def read_index(self, codes: Sequence[str] = ("SXBI",)) -> SyncMessages[IndexMessage]:
        """The banana index."""
        return self._reading(self.feed.read_index(codes))

    def read_status(self, symbols: Sequence[str]) -> SyncMessages[StatusMessage]:
        """Phases."""
        return self._reading(self.feed.read_status(symbols))

    def read_account(self) -> SyncMessages[AccountSnapshot | AccountMessage]:
        """One's own orders, fills and balances; it needs a `token`."""
        return self._reading(self.feed.read_account())

    def _reading(self, work: Coroutine[Any, Any, Messages[M]]) -> SyncMessages[M]:
        return SyncMessages(self.run(work), self)

    def synchronised(self, channel: str, symbol: str | None = None, seconds: float | None = None) -> None:
        """Wait until a stream has its snapshot. Raises `TimeoutError`, `Refused`, or what ended the client."""
        self.run(self.feed.synchronised(channel, symbol, seconds))

    def book(self, symbol: str, count: int | None = None) -> BookView:
        """The book as it is now, waiting for its snapshot; `subscribe` to it, or `read_book`, before."""
        return self._now("book", symbol, lambda: self.feed.books[symbol].view(count))

    def orders(self, symbol: str, side: Side) -> list[OrderRow]:
        """One side order by order, in priority; its channel is `orders`."""
        return self._now("orders", symbol, lambda: self.feed.order_books[symbol].orders(side))

    def offers(self, symbol: str) -> list[LotRow]:
        """The listings and one-way auctions that stand; their channel is `lots`."""
        return self._now("lots", symbol, lambda: list(self.feed.offers[symbol].standing.values()))

    def _now(self, channel: str, symbol: str, look: Callable[[], T]) -> T:
        key: Key = (channel, symbol)

        async def looked() -> T:
            await self.feed.synchronised(*key)
            return look()

        return self.run(looked())

    def ping(self) -> int:
        """The venue's time, in nanoseconds."""
        return self.run(self.feed.ping())

    # Order entry

    def place(self, **order: Any) -> dict[str, Any]:
        """Place an order with the fields of the HTTP call; returns it as it stands, also when the market refused it."""
        return self.run(self.feed.place(**order))

    def amend(self, order_id: int, **changes: Any) -> dict[str, Any]:
        """Change `quantity`, `price` or `display_quantity`; returns the order."""
        return self.run(self.feed.amend(order_id, **changes))

    def cancel(self, order_id: int) -> dict[str, Any]:
        """Returns the order."""
        return self.run(self.feed.cancel(order_id))

    def cancel_all(self, *, symbol: str | None = None, side: str | None = None) -> dict[str, Any]:
        """Cancel one's live orders, or those of a symbol or side; returns the answer."""
        return self.run(self.feed.cancel_all(symbol=symbol, side=side))
