"""Verification: the journal's pages and chain, its re-execution, snapshots, the engine's invariants, the database
against all of it, and what its rows must add up to.

It changes nothing and waits for nobody, and the venue may be running: the database is read in one snapshot and judged
at its own cursor, the journal to where it ends when that is reached. Rows of older rules are not executed again:
their chain is checked, and what they say counts.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError

from exchange.database import DatabaseProblem, DatabaseUnreachable, check_schema, connect, unreachable
from exchange.engine import Engine
from exchange.journal import JournalError, JournalUnavailable
from exchange.mark import MarkDamaged, read_mark
from exchange.progress import Meter
from exchange.projector import ForeignJournal, check_cursor, cursor, projection
from exchange.protocol import Entry
from exchange.reckoning import Reckoning
from exchange.replay import ReplayMismatch, beginning, replay, require_rules
from exchange.snapshot import Snapshots
from exchange.snapshot_check import SnapshotCheck
from exchange.sqlite_journal import SqliteJournal, SqliteJournalReader, require_marked
from exchange.sums import Sums


def run_verify(
    journal_path: Path, database_url: str, report: Callable[[str], Any] = print, meter: Meter | None = None
) -> int:
    """`exchange verify`: the exit status is 0, 1 (found wrong) or 2 (there is no such journal or database)."""
    try:
        return 0 if verify(journal_path, database_url, report, meter or Meter()) else 1
    except (JournalUnavailable, DatabaseProblem) as error:
        report(str(error))
        return 2


def verify(journal_path: Path, database_url: str, report: Callable[[str], Any], meter: Meter) -> bool:
    """Report what is found, a line each, and say whether all agree. O(journal).

    Raises `JournalUnavailable`, `DatabaseProblem` where there is nothing to verify.
    """
    try:
        journal = SqliteJournal.open_reader(journal_path)
    except JournalUnavailable:
        raise
    except JournalError as error:
        report(f"journal: {error}")
        return False
    database = connect(database_url, read_only=True)
    try:
        _require_file(database.url.get_backend_name(), database.url.database)
        # The snapshot first: the journal, read later, then reaches at least as far.
        with database.begin() as connection:
            return _verify(journal, connection, report, meter)
    except DBAPIError as error:
        raise unreachable(database.url, error) from error
    finally:
        database.dispose()
        journal.close()


def _verify(journal: SqliteJournalReader, connection: Connection, report: Callable[[str], Any], meter: Meter) -> bool:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    if not inspect(connection).has_table(projection.name):
        raise DatabaseUnreachable("the database holds no tables of the exchange: start the venue once to fill it")
    check_schema(connection)
    damage = journal.damage()
    if damage is not None:
        report(f"journal: {damage}")
        return False
    try:
        require_rules(journal)
        marked = _marked(journal, report)
        end = journal.tip().sequence
        engine = beginning(journal, Engine.restore) or Engine()
        snapshots = SnapshotCheck(Snapshots.beside(journal.path), journal, report)
    except JournalUnavailable:
        raise
    except JournalError as error:
        report(f"journal: {error}")
        return False
    at = cursor(connection)
    reached = 0 if at is None else at.sequence
    if at is not None:
        try:
            check_cursor(at, journal)
        except (ForeignJournal, JournalError) as error:
            report(f"database: {error}")
            return False

    judged = False
    reckoning = Reckoning(connection, report)
    broken: list[str] = []
    violations = 0
    progress = meter("verifying", end)

    def audit() -> None:
        try:
            engine.audit()
        except AssertionError as error:
            broken.append(f"engine: an invariant is broken at sequence {engine.sequence}: {error!r}")
            report(broken[-1])

    def judge() -> None:
        nonlocal judged, violations
        judged = True
        reckoning.close(engine)
        if reckoning.engine_agrees is not None:
            report(f"engine: {reckoning.engine_agrees}")
        sums = Sums(connection, engine, report)
        sums.check()
        violations = sums.violations

    def follow(entry: Entry) -> None:
        if entry.last_sequence <= reached:
            reckoning.take(entry)
        if entry.last_sequence == reached == engine.sequence:
            audit()
            judge()
        if entry.last_sequence == engine.sequence:
            snapshots.follow(engine)
        progress.tell(entry.last_sequence)

    if reached == engine.sequence == 0:
        judge()
    try:
        replay(journal, lambda: engine, heard=0, on_entry=follow)
    except (JournalError, ReplayMismatch) as error:
        report(f"journal: {error}")
        return False
    finally:
        progress.end()
    audit()
    report(f"journal: {engine.sequence} commands, chain and re-execution agree, state {engine.state_hash().hex()}")
    snapshots.close()
    if not judged:
        report(
            f"database: stands at sequence {reached}, where older rules were in force: start the venue, which brings "
            "it up to date"
        )
    elif reckoning.differences:
        report(f"database: differs at sequence {reached}, in {reckoning.differences} places")
    else:
        behind = engine.sequence - reached
        report(
            f"database: agrees with the journal at sequence {reached}, {behind} commands behind, in "
            f"{reckoning.rows:,} rows"
        )
    sound = marked and not broken and not violations and not snapshots.wrong
    return judged and sound and not reckoning.differences


def _marked(journal: SqliteJournalReader, report: Callable[[str], Any]) -> bool:
    """Whether the mark beside the journal can be read, or there is none. Raises `JournalCorrupt` where the journal ends
    before it."""
    try:
        mark = read_mark(journal.path)
    except MarkDamaged as error:
        report(f"mark: {error}: the next start writes it anew")
        return False
    if mark is not None:
        require_marked(journal, mark)
    return True


def _require_file(backend: str, name: str | None) -> None:
    """SQLite would make an empty database of a wrong name."""
    if backend == "sqlite" and not Path(name or "").is_file():
        raise DatabaseUnreachable(f"there is no database {name}: start the venue once to build it from the journal")
