"""The journal's store: SQLite in WAL mode with `synchronous=FULL`; a commit returns after the log is on the disk.

Readers, also in other processes, do not block the writer, nor it them. Beside it stands a mark (`exchange.mark`),
written after each commit: a journal that ends before its mark has lost rows at its end, and is refused before SQLite
has touched what is left.
"""

import fcntl
import os
import secrets
import sqlite3
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Final

from exchange.durable import sync
from exchange.journal import (
    ENGINE_VERSION,
    FORMAT_VERSION,
    Base,
    Birth,
    JournalCorrupt,
    JournalLocked,
    JournalUnavailable,
    Record,
    Segment,
    Tip,
    across,
    check_follows,
)
from exchange.mark import Mark, MarkDamaged, Marker, hash_of, mark_path, read_mark
from exchange.protocol import Entry

APPLICATION_ID: Final = 0x42414E41
"""`BANA`, by which `file` and we know a journal from any other SQLite database."""

CHUNK_ROWS: Final = 256
CHUNK_BYTES: Final = 4 * 1024 * 1024
"""A reader holds at most so many rows, and stops fetching when it has so many bytes (one row may exceed them)."""

PAGE_BYTES: Final = 16384
"""Large pages suit rows of a hundred kilobytes."""

TIDY_PAGES: Final = 250
"""So much of the log, 4 MiB, is worth moving into the file, while nobody waits for a row."""

CHECKPOINT_PAGES: Final = 4 * TIDY_PAGES
"""At so much SQLite does it itself, as part of a commit, for those who append and never tidy up."""


def _digest(state: bytes) -> bytes:
    return blake2b(state, digest_size=32).digest()


_MOVED: Final = "where it was replaced on purpose, move the mark away"


def require_marked(journal: "SqliteJournalReader", mark: Mark) -> None:
    """Hold the journal against its mark, which was read before. Raises `JournalCorrupt`. O(log rows)."""
    name = mark_path(journal.path).name
    if mark.venue != hash_of(journal.birth().venue_id):
        raise JournalCorrupt(
            f"{name} is of another venue's journal: {journal.path.name} was put in its place; {_MOVED}"
        )
    end = journal.tip().sequence
    if end < mark.sequence:
        raise JournalCorrupt(
            f"the journal ends at sequence {end}, but {name} says that {mark.sequence} was written: rows are lost; "
            f"keep the folder and restore the newest backup into another; {_MOVED}"
        )
    if mark.sequence and journal.record_of(mark.sequence).chain != mark.chain:
        raise JournalCorrupt(f"the journal differs at sequence {mark.sequence} from what {name} says; {_MOVED}")


_SCHEMA = """
CREATE TABLE birth (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    venue_id TEXT NOT NULL,
    engine_version TEXT NOT NULL,
    created_ns INTEGER NOT NULL
);
CREATE TABLE batches (
    last_sequence INTEGER PRIMARY KEY,
    first_sequence INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    commands BLOB NOT NULL,
    events BLOB NOT NULL,
    chain BLOB NOT NULL,
    state_hash BLOB
);
"""
_SEGMENTS = """
CREATE TABLE segments (
    first_sequence INTEGER PRIMARY KEY,
    engine_version TEXT NOT NULL,
    began_ns INTEGER NOT NULL,
    parent_chain BLOB NOT NULL,
    reason TEXT NOT NULL,
    state_digest BLOB,
    state BLOB
);
"""
_COLUMNS = "first_sequence, last_sequence, time_ns, commands, events, chain, state_hash"
_INSERT = f"INSERT INTO batches ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_NEWEST = f"SELECT {_COLUMNS} FROM batches ORDER BY last_sequence DESC LIMIT 1"
_BEFORE = f"SELECT {_COLUMNS} FROM batches WHERE last_sequence <= ? ORDER BY last_sequence DESC LIMIT 1"
_HOLDING = f"SELECT {_COLUMNS} FROM batches WHERE last_sequence >= ? ORDER BY last_sequence LIMIT 1"
_AFTER = f"SELECT {_COLUMNS} FROM batches WHERE last_sequence > ? ORDER BY last_sequence LIMIT {CHUNK_ROWS}"

_SEAM_COLUMNS = "first_sequence, engine_version, began_ns, parent_chain, reason, state_digest"
_SEAMS = f"SELECT {_SEAM_COLUMNS} FROM segments WHERE first_sequence > ? ORDER BY first_sequence"
_BEGIN_SEGMENT = f"INSERT INTO segments ({_SEAM_COLUMNS}, state) VALUES (?, ?, ?, ?, ?, ?, ?)"

