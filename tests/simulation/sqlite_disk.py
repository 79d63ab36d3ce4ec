"""The real SQLite journal on the simulated disk.

`exchange.sqlite_journal` asks the standard library's `sqlite3` for its connections. Here it gets
`sqlite3_on_disk()`, which has the few names that the journal uses and hands them to apsw, whose SQLite asks us (`_Vfs`)
for every write, cut and sync of a file. A real file in a temporary folder holds what is seen, for SQLite maps the
memory that it shares between connections; beside it `Disk` keeps what is durable. Each life of the venue has a folder
of its own, filled from the disk, so that what the life before had open cannot reach it.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import unquote, urlparse

import apsw

import exchange.durable
import exchange.mark
import exchange.sqlite_journal
from exchange.sqlite_journal import SqliteJournal
from tests.simulation.disk import Disk, DiskFile

NAME: Final = "journal.sqlite"
_MEMORY: Final = Path("/dev/shm")


class Folder:
    """Where the files of one life are seen."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.path = Path(tempfile.mkdtemp(prefix="simulation-", dir=_MEMORY if _MEMORY.is_dir() else None))
        for name, file in disk.files.items():
            if file.content:
                (self.path / name).write_bytes(file.content)
        _folders[str(self.path)] = disk

    @property
    def journal_path(self) -> Path:
        return self.path / NAME

    def close(self) -> None:
        _folders.pop(str(self.path), None)
        shutil.rmtree(self.path, ignore_errors=True)


_folders: dict[str, Disk] = {}


def birth_image(venue_id: str, created_ns: int) -> dict[str, bytes]:
    """The files of an empty journal."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        path = Path(folder) / NAME
        SqliteJournal(path, venue_id=venue_id, created_ns=created_ns).close()
        return {NAME: path.read_bytes()}


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str, filename: Any, flags: list[int]) -> None:
        self._disk = disk
        self._file: DiskFile = disk.file(name)
        super().__init__("unix", filename, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        with _as_sqlite_tells():
            self._disk.write(self._file, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, size: int) -> None:
        with _as_sqlite_tells():
            self._disk.truncate(self._file, size)
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:
        with _as_sqlite_tells():
            self._disk.sync(self._file)


class _Vfs(apsw.VFS):
    def __init__(self) -> None:
        super().__init__("simulated", "unix")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name)
        disk = _folders.get(str(path.parent))
        if disk is None:
            return apsw.VFSFile("unix", name, flags)
        return _File(disk, path.name, name, flags)

    def xDelete(self, name: str, sync: bool) -> None:
        path = Path(name)
        disk = _folders.get(str(path.parent))
        if disk is not None:
            with _as_sqlite_tells():
                disk.delete(path.name)
        super().xDelete(name, sync)


@contextmanager
def _as_sqlite_tells() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise (apsw.FullError if error.errno == errno.ENOSPC else apsw.IOError)(str(error)) from None


_vfs = _Vfs()


class Error(Exception):
    """In the place of `sqlite3.Error`."""

    def __init__(self, error: apsw.Error) -> None:
        super().__init__(str(error))
        self.sqlite_errorcode = int(getattr(error, "extendedresult", 0))


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except apsw.Error as error:
        raise Error(error) from error


class _Cursor:
    def __init__(self, cursor: apsw.Cursor) -> None:
        self._cursor = cursor

    def fetchone(self) -> Any:
        with _errors():
            return self._cursor.fetchone()

    def fetchall(self) -> list[Any]:
        with _errors():
            return list(self._cursor.fetchall())

    def __iter__(self) -> Iterator[Any]:
        with _errors():
            yield from self._cursor

    def close(self) -> None:
        self._cursor.close(True)


class Connection:
    """In the place of `sqlite3.Connection`, with `isolation_level=None`."""

    def __init__(self, database: Any, *, uri: bool = False, **options: Any) -> None:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        name = str(database)
        if uri:
            parts = urlparse(name)
            name = unquote(parts.path)
            if "mode=ro" in parts.query:
                flags = apsw.SQLITE_OPEN_READONLY
        with _errors():
            self._connection = apsw.Connection(name, flags=flags, vfs="simulated")

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> _Cursor:
        with _errors():
            return _Cursor(self._connection.execute(statement, tuple(parameters)))

    def executescript(self, statements: str) -> None:
        with _errors():
            self._connection.execute(statements)

    def close(self) -> None:
        # SQLite closes whatever happens: a checkpoint that fails on the way is the next one's to do.
        with suppress(apsw.Error):
            self._connection.close(True)


class _Os:
    """In the place of the module `os` where a mark is written, and what SQLite leaves unsynced is synced."""

    O_RDONLY, O_RDWR, O_CREAT, O_CLOEXEC = os.O_RDONLY, os.O_RDWR, os.O_CREAT, os.O_CLOEXEC

    def __init__(self) -> None:
        self._open: dict[int, tuple[Disk, DiskFile]] = {}

    def open(self, path: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = os.open(path, flags, mode)
        disk = _folders.get(str(path.parent))
        if disk is not None:
            self._open[descriptor] = (disk, disk.file(path.name))
        return descriptor

    def pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        if descriptor in self._open:
            disk, file = self._open[descriptor]
            disk.write(file, offset, data)
        return os.pwrite(descriptor, data, offset)

    def fsync(self, descriptor: int) -> None:
        if descriptor in self._open:
            disk, file = self._open[descriptor]
            disk.sync(file)

    def close(self, descriptor: int) -> None:
        self._open.pop(descriptor, None)
        os.close(descriptor)


@contextmanager
def sqlite_on_disk() -> Iterator[None]:
    """Let `exchange.sqlite_journal` open its files here, and `exchange.mark` its own."""
    real, real_os = exchange.sqlite_journal.sqlite3, (exchange.mark.os, exchange.durable.os)
    here = SimpleNamespace(
        connect=Connection,
        Connection=Connection,
        Error=Error,
        SQLITE_CORRUPT=apsw.SQLITE_CORRUPT,
        SQLITE_NOTADB=apsw.SQLITE_NOTADB,
    )
    exchange.sqlite_journal.sqlite3 = here  # type: ignore[assignment]
    exchange.mark.os = exchange.durable.os = _Os()  # type: ignore[assignment]
    try:
        yield
    finally:
        exchange.sqlite_journal.sqlite3 = real
        exchange.mark.os, exchange.durable.os = real_os


def abandon(journal: SqliteJournal) -> None:
    """Close what a dead life had open; nothing of it reaches the disk any more."""
    with suppress(Exception):
        journal.close()
