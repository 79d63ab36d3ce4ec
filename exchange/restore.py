"""Restoration: a venue made of a backup, in a new data folder, as it was at the backup's end or at a point before.

The point is a sequence or a time. Where it lies inside a batch, what the batch did up to there is written as a row of
its own. A restored journal goes on in a new segment that names its parent by chain and says `restored`: what follows
can never pass as what followed in the old venue. Venue id and keys stay. Views are made again of the journal, what the
database alone owns is put back, and of that whatever names people or trades after the point is left out.

All is made in a folder `restoring` within the new one and moved to its place at the end, the journal last: without one
there is no venue.
"""

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError

from exchange.backup import (
    FORMAT_VERSION,
    JOURNAL,
    KEYS,
    MANIFEST,
    RECORDS,
    BackupDamaged,
    Manifest,
    copy_file,
    copy_snapshots,
    digest_of,
    is_vacant,
    mebibytes,
    on_the_wall,
)
from exchange.config import Settings
from exchange.database import DatabaseProblem, UnknownRevision, connect, knows_revision, unreachable, upgrade
from exchange.durable import sync
from exchange.journal import JournalError, JournalUnavailable, Record, seal
from exchange.own_records import OwnRecordsDamaged, drop_strangers, read_records
from exchange.progress import Meter
from exchange.projector import all_metadata
from exchange.protocol import Entry
from exchange.rebuild import CannotRebuild, RebuildFailed, rebuild
from exchange.snapshot import Snapshots
from exchange.sqlite_journal import SqliteJournal, SqliteJournalReader, lock_journal

BUILDING: Final = "restoring"
REASON: Final = "restored"
"""What the journal's new segment says of its beginning."""


class CannotRestore(Exception):
    """Something is in the way, or there is no such point; one line says what to do."""


class Point(Struct, frozen=True):
    """Up to where: a sequence, a time (all that had happened by then), or neither, the backup's end."""

    sequence: int | None = None
    time_ns: int | None = None


def run_restore(settings: Settings, source: Path, point: Point, say: Callable[[str], Any] = print) -> int:
    """`exchange restore`: exit status 0, 1 (the backup is damaged) or 2 (it could not be done)."""
    try:
        restore(settings, source, point, say, Meter())
    except (BackupDamaged, RebuildFailed) as error:
        print(f"exchange: {error}", file=sys.stderr)
        return 1
    except (CannotRestore, CannotRebuild, DatabaseProblem) as error:
        print(f"exchange: {error}", file=sys.stderr)
        return 2
    return 0