_Row = tuple[int, int, int, bytes, bytes, bytes, bytes | None]


def _record(row: _Row) -> Record:
    first, last, time_ns, commands, events, chain, state_hash = row
    if not (
        type(first) is type(last) is type(time_ns) is int and type(commands) is type(events) is type(chain) is bytes
    ):
        raise JournalCorrupt(f"the row at sequence {first!r} holds values of another type")
    return Record(
        first_sequence=first,
        last_sequence=last,
        time_ns=time_ns,
        commands=commands,
        events=events,
        chain=chain,
        state_hash=state_hash,
    )


def _seam(row: tuple[int, str, int, bytes, str, bytes | None]) -> Segment:
    first, version, began_ns, parent, reason, digest = row
    if not (
        type(first) is type(began_ns) is int
        and type(version) is type(reason) is str
        and type(parent) is bytes
        and (digest is None or type(digest) is bytes)
    ):
        raise JournalCorrupt(f"the segment that begins at sequence {first!r} holds values of another type")
    return Segment(
        first_sequence=first,
        engine_version=version,
        began_ns=began_ns,
        parent_chain=parent,
        reason=reason,
        state_digest=digest,
    )


@contextmanager
def _sqlite_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
        raise (JournalCorrupt if damaged else JournalUnavailable)(f"{path}: {error}") from error


