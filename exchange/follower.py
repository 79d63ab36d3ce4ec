"""The follower: a process of its own that reads the journal after the venue, and keeps database and shadow up with it.

    venue ── a byte on standard input: something was committed; end of input: drain and go
    venue ◄─ a line on standard output: {"projected": N} · {"verified": N} · {"fault": "…", "fatal": false}

It projects first and lets the shadow work in between. Trouble with the database or in reading the journal is told,
and tried again with growing pauses, for as long as it takes: nothing is lost meanwhile, for the journal has it. What
no trying again can mend is fatal, and the process ends: a journal that is damaged or shorter than what the database
has seen, a database of another journal, a re-execution that comes out otherwise. When the venue is killed, standard
input ends too.
"""

import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct
from sqlalchemy.exc import DBAPIError

from exchange.database import DatabaseProblem, connect, unreachable
from exchange.journal import ENGINE_VERSION, JournalCorrupt, JournalUnavailable, SqliteJournal, SqliteJournalReader
from exchange.projector import CursorMoved, ForeignJournal, Projector
from exchange.replay import Machine, ReplayMismatch
from exchange.shadow import Shadow
from exchange.views import ViewsHeld, hold_views

SHADOW_SECONDS = 0.02
"""The shadow's share before the projector looks again."""

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

MAXIMUM_TEXT = 1000
"""Characters of a fault: drivers can be wordy."""

DRAIN_SECONDS = 2.0
"""After the end of input the database may take this long to catch up; the venue has promised to be gone in five."""

SHADOW_DRAIN_SECONDS = 0.5


class Report(Struct, frozen=True, omit_defaults=True):
    """A line to the venue: how far the database or the shadow has come, or what is wrong."""

    projected: int | None = None
    verified: int | None = None
    fault: str | None = None
    fatal: bool = False


def follow(journal_path: Path, database_url: str, machine: Callable[[], Machine] | None = None) -> int:
    """`exchange follow`: run until standard input ends. Exit status 0, or 1 after a fault that it could not mend."""
    # Signals often reach the whole process group: when to go is the venue's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if machine is None:
        from exchange.engine import Engine

        machine = Engine
    try:
        return Follower(journal_path, database_url, machine, Ear(sys.stdin.fileno()), tell).run()
    except BrokenPipeError:
        return 1  # nobody listens any more


def tell(report: Report) -> None:
    """Raises `BrokenPipeError` where nobody listens any more."""
    line = msgspec.json.encode(report) + b"\n"
    while line:
        line = line[os.write(sys.stdout.fileno(), line) :]


class Ear:
    """Wakings on a pipe: what they say does not matter, only that there are some, and that they end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.closed = False
        self.woken = False
        """Set by a waking; whoever is about to look at the journal clears it first, so that none is lost."""

    def listen(self, seconds: float | None = 0.0) -> None:
        """Return when woken, when the input has ended, or after so long (none: no end)."""
        if not self.closed and select.select([self._descriptor], [], [], seconds)[0]:
            self.closed = not os.read(self._descriptor, 65536)
            self.woken = True


class Follower:
    """Journal, projector and shadow, and when each has its turn."""

    def __init__(
        self,
        journal_path: Path,
        database_url: str,
        machine: Callable[[], Machine],
        ear: Ear,
        tell: Callable[[Report], None],
    ) -> None:
        self._journal_path = journal_path
        self._database_url = database_url
        self._machine = machine
        self._ear = ear
        self._tell = tell
        self._journal: SqliteJournalReader | None = None
        self._projector: Projector | None = None
        self._shadow: Shadow | None = None
        self._lock: int | None = None
        self._started = False
        self._pause = FIRST_PAUSE_SECONDS
        self._retry_at: float | None = None
        """While the database cannot be used: when to try again."""
        self._end: float | None = None
        """When draining is over, once the input has ended."""

    def run(self) -> int:
        try:
            return self._run()
        finally:
            if self._lock is not None:
                os.close(self._lock)

    def _run(self) -> int:
        while True:
            # Asked before looking: what was committed before the input ended is found by a look after that end.
            closing = self._closing()
            self._ear.woken = False
            try:
                drained = self._project()
                busy = self._verify()
            except (ForeignJournal, JournalCorrupt, ReplayMismatch) as error:
                self._complain(str(error), fatal=True)
                return 1
            except BrokenPipeError:
                raise
            except Exception as error:
                traceback.print_exc()
                self._complain(f"the follower failed: {type(error).__name__}: {error}")
                return 1
            if closing and drained:
                return 0
            if closing and self._over():
                return 1
            if not busy and not self._ear.woken:
                self._wait()

    def _project(self) -> bool:
        """Bring the database to the journal's end, or as far as it comes; says whether it got there.

        What may pass by itself is told, and tried again after a pause; meanwhile the shadow has its turns.
        """
        if self._retry_at is not None and time.monotonic() < self._retry_at:
            return False
        try:
            drained = self._advance()
        except (DBAPIError, DatabaseProblem, JournalUnavailable, CursorMoved, ViewsHeld) as error:
            trouble = unreachable(connect(self._database_url).url, error) if isinstance(error, DBAPIError) else error
            self._complain(str(trouble))
            self._started = False
            self._retry_at = time.monotonic() + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
            return False
        self._retry_at = None
        self._pause = FIRST_PAUSE_SECONDS
        return drained

    def _advance(self) -> bool:
        if self._journal is None:
            self._journal = SqliteJournal.open_reader(self._journal_path)
            if self._journal.birth().engine_version == ENGINE_VERSION:
                self._shadow = Shadow(self._machine(), self._journal)
        if self._lock is None:
            self._lock = hold_views(self._journal_path, alone=False)
        if self._projector is None:
            self._projector = Projector(connect(self._database_url, rebuildable=True), self._journal)
        if not self._started:
            self._tell(Report(projected=self._projector.start().sequence))
            self._started = True
        for sequence in self._projector.advance():
            self._tell(Report(projected=sequence))
            if self._closing() and self._over():
                return False
        return True

    def _verify(self) -> bool:
        """Give the shadow its turn; says whether it would like another at once."""
        if self._shadow is None:
            return False
        before = self._shadow.sequence
        try:
            busy = self._shadow.step(SHADOW_DRAIN_SECONDS if self._ear.closed else SHADOW_SECONDS)
        except JournalUnavailable as error:
            self._complain(str(error))
            return False
        if self._shadow.sequence != before:
            self._tell(Report(verified=self._shadow.sequence))
        return busy

    def _wait(self) -> None:
        """Until woken, until the input ends, or until the database may be tried again."""
        if self._retry_at is None:
            self._ear.listen(None)
            return
        left = max(0.0, self._retry_at - time.monotonic())
        if self._ear.closed:
            time.sleep(left)
        else:
            self._ear.listen(left)

    def _closing(self) -> bool:
        self._ear.listen()
        if self._ear.closed and self._end is None:
            self._end = time.monotonic() + DRAIN_SECONDS
        return self._ear.closed

    def _over(self) -> bool:
        return self._end is not None and time.monotonic() >= self._end

    def _complain(self, text: str, *, fatal: bool = False) -> None:
        self._tell(Report(fault=text[:MAXIMUM_TEXT], fatal=fatal))
