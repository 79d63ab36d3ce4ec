"""Joins a feed to the running event loop: lets what is ready leave, and lets time go on.

A venue has one pump for its feed, whatever adapters carry it.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from marketdata.feed import TICK_NS, Feed

LONGEST_PAUSE_S: Final = 0.02
"""Between two flushes while there is something to send."""

PAUSE: Final = 9
"""How many times as long as a flush took the loop is the venue's before the next."""


class Pump:
    """Flushes soon after something was published, and ticks forty times a second.

    With few readers a flush follows at once. With many it takes a while; then the next one waits nine times as long
    as the last one took, so that the loop keeps nearly all its time for the venue, and what comes in meanwhile leaves
    in one write a reader instead of many.
    """

    def __init__(
        self,
        feed: Feed,
        clock: Callable[[], int] | None = None,
        *,
        flushed: Callable[[float], object] | None = None,
    ) -> None:
        """`clock` gives the venue's time in nanoseconds. `flushed` is told after each flush how many seconds ago the
        first of what it let out was published."""
        self.feed = feed
        self.clock = clock
        self._flushed = flushed
        self._woken = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flush: asyncio.Handle | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._not_before = 0.0

    def start(self) -> None:
        """From within the loop."""
        assert self._loop is None
        self._loop = asyncio.get_running_loop()
        self.feed.wake = self._wake
        self._on_tick()

    def stop(self) -> None:
        """Let what is ready leave, and stop."""
        self.feed.wake = None
        for handle in (self._flush, self._tick):
            if handle is not None:
                handle.cancel()
        self._flush = self._tick = self._loop = None
        self.feed.flush()

    def _wake(self) -> None:
        if self._flush is None and self._loop is not None:
            self._woken = self._loop.time()
            if self._woken >= self._not_before:
                self._flush = self._loop.call_soon(self._on_turn)
            else:
                self._flush = self._loop.call_at(self._not_before, self._on_flush)

    def _on_turn(self) -> None:
        """Once more around: what is ready in this turn goes first, the answers to orders and the next batch, so that
        the readers are served while the disk writes."""
        if self._loop is not None:
            self._flush = self._loop.call_soon(self._on_flush)

    def _on_flush(self) -> None:
        loop = self._loop
        if loop is None:
            return
        self._flush = None
        began = loop.time()
        self.feed.flush()
        ended = loop.time()
        if self._flushed is not None:
            self._flushed(ended - self._woken)
        self._not_before = ended + min(PAUSE * (ended - began), LONGEST_PAUSE_S)

    def _on_tick(self) -> None:
        loop = self._loop
        if loop is None:
            return
        self._tick = loop.call_later(TICK_NS / 1e9, self._on_tick)
        self.feed.tick(int(loop.time() * 1e9), None if self.clock is None else self.clock())