class SqliteJournalReader:
    """Reads a journal, also while a venue in this or another process writes it. Safe to share between threads.

    Each chunk is a read transaction of its own: one that stayed open would keep the writer from recycling its log.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        if not path.is_file():
            raise JournalUnavailable(f"{path}: there is no journal")
        with _sqlite_errors(path):
            self._reading = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro",
                uri=True,
                timeout=5,
                isolation_level=None,
                check_same_thread=False,
            )
        try:
            self._birth = self._read_birth()
        except BaseException:
            self._reading.close()
            raise

    def _read_birth(self) -> Birth:
        with _sqlite_errors(self.path):
            application = self._reading.execute("PRAGMA application_id").fetchone()[0]
            version = self._reading.execute("PRAGMA user_version").fetchone()[0]
            if application != APPLICATION_ID:
                raise JournalUnavailable(f"{self.path}: not a journal of this exchange")
            if not 1 <= version <= FORMAT_VERSION:
                raise JournalUnavailable(f"{self.path}: format {version}, this release reads format {FORMAT_VERSION}")
            row = self._reading.execute("SELECT venue_id, engine_version, created_ns FROM birth").fetchone()
        if row is None:
            raise JournalCorrupt(f"{self.path}: the journal does not say whose it is")
        return Birth(venue_id=row[0], engine_version=row[1], created_ns=row[2], format_version=version)

    def _one(self, statement: str, parameters: tuple[int, ...] = ()) -> Record | None:
        with self._lock, _sqlite_errors(self.path):
            rows = self._reading.execute(statement, parameters).fetchall()
        return _record(rows[0]) if rows else None

    def _chunk(self, after_sequence: int) -> list[_Row]:
        rows: list[_Row] = []
        size = 0
        with self._lock, _sqlite_errors(self.path):
            cursor = self._reading.execute(_AFTER, (after_sequence,))
            for row in cursor:
                rows.append(row)
                size += sum(len(payload) for payload in row[3:5] if type(payload) is bytes)
                if size >= CHUNK_BYTES:
                    break
            cursor.close()
        return rows

    def _seams(self, after_sequence: int = 0) -> list[Segment]:
        """Segments that begin behind a sequence, without the first, which is the birth's."""
        with self._lock, _sqlite_errors(self.path):
            return self._select_seams(after_sequence)

    def _select_seams(self, after_sequence: int) -> list[Segment]:
        if self._reading.execute("PRAGMA user_version").fetchone()[0] < 2:
            return []
        return [_seam(row) for row in self._reading.execute(_SEAMS, (after_sequence,)).fetchall()]

    def _tip_of(self, record: Record | None) -> Tip:
        if record is None:
            return Tip(0, 0, self._birth.chain())
        return Tip(record.last_sequence, record.time_ns, record.chain)

    def birth(self) -> Birth:
        return self._birth

    def last(self) -> Record | None:
        """The newest row. O(log rows)."""
        return self._one(_NEWEST)

    def segments(self) -> list[Segment]:
        """All, the first one too."""
        birth = self._birth
        first = Segment(
            first_sequence=1,
            engine_version=birth.engine_version,
            began_ns=birth.created_ns,
            parent_chain=b"",
            reason="birth",
        )
        return [first, *self._seams()]

    def segment(self) -> Segment:
        """The newest, under whose rules rows are appended."""
        return self.segments()[-1]

    def base(self) -> Base | None:
        """Where the newest rules began: rows of one engine version are executed again in one go, also where something
        else than its rules began a segment. Raises `JournalCorrupt`. O(state)."""
        begun: Segment | None = None
        for segment in self.segments():
            if begun is None or segment.engine_version != begun.engine_version:
                begun = segment
        assert begun is not None
        if begun.first_sequence == 1:
            return None
        with self._lock, _sqlite_errors(self.path):
            row = self._reading.execute(
                "SELECT state FROM segments WHERE first_sequence = ?", (begun.first_sequence,)
            ).fetchone()
        try:
            state = zlib.decompress(row[0])
        except (TypeError, zlib.error) as error:
            raise JournalCorrupt(f"the state at sequence {begun.first_sequence - 1} cannot be read: {error}") from error
        if _digest(state) != begun.state_digest:
            raise JournalCorrupt(f"the state at sequence {begun.first_sequence - 1} is not what was written")
        return Base(begun.first_sequence - 1, state)

    def tip(self) -> Tip:
        with self._lock, _sqlite_errors(self.path):
            self._reading.execute("BEGIN")  # Rows and segments of one moment.
            try:
                newest = self._reading.execute(_NEWEST).fetchone()
                tip = self._tip_of(None if newest is None else _record(newest))
                seams = self._select_seams(tip.sequence)
            finally:
                self._reading.execute("COMMIT")
        for seam in seams:
            tip = across(tip, seam)
        return tip

    def read(self, after_sequence: int = 0) -> Iterator[Record]:
        """The rows that hold sequences after this one, each checked against the one before it, to the newest at the
        time.

        A batch is whole or absent: where `after_sequence` lies inside one, that batch comes first. Raises
        `JournalError`.
        """
        first = self._one(_HOLDING, (after_sequence + 1,))
        if first is None:
            return
        tip = self._tip_of(self._one(_BEFORE, (first.first_sequence - 1,)))
        while chunk := self._chunk(tip.sequence):
            seams = deque(self._seams(tip.sequence))  # After the rows, so that none of theirs is missing.
            for row in chunk:
                record = _record(row)
                while seams and seams[0].first_sequence <= record.last_sequence:
                    tip = across(tip, seams.popleft())
                check_follows(tip, record)
                tip = self._tip_of(record)
                yield record

    def record_of(self, sequence: int) -> Record:
        """The row that holds this sequence. Raises `LookupError`. O(log rows)."""
        record = self._one(_HOLDING, (sequence,)) if sequence > 0 else None
        if record is None:
            raise LookupError(f"no sequence {sequence} in the journal")
        if record.first_sequence > sequence:
            raise JournalCorrupt(f"the journal has no row for sequence {sequence}")
        return record

    def entry_of(self, sequence: int) -> Entry:
        """The batch that holds the command of this sequence. Raises `LookupError`. O(log rows) and one decoding."""
        return self.record_of(sequence).entry()

    def damage(self) -> str | None:
        """What SQLite finds wrong with its own pages, or none. O(file)."""
        with self._lock, _sqlite_errors(self.path):
            found = self._reading.execute("PRAGMA integrity_check(1)").fetchone()[0]
        return None if found == "ok" else str(found)

    def close(self) -> None:
        self._reading.close()


