"""Snapshots: what stands after a sequence, the engine and what was heard beside it, in a file that proves itself.

    magic │ length │ header │ BLAKE2b-256 of all before │ section │ section │ …

The header says of which venue, engine version, sequence and row of the journal; of each section its length and hash.
A file gets its name, `<sequence>.snapshot`, when it has been written, synced, read back and found to restore to the
state that it was taken of. Whatever happens before leaves an `.unfinished` file, which the next writer takes away.

    SnapshotError
    ├── SnapshotDamaged    is not what was written
    ├── SnapshotUnfit      is not of this journal, or of other rules
    └── SnapshotFailed     could not be written, or does not restore

A snapshot only saves time: the journal alone suffices, and whoever throws the folder away waits longer.
"""

import contextlib
import fcntl
import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct

from exchange.durable import sync
from exchange.journal import JournalCorrupt
from exchange.sqlite_journal import SqliteJournalReader

MAGIC: Final = b"BANASNAP"
FORMAT_VERSION: Final = 1
FOLDER: Final = "snapshots"
SUFFIX: Final = ".snapshot"
UNFINISHED: Final = ".unfinished"

HASH_BYTES: Final = 32
MAXIMUM_HEADER: Final = 65_536

COMPRESSION: Final = 1
"""Of zlib: 100,000 orders shrink from 37 to 5 MB in 0.16 s; level 6 takes twice as long for a twentieth less."""

ROOM_BYTES: Final = 64 * 1024 * 1024
"""What a snapshot leaves free on the disk: the journal needs room too, and halts the venue where it has none."""


class SnapshotError(Exception):
    """What all of a snapshot's troubles have in common; the text is one line for the operator."""


class SnapshotDamaged(SnapshotError):
    """It is not what was written: cut, changed, or no snapshot at all."""


class SnapshotUnfit(SnapshotError):
    """It is not of this journal as it stands, or of other rules."""


class SnapshotFailed(SnapshotError):
    """It could not be written, or does not restore to what it was taken of."""


class Section(Struct, frozen=True):
    """A part of the file as it is stored; `packed` where zlib made it smaller than its `size`."""

    name: str
    stored: int
    size: int
    packed: bool
    blake2b: bytes


class Header(Struct, frozen=True, kw_only=True):
    """What a snapshot is of: the state after the row of the journal that ends at `sequence` and has this `chain`."""

    venue_id: str
    engine_version: str
    sequence: int
    time_ns: int
    chain: bytes
    state_hash: bytes
    sections: list[Section] = []
    format: int = FORMAT_VERSION


class Snapshot(Struct, frozen=True):
    """Read, and what was written: the sections by name."""

    header: Header
    sections: dict[str, bytes]


def read_header(path: Path) -> Header:
    """Raises `SnapshotDamaged`. O(1)."""
    with _reading(path) as file:
        return _read_header(path, file)


def read_snapshot(path: Path) -> Snapshot:
    """Raises `SnapshotDamaged`. O(file)."""
    with _reading(path) as file:
        header = _read_header(path, file)
        sections = {section.name: _read_section(path, file, section) for section in header.sections}
        if file.read(1):
            raise SnapshotDamaged(f"{path.name} is longer than it says")
        return Snapshot(header, sections)


def sequence_of(path: Path) -> int:
    """What the name says, -1 where it is no snapshot's name."""
    digits = path.name.removesuffix(SUFFIX)
    return int(digits) if digits.isascii() and digits.isdigit() else -1


def fit(header: Header, journal: SqliteJournalReader) -> str | None:
    """Why a snapshot is none of this journal, or none. Raises `JournalCorrupt` where it is and the journal ends before
    it: rows are lost."""
    if header.venue_id != journal.birth().venue_id:
        return "is another venue's"
    end, sequence = journal.tip().sequence, header.sequence
    if sequence > end:
        raise JournalCorrupt(
            f"the journal ends at sequence {end}, but there is a snapshot of sequence {sequence}: rows of the journal "
            f"are lost; restore it from a copy that reaches that far, or, where it was cut on purpose, move the folder "
            f"{FOLDER} away"
        )
    try:
        row = journal.record_of(sequence)
    except LookupError:
        return "is of no row of the journal"
    if (row.last_sequence, row.chain, row.time_ns) != (sequence, header.chain, header.time_ns):
        return f"is of a journal that differs at sequence {sequence}"
    # Rules are part of the hash: what an upgrade takes of its beginning has another than the row before the seam, which
    # was hashed under the rules before.
    rules = [segment for segment in journal.segments() if segment.first_sequence <= sequence + 1]
    begins = len(rules) > 1 and rules[-1].first_sequence == sequence + 1
    if begins and header.engine_version == rules[-1].engine_version != rules[-2].engine_version:
        return None
    if row.state_hash is not None and row.state_hash != header.state_hash:
        return f"is of another state than the journal recorded at sequence {sequence}"
    return None


