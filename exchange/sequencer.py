"""The sequencer: gives commands one order and one time, runs them, makes them durable, and only then speaks.

    offer ─► waiting (bounded) ─► a batch: time, engine ─► committer ─► on_committed ─► answers
                    ▲                                          │
                    └── what arrives meanwhile is the next batch ◄┘

One batch is under way at a time. It is executed in the event loop and committed beside it (`exchange.committer`) while
the loop goes on accepting; so the more is asked, the more share a sync of the disk. Between execution and commit the
engine is ahead of the journal by that batch, for the milliseconds of the commit: who reads the engine awaits
`settled()` first and reads at once, without another `await` in between. What is then read is committed and true of
`sequence`.

The venue halts where it would have to guess:

    engine     it fails on a command, whose batch never reaches the journal
    journal    it fails on a batch, of which nobody knows whether it is durable, or turns out to be damaged
    reader     one of committed batches fails, and would go on with a gap
    follower   journal, rules and database do not agree

From then on nothing is accepted, and nothing may be read from the engine. Why is told to everybody, so the reason names
no files, no people and nothing of theirs; what does is in the log.
"""

import asyncio
import errno
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from msgspec import Struct, field

from exchange.clock import Clock, ManualClock
from exchange.committer import Committer, ThreadCommitter
from exchange.journal import Journal, JournalCorrupt, JournalUnavailable, Record, seal
from exchange.protocol import MAXIMUM_BATCH, Command, Entry
from exchange.replay import Machine, run_batch
from exchange.waiting_room import ADDING, MAXIMUM_WAITING, SHARES, WaitingRoom
from matching.messages import AdvanceTime
from web.figures import Distribution, of_commands, of_seconds
from web.ports import Answering, DatabaseBehind, HistoryUnavailable, Outcome, VenueBusy, VenueClosing, VenueHalted

BATCH_COMMANDS: Final = 512
"""A batch takes no more, which bounds how long the event loop executes without looking up; `MAXIMUM_BATCH` is what
the journal would hold. A sync shared by so many already costs each next to nothing."""

HASH_COMMANDS: Final = 4096
"""A row carries the state's hash at least each so many commands; so do the first row after a start and the last."""

LONGEST_TIMER_SECONDS: Final = 1.0
"""Loop timers run on another clock than the venue: after a jump of the machine's time a deadline is at most so
late."""

Answer = asyncio.Future[Outcome]

HaltCause = Literal["engine", "journal", "reader", "follower"]

_log = logging.getLogger(__name__)


class Statistics(Struct):
    """Totals since the start, for whoever measures."""

    batches: int = 0
    commands: int = 0
    refused_busy: int = 0
    """For want of a place in the waiting room."""
    refused_share: int = 0
    """Of those: because their sender held all the places that he may."""
    refused_behind: int = 0
    """Because the venue paused for the database."""
    execute_ns: int = 0
    """Spent in engine, state hash and encoding."""
    commit_ns: int = 0
    """From handing a batch to the committer to hearing of it: sync and handover."""
    last_batch: int = 0
    last_commit_ns: int = 0
    batch_commands: Distribution = field(default_factory=of_commands)
    execute_seconds: Distribution = field(default_factory=of_seconds)
    commit_seconds: Distribution = field(default_factory=of_seconds)


class _Batch(NamedTuple):
    entry: Entry
    record: Record
    answers: list[Answering]
    handed_ns: int


