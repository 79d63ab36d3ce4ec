"""A committer without a thread, for tests and simulations in which nothing but the loop decides what happens next."""

import asyncio
from collections.abc import Callable

from exchange.committer import Done, failure_of
from exchange.journal import Journal, Record


class LoopCommitter:
    """`exchange.committer.Committer` that appends in a later turn of the loop.

    `delay(record)` says after how many seconds of the loop's time; 0 is the next turn. An exception of the journal's,
    or of `delay`'s own, is the row's failure.
    """

    def __init__(self, journal: Journal, delay: Callable[[Record], float] = lambda _: 0.0) -> None:
        self._loop = asyncio.get_running_loop()
        self._journal = journal
        self._delay = delay
        self._under_way: asyncio.Future[None] | None = None
        self._closed = False
        self._trouble: BaseException | None = None

    def commit(self, record: Record, done: Done) -> None:
        assert self._under_way is None, "one row at a time"
        self._under_way = self._loop.create_future()
        try:
            seconds = self._delay(record)
        except Exception as error:
            self._loop.call_soon(self._finish, error, done)
        else:
            self._loop.call_later(seconds, self._append, record, done)

    async def close(self) -> None:
        if self._under_way is not None:
            await asyncio.shield(self._under_way)
        if not self._closed:
            self._closed = True
            self._journal.close()

    def _append(self, record: Record, done: Done) -> None:
        failure = self._trouble or failure_of(self._journal.append, record)
        if failure is None:
            self._loop.call_soon(self._tidy)
        self._finish(failure, done)

    def _tidy(self) -> None:
        if not self._closed:
            self._trouble = failure_of(self._journal.tidy)

    def _finish(self, failure: BaseException | None, done: Done) -> None:
        under_way, self._under_way = self._under_way, None
        assert under_way is not None
        under_way.set_result(None)
        done(failure)
