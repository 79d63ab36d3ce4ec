"""Who writes the journal while the event loop goes on: a thread of its own, or whatever else is a `Committer`.

The sequencer hands over one row at a time and is called back in its loop. A simulator that has no threads and no real
time hands it a committer that lives in the loop and takes as long as it likes.
"""

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Final, Protocol

from exchange.journal import Journal, Record

FIRST_LENT_SECONDS: Final = 0.0005
LENT_SECONDS: Final = 0.0002
LENDING_PERIOD_SECONDS: Final = 0.001
"""How long the event loop stands still for the journal's thread: see `ThreadCommitter._lend`."""

Done = Callable[[BaseException | None], None]
"""Told what went wrong, or none: the row is durable."""


class Committer(Protocol):
    """Belongs to one event loop and one journal."""

    def commit(self, record: Record, done: Done) -> None:
        """Make a row durable. `done` is called in the loop, once, possibly before this returns; until then no other
        row is handed over, and after a failure none is any more."""
        ...

    async def close(self) -> None:
        """Close the journal after what was handed over; a second call waits for the same end. Raises what the closing
        raises."""
        ...


class ThreadCommitter:
    """The one thread that writes the journal. Handed over and told back in 25 µs, where a pool of one took 31."""

    def __init__(self, journal: Journal) -> None:
        self._loop = asyncio.get_running_loop()
        self._lending: asyncio.TimerHandle | None = None
        self._tell: Done | None = None
        self._closing = False
        self._thread = _Writer(journal, self._loop, self._look)
        self._thread.start()

    def commit(self, record: Record, done: Done) -> None:
        assert self._tell is None, "one row at a time"
        self._tell = done
        self._thread.records.put(record)
        self._lend(FIRST_LENT_SECONDS)

    async def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._thread.records.put(None)
        try:
            await asyncio.shield(self._thread.closed)
        finally:
            self._thread.join()

    def _lend(self, seconds: float) -> None:
        """Wait at most so long for the journal's thread, and again each millisecond.

        The thread cannot tell that it is done without the interpreter's lock, and a loop that never rests does not
        leave it the lock: what the loop lets go of while it polls, it has again before the thread is awake. Commits
        took half a second then, at any switch interval. So the loop stands still for it: at once, since a fast disk
        is done before anyone misses the loop, and then now and again, for a thread that lacks only the lock.
        """
        self._lending = None
        if self._thread.written.acquire(timeout=seconds):
            self._finish()
        else:
            self._lending = self._loop.call_later(LENDING_PERIOD_SECONDS, self._lend, LENT_SECONDS)

    def _look(self) -> None:
        """The thread says that it is done, unless the loop has noticed by itself."""
        if self._tell is not None and self._thread.written.acquire(timeout=0):
            self._finish()

    def _finish(self) -> None:
        if self._lending is not None:
            self._lending.cancel()
            self._lending = None
        tell, self._tell = self._tell, None
        assert tell is not None
        tell(self._thread.failure)


def failure_of(do: Callable[..., None], *arguments: Any) -> BaseException | None:
    """Do it; what went wrong, or None."""
    try:
        do(*arguments)
    except BaseException as error:
        return error
    return None


class _Writer(Thread):
    """Appends what it is given, in order, until it is given nothing, and tidies up behind each row that was told of.

    A failure of that is the next row's, which is not written then: the row before it is durable.
    """

    def __init__(self, journal: Journal, loop: asyncio.AbstractEventLoop, look: Callable[[], None]) -> None:
        super().__init__(name="journal", daemon=True)
        self.records: SimpleQueue[Record | None] = SimpleQueue()
        self.written = Lock()
        """Free once for each row that has been dealt with."""
        self.written.acquire()
        self.failure: BaseException | None = None
        self.closed: asyncio.Future[None] = loop.create_future()
        self._journal = journal
        self._loop = loop
        self._look = look

    def run(self) -> None:
        trouble: BaseException | None = None
        while (record := self.records.get()) is not None:
            self.failure = trouble or failure_of(self._journal.append, record)
            self.written.release()
            self._loop.call_soon_threadsafe(self._look)
            if self.failure is None:
                trouble = failure_of(self._journal.tidy)
        try:
            self._journal.close()
        except BaseException as error:
            self._loop.call_soon_threadsafe(self.closed.set_exception, error)
        else:
            self._loop.call_soon_threadsafe(self.closed.set_result, None)
