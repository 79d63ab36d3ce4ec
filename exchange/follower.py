"""The follower: a process of its own that reads the journal after the venue, and keeps database and shadow up with it.

    venue ── a byte on standard input: something was committed; end of input: drain and go
    venue ◄─ a line on standard output: {"projected": N} · {"verified": N} · {"fault": "…", "fatal": false}
                                        {"snapshot": N, "seconds": S} · {"snapshot_fault": "…"}

It projects first and lets the shadow work in between, of which it has snapshots taken now and then, and one when it
drains: the next start begins there. Trouble with the database or in reading the journal is told,
and tried again with growing pauses, for as long as it takes: nothing is lost meanwhile, for the journal has it. What
no trying again can mend is fatal, and the process ends: a journal that is damaged or shorter than what the database
has seen, a database of another journal, a re-execution that comes out otherwise, an invariant that does not hold
(`exchange.snapshot_writer`). When the venue is killed, standard
input ends too.
"""

import logging
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from sqlalchemy.exc import DBAPIError

from exchange.database import DatabaseProblem, connect, unreachable
from exchange.garbage import settle_alone
from exchange.journal import ENGINE_VERSION, JournalCorrupt, JournalUnavailable, Tip
from exchange.projector import CursorMoved, ForeignJournal, Projector
from exchange.replay import Machine, ReplayMismatch
from exchange.shadow import Shadow
from exchange.snapshot import Snapshots
from exchange.sqlite_journal import SqliteJournal, SqliteJournalReader
from exchange.views import ViewsHeld, hold_views

if TYPE_CHECKING:
    from exchange.recovery import Start
    from exchange.snapshot_writer import SnapshotWriter

SHADOW_SECONDS = 0.02
"""The shadow's share before the projector looks again."""

GATHERING = 2
GATHERING_SECONDS = 0.03
"""Between two looks at the journal it rests twice as long as the last one took, and no longer than so: what is
committed meanwhile shares a transaction, and each order of it that changed more than once is written once."""

LOOK_SECONDS = 1.0
"""At least so often it asks the database whether it still holds what was written, also where nothing is committed."""

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0

MAXIMUM_TEXT = 1000
"""Characters of a fault: drivers can be wordy."""

DRAIN_SECONDS = 2.0
"""After the end of input the database may take this long to catch up; the venue has promised to be gone in five."""

SHADOW_DRAIN_SECONDS = 0.5


_log = logging.getLogger(__name__)


class Report(Struct, frozen=True, omit_defaults=True):
    """A line to the venue: how far database, shadow or snapshots have come, or what is wrong."""

    projected: int | None = None
    verified: int | None = None
    fault: str | None = None
    fatal: bool = False
    snapshot: int | None = None
    snapshot_fault: str | None = None
    seconds: float = 0.0
    """What the snapshot has taken, or the trouble with it."""
    stood_seconds: float = 0.0
    """For how long the follower stood still for that."""


class InvariantBroken(Exception):
    """Re-execution agrees, and the state is wrong all the same."""


class SnapshotPlan(Struct, frozen=True):
    """A snapshot each so many commands, and how many are kept."""

    commands: int
    kept: int


def follow(
    journal_path: Path,
    database_url: str,
    machine: Callable[[], Machine] | None = None,
    *,
    plan: SnapshotPlan | None = None,
) -> int:
    """`exchange follow`: run until standard input ends. Exit status 0, or 1 after a fault that it could not mend.

    Another machine than the engine begins with nothing and has no snapshots taken; nor has the engine without a plan.
    """
    # Signals often reach the whole process group: when to go is the venue's to say.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        ear = Ear(sys.stdin.fileno())
        return Follower(journal_path, database_url, machine, ear, tell, plan=plan, settle=settle_alone).run()
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

    def listen(self, seconds: float | None = 0.0, also: Sequence[int] = ()) -> None:
        """Return when woken, when the input has ended, after so long (none: no end), or when one of the other
        descriptors can be read."""
        awaited = [*also] if self.closed else [self._descriptor, *also]
        if self._descriptor in select.select(awaited, [], [], seconds)[0]:
            self.closed = not os.read(self._descriptor, 65536)
            self.woken = True


