"""The mark beside a journal: how far it has been written, kept where damage to the journal cannot reach it.

SQLite drops a damaged end of its log in silence, and the database and the snapshots know only what they have seen. So
each commit is followed by a write of 80 bytes into `<journal>.mark`, before anybody is told:

    magic 8 │ of the venue 16 │ sequence 8 │ chain of the row that ends there 32 │ BLAKE2b-128 of all before 16

It is not synced with each, and need not be: it is written when its row is on the disk already, so whatever the machine
has kept of it can only be behind. A start that finds the journal ending before its mark refuses.

What is promised: rows that were acknowledged do not vanish unseen,

    the process was killed, or stopped    none: the mark is exact, for the machine has every write of the dead
    the power was lost                    none before the last start or the last time that the machine wrote the mark
                                          out of its own accord, on Linux within some 30 seconds; behind that only what
                                          database and snapshots have seen
    the mark is gone, or damaged          as far as database and snapshots have seen; a damaged one is told

A mark says nothing against a journal with which it was copied whole; a backup has none, and a restored venue begins one
of its own.
"""

import os
from hashlib import blake2b
from pathlib import Path
from struct import Struct as Layout
from typing import Final, NamedTuple

MAGIC: Final = b"BANAMARK"

_layout = Layout(">8s16sQ32s")
_SUM_BYTES: Final = 16


class Mark(NamedTuple):
    """The row that ends at `sequence` has this chain, and was on the disk; `venue` is a hash of the venue's id."""

    venue: bytes
    sequence: int
    chain: bytes


class MarkDamaged(Exception):
    """There is a file, and it is not what was written; one line for the operator."""


def mark_path(journal_path: Path) -> Path:
    return journal_path.with_name(journal_path.name + ".mark")


def hash_of(venue_id: str) -> bytes:
    return blake2b(venue_id.encode(), digest_size=16).digest()


def read_mark(journal_path: Path) -> Mark | None:
    """What stands beside the journal, or none. Raises `MarkDamaged`."""
    path = mark_path(journal_path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MarkDamaged(f"{path.name} cannot be read: {error.strerror}") from error
    stated, total = content[: _layout.size], content[_layout.size :]
    if len(stated) < _layout.size or total != _sum(stated) or not stated.startswith(MAGIC):
        raise MarkDamaged(f"{path.name} is damaged")
    _, venue, sequence, chain = _layout.unpack(stated)
    return Mark(venue, sequence, chain)


class Marker:
    """Writes the mark; belongs to whoever has the journal's lock. All of it raises `OSError`."""

    def __init__(self, journal_path: Path, venue_id: str) -> None:
        self._venue = hash_of(venue_id)
        self._descriptor = os.open(mark_path(journal_path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def write(self, sequence: int, chain: bytes) -> None:
        """The row that ends there is on the disk. O(1), some microseconds."""
        stated = _layout.pack(MAGIC, self._venue, sequence, chain)
        os.pwrite(self._descriptor, stated + _sum(stated), 0)

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


def _sum(stated: bytes) -> bytes:
    return blake2b(stated, digest_size=_SUM_BYTES).digest()
