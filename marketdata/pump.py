"""Joins a feed to the running event loop: lets what is ready leave, and lets time go on.

A venue has one pump for its feed, whatever adapters carry it.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from marketdata.feed import Feed

LONGEST_PAUSE_S: Final = 0.02
"""Between two flushes while there is something to send."""

LEAST_PAUSE: Final = 1
"""How many times as long as a flush took the next one waits where the loop has little else to do."""

GREATEST_PAUSE: Final = 9
"""The same where the loop is never idle: readers then cost a tenth of the orders that it could take, no more."""

LOOK_S: Final = 0.02
"""The loop's load is looked at so often at most: over the time since the last look."""


class Pump:
    """Flushes soon after something was published, and ticks as often as the feed wants it.

    With few readers a flush follows at once. With many it takes a while, nearly all of it the kernel's for a write a
    reader; then the next one waits, and what comes in meanwhile leaves in the same write. How long is a bargain
    between orders and readers. A busy venue keeps nine tenths of its loop, and its readers wait up to 20 ms. One that
    is mostly idle has nothing to gain by that: at a thousand commands a second and a hundred readers waiting once as
    long as a flush instead of nine times makes half of them wait 1.4 ms instead of 4.8, for a quarter of a core that
    nobody else wanted. So the factor goes with the load: the share of its time that the loop's thread has been
    computing, flushes left out.
    """

    def __init__(
        self,
        feed: Feed,
        clock: Callable[[], int] | None = None,
        *,
        flushed: Callable[[float], object] | None = None,
        spent: Callable[[], float] = time.thread_time,
    ) -> None:
        """`clock` gives the venue's time in nanoseconds. `flushed` is told after each flush how many seconds ago the
        first of what it let out was published. `spent` gives the seconds that the loop's thread has computed: on a
        machine that others use, having been interrupted in a flush is no reason to wait.
        """
        self.feed = feed
        self.clock = clock
        self._flushed = flushed
        self._spent = spent
        self._woken = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flush: asyncio.Handle | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._not_before = 0.0
        self._pause = float(LEAST_PAUSE)
        self._looked = 0.0
        """When the load was last looked at, what the thread had computed until then, and how much of it in flushes
        since."""
        self._spent_then = 0.0
        self._flushing = 0.0

    def start(self) -> None:
        """From within the loop."""
        assert self._loop is None
        self._loop = asyncio.get_running_loop()
        self._looked, self._spent_then, self._flushing = self._loop.time(), self._spent(), 0.0
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
        began = self._spent()
        self._look(loop.time(), began)
        self.feed.flush()
        took = self._spent() - began
        self._flushing += took
        ended = loop.time()
        if self._flushed is not None:
            self._flushed(ended - self._woken)
        self._not_before = ended + min(self._pause * took, LONGEST_PAUSE_S)

    def _look(self, now: float, spent: float) -> None:
        passed = now - self._looked
        if passed >= LOOK_S:
            others, free = spent - self._spent_then - self._flushing, passed - self._flushing
            load = min(others / free, 1.0) if free > 0 else 1.0
            self._pause = LEAST_PAUSE + (GREATEST_PAUSE - LEAST_PAUSE) * load
            self._looked, self._spent_then, self._flushing = now, spent, 0.0

    def _on_tick(self) -> None:
        loop = self._loop
        if loop is None:
            return
        self.feed.tick(int(loop.time() * 1e9), None if self.clock is None else self.clock())
        self._tick = loop.call_later(self.feed.tick_ns / 1e9, self._on_tick)