def read_time(text: str) -> int:
    """Nanoseconds since 1970 UTC of an ISO 8601 time with its zone, as `2026-11-24T10:15:30+08:00`. Raises
    `ValueError`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time: write it as 2026-11-24T10:15:30+08:00") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} does not say in which zone: write it as {text}+08:00")
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 10**9 + moment.microsecond * 1_000


def restore(settings: Settings, source: Path, point: Point, say: Callable[[str], Any], meter: Meter) -> int:
    """Make a data folder of a backup; the last sequence in it. O(journal). Where it fails, nothing of it stays in the
    folder.

    Raises `CannotRestore`, `BackupDamaged`, `RebuildFailed`, `CannotRebuild`, `DatabaseProblem`.
    """
    manifest = read_manifest(source)
    if not knows_revision(manifest.revision):
        raise UnknownRevision(
            f"the backup is of a database at revision {manifest.revision}, which this release does not know: restore "
            f"it by release {manifest.release} or a newer one"
        )
    with _troubles(), _building(settings.folder) as folder:
        built = msgspec.structs.replace(settings, data=str(folder))
        _require_empty_database(built.database)
        check_files(source, manifest, meter)
        sequence = _restore_journal(source, manifest, point, built.journal_path, say)
        copy_snapshots(Snapshots.beside(source / JOURNAL), built.journal_path, sequence)
        for name in KEYS:
            if (source / name).exists():
                copy_file(source / name, folder / name)
        _fill_database(built, source, manifest, say, meter)
        for path in (built.journal_path, folder / "exchange.sqlite"):
            if path.exists():
                _settle(path)
    say(
        f"restored to sequence {sequence:,} in {settings.data}; `exchange verify` looks through it, and serve may start"
    )
    return sequence


def read_manifest(source: Path) -> Manifest:
    """Raises `CannotRestore`, `BackupDamaged`."""
    path = source / MANIFEST
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise CannotRestore(f"{source} is no backup, or was never finished: there is no {MANIFEST} in it") from None
    except OSError as error:
        raise CannotRestore(f"{path}: {error.strerror}") from error
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise BackupDamaged(f"{path} is damaged: {error}") from error
    if manifest.format != FORMAT_VERSION:
        raise CannotRestore(f"{path}: format {manifest.format}, this release reads format {FORMAT_VERSION}")
    return manifest


def check_files(source: Path, manifest: Manifest, meter: Meter) -> None:
    """Hold every file against the manifest. Raises `BackupDamaged` that names the first that differs."""
    progress = meter("checking the backup", mebibytes(sum(each.bytes for each in manifest.files)), unit="MiB")
    checked = 0
    try:
        for each in manifest.files:
            path = source / each.name
            if not path.is_file():
                raise BackupDamaged(f"{path} is missing")
            if path.stat().st_size != each.bytes:
                raise BackupDamaged(f"{path} is damaged: it has {path.stat().st_size} bytes instead of {each.bytes}")
            if digest_of(path) != each.blake2b:
                raise BackupDamaged(f"{path} is damaged: its hash is not the manifest's")
            checked += each.bytes
            progress.tell(mebibytes(checked))
    finally:
        progress.end()


@contextmanager
def _troubles() -> Iterator[None]:
    try:
        yield
    except JournalUnavailable as error:
        raise CannotRestore(str(error)) from error
    except (JournalError, OwnRecordsDamaged) as error:
        raise BackupDamaged(str(error)) from error
    except OSError as error:
        raise CannotRestore(f"{error.filename or 'the data folder'}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise CannotRestore(f"the journal cannot be written: {error}") from error


@contextmanager
def _building(data: Path) -> Iterator[Path]:
    """Where to build; at the end what is there is moved into the data folder. Where the work fails, that is as it was
    before."""
    if not is_vacant(data):
        unfinished = (data / BUILDING).exists()
        advice = (
            "it holds a restoration that was not finished: remove it, or name another" if unfinished else "name another"
        )
        raise CannotRestore(f"{data} is not an empty folder; {advice}")
    made = not data.exists()
    data.mkdir(parents=True, exist_ok=True)
    folder = data / BUILDING
    # Nobody starts an empty venue here meanwhile.
    lock = lock_journal(data / JOURNAL)
    try:
        folder.mkdir()
        yield folder
        _move(folder, data)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        (data / f"{JOURNAL}.lock").unlink(missing_ok=True)
        if made:
            data.rmdir()
        raise
    finally:
        os.close(lock)


def _move(folder: Path, data: Path) -> None:
    for leftover in (f"{JOURNAL}.lock", "views.lock"):
        (folder / leftover).unlink(missing_ok=True)
    for path in folder.rglob("*"):
        sync(path)
    for path in sorted(folder.iterdir(), key=lambda each: each.name == JOURNAL):
        os.rename(path, data / path.name)
    folder.rmdir()
    sync(data)
    sync(data.absolute().parent)


def _require_empty_database(url: str) -> None:
    """A database of another venue, or of this one as it was, must not be mixed with what is restored."""
    database = connect(url)
    try:
        with database.connect() as connection:
            present = set(inspect(connection).get_table_names())
    except DBAPIError as error:
        raise unreachable(database.url, error) from error
    finally:
        database.dispose()
    ours = {table.name for metadata in all_metadata() for table in metadata.sorted_tables} | {"alembic_version"}
    if ours & present:
        shown = database.url.render_as_string(hide_password=True)
        raise CannotRestore(f"the database {shown} is in use: name an empty one, its views are made again")


def _restore_journal(source: Path, manifest: Manifest, point: Point, target: Path, say: Callable[[str], Any]) -> int:
    """The journal up to the point; its last sequence."""
    copy_file(source / JOURNAL, target)
    reader = SqliteJournal.open_reader(target)
    try:
        if (reader.tip().sequence, reader.birth().venue_id) != (manifest.sequence, manifest.venue_id):
            raise BackupDamaged(f"{source / MANIFEST} is damaged: it tells of another journal")
    finally:
        reader.close()
    sequence = _sequence_of(point, manifest, target)
    time_ns = cut(target, sequence)
    if sequence < manifest.sequence:
        left_out = manifest.sequence - sequence
        say(f"commands left out, all after sequence {sequence:,} of {on_the_wall(time_ns)}: {left_out:,}")
    return sequence


def cut(journal: Path, sequence: int) -> int:
    """Let a journal that nobody has open end at a sequence, and say that it was restored; the time of that end."""
    reader = SqliteJournal.open_reader(journal)
    try:
        record = reader.record_of(sequence) if sequence else None
    finally:
        reader.close()
    whole = record is None or record.last_sequence == sequence
    _keep_rows(journal, sequence if record is None or whole else record.first_sequence - 1)
    _begin_anew(journal, None if record is None or whole else _first_part(record, sequence))
    return 0 if record is None else record.time_ns


def _sequence_of(point: Point, manifest: Manifest, journal: Path) -> int:
    end = f"the backup ends at sequence {manifest.sequence:,} of {manifest.time}"
    if point.sequence is not None:
        if not 0 < point.sequence <= manifest.sequence:
            raise CannotRestore(f"{end}: name one of its sequences, or none to restore it whole")
        return point.sequence
    if point.time_ns is not None:
        if point.time_ns > manifest.time_ns:
            raise CannotRestore(f"{end}: name a time before, or none to restore it whole")
        connection = sqlite3.connect(journal)
        try:
            found = connection.execute("SELECT max(last_sequence) FROM batches WHERE time_ns <= ?", (point.time_ns,))
            sequence = found.fetchone()[0]
        finally:
            connection.close()
        if sequence is None:
            raise CannotRestore(f"nothing had happened by {on_the_wall(point.time_ns)}")
        return int(sequence)
    return manifest.sequence


def _first_part(record: Record, sequence: int) -> Entry:
    """What a batch did up to one of its sequences."""
    entry = record.entry()
    count = sequence - record.first_sequence + 1
    return Entry(
        first_sequence=entry.first_sequence,
        time_ns=entry.time_ns,
        commands=entry.commands[:count],
        events=entry.events[:count],
    )


def _keep_rows(journal: Path, end: int) -> None:
    """Take away what is behind a row, but for a segment that begins right there: with other rules it holds the state
    that they begin with."""
    connection = sqlite3.connect(journal, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM batches WHERE last_sequence > ?", (end,))
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'segments'").fetchone():
            connection.execute("DELETE FROM segments WHERE first_sequence > ?", (end + 1,))
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def _begin_anew(path: Path, part: Entry | None) -> None:
    """Begin the segment that says `restored`, under the rules that are in force there, and write its first row."""
    version, state = _rules_at_the_end(path)
    journal = SqliteJournal(path, engine_version=version)
    try:
        journal.begin_segment(REASON, state=state)
        if part is not None:
            journal.append(seal(part, journal.tip().chain))
    finally:
        journal.close()


def _rules_at_the_end(path: Path) -> tuple[str, bytes | None]:
    """The engine version, and the state that its segment holds where it begins right at the end."""
    reader: SqliteJournalReader = SqliteJournal.open_reader(path)
    try:
        base, end = reader.base(), reader.tip().sequence
        return reader.segment().engine_version, base.state if base is not None and base.sequence == end else None
    finally:
        reader.close()


def _fill_database(
    settings: Settings, source: Path, manifest: Manifest, say: Callable[[str], Any], meter: Meter
) -> None:
    """The records at the revision that they were read at, then this release's schema, then the views."""
    upgrade(settings.database, manifest.revision)
    database = connect(settings.database)
    try:
        with database.begin() as connection:
            for name, count in manifest.records.items():
                path = source / RECORDS / f"{name}.jsonl"
                if read_records(connection, path) != count:
                    raise BackupDamaged(f"{path} does not hold the {count} rows that the manifest tells of")
        rebuild(settings.journal_path, settings.database, say, meter)
        with database.begin() as connection:
            for name, count in drop_strangers(connection).items():
                say(f"rows of {name} left out, for they name what came later: {count:,}")
    except DBAPIError as error:
        raise unreachable(database.url, error) from error
    finally:
        database.dispose()


def _settle(path: Path) -> None:
    """Move SQLite's log into its file, so that the file can be moved alone."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise CannotRestore(f"{path}: somebody else has it open")
    finally:
        connection.close()