class Snapshots:
    """The folder of a venue's snapshots; it need not be there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def beside(cls, journal_path: Path) -> "Snapshots":
        """Those of the venue whose journal this is."""
        return cls(journal_path.with_name(FOLDER))

    def path_of(self, sequence: int) -> Path:
        return self.path / f"{sequence}{SUFFIX}"

    def newest_first(self) -> list[Path]:
        """By what their names say."""
        try:
            found = [path for path in self.path.iterdir() if path.name.endswith(SUFFIX) and sequence_of(path) >= 0]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(found, key=sequence_of, reverse=True)

    def write(
        self,
        header: Header,
        sections: Mapping[str, bytes],
        check: Callable[[Snapshot], None],
        *,
        room_bytes: int = ROOM_BYTES,
    ) -> Path:
        """Write a snapshot of these sections, which is on the disk on return. `check` is given what was read back, and
        raises where that is not what it should be. O(sections). Raises `SnapshotFailed`; then nothing has changed.
        """
        name = f"{header.sequence}{SUFFIX}"
        unfinished = self.path / f"{header.sequence}.{os.getpid()}{UNFINISHED}"
        try:
            self._make_folder()
            self._take_away_unfinished()
            parts = _assemble(header, sections)
            self._leave_room(sum(map(len, parts)), room_bytes)
            with contextlib.ExitStack() as undo:
                file = undo.enter_context(unfinished.open("xb"))
                undo.callback(unfinished.unlink, missing_ok=True)
                fcntl.flock(file, fcntl.LOCK_EX)
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
                check(read_snapshot(unfinished))
                os.replace(unfinished, self.path / name)
                sync(self.path)
        except OSError as error:
            raise SnapshotFailed(f"{name} cannot be written: {error.strerror or error}") from error
        except SnapshotDamaged as error:
            raise SnapshotFailed(f"{name} was not read back as it was written: {error}") from error
        return self.path / name

    def retain(self, kept: int, newest: Header) -> None:
        """Keep this venue's last so many up to the newest one, delete those before and what is damaged among them. What
        is another venue's, or of later, is left alone. Raises `SnapshotFailed`."""
        left = kept
        try:
            for path in self.newest_first():
                if sequence_of(path) > newest.sequence:
                    continue
                try:
                    ours, whole = read_header(path).venue_id == newest.venue_id, True
                except SnapshotDamaged:
                    ours, whole = True, False
                if ours and left == 0:
                    path.unlink(missing_ok=True)
                elif ours and whole:
                    left -= 1
        except OSError as error:
            raise SnapshotFailed(f"older snapshots cannot be deleted: {error.strerror or error}") from error

    def wait_for_writers(self, seconds: float) -> bool:
        """Let whoever writes at the moment finish; whether somebody did. They write on after their venue has gone."""
        end = time.monotonic() + seconds
        waited = False
        while any(_is_held(path) for path in self._unfinished()) and time.monotonic() < end:
            waited = True
            time.sleep(0.05)
        return waited

    def _make_folder(self) -> None:
        if not self.path.is_dir():
            self.path.mkdir(exist_ok=True)
            sync(self.path.parent)

    def _unfinished(self) -> list[Path]:
        try:
            return [path for path in self.path.iterdir() if path.name.endswith(UNFINISHED)]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _take_away_unfinished(self) -> None:
        """What a writer has left behind who is no more: the kernel has let go of his lock."""
        for path in self._unfinished():
            if not _is_held(path):
                path.unlink(missing_ok=True)

    def _leave_room(self, size: int, room_bytes: int) -> None:
        disk = os.statvfs(self.path)
        free = disk.f_bavail * disk.f_frsize
        if free < size + room_bytes:
            raise SnapshotFailed(
                f"a snapshot of {size >> 20} MiB is not written: {free >> 20} MiB are free on the disk, of which the "
                f"journal is left {room_bytes >> 20}"
            )


def _is_held(path: Path) -> bool:
    """Whether whoever writes it still lives."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _assemble(header: Header, sections: Mapping[str, bytes]) -> list[bytes]:
    described: list[Section] = []
    stored: list[bytes] = []
    for name, content in sections.items():
        smaller = zlib.compress(content, COMPRESSION)
        packed = len(smaller) < len(content)
        stored.append(smaller if packed else content)
        described.append(Section(name, len(stored[-1]), len(content), packed, _hash(stored[-1])))
    encoded = msgspec.msgpack.encode(msgspec.structs.replace(header, sections=described))
    assert len(encoded) <= MAXIMUM_HEADER
    head = MAGIC + len(encoded).to_bytes(4) + encoded
    return [head, _hash(head), *stored]


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise SnapshotDamaged(f"{path.name} cannot be read: {error.strerror or error}") from error


def _read_header(path: Path, file: BinaryIO) -> Header:
    start = file.read(len(MAGIC) + 4)
    length = int.from_bytes(start[len(MAGIC) :])
    if start[: len(MAGIC)] != MAGIC or length > MAXIMUM_HEADER:
        raise SnapshotDamaged(f"{path.name} is no snapshot")
    encoded = file.read(length)
    if file.read(HASH_BYTES) != _hash(start + encoded):
        raise SnapshotDamaged(f"{path.name} is damaged in its header")
    try:
        header = msgspec.msgpack.decode(encoded, type=Header)
    except msgspec.DecodeError as error:
        raise SnapshotDamaged(f"{path.name} has a header of another form: {error}") from error
    if header.format != FORMAT_VERSION:
        raise SnapshotDamaged(f"{path.name} is of format {header.format}, this release reads {FORMAT_VERSION}")
    if sequence_of(path) not in (-1, header.sequence):
        raise SnapshotDamaged(f"{path.name} is named otherwise than it says, {header.sequence}")
    return header


def _read_section(path: Path, file: BinaryIO, section: Section) -> bytes:
    stored = file.read(section.stored)
    if len(stored) != section.stored or _hash(stored) != section.blake2b:
        raise SnapshotDamaged(f"{path.name} is damaged in its section {section.name}")
    content = zlib.decompress(stored) if section.packed else stored
    if len(content) != section.size:
        raise SnapshotDamaged(f"{path.name} has another length in its section {section.name}")
    return content


def _hash(content: bytes) -> bytes:
    return blake2b(content, digest_size=HASH_BYTES).digest()