class Sequencer:
    """Belongs to one event loop, in which it is made and all its methods are called.

    The engine stands where the journal ends (`replay`). `on_committed` is told of each batch in order, after its
    commit and before its answers; `on_halted` once, of the reason. Both are plain calls in the loop and must be
    short. `stopwatch` measures what `statistics` tells, and decides nothing.
    """

    def __init__(
        self,
        engine: Machine,
        journal: Journal,
        clock: Clock,
        *,
        committer: Committer | None = None,
        maximum_waiting: int = MAXIMUM_WAITING,
        shares: int = SHARES,
        batch_commands: int = BATCH_COMMANDS,
        stopwatch: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        """Without a committer the journal has a thread of its own."""
        tip = journal.tip()
        assert engine.sequence == tip.sequence, "the engine has executed what the journal holds"
        assert engine.time_ns >= tip.time_ns
        assert 0 < batch_commands <= MAXIMUM_BATCH
        self.on_committed: list[Callable[[Entry], None]] = []
        self.on_halted: list[Callable[[str], None]] = []
        self.statistics = Statistics()
        self._loop = asyncio.get_running_loop()
        self._engine = engine
        self._journal = journal
        self._clock = clock
        self._batch_commands = batch_commands
        self._stopwatch = stopwatch

        self._waiting = WaitingRoom(maximum_waiting, shares)
        self._scheduled = False
        self._under_way: _Batch | None = None
        self._settling: list[asyncio.Future[None]] = []
        self._halted: str | None = None
        self._halt_cause: HaltCause | None = None
        self._behind: str | None = None
        self._closing = False

        self._sequence = tip.sequence
        self._time_ns = tip.time_ns
        self._chain = tip.chain
        self._unhashed = HASH_COMMANDS  # so that the first row carries a hash
        self._deadline_ns = engine.next_deadline_ns()
        self._timer: asyncio.TimerHandle | None = None

        self._committer = committer or ThreadCommitter(journal)
        self._set_timer()

    # -- what everyone asks

    @property
    def sequence(self) -> int:
        """The last committed sequence."""
        return self._sequence

    @property
    def time_ns(self) -> int:
        """The venue's time now; at least that of the last batch."""
        return max(self._clock.now_ns(), self._time_ns)

    @property
    def halted(self) -> str | None:
        """Why nothing is accepted any more, or none."""
        return self._halted

    @property
    def halt_cause(self) -> HaltCause | None:
        return self._halt_cause

    @property
    def paused(self) -> str | None:
        """Why nothing that may lead to trades is accepted at the moment, or none."""
        return self._behind

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def clock(self) -> Clock:
        return self._clock

    def offer(self, command: Command) -> Answer:
        """Take a command in turn; the answer comes when it is durable. Raises `VenueBusy`, `DatabaseBehind`,
        `VenueHalted`; the answer may raise the last of them.

        Giving up the answer does not take the command back.
        """
        answer: Answer = self._loop.create_future()
        self._enqueue(command, answer)
        return answer

    def offer_for(self, command: Command, answering: Answering) -> None:
        """`offer`, where somebody else than a future is to be told. Raises likewise."""
        self._enqueue(command, answering)

    async def submit(self, command: Command) -> Outcome:
        """`offer`, awaited."""
        return await self.offer(command)

    async def settled(self) -> None:
        """Return when the engine shows committed state alone; at once where no batch is under way. Raises
        `VenueHalted`.

        Read before awaiting anything else: the next batch may follow.
        """
        while self._under_way is not None:
            settled = self._loop.create_future()
            self._settling.append(settled)
            await settled
        if self._halted is not None:
            raise VenueHalted(self._halted)

    async def recorded(self, sequence: int) -> Outcome:
        """What the command of that sequence led to, from the journal. Raises `LookupError`, `HistoryUnavailable`, and
        `VenueHalted` where it is not what was written."""
        try:
            entry = await self._loop.run_in_executor(None, self._journal.entry_of, sequence)
        except JournalCorrupt as error:
            _log.error("the journal is damaged at sequence %d: %s", sequence, error)
            self.halt(f"the journal is damaged at sequence {sequence}", "journal")
            raise VenueHalted(self._halted) from error
        except JournalUnavailable as error:
            _log.error("the journal cannot be read at sequence %d: %s", sequence, error)
            raise HistoryUnavailable("the journal cannot be read") from error
        return Outcome(sequence, entry.time_ns, entry.events[sequence - entry.first_sequence])

    async def advance(self) -> Outcome:
        """Let the engine see the time, also where no command comes. Raises as `submit`."""
        answer: Answer = self._loop.create_future()
        self._enqueue(None, answer)
        return await answer

    async def set_clock(self, time_ns: int) -> int:
        """Move a manual clock, and the engine with it. Raises `ValueError` where the clock is real or would go
        back."""
        if not isinstance(self._clock, ManualClock):
            raise ValueError("the venue's clock is real and cannot be set")
        self._refuse_after_the_end()
        self._clock.set(time_ns)
        return (await self.advance()).time_ns

    def pause(self, reason: str) -> None:
        """Take nothing that may lead to trades until `resume`; cancels, time and whatever else is taken."""
        self._behind = reason

    def resume(self) -> None:
        self._behind = None

    def halt(self, reason: str, cause: HaltCause) -> None:
        """Stop acknowledging for a reason found elsewhere; the first one counts."""
        if self._halted is None:
            self._halt(reason, cause, [] if self._under_way is None else self._under_way.answers)

    async def close(self) -> None:
        """Take nothing more, finish what waits, put the state's hash on the last row, close the journal."""
        if not self._closing:
            self._closing = True
            if self._timer is not None:
                self._timer.cancel()
            while (self._waiting or self._under_way is not None) and self._halted is None:
                await self._idle()
            if self._halted is None and 0 < self._unhashed < HASH_COMMANDS:
                self._unhashed = HASH_COMMANDS
                self._run([None], [])
                await self._idle()
        try:
            await self._committer.close()
        except Exception as error:
            # What was acknowledged is durable all the same: the log of the journal has it.
            _log.error("the journal could not be closed: %s", error)
            self.halt("the journal could not be closed", "journal")

    # -- batches

    def _enqueue(self, command: Command | None, answer: Answering) -> None:
        if self._halted is not None or self._closing:
            self._refuse_after_the_end()
        if self._behind is not None and type(command) in ADDING:
            self.statistics.refused_behind += 1
            raise DatabaseBehind(self._behind)
        lack = self._waiting.lets_in(command, answer)
        if lack is not None:
            self.statistics.refused_busy += 1
            self.statistics.refused_share += lack == "share"
            raise VenueBusy(self._retry_after_ms(), own=lack == "share")
        self._schedule()

    def _refuse_after_the_end(self) -> None:
        if self._halted is not None:
            raise VenueHalted(self._halted)
        if self._closing:
            raise VenueClosing("the venue is closing")

    def _retry_after_ms(self) -> int:
        """About as long as what waits will take, from what batches took so far."""
        done = self.statistics
        if not done.commands:
            return 100
        estimate = len(self._waiting) * (done.execute_ns + done.commit_ns) // done.commands // 1_000_000
        return min(max(estimate, 10), 5_000)

    def _schedule(self) -> None:
        """The batch starts in the loop's next turn, so that what arrives in this one is in it."""
        if not self._scheduled and self._under_way is None:
            self._scheduled = True
            self._loop.call_soon(self._run_waiting)

    def _run_waiting(self) -> None:
        self._scheduled = False
        if self._halted is not None or self._under_way is not None or not self._waiting:
            return
        batch = self._waiting.next(self._batch_commands)
        self._run([waiting.command for waiting in batch], [waiting.answer for waiting in batch])

    def _run(self, wanted: list[Command | None], answers: list[Answering]) -> None:
        """Execute a batch and hand it to the journal."""
        started_ns = self._stopwatch()
        time_ns = self.time_ns
        first = self._sequence + 1
        commands = tuple(AdvanceTime(time_ns) if command is None else command for command in wanted)
        try:
            events = run_batch(self._engine, commands, first, time_ns)
            self._deadline_ns = self._engine.next_deadline_ns()
            assert self._deadline_ns is None or self._deadline_ns > time_ns, "a deadline that is reached is done with"
            self._unhashed += len(commands)
            hashed = self._unhashed >= HASH_COMMANDS
            entry = Entry(first_sequence=first, time_ns=time_ns, commands=commands, events=events)
            record = seal(entry, self._chain, self._engine.state_hash() if hashed else None)
        except Exception as error:
            _log.exception("the engine failed in the batch at sequence %d", first)
            self._halt(f"the engine failed in the batch at sequence {first}: {type(error).__name__}", "engine", answers)
            return
        if hashed:
            self._unhashed = 0
        handed_ns = self._stopwatch()
        self.statistics.execute_ns += handed_ns - started_ns
        self.statistics.execute_seconds.observe((handed_ns - started_ns) / 1e9)
        self._under_way = _Batch(entry, record, answers, handed_ns)
        self._committer.commit(record, self._committed)

    def _committed(self, failure: BaseException | None) -> None:
        """The committer has done with the batch under way."""
        batch = self._under_way
        if batch is None:  # the venue has halted meanwhile: whether the batch is durable, the next start will see
            return
        if failure is not None:
            _log.error("the journal failed in the batch at sequence %d: %s", batch.entry.first_sequence, failure)
            reason = f"the journal cannot be written at sequence {batch.entry.first_sequence}: {words_of(failure)}"
            self._halt(reason, "journal", batch.answers)
            return
        entry = batch.entry
        self._under_way = None
        self._sequence = entry.last_sequence
        self._time_ns = entry.time_ns
        self._chain = batch.record.chain
        self._count(batch)
        broken: str | None = None
        for publish in self.on_committed:
            try:
                publish(entry)
            except Exception as error:
                _log.exception("a reader failed on the batch at sequence %d", entry.first_sequence)
                broken = (
                    f"a reader of committed batches failed at sequence {entry.first_sequence}: {type(error).__name__}"
                )
        for answer, sequence, events in zip(
            batch.answers, range(entry.first_sequence, entry.last_sequence + 1), entry.events, strict=False
        ):
            try:
                if not answer.done():
                    answer.set_result(Outcome(sequence, entry.time_ns, events))
            except Exception:
                # Whose answer that is has a fault of ours to bear; the others, and the next batch, have not.
                _log.exception("the answer to the command at sequence %d could not be given", sequence)
        if broken is not None:
            self._halt(broken, "reader", [])
            return
        self._settle()
        # Whoever waited for settled state is woken before the next batch starts: the loop keeps its order.
        if self._waiting:
            self._schedule()
        if not self._closing:
            self._set_timer()

    def _count(self, batch: _Batch) -> None:
        statistics = self.statistics
        took_ns = self._stopwatch() - batch.handed_ns
        statistics.batches += 1
        statistics.commands += len(batch.entry.commands)
        statistics.commit_ns += took_ns
        statistics.last_batch = len(batch.entry.commands)
        statistics.last_commit_ns = took_ns
        statistics.batch_commands.observe(statistics.last_batch)
        statistics.commit_seconds.observe(took_ns / 1e9)

    def _settle(self) -> None:
        settling, self._settling = self._settling, []
        for settled in settling:
            if not settled.done():
                settled.set_result(None)

    async def _idle(self) -> None:
        """Until the batch that is scheduled or under way has gone."""
        settled = self._loop.create_future()
        self._settling.append(settled)
        if self._under_way is None and self._halted is None and self._waiting:
            self._schedule()
        elif self._under_way is None:
            self._settle()
        await settled

    # -- time

    def _set_timer(self) -> None:
        """On a real clock one timer stands at the engine's next deadline. O(1)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._deadline_ns is not None and self._clock.mode == "real":
            delay = max(0.0, (self._deadline_ns - self._clock.now_ns()) / 1e9)
            self._timer = self._loop.call_later(min(delay, LONGEST_TIMER_SECONDS), self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._halted is not None or self._closing or self._under_way is not None or self._waiting:
            return  # a batch advances time itself, and sets the timer anew
        assert self._deadline_ns is not None
        if self._deadline_ns > self._clock.now_ns():
            self._set_timer()
        else:
            self._run([None], [])

    # -- the end of it

    def _halt(self, reason: str, cause: HaltCause, answers: list[Answering]) -> None:
        self._halted = reason
        self._halt_cause = cause
        self._under_way = None
        if self._timer is not None:
            self._timer.cancel()
        unanswered = answers + [waiting.answer for waiting in self._waiting.clear()]
        for answer in unanswered:
            try:
                if not answer.done():
                    answer.set_exception(VenueHalted(reason))
                    answer.exception()  # seen: an answer that nobody awaits is no second complaint
            except Exception:
                _log.exception("somebody could not be told that the venue has halted")
        self._settle()
        _log.critical("the venue has halted: %s", reason)
        for tell in self.on_halted:
            tell(reason)


def words_of(failure: BaseException) -> str:
    """What kept a batch from the journal, without the names of files."""
    found: BaseException | None = failure
    while found is not None:
        if isinstance(found, sqlite3.Error) and hasattr(found, "sqlite_errorname"):
            name = found.sqlite_errorname
            return "the disk is full" if name == "SQLITE_FULL" else f"the store failed, {name}"
        if isinstance(found, OSError) and found.errno is not None:
            return "the disk is full" if found.errno == errno.ENOSPC else os.strerror(found.errno)
        found = found.__cause__
    return type(failure).__name__
