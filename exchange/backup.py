"""Backups: all that a venue cannot make again, in a folder, taken while it trades.

    FOLDER/manifest.json      what there is, and a hash of each file; written last, so that it vouches for the rest
           journal.sqlite     a prefix of the journal that ends at a row, in one file that read-only media will do for
           snapshots/         the newest that lie within it, so that the restored venue starts as fast
           records/*.jsonl    what the database alone owns (`exchange.own_records`)
           documents.key, reserves.pem

The views are not in it: they are made again of the journal. The records are read before the journal is, so that all
whom they name are in it. The folder is its owner's alone to read, for it holds keys and the hashes of passwords.

What was written is read back before the manifest vouches for it: the journal's chain to its end, and every snapshot.
"""

import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy.exc import DBAPIError

import web.documents.seals
import web.reserves_key
from exchange.config import Settings
from exchange.database import DatabaseProblem, connect, head_revision, revision_of, unreachable
from exchange.durable import sync
from exchange.journal import JournalCorrupt, JournalError, JournalUnavailable, Tip
from exchange.own_records import own_tables, write_records
from exchange.progress import Meter
from exchange.projector import cursor
from exchange.snapshot import SnapshotDamaged, Snapshots, fit, read_snapshot, sequence_of
from exchange.sqlite_journal import SqliteJournal

FORMAT_VERSION: Final = 1
MANIFEST: Final = "manifest.json"
JOURNAL: Final = "journal.sqlite"
RECORDS: Final = "records"
KEYS: Final = (web.documents.seals.KEY_FILE, web.reserves_key.KEY_FILE)

PAGES_AT_ONCE: Final = 256
"""Of the journal, 4 MiB: what is copied between two looks at the progress."""

WALL: Final = timezone(timedelta(hours=8))
"""The clock that people in Suixi read."""


class CannotBackUp(Exception):
    """Something is in the way; one line says what to do."""


class BackupDamaged(Exception):
    """What is to be copied, or was copied, is not what was written; one line that names the file."""


class CopiedFile(Struct, frozen=True):
    """A file of the backup by its path in it, its size and its BLAKE2b-256."""

    name: str
    bytes: int
    blake2b: str


class Manifest(Struct, frozen=True, kw_only=True):
    """What a backup is of: the venue, the last sequence and its time, and the row's chain there."""

    format: int = FORMAT_VERSION
    release: str
    engine_version: str
    venue_id: str
    sequence: int
    time_ns: int
    time: str
    """For people."""
    chain: str
    made_ns: int
    revision: str
    """Of the schema that the records were read from."""
    records: dict[str, int]
    """Rows of each table."""
    files: list[CopiedFile]


def run_backup(settings: Settings, to: Path, say: Callable[[str], Any] = print) -> int:
    """`exchange backup`: exit status 0, 1 (what was to be copied is damaged) or 2 (it could not be done)."""
    try:
        manifest = back_up(settings, to, Meter())
    except BackupDamaged as error:
        print(f"exchange: {error}", file=sys.stderr)
        return 1
    except (CannotBackUp, DatabaseProblem) as error:
        print(f"exchange: {error}", file=sys.stderr)
        return 2
    size = sum(each.bytes for each in manifest.files)
    say(f"backed up to sequence {manifest.sequence:,} of {manifest.time} in {to}, {size / 2**20:.1f} MiB, verified")
    return 0