class Follower:
    """Journal, projector and shadow, and when each has its turn."""

    def __init__(
        self,
        journal_path: Path,
        database_url: str,
        machine: Callable[[], Machine] | None,
        ear: Ear,
        tell: Callable[[Report], None],
        *,
        plan: SnapshotPlan | None = None,
        settle: Callable[[], None] | None = None,
    ) -> None:
        """`settle` is called when the shadow's state is there: a process of its own has it left alone by the collector
        of garbage."""
        self._settle = settle
        self._journal_path = journal_path
        self._database_url = database_url
        self._machine = machine
        self._ear = ear
        self._tell = tell
        self._journal: SqliteJournalReader | None = None
        self._projector: Projector | None = None
        self._plan = plan
        self._shadow: Shadow | None = None
        self._start: Start | None = None
        """What the shadow was begun with, where it is the engine."""
        self._writer: SnapshotWriter | None = None
        self._lock: int | None = None
        self._started = False
        self._seen_at = 0.0
        """When the database last held what was written."""
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
            began = time.monotonic()
            # Asked before looking: what was committed before the input ended is found by a look after that end.
            closing = self._closing()
            self._ear.woken = False
            try:
                drained = self._project()
                busy = self._verify()
                self._hear_of_snapshots()
                self._take_snapshot(last=closing and not busy)
            except (ForeignJournal, JournalCorrupt, ReplayMismatch, InvariantBroken) as error:
                self._complain(str(error), fatal=True)
                return 1
            except BrokenPipeError:
                raise
            except Exception as error:
                _log.exception("the follower failed")
                self._complain(f"the follower failed: {type(error).__name__}: {error}")
                return 1
            if closing and drained and (self._over() or self._writer is None or not (busy or self._writer.writing)):
                return 0
            if closing and self._over():
                return 1
            if not busy:
                ended = time.monotonic()
                if not self._ear.woken:
                    self._wait()
                self._gather(ended + min(GATHERING * (ended - began), GATHERING_SECONDS))

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
        if self._lock is None:
            self._lock = hold_views(self._journal_path, alone=False)
        if self._projector is None:
            self._projector = Projector(connect(self._database_url, rebuildable=True), self._journal)
        if not self._started:
            self._tell(Report(projected=self._projector.start().sequence))
            self._started = True
            self._seen_at = time.monotonic()
        for sequence in self._projector.advance():
            self._seen_at = time.monotonic()
            self._tell(Report(projected=sequence))
            if self._closing() and self._over():
                return False
        if self._closing() or time.monotonic() >= self._seen_at + LOOK_SECONDS:
            self._projector.look()
            self._seen_at = time.monotonic()
        return True

    def _make_shadow(self, journal: SqliteJournalReader) -> Shadow:
        """After the first look at the database, for whom somebody may be waiting."""
        if self._machine is not None:
            return Shadow(self._machine(), journal)
        from exchange.bell import Heard
        from exchange.publication import Publication
        from exchange.recovery import begin
        from exchange.snapshot_writer import SnapshotWriter

        snapshots = Snapshots.beside(self._journal_path)
        start = self._start = begin(
            journal, snapshots, (Publication(), Heard()), lambda line: self._tell(Report(snapshot_fault=line))
        )
        header = start.snapshot
        row = None if header is None else Tip(header.sequence, header.time_ns, header.chain)
        if self._plan is not None:
            self._writer = SnapshotWriter(
                snapshots,
                journal.birth().venue_id,
                every=self._plan.commands,
                kept=self._plan.kept,
                last=0 if header is None else header.sequence,
            )
        if start.sequence:
            self._tell(Report(verified=start.sequence))
        if self._settle is not None:
            self._settle()
        return Shadow(start.engine, journal, heard=start.heard, hear=start.hear, row=row)

    def _take_snapshot(self, *, last: bool) -> None:
        """Begin one where it is time, or where it is the last opportunity."""
        if self._writer is None or self._shadow is None or self._start is None:
            return
        row = self._shadow.row
        if row is None or not (self._writer.wanted(row.sequence) if last else self._writer.due(row.sequence)):
            return
        try:
            self._writer.begin(self._start.engine, self._start.witnesses, row)
        except OSError as error:
            self._tell(Report(snapshot_fault=f"a snapshot cannot be begun: {error.strerror}"))

    def _hear_of_snapshots(self) -> None:
        """Raises `InvariantBroken`."""
        for written in () if self._writer is None else self._writer.finished():
            took, stood = written.seconds, written.stood_seconds
            if written.trouble is None:
                self._tell(Report(snapshot=written.sequence, seconds=took, stood_seconds=stood))
                continue
            trouble = written.trouble[:MAXIMUM_TEXT]
            self._tell(Report(snapshot_fault=trouble, seconds=took, stood_seconds=stood))
            if written.broken:
                raise InvariantBroken(trouble)

    def _verify(self) -> bool:
        """Give the shadow its turn; says whether it would like another at once."""
        if self._journal is None:
            return False
        try:
            if self._shadow is None:
                if self._journal.segment().engine_version != ENGINE_VERSION:
                    return False
                self._shadow = self._make_shadow(self._journal)
            before = self._shadow.sequence
            busy = self._shadow.step(SHADOW_SECONDS if self._end is None else self._left())
        except JournalUnavailable as error:
            self._complain(str(error))
            return False
        if self._shadow.sequence != before:
            self._tell(Report(verified=self._shadow.sequence))
        return busy

    def _wait(self) -> None:
        """Until woken, until the input ends, or until the database is to be asked or tried again."""
        ends = [self._seen_at + LOOK_SECONDS if self._retry_at is None else self._retry_at]
        if self._end is not None:
            ends.append(self._end)
        left = max(0.0, min(ends) - time.monotonic())
        self._ear.listen(left, [] if self._writer is None else self._writer.says)

    def _gather(self, until: float) -> None:
        """Let what is committed until then come together, unless the end has come."""
        left = until - time.monotonic()
        if left > 0 and not self._closing():
            time.sleep(left)

    def _closing(self) -> bool:
        self._ear.listen()
        if self._ear.closed and self._end is None:
            self._end = time.monotonic() + DRAIN_SECONDS
        return self._ear.closed

    def _over(self) -> bool:
        return self._end is not None and time.monotonic() >= self._end

    def _left(self) -> float:
        """The shadow's share while draining."""
        assert self._end is not None
        return min(max(SHADOW_SECONDS, self._end - time.monotonic()), SHADOW_DRAIN_SECONDS)

    def _complain(self, text: str, *, fatal: bool = False) -> None:
        self._tell(Report(fault=text[:MAXIMUM_TEXT], fatal=fatal))
