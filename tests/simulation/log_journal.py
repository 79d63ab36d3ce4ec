"""A journal that is a plain log on the simulated disk: small enough to be sure of, and open to every fault of it.

    log    frame, frame, frame …       frame: length, hash of the payload, payload (one row)
    mark   the last sequence written, synced at each start alone: it can only be behind, and shows when a synced tail is
           gone

A torn last frame that the mark does not ask for was never acknowledged, and is cut off at the next start.
"""

from collections.abc import Iterator
from hashlib import blake2b
from struct import Struct as Layout
from typing import Final

import msgspec

from exchange.journal import Base, Birth, JournalCorrupt, JournalUnavailable, Record, Segment, Tip, check_follows
from exchange.protocol import Entry
from tests.simulation.disk import Disk

LOG: Final = "log"
MARK: Final = "mark"
_head = Layout(">I16s")
_mark = Layout(">Q")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


def frames(log: bytes | bytearray) -> tuple[list[bytes], int]:
    """The payloads of the whole frames at the beginning, and where they end."""
    payloads: list[bytes] = []
    at = 0
    while at + _head.size <= len(log):
        length, digest = _head.unpack_from(log, at)
        payload = bytes(log[at + _head.size : at + _head.size + length])
        if len(payload) < length or _digest(payload) != digest:
            break
        payloads.append(payload)
        at += _head.size + length
    return payloads, at


def marked(mark: bytes | bytearray) -> int:
    return _mark.unpack_from(mark)[0] if len(mark) >= _mark.size else 0


def _digest(payload: bytes) -> bytes:
    return blake2b(payload, digest_size=16).digest()


class LogJournal:
    """`exchange.journal.Journal`, and what the projector asks of a reader."""

    def __init__(self, disk: Disk, birth: Birth) -> None:
        """Reads the log anew. Raises `JournalCorrupt`, `JournalUnavailable`."""
        self._disk = disk
        self._birth = birth
        self._log = disk.file(LOG)
        self._mark = disk.file(MARK)
        self.records: list[Record] = []
        payloads, self._end = frames(self._log.content)
        tip = Tip(0, 0, birth.chain())
        for payload in payloads:
            try:
                record = _decode(payload)
            except msgspec.DecodeError as error:
                raise JournalCorrupt(f"the row after sequence {tip.sequence} is unreadable: {error}") from error
            check_follows(tip, record)
            self.records.append(record)
            tip = Tip(record.last_sequence, record.time_ns, record.chain)
        wanted = marked(self._mark.content)
        if tip.sequence < wanted:
            raise JournalCorrupt(f"the log ends at sequence {tip.sequence}, but {wanted} was written: rows are lost")
        try:
            if self._end < len(self._log.content):
                disk.truncate(self._log, self._end)
            # What is read here is about to be told, and may be durable nowhere: the last life did not sync it, or
            # its sync failed, and then no other sync would write it.
            disk.write(self._log, 0, bytes(self._log.content))
            disk.sync(self._log)
            disk.write(self._mark, 0, _mark.pack(tip.sequence))
            disk.sync(self._mark)
        except OSError as error:
            raise JournalUnavailable(str(error)) from error

    def birth(self) -> Birth:
        return self._birth

    def base(self) -> Base | None:
        return None

    def segment(self) -> Segment:
        """The first and only one."""
        birth = self._birth
        return Segment(
            first_sequence=1,
            engine_version=birth.engine_version,
            began_ns=birth.created_ns,
            parent_chain=b"",
            reason="birth",
        )

    def segments(self) -> list[Segment]:
        return [self.segment()]

    def last(self) -> Record | None:
        return self.records[-1] if self.records else None

    def tip(self) -> Tip:
        last = self.last()
        return Tip(0, 0, self._birth.chain()) if last is None else Tip(last.last_sequence, last.time_ns, last.chain)

    def read(self, after_sequence: int = 0) -> Iterator[Record]:
        at = self._index_of(after_sequence + 1)
        while at < len(self.records):
            yield self.records[at]
            at += 1

    def record_of(self, sequence: int) -> Record:
        """Raises `LookupError`."""
        at = self._index_of(sequence)
        if sequence <= 0 or at == len(self.records):
            raise LookupError(f"no sequence {sequence} in the journal")
        return self.records[at]

    def entry_of(self, sequence: int) -> Entry:
        return self.record_of(sequence).entry()

    def _index_of(self, sequence: int) -> int:
        """Of the first row that reaches it."""
        low, high = 0, len(self.records)
        while low < high:
            middle = (low + high) // 2
            if self.records[middle].last_sequence < sequence:
                low = middle + 1
            else:
                high = middle
        return low

    def append(self, record: Record) -> None:
        payload = _encode(record)
        end = self._end
        try:
            self._disk.write(self._log, end, _head.pack(len(payload), _digest(payload)))
            self._disk.write(self._log, end + _head.size, payload)
            self._disk.sync(self._log)
            self._end = end + _head.size + len(payload)
            self._disk.write(self._mark, 0, _mark.pack(record.last_sequence))
        except OSError as error:
            raise JournalUnavailable(f"the log: {error.strerror}") from error
        self.records.append(record)

    def tidy(self) -> None:
        """Nothing of a log's."""

    def damage(self) -> str | None:
        return None

    def close(self) -> None:
        """The end of the life is told by the disk."""
