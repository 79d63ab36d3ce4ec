"""The follower in the simulation: the real `Follower`, its turns taken in the loop, its pipes carried by it."""

import asyncio
import types
from collections.abc import Callable
from random import Random
from typing import Any, Final

from exchange.engine import Engine
from exchange.follower import LOOK_SECONDS, Follower, Report
from exchange.follower_handle import Fault, FollowerHandle
from exchange.journal import JournalCorrupt
from exchange.projector import ForeignJournal, Projector
from exchange.replay import ReplayMismatch
from tests.simulation.database import Database
from tests.simulation.loop import Process, VirtualLoop
from tests.simulation.snapshots import SnapshotFolder, SnapshotTaker

SLOW_S: Final = (0.02, 0.8)


class Killed(BaseException):
    """The follower has been killed in the middle of what it did."""


class Ear:
    """`exchange.follower.Ear` on a pipe that the loop carries: it never waits."""

    def __init__(self) -> None:
        self.closed = False
        self.woken = False
        self.waking = asyncio.Event()

    def listen(self, seconds: float | None = 0.0) -> None:
        pass

    def wake(self) -> None:
        self.woken = True
        self.waking.set()

    def close(self) -> None:
        self.closed = True
        self.wake()


class SimulatedFollower:
    """One life of the follower. `reader` is what it reads the journal with."""

    projector_type: type[Projector] = Projector

    def __init__(
        self,
        loop: VirtualLoop,
        process: Process,
        venue: Process,
        handle: FollowerHandle,
        reader: Any,
        database: Database,
        chance: Random,
        fired: Callable[[str], None],
        snapshots: SnapshotFolder,
    ) -> None:
        self.process = process
        self.ear = Ear()
        self.slow = False
        self.dies_in: int | None = None
        """It is killed after so many more reports."""
        self.ended: Callable[[bool], None] = lambda fatal: None
        """Told, in the venue, that it has gone, and whether for good."""
        self._clear_at = 0.0
        self._loop = loop
        self._venue = venue
        self._handle = handle
        self._database = database
        self._chance = chance
        self._fired = fired
        self._follower = Follower(None, "sqlite:///simulated", Engine, self.ear, self._tell)  # type: ignore[arg-type]
        # What it would open by path and URL.
        self._follower._journal = reader
        self._follower._lock = -1
        self._follower._projector = self.projector_type(
            database.engine, reader, maximum_commands=chance.choice((3, 40, None))
        )
        self._reader = reader
        self._snapshots = snapshots
        self._taker: SnapshotTaker | None = None

    async def run(self) -> None:
        """Until its input has ended and it has drained, or it cannot go on."""
        follower, ear = self._follower, self.ear
        fatal = False
        while True:
            ear.woken = False
            ear.waking.clear()
            closing = ear.closed
            try:
                drained = follower._project()
                if self._taker is None:
                    # After the first look at the database, as the follower does it.
                    self._taker = SnapshotTaker(self._snapshots, self._reader)
                    follower._shadow = self._taker.shadow
                    if self._taker.shadow.sequence:
                        self._tell(Report(verified=self._taker.shadow.sequence))
                follower._verify()
                self._taker.take()
            except Killed:
                self._database.abandon()
                self._loop.kill(self.process)
                break
            except (ForeignJournal, JournalCorrupt, ReplayMismatch) as error:
                follower._complain(str(error), fatal=True)
                fatal = True
                break
            except Exception as error:
                follower._complain(f"the follower failed: {type(error).__name__}: {error}")
                break
            if closing and drained:
                break
            retry_at = follower._retry_at
            if retry_at is not None:
                timeout = max(0.0, retry_at - self._loop.time())
            else:
                timeout = 0.0 if ear.woken else LOOK_SECONDS
            try:
                async with asyncio.timeout(timeout):
                    await ear.waking.wait()
            except TimeoutError:
                pass
            if self.slow:
                self._fired("database: slow")
                await asyncio.sleep(self._chance.uniform(*SLOW_S))
        self._report_end(fatal)

    def _report_end(self, fatal: bool) -> None:
        self._loop.later(self._venue, 0.001, self.ended, fatal)

    def _tell(self, report: Report) -> None:
        if self.dies_in is not None:
            self.dies_in -= 1
            if self.dies_in <= 0:
                self.dies_in = None
                self._fired("follower: killed between transactions")
                raise Killed
        now = self._loop.time()
        self._clear_at = max(self._clear_at, now) + self._chance.uniform(0.0001, 0.002)  # a pipe keeps its order
        self._loop.later(self._venue, self._clear_at - now, self._hear, report)

    def _hear(self, report: Report) -> None:
        """As `FollowerHandle` hears a line."""
        handle = self._handle
        if report.fault is not None:
            handle._failed(Fault(report.fault, report.fatal))
        if report.verified is not None:
            handle.verified_sequence = report.verified
        if report.projected is not None:
            handle._reached(report.projected)


def virtual_time(loop: VirtualLoop) -> types.SimpleNamespace:
    """In the place of the module `time`."""

    def sleep(seconds: float) -> None:
        loop.spend(round(seconds * 1e9))

    return types.SimpleNamespace(
        monotonic=loop.time,
        perf_counter_ns=lambda: loop.now_ns,
        time_ns=lambda: loop.now_ns,
        sleep=sleep,
    )