class SqliteJournal(SqliteJournalReader):
    """The journal that a venue writes, created where there is none. Beside it lies a lock file: one venue at a time.

    Raises `JournalLocked`, `JournalUnavailable` (no room, no right, another engine's rules), `JournalCorrupt`.
    """

    def __init__(
        self,
        path: Path,
        *,
        engine_version: str = ENGINE_VERSION,
        venue_id: str | None = None,
        created_ns: int | None = None,
        other_rules: bool = False,
    ) -> None:
        """`venue_id` and `created_ns` are taken where the journal is new: at random and from the clock unless
        given. `other_rules` opens one of another engine version too, for `begin_segment`."""
        self._engine_version = engine_version
        self.mark_trouble: str | None = None
        """Why the journal's end could not be held against its mark, where there is one."""
        with ExitStack() as opening:
            opening.callback(os.close, lock_journal(path))
            self._check_mark(path)
            if not path.exists():
                _create(path, engine_version, venue_id or secrets.token_hex(16), created_ns or time.time_ns())
            with _sqlite_errors(path):
                self._writing = _writer(path)
            opening.callback(self._writing.close)  # after the reader: the last to close moves the log into the file
            super().__init__(path)
            opening.callback(super().close)
            self._make_durable()
            self._bring_up_to_date()
            written = self.segment().engine_version
            if written != engine_version and not other_rules:
                raise JournalUnavailable(f"{path}: written by engine version {written}, this is {engine_version}")
            self._end = self.tip()
            self._log_pages = 0
            self._marker = self._make_mark()
            opening.callback(self._close_mark)
            self._opened = opening.pop_all()

    def _check_mark(self, path: Path) -> None:
        """Before anything is opened for writing, which would take what SQLite makes of a damaged log for the truth and
        throw the rest away. Raises `JournalCorrupt`, `JournalUnavailable`."""
        try:
            mark = read_mark(path)
        except MarkDamaged as error:
            self.mark_trouble = f"{error}: nothing tells whether the journal's last rows are missing"
            return
        if mark is None:
            return
        if not path.exists():
            if mark.sequence:
                raise JournalCorrupt(
                    f"{path} is gone, and {mark_path(path).name} says that {mark.sequence} was written: restore the "
                    f"newest backup into another folder; {_MOVED}"
                )
            return
        reader = SqliteJournalReader(path)
        try:
            require_marked(reader, mark)
        finally:
            reader.close()

    def _make_mark(self) -> Marker:
        """One that is on the disk, and reaches the end. Raises `JournalUnavailable`."""
        last = self.last()
        try:
            marker = Marker(self.path, self._birth.venue_id)
            try:
                marker.write(
                    0 if last is None else last.last_sequence, self._birth.chain() if last is None else last.chain
                )
                marker.sync()
                sync(self.path.parent)
            except OSError:
                marker.close()
                raise
        except OSError as error:
            raise JournalUnavailable(f"{mark_path(self.path)}: {error.strerror}") from error
        return marker

    def _close_mark(self) -> None:
        try:
            self._marker.sync()
        except OSError as error:
            raise JournalUnavailable(f"{mark_path(self.path)}: {error.strerror}") from error
        finally:
            self._marker.close()

    @staticmethod
    def open_reader(path: Path) -> SqliteJournalReader:
        """A reader beside a venue that may be writing: takes no lock, changes nothing."""
        return SqliteJournalReader(path)

    def _make_durable(self) -> None:
        """Move the log into the file and sync both, before anybody is told of what is read here.

        A venue that was killed between writing and syncing leaves rows that are seen and may be nowhere on the disk.
        One whose sync failed may leave some that no later sync of the log writes, for the machine takes them for
        written: what is appended behind them would be lost with them. That the log is empty now is synced too, which
        SQLite does not do: a loss of power would bring back the log without those rows, and SQLite pour it over the
        file that has them. Raises `JournalUnavailable` where a reader does not let the log go. O(log), which is 4 MiB
        at most but for such readers.
        """
        with _sqlite_errors(self.path):
            held_up = self._writing.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if held_up:
            raise JournalUnavailable(
                f"{self.path}: somebody has been reading it for long and holds up its log: try again when he has ended"
            )
        try:
            sync(log_path(self.path))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise JournalUnavailable(f"{log_path(self.path)}: {error.strerror}") from error

    def _bring_up_to_date(self) -> None:
        """From format 1, which differs by a table that it lacks."""
        if self._birth.format_version < FORMAT_VERSION:
            with _sqlite_errors(self.path):
                self._writing.executescript(
                    f"BEGIN IMMEDIATE; {_SEGMENTS} PRAGMA user_version = {FORMAT_VERSION}; COMMIT;"
                )
            self._birth = self._read_birth()

    def begin_segment(self, reason: str, *, state: bytes | None = None, began_ns: int | None = None) -> Segment:
        """Let what is appended from now on be of this engine version's rules; on the disk on return.

        `state` is the engine's at the journal's end as this version writes it, to be given where the rules change and
        anything has happened. A segment that was begun here before and has no rows is replaced.
        """
        with _sqlite_errors(self.path):
            self._writing.execute("BEGIN IMMEDIATE")
            try:
                begun = self._begin_segment(reason, state, time.time_ns() if began_ns is None else began_ns)
                self._writing.execute("COMMIT")
            except BaseException:
                self._writing.execute("ROLLBACK")
                raise
        self._end = self.tip()
        return begun

    def _begin_segment(self, reason: str, state: bytes | None, began_ns: int) -> Segment:
        end = self._tip_of(self.last())
        self._writing.execute("DELETE FROM segments WHERE first_sequence = ?", (end.sequence + 1,))
        before = self._writing.execute("SELECT engine_version FROM segments ORDER BY first_sequence DESC").fetchone()
        rules = self._birth.engine_version if before is None else before[0]
        assert state is not None or rules == self._engine_version or end.sequence == 0, "other rules need the state"
        begun = Segment(
            first_sequence=end.sequence + 1,
            engine_version=self._engine_version,
            began_ns=began_ns,
            parent_chain=end.chain,
            reason=reason,
            state_digest=None if state is None else _digest(state),
        )
        values = [getattr(begun, field) for field in Segment.__struct_fields__]
        self._writing.execute(_BEGIN_SEGMENT, (*values, None if state is None else zlib.compress(state)))
        return begun

    def append(self, record: Record) -> None:
        """One insert in a transaction of its own, on the disk on return: a sync of the log, 0.2 ms on the disk we
        measured. Then the mark, which nobody waits to see on the disk."""
        assert record.first_sequence == self._end.sequence + 1, "rows go on from the last one"
        with _sqlite_errors(self.path):
            self._writing.execute(
                _INSERT,
                (
                    record.first_sequence,
                    record.last_sequence,
                    record.time_ns,
                    record.commands,
                    record.events,
                    record.chain,
                    record.state_hash,
                ),
            )
        try:
            self._marker.write(record.last_sequence, record.chain)
        except OSError as error:
            raise JournalUnavailable(f"{mark_path(self.path)}: {error.strerror}") from error
        self._end = self._tip_of(record)
        # What its payloads fill, and about one for the tree that leads there.
        self._log_pages += 2 + (len(record.commands) + len(record.events)) // PAGE_BYTES

    def tidy(self) -> None:
        """Move the log into the file, when it has grown: two syncs and up to some milliseconds.

        Readers may hold up a part of it, which then goes with the next. Where it fails nobody knows what of either is
        on the disk, so that it counts as a failed append, though nothing that was told is lost.
        """
        if self._log_pages >= TIDY_PAGES:
            self._log_pages = 0
            with _sqlite_errors(self.path):
                self._writing.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def close(self) -> None:
        """Moves the log into the file and lets others in; a kill instead loses nothing."""
        self._opened.close()


