"""Rebuilding: the views are thrown away and made again of the journal's events, to the same rows.

What the database alone owns, credentials and sessions, stays. The journal is read through and its chain checked before
anything is thrown away. From then on the cursor's row says to where the views are being rebuilt: a rebuild that was
interrupted goes on where it stopped, unless a follower has finished its work in the meantime or `anew` is asked for.
Nobody trades meanwhile: a rebuild holds the journal as a venue does, and the views alone.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, insert, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from exchange.database import DatabaseProblem, connect, unreachable, upgrade
from exchange.journal import JournalError, JournalUnavailable
from exchange.progress import Meter
from exchange.projector import (
    CursorMoved,
    ForeignJournal,
    Projector,
    birth_of,
    check_cursor,
    cursor,
    cursor_columns,
    projection,
    view_tables,
)
from exchange.recovery import CannotSucceed, require_way
from exchange.snapshot import Snapshots
from exchange.sqlite_journal import SqliteJournal, SqliteJournalReader, lock_journal
from exchange.views import ViewsHeld, hold_views

COMMANDS_AT_ONCE: Final = 8_192
BYTES_AT_ONCE: Final = 8 * 1024 * 1024
"""Nobody waits for the database meanwhile, so transactions are larger than a follower's."""


class CannotRebuild(Exception):
    """Somebody or something is in the way; one line says what to do."""


class RebuildFailed(Exception):
    """The journal or a projection is at fault; one line says where."""


def run_rebuild(journal_path: Path, database_url: str, say: Callable[[str], Any] = print, *, anew: bool = False) -> int:
    """`exchange rebuild`: exit status 0, 1 (the journal is damaged, or its events make no rows) or 2 (not started, or
    the database has failed: go on later)."""
    try:
        rebuild(journal_path, database_url, say, Meter(), anew=anew)
    except RebuildFailed as failure:
        print(f"exchange: {failure}", file=sys.stderr)
        return 1
    except (CannotRebuild, DatabaseProblem) as problem:
        print(f"exchange: {problem}", file=sys.stderr)
        return 2
    return 0


def rebuild(
    journal_path: Path, database_url: str, say: Callable[[str], Any], meter: Meter, *, anew: bool = False
) -> int:
    """Rebuild the views and return how many commands they were made of. O(journal).

    Raises `CannotRebuild`, `RebuildFailed`, `DatabaseProblem`.
    """
    with _held(journal_path) as journal:
        end = journal.tip().sequence
        _require_way(journal, journal_path, say)
        upgrade(database_url)
        _check_journal(journal, end, meter)
        database = connect(database_url, rebuildable=True)
        try:
            begun_at = _begin(database, database_url, journal, end, anew=anew)
            if begun_at:
                say(f"goes on at sequence {begun_at:,}, where the last rebuild stopped")
            _project(database, journal, end, begun_at, meter)
            with database.begin() as connection:
                _mark(connection, None)
        except DBAPIError as error:
            raise _failure(database, error) from error
        finally:
            database.dispose()
    say(f"rebuilt to sequence {end:,}")
    return end


@contextmanager
def _held(journal_path: Path) -> Iterator[SqliteJournalReader]:
    """The journal, while neither a venue nor a follower works on this data folder."""
    with ExitStack() as held:
        try:
            # Opened first: it says that there is no journal, where the locks would leave their files.
            journal = SqliteJournal.open_reader(journal_path)
            held.callback(journal.close)
            held.callback(os.close, lock_journal(journal_path))
            held.callback(os.close, hold_views(journal_path, alone=True))
        except (JournalUnavailable, ViewsHeld) as error:
            raise CannotRebuild(str(error)) from error
        except OSError as error:
            raise CannotRebuild(f"{error.filename}: {error.strerror}") from error
        except JournalError as error:
            raise RebuildFailed(str(error)) from error
        yield journal


def _require_way(journal: SqliteJournalReader, path: Path, say: Callable[[str], Any]) -> None:
    """That this release can be started on the journal, before the database is brought up to date for it: no older
    release would open that again."""
    try:
        require_way(journal, Snapshots.beside(path), say)
    except CannotSucceed as error:
        raise CannotRebuild(str(error)) from error
    except JournalError as error:
        raise RebuildFailed(f"{error}; the views were left as they are") from error


def _check_journal(journal: SqliteJournalReader, end: int, meter: Meter) -> None:
    """Read it to its end: what is damaged is found while the views are still there."""
    damage = journal.damage()
    if damage is not None:
        raise RebuildFailed(f"journal: {damage}; the views were left as they are")
    progress = meter("checking the journal", end)
    try:
        for record in journal.read():
            progress.tell(record.last_sequence)
    except JournalError as error:
        raise RebuildFailed(f"{error}; the views were left as they are") from error
    finally:
        progress.end()


def _begin(database: Engine, url: str, journal: SqliteJournalReader, end: int, *, anew: bool) -> int:
    """Throw the views away, unless that was done and the work begun before; the sequence to go on from."""
    with database.connect() as connection:
        at = cursor(connection)
        target = connection.execute(select(projection.c.rebuilding_to)).scalar_one_or_none()
    if at is not None:
        try:
            check_cursor(at, journal)
        except ForeignJournal as error:
            raise CannotRebuild(str(error)) from error
        if target is not None and not anew:
            return at.sequence
    # Each row would be looked for in the tables that name it, and they are emptied with it.
    emptying = connect(url, foreign_keys=False)
    try:
        with emptying.begin() as connection:
            _empty(connection)
            connection.execute(delete(projection))
            connection.execute(
                insert(projection), {"one": 1, **cursor_columns(birth_of(journal)), "rebuilding_to": end}
            )
    finally:
        emptying.dispose()
    return 0


def _empty(connection: Connection) -> None:
    tables = view_tables()
    if connection.dialect.name == "postgresql":
        quote = connection.dialect.identifier_preparer.quote
        connection.exec_driver_sql(f"TRUNCATE {', '.join(quote(table.name) for table in tables)}")
    else:
        for table in tables:
            connection.execute(delete(table))


def _project(database: Engine, journal: SqliteJournalReader, end: int, begun_at: int, meter: Meter) -> None:
    projector = Projector(
        database, journal, rebuilding_to=end, maximum_commands=COMMANDS_AT_ONCE, maximum_bytes=BYTES_AT_ONCE
    )
    projector.start()
    progress = meter("rebuilding", end, begun_at)
    try:
        progress.tell(begun_at)
        for sequence in projector.advance():
            progress.tell(sequence)
    except CursorMoved as error:
        raise CannotRebuild(str(error)) from error
    except JournalError as error:
        raise RebuildFailed(str(error)) from error
    finally:
        progress.end()


def _mark(connection: Connection, rebuilding_to: int | None) -> None:
    connection.execute(projection.update().values(rebuilding_to=rebuilding_to))


def _failure(database: Engine, error: DBAPIError) -> Exception:
    if isinstance(error, IntegrityError | DataError):
        first = str(error.orig).strip().splitlines()[0]
        return RebuildFailed(f"the journal's events make rows that the database refuses: {first}")
    return unreachable(database.url, error)
