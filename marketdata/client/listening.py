"""What a program that reads the feed is given to iterate over."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from typing import Any, Generic, Protocol, Self, TypeVar

from marketdata.client.errors import FeedError, Overflow, Refused
from marketdata.messages import DataMessage

M = TypeVar("M", bound=DataMessage)


class Listener(Protocol):
    """Who is told of a client's messages as they come; none of this may block or raise."""

    def offer(self, message: Any) -> None:
        """A message has been taken in."""
        ...

    def refuse(self, channel: str, symbol: str | None, refusal: FeedError) -> None:
        """The venue no longer gives this stream."""
        ...

    def end(self) -> None:
        """There will be no more."""
        ...


class Messages(Generic[M]):
    """The data messages that a client receives from the moment it was asked for them, in order, checked.

    It ends with the client, and raises `Overflow` where more than `room` were left unread, or the refusal where the
    venue takes away what it reads. `close` it, or use it in a `with`.
    """

    def __init__(
        self,
        channel: str | None,
        symbols: Collection[str] | None,
        room: int,
        forget: Callable[["Messages[M]"], None],
    ) -> None:
        self.channel = channel
        self.symbols = symbols
        self.refused: list[Refused] = []
        """The symbols that were asked for and that the venue does not have."""
        self._room = room
        self._forget = forget
        self._queue: deque[M] = deque()
        self._ready = asyncio.Event()
        self._end: FeedError | None = None
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> M:
        while not self._queue:
            if self._end is not None:
                raise self._end
            if self._ended:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        return self._queue.popleft()

    async def take(self, count: int | None = None, seconds: float | None = None) -> list[M]:
        """As many messages as are asked for, fewer where the time is up or the client has ended before; with `seconds`
        alone all that come within them.
        """
        assert count is not None or seconds is not None
        taken: list[M] = []
        try:
            async with asyncio.timeout(seconds):
                while count is None or len(taken) < count:
                    taken.append(await anext(self))
        except (TimeoutError, StopAsyncIteration):
            pass
        return taken

    async def fetch(self) -> list[M]:
        """All that wait, and where none do the next one; nothing at the end."""
        try:
            fetched = [await anext(self)]
        except StopAsyncIteration:
            return []
        fetched += self._queue
        self._queue.clear()
        return fetched

    def close(self) -> None:
        """No more of them; what is unread can still be read."""
        self._forget(self)
        self.end()

    # As a `Listener`

    def offer(self, message: M) -> None:
        if self.channel not in (None, message.channel):
            return
        if self.symbols is not None and message.symbol not in self.symbols:
            return
        if len(self._queue) < self._room and self._end is None:
            self._queue.append(message)
        elif self._end is None:
            self._end = Overflow(f"more than {self._room} messages were left unread")
        self._ready.set()

    def refuse(self, channel: str, symbol: str | None, refusal: FeedError) -> None:
        """Whoever asked for it by name hears so."""
        if channel == self.channel and (symbol is None or (self.symbols is not None and symbol in self.symbols)):
            self._end = self._end or refusal
            self._ready.set()

    def end(self) -> None:
        self._ended = True
        self._ready.set()
