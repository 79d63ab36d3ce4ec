"""The venue's end of the follower: starts the process, wakes it, hears how far it is, starts it again when it dies.

A fault that the follower can get over is told and kept as `fault` until it goes on; a fatal one ends it for good, and
the venue decides what that means for trading. If the venue itself is killed, the follower's standard input ends and
it goes.
"""

import asyncio
import contextlib
import logging
import os
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from exchange.follower import Report
from exchange.lag import Lag
from web.figures import of_seconds

FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 10.0
HEALTHY_SECONDS: Final = 30.0
"""A follower that lived so long is started again at once, one that dies young after a growing pause."""

STOP_SECONDS: Final = 4.0
MAXIMUM_FAULTS: Final = 100
MAXIMUM_UNREAD: Final = 4096
"""Bytes of wakings that the follower has not taken: more would tell it nothing new."""

_TELLABLE: Final = re.compile(
    r"(re-execution differs from the journal at|the row at|an invariant is broken at) sequence \d+"
)

_log = logging.getLogger(__name__)


class Fault(NamedTuple):
    """What went wrong, in one line; after a fatal one the follower is not started again."""

    text: str
    fatal: bool

    @property
    def told(self) -> str:
        """As everybody may read it: without names of files and hosts, and without other people's orders."""
        found = _TELLABLE.match(self.text)
        return found[0] if found else "journal, rules and database do not agree"


class FollowerHandle:
    """Belongs to one event loop. `on_fault` is told each fault that is not merely the last one again. `environment`
    holds settings of the venue's that the follower needs."""

    def __init__(
        self,
        journal_path: Path,
        database_url: str,
        *,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        on_fault: Callable[[Fault], None] | None = None,
    ) -> None:
        self._command = command or (sys.executable, "-m", "exchange", "follow", "--data", str(journal_path.parent))
        # The URL may hold a password: a process's environment is its user's alone to read, its arguments are not.
        self._environment: Mapping[str, str] = (
            os.environ | {"EXCHANGE_DATABASE_URL": database_url} | dict(environment or {})
        )
        self._on_fault = on_fault
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self.projected_sequence = 0
        """How far the database has followed, as far as the venue knows."""
        self.lag = Lag()
        """How long the database has been behind."""
        self.verified_sequence = 0
        """How far the shadow has found everything as recorded."""
        self.snapshot_sequence = 0
        """Of the last snapshot that it has had written."""
        self.snapshot_fault: str | None = None
        """What is wrong with snapshots since then: trading need not care, the next start takes longer."""
        self.snapshot_failures = 0
        """Snapshots that could not be written, and those that were passed over at a start."""
        self.snapshot_seconds = of_seconds()
        """Of each snapshot: from the fork to its name."""
        self.snapshot_stood_seconds = of_seconds()
        """Of each snapshot: how long the follower stood still to be forked."""
        self.fault: str | None = None
        """What is wrong at the moment."""
        self.fatal = False
        """Whether that is for good."""
        self.faults: deque[Fault] = deque(maxlen=MAXIMUM_FAULTS)
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The process that runs at the moment."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    async def start(self) -> None:
        """Start the process and keep it going. Raises `OSError` where the first start fails."""
        assert self._task is None, "started once"
        await self._spawn()
        self._task = asyncio.get_running_loop().create_task(self._keep(), name="follower")

    def committed(self, sequence: int) -> None:
        """Everything up to this sequence is committed: the follower may have it."""
        self.lag.committed(sequence)
        self.wake()

    def wake(self) -> None:
        """Something was committed. Costs a write of one byte; does nothing while there is no process to wake."""
        process = self._process
        if process is None or process.stdin is None or process.returncode is not None:
            return
        transport = process.stdin.transport
        if not transport.is_closing() and transport.get_write_buffer_size() < MAXIMUM_UNREAD:
            process.stdin.write(b"\n")

    async def wait_for(self, sequence: int, timeout: float) -> bool:
        """Whether the database reaches the sequence within so many seconds."""
        if self.projected_sequence >= sequence:
            return True
        reached: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((sequence, reached))
        try:
            await asyncio.wait_for(reached, timeout)
        except TimeoutError:
            return False
        finally:
            # Whoever gives up, by timeout or by cancellation, waits no longer.
            self._waiting = [each for each in self._waiting if each[1] is not reached]
        return True

    async def stop(self, timeout: float = STOP_SECONDS) -> None:
        """End its input, let it drain, and make sure that it has gone."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            if process.stdin is not None:
                process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), timeout)
            except TimeoutError:
                _log.warning("the follower did not drain in %s seconds; it will go on at the next start", timeout)
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            if self._task is not None:
                await asyncio.wait({self._task}, timeout=1.0)  # it has the last reports still to hear
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _spawn(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=self._environment,
        )
        self.starts += 1

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            born = time.monotonic()
            process = self._process
            assert process is not None
            await self._hear(process)
            status = await process.wait()
            if self._stopping or self.fatal:
                return
            self._failed(Fault(f"the follower ended with status {status} and is started again", fatal=False))
            pause = FIRST_PAUSE_SECONDS if time.monotonic() - born > HEALTHY_SECONDS else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            try:
                await self._spawn()
            except OSError as error:
                self._failed(Fault(f"the follower cannot be started: {error}", fatal=False))

    async def _hear(self, process: asyncio.subprocess.Process) -> None:
        """Read its reports to their end."""
        assert process.stdout is not None
        while True:
            try:
                line = await process.stdout.readline()
                if not line:
                    return
                report = msgspec.json.decode(line, type=Report)
            except ValueError as error:  # no line of ours, or one without an end
                _log.warning("the follower said something strange: %s", error)
                continue
            if report.fault is not None:
                self._failed(Fault(report.fault, report.fatal))
            if report.verified is not None:
                self.verified_sequence = report.verified
            if report.snapshot is not None:
                self.snapshot_sequence, self.snapshot_fault = report.snapshot, None
                self.snapshot_seconds.observe(report.seconds)
                self.snapshot_stood_seconds.observe(report.stood_seconds)
                _log.info("a snapshot was taken at sequence %d", report.snapshot)
            if report.snapshot_fault is not None:
                self.snapshot_fault = report.snapshot_fault
                self.snapshot_failures += 1
                _log.error("snapshots: %s", report.snapshot_fault)
            if report.projected is not None:
                self._reached(report.projected)

    def _reached(self, sequence: int) -> None:
        if self.fault is not None and not self.fatal:
            _log.info("the follower goes on at sequence %d", sequence)
            self.fault = None
        self.projected_sequence = sequence
        self.lag.projected(sequence)
        for wanted, future in self._waiting:
            if wanted <= sequence and not future.done():
                future.set_result(None)

    def _failed(self, fault: Fault) -> None:
        again = self.fault == fault.text
        self.fault = fault.text
        self.fatal = self.fatal or fault.fatal
        if again:
            return
        _log.log(logging.CRITICAL if fault.fatal else logging.ERROR, "follower: %s", fault.text)
        self.faults.append(fault)
        if self._on_fault is not None:
            self._on_fault(fault)