def back_up(settings: Settings, to: Path, meter: Meter) -> Manifest:
    """Write a backup into a new or empty folder. O(journal). Where it fails, nothing of it stays.

    Raises `CannotBackUp`, `BackupDamaged`, `DatabaseProblem`.
    """
    with _journal_troubles(), _folder(to):
        source = SqliteJournal.open_reader(settings.journal_path)
        try:
            venue_id = source.birth().venue_id
            revision, records = _copy_records(settings.database, venue_id, to / RECORDS)
            _copy_journal(settings.journal_path, to / JOURNAL, meter)
            tip, engine_version = _check_copy(to / JOURNAL, meter)
            last = source.record_of(tip.sequence) if tip.sequence else None
            if last is not None and (last.last_sequence, last.chain) != (tip.sequence, tip.chain):
                raise BackupDamaged(f"{to / JOURNAL}: the copy differs from the journal at sequence {tip.sequence}")
        finally:
            source.close()
        copy_snapshots(Snapshots.beside(settings.journal_path), to / JOURNAL, tip.sequence)
        for name in KEYS:
            if (settings.folder / name).exists():
                copy_file(settings.folder / name, to / name)
        manifest = Manifest(
            release=_release(),
            engine_version=engine_version,
            venue_id=venue_id,
            sequence=tip.sequence,
            time_ns=tip.time_ns,
            time=on_the_wall(tip.time_ns),
            chain=tip.chain.hex(),
            made_ns=time.time_ns(),
            revision=revision,
            records=records,
            files=[_described(to, path) for path in sorted(to.rglob("*")) if path.is_file()],
        )
        _write_manifest(to, manifest)
        return manifest


def on_the_wall(time_ns: int) -> str:
    """`2026-11-24 10:15:30 UTC+8`."""
    return f"{datetime.fromtimestamp(time_ns // 10**9, WALL):%Y-%m-%d %H:%M:%S} UTC+8"


def copy_snapshots(snapshots: Snapshots, journal: Path, end: int) -> None:
    """Put those up to a sequence beside a copy of the journal; one that is damaged or none of this journal's is left
    behind, and so is one that the venue deletes meanwhile: a snapshot only saves time."""
    reader = SqliteJournal.open_reader(journal)
    try:
        for path in snapshots.newest_first():
            target = Snapshots.beside(journal).path / path.name
            if sequence_of(path) > end:
                continue
            target.parent.mkdir(mode=0o700, exist_ok=True)
            try:
                copy_file(path, target)
                good = fit(read_snapshot(target).header, reader) is None
            except (FileNotFoundError, SnapshotDamaged):
                good = False
            if not good:
                target.unlink(missing_ok=True)
    finally:
        reader.close()


def digest_of(path: Path) -> str:
    digest = blake2b(digest_size=32)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def copy_file(source: Path, target: Path) -> None:
    """A copy that is its owner's alone to read, and on the disk on return."""
    with source.open("rb") as reading, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        shutil.copyfileobj(reading, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


def mebibytes(size: int) -> int:
    """Rounded up, so that a small file is no nothing."""
    return size + 2**20 - 1 >> 20


def is_vacant(folder: Path) -> bool:
    """Whether nothing would be lost or mixed up by writing there."""
    return not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))


@contextmanager
def _journal_troubles() -> Iterator[None]:
    try:
        yield
    except JournalUnavailable as error:
        raise CannotBackUp(str(error)) from error
    except JournalError as error:
        raise BackupDamaged(f"{error}; see `exchange verify`") from error
    except OSError as error:
        raise CannotBackUp(f"{error.filename or 'the backup'}: {error.strerror}") from error


@contextmanager
def _folder(to: Path) -> Iterator[None]:
    """The folder, new or empty before; as it was where the work fails."""
    if not is_vacant(to):
        unfinished = to.is_dir() and not (to / MANIFEST).exists()
        advice = "what is in it is no finished backup: remove it, or name another" if unfinished else "name another"
        raise CannotBackUp(f"{to} is not an empty folder; {advice}")
    made = not to.exists()
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chmod(to, 0o700)
    try:
        yield
    except BaseException:
        for each in to.iterdir():
            shutil.rmtree(each) if each.is_dir() else each.unlink()
        if made:
            to.rmdir()
        raise