def log_path(path: Path) -> Path:
    """Where SQLite keeps what is committed and not in the file yet."""
    return path.with_name(path.name + "-wal")


def lock_journal(path: Path) -> int:
    """The right to write a journal, as a descriptor: whoever closes it lets go. The kernel drops it with the process,
    so that no crash leaves one behind; the file itself stays. Raises `JournalLocked`, `JournalUnavailable`."""
    path = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise JournalUnavailable(f"{path}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
    except BlockingIOError:
        holder = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise JournalLocked(f"{path.parent}: another venue has this data folder open (process {holder})") from None
    except OSError as error:
        os.close(descriptor)
        raise JournalUnavailable(f"{path}: {error.strerror}") from error
    return descriptor


def _writer(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")  # elsewhere nothing, on macOS the only sync that reaches the disk
    connection.execute("PRAGMA checkpoint_fullfsync = ON")
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    return connection


def _create(path: Path, engine_version: str, venue_id: str, created_ns: int) -> None:
    """Made under another name and moved into place, so that a crash leaves no half of a journal.

    A log without its file is what a deleted journal leaves behind: SQLite would pour it into the new one.
    """
    unborn = path.with_name(path.name + ".new")
    log = log_path(path)
    if log.exists() and log.stat().st_size > 0:  # readers leave an empty one behind
        raise JournalCorrupt(f"{path} is gone, its log {path.name}-wal is not: restore the one or remove the other")
    try:
        unborn.unlink(missing_ok=True)
        with _sqlite_errors(path):
            connection = sqlite3.connect(unborn, isolation_level=None)
            try:
                connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
                connection.executescript(_SCHEMA + _SEGMENTS)
                connection.execute("INSERT INTO birth VALUES (1, ?, ?, ?)", (venue_id, engine_version, created_ns))
                connection.execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()
        os.replace(unborn, path)
        sync(path.parent)
    except OSError as error:
        raise JournalUnavailable(f"{path}: {error.strerror}") from error
