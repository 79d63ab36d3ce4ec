"""Opening the premises: data folder, database schema, journal, and the engine as the journal leaves it.

Everything that can be wrong before the first command is found here and told as a `SetupError`: one line that says
what to do.
"""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct

from exchange.clock import Clock, ManualClock, RealClock
from exchange.config import Settings, SetupError
from exchange.database import DatabaseProblem, connect, upgrade
from exchange.engine import Engine
from exchange.journal import JournalError, seal
from exchange.projector import ForeignJournal, check_cursor, cursor
from exchange.protocol import Command, Entry, Event
from exchange.recovery import CannotSucceed, Witness, recover, require_way
from exchange.replay import ReplayMismatch, run_batch
from exchange.snapshot import Snapshots
from exchange.sqlite_journal import SqliteJournal

_log = logging.getLogger(__name__)


class Premises(Struct, frozen=True):
    """A venue that is ready to be run: nobody else has the journal, and the engine stands at its end."""

    settings: Settings
    journal: SqliteJournal
    engine: Engine
    clock: Clock

    def commit(self, *commands: Command) -> tuple[tuple[Event, ...], ...]:
        """Execute and journal a batch while no sequencer runs; the events of each command."""
        tip = self.journal.tip()
        first, time_ns = tip.sequence + 1, max(self.clock.now_ns(), tip.time_ns)
        events = run_batch(self.engine, commands, first, time_ns)
        entry = Entry(first_sequence=first, time_ns=time_ns, commands=commands, events=events)
        self.journal.append(seal(entry, tip.chain, self.engine.state_hash()))
        return events


@contextlib.contextmanager
def premises(
    settings: Settings,
    *,
    witnesses: Sequence[Witness] = (),
    progress: Callable[[int], None] | None = None,
) -> Iterator[Premises]:
    """Open, recover, and bring the venue's configuration up to date. `witnesses` are left as if they had heard every
    batch.

    The journal is closed at the end unless the sequencer has closed it. Raises `SetupError`.
    """
    _make_folder(settings)
    try:
        journal = SqliteJournal(settings.journal_path, other_rules=True)
    except JournalError as error:
        raise SetupError(str(error)) from None
    if journal.mark_trouble is not None:
        _log.error("%s", journal.mark_trouble)
    snapshots = Snapshots.beside(settings.journal_path)
    try:
        try:
            # Before the database is brought up to date, which no older release would open again.
            require_way(journal, snapshots, _log.error)
            upgrade(settings.database)
        except (CannotSucceed, DatabaseProblem, JournalError) as problem:
            raise SetupError(str(problem)) from None
        _compare_with_database(settings, journal)
        try:
            engine = recover(journal, snapshots, witnesses, _log.error, news=_log.info, progress=progress)
        except CannotSucceed as error:
            raise SetupError(str(error)) from None
        except (ReplayMismatch, JournalError) as error:
            raise SetupError(f"{error}; see `exchange verify --data {settings.data}`") from None
        opened = Premises(settings, journal, engine, _clock(settings, journal))
        if journal.tip().sequence == 0 or engine.venue() != settings.venue():
            opened.commit(settings.venue())
            for witness in witnesses:
                witness.hear(journal_entry(journal))
        yield opened
    finally:
        journal.close()


def journal_entry(journal: SqliteJournal) -> Entry:
    """The newest batch."""
    record = journal.last()
    assert record is not None
    return record.entry()


def _compare_with_database(settings: Settings, journal: SqliteJournal) -> None:
    """SQLite drops a damaged tail of the journal in silence: what the database has seen must be there."""
    database = connect(settings.database, read_only=True)
    try:
        with database.connect() as connection:
            reached = cursor(connection)
        if reached is not None:
            check_cursor(reached, journal)
    except (ForeignJournal, JournalError) as error:
        raise SetupError(str(error)) from None
    finally:
        database.dispose()


def _make_folder(settings: Settings) -> None:
    try:
        settings.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"data folder {settings.data} cannot be made: {error.strerror}; choose another by --data"
        ) from None
    if not os.access(settings.folder, os.W_OK | os.X_OK):
        raise SetupError(
            f"data folder {settings.data} cannot be written; change its rights or choose another by --data"
        )


def _clock(settings: Settings, journal: SqliteJournal) -> Clock:
    """A manual clock starts where the journal stopped; in an empty venue, now."""
    last_ns = journal.tip().time_ns
    real = RealClock(last_ns)
    return real if settings.clock == "real" else ManualClock(last_ns if journal.tip().sequence else real.now_ns())