def _copy_records(database_url: str, venue_id: str, folder: Path) -> tuple[str, dict[str, int]]:
    """The schema's revision and each table's rows, read in one transaction."""
    folder.mkdir(mode=0o700)
    database = connect(database_url, read_only=True)
    try:
        if database.dialect.name == "sqlite" and not Path(database.url.database or "").is_file():
            raise CannotBackUp(f"there is no database {database.url.database}: start the venue once to make it")
        with database.begin() as connection:
            if database.dialect.name == "postgresql":
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            revision, newest = revision_of(connection), head_revision()
            if revision is None:
                raise CannotBackUp("the database holds no tables of the exchange: start the venue once to make them")
            if revision != newest:
                raise CannotBackUp(
                    f"the database is at revision {revision}, this release's is {newest}: take the backup by the "
                    "release that ran last, or start the venue once by this one"
                )
            at = cursor(connection)
            if at is not None and at.venue_id != venue_id:
                raise CannotBackUp("the database is another venue's: name the one that belongs to the data folder")
            return revision, {
                str(each.name): write_records(connection, each, folder / f"{each.name}.jsonl") for each in own_tables()
            }
    except DBAPIError as error:
        raise unreachable(database.url, error) from error
    finally:
        database.dispose()


def _copy_journal(source: Path, target: Path, meter: Meter) -> None:
    """As it is at this moment, whatever the venue writes meanwhile.

    The read transaction holds the moment fast between steps, for which SQLite would otherwise begin anew whenever the
    venue has written. Meanwhile its log cannot be recycled: it grows by what is traded.
    """
    needed, free = source.stat().st_size, shutil.disk_usage(target.parent).free
    if free < needed:
        raise CannotBackUp(f"{target.parent}: the journal takes {mebibytes(needed)} MiB, {free >> 20} MiB are free")
    progress = None
    try:
        reading = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=5, isolation_level=None)
        writing = sqlite3.connect(target, isolation_level=None)
        try:
            reading.execute("BEGIN")
            reading.execute("SELECT one FROM birth").fetchone()
            pages = reading.execute("PRAGMA page_count").fetchone()[0]
            page_bytes = reading.execute("PRAGMA page_size").fetchone()[0]
            progress = meter("copying the journal", mebibytes(pages * page_bytes), unit="MiB")

            def tell(_status: int, remaining: int, total: int) -> None:
                assert progress is not None
                progress.tell(mebibytes((total - remaining) * page_bytes))

            writing.execute("PRAGMA synchronous = FULL")
            reading.backup(writing, pages=PAGES_AT_ONCE, progress=tell)
            # One file without a log beside it, so that readers need not write.
            mode = writing.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
            assert mode == "delete"
        finally:
            writing.close()
            reading.close()
            if progress is not None:
                progress.end()
    except sqlite3.Error as error:
        damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        raise (BackupDamaged if damaged else CannotBackUp)(f"{source}: {error}") from error
    os.chmod(target, 0o600)


def _check_copy(path: Path, meter: Meter) -> tuple[Tip, str]:
    """Read the copy to its end and hold it against its chain; its last row, and the rules it was written by."""
    journal = SqliteJournal.open_reader(path)
    try:
        last = Tip(0, 0, journal.birth().chain())
        end = journal.tip().sequence
        progress = meter("verifying the copy", end)
        try:
            for record in journal.read():
                last = Tip(record.last_sequence, record.time_ns, record.chain)
                progress.tell(last.sequence)
        finally:
            progress.end()
        if last.sequence != end:
            raise JournalCorrupt(f"{path}: ends at sequence {last.sequence} instead of {end}")
        return last, journal.segment().engine_version
    finally:
        journal.close()


def _described(to: Path, path: Path) -> CopiedFile:
    """Of a file that is on the disk by now."""
    os.chmod(path, 0o600)
    sync(path)
    return CopiedFile(path.relative_to(to).as_posix(), path.stat().st_size, digest_of(path))


def _write_manifest(to: Path, manifest: Manifest) -> None:
    """Under another name first: there is a whole one or none."""
    for each in to.rglob("*"):
        if each.is_dir():
            sync(each)
    fresh = to / f"{MANIFEST}.new"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(msgspec.to_builtins(manifest), file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, to / MANIFEST)
    sync(to)
    sync(to.absolute().parent)


def _release() -> str:
    try:
        return version("banana-exchange")
    except PackageNotFoundError:
        return "unknown"
