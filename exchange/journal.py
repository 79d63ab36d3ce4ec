"""The journal: one row a batch, durable when `append` returns, bound to the row before it by a chain of hashes.

A row holds the commands of a batch and the events that they caused, as compact MessagePack. Its `chain` is the
BLAKE2b-256 of the chain before it, the numbers of the row, both payloads and the state hash where there is one; the
first row follows the hash of the journal's own birth certificate. So nothing can be changed, left out or put in
between without every later row showing it. A tail that is missing cannot show itself: `require_reaching`
compares the end with what others have seen.

A journal is cut into segments, by the rules under which its rows were made: the birth certificate is the first, and a
release with other rules begins another at the end (`begin_segment`), which holds the engine's state there. The row
behind a seam is chained to the segment, and the segment to the row before the seam, so that they cannot be changed
either. What is re-executed begins at `base`; rows before it are read, and no more.

    JournalError
    ├── JournalUnavailable    cannot be opened, read or written
    │   └── JournalLocked     another venue has it open
    └── JournalCorrupt        is not what was written

The store is `exchange.sqlite_journal`. One that injects faults, or another database, takes its place by being a
`Journal`.
"""

from collections.abc import Iterator
from hashlib import blake2b
from struct import Struct as Layout
from typing import Final, NamedTuple, Protocol

import msgspec
from msgspec import Struct

from exchange.engine import ENGINE_VERSION as RULES_VERSION
from exchange.protocol import MAXIMUM_BATCH, Command, Entry, decode_commands, decode_events, encode

FORMAT_VERSION: Final = 2
"""Of the store's tables and of what the chain covers; kept as SQLite's `user_version`.

2: the table of segments. A journal of format 1 has one segment, and gets the table when a venue opens it.
"""

ENGINE_VERSION: Final = str(RULES_VERSION)
"""Of the rules by which commands become events: a journal is re-executed only by the version that wrote it."""


class JournalError(Exception):
    """What all of the journal's troubles have in common; the text is one line for the operator."""


class JournalUnavailable(JournalError):
    """It cannot be opened, read or written; after a failed append nobody knows whether the row is durable."""


class JournalLocked(JournalUnavailable):
    """Another venue has it open."""


class JournalCorrupt(JournalError):
    """It is not what was written: a hash, a number or the file itself does not fit."""


class Record(Struct, frozen=True, kw_only=True, gc=False):
    """A row: a batch with its payloads as they are stored. `state_hash` is the engine's after the last command."""

    first_sequence: int
    last_sequence: int
    time_ns: int
    commands: bytes
    events: bytes
    chain: bytes
    state_hash: bytes | None = None

    def entry(self) -> Entry:
        """Decoded. Raises `JournalCorrupt`."""
        commands = self.decoded_commands()
        try:
            events = decode_events(self.events)
        except msgspec.DecodeError as error:
            raise JournalCorrupt(f"the events at sequence {self.first_sequence} are unreadable: {error}") from error
        if len(events) != len(commands):
            raise JournalCorrupt(f"the batch at sequence {self.first_sequence} tells of {len(events)} commands")
        return Entry(first_sequence=self.first_sequence, time_ns=self.time_ns, commands=commands, events=events)

    def decoded_commands(self) -> tuple[Command, ...]:
        """What re-execution needs. Raises `JournalCorrupt`."""
        try:
            commands = decode_commands(self.commands)
        except msgspec.DecodeError as error:
            raise JournalCorrupt(f"the commands at sequence {self.first_sequence} are unreadable: {error}") from error
        if len(commands) != self.last_sequence - self.first_sequence + 1:
            raise JournalCorrupt(f"the batch at sequence {self.first_sequence} holds {len(commands)} commands")
        return commands


class Birth(Struct, frozen=True, kw_only=True):
    """What a journal says about itself; its hash is what the first row is chained to."""

    venue_id: str
    engine_version: str
    created_ns: int
    format_version: int = FORMAT_VERSION

    def chain(self) -> bytes:
        """Of the text that format 1 began with; what was added to the format since does not change it."""
        text = f"1\n{self.engine_version}\n{self.venue_id}\n{self.created_ns}\n"
        return blake2b(text.encode(), digest_size=32).digest()


class Tip(Struct, frozen=True):
    """Where a journal ends: the last sequence (0 when empty), the time of its batch (0) and the chain to go on
    from."""

    sequence: int
    time_ns: int
    chain: bytes


class Segment(Struct, frozen=True, kw_only=True):
    """Where rows of an engine's rules begin: at `first_sequence`, behind the row whose chain is `parent_chain`.

    `state_digest` is of the engine's state there, in the form of these rules. There is none where nothing had happened
    yet, or where the rules of the segment before went on.
    """

    first_sequence: int
    engine_version: str
    began_ns: int
    parent_chain: bytes
    reason: str
    state_digest: bytes | None = None

    def chain(self) -> bytes:
        """What the segment's first row is chained to."""
        digest = blake2b(self.parent_chain, digest_size=32)
        digest.update(f"{self.first_sequence}\n{self.engine_version}\n{self.began_ns}\n{self.reason}\n".encode())
        digest.update(self.state_digest or b"")
        return digest.digest()


class Base(NamedTuple):
    """The engine's state after a sequence, from which the rows behind it can be executed again."""

    sequence: int
    state: bytes


class JournalReader(Protocol):
    """What replay, follower and verification need."""

    def birth(self) -> Birth: ...

    def base(self) -> Base | None:
        """Where re-execution begins: none, at the very beginning with an empty engine."""
        ...

    def tip(self) -> Tip: ...

    def last(self) -> Record | None:
        """The newest row."""
        ...

    def read(self, after_sequence: int = 0) -> Iterator[Record]:
        """The rows that hold sequences after this one, checked against each other; ends at the newest, holds a
        bounded part."""
        ...

    def entry_of(self, sequence: int) -> Entry:
        """The batch that holds the command of this sequence. Raises `LookupError`."""
        ...

    def close(self) -> None: ...


class Journal(JournalReader, Protocol):
    """What the sequencer needs. Only one thread at a time appends; reading from others is allowed meanwhile."""

    def append(self, record: Record) -> None:
        """Make the next row durable. Raises `JournalError`; then it must not be used again."""
        ...

    def tidy(self) -> None:
        """Do what can wait until a row has been told of, where there is enough of it. Raises as `append`."""
        ...


_numbers = Layout(">QQQQQQ")


def chain_of(previous: bytes, record: Record) -> bytes:
    """The lengths stand in the header, so that bytes cannot wander from one field to the next. O(bytes)."""
    digest = blake2b(previous, digest_size=32)
    digest.update(
        _numbers.pack(
            record.first_sequence,
            record.last_sequence,
            record.time_ns,
            len(record.commands),
            len(record.events),
            0 if record.state_hash is None else len(record.state_hash),
        )
    )
    digest.update(record.commands)
    digest.update(record.events)
    if record.state_hash is not None:
        digest.update(record.state_hash)
    return digest.digest()


def seal(entry: Entry, previous: bytes, state_hash: bytes | None = None) -> Record:
    """The row of a batch, chained to the row before it."""
    assert 0 < len(entry.commands) == len(entry.events) <= MAXIMUM_BATCH
    unchained = Record(
        first_sequence=entry.first_sequence,
        last_sequence=entry.last_sequence,
        time_ns=entry.time_ns,
        commands=encode(entry.commands),
        events=encode(entry.events),
        chain=b"",
        state_hash=state_hash,
    )
    return msgspec.structs.replace(unchained, chain=chain_of(previous, unchained))


def check_follows(tip: Tip, record: Record) -> None:
    """Numbers go on without a gap, time does not go back, the chain fits. Raises `JournalCorrupt`."""
    at = f"the row at sequence {record.first_sequence}"
    if record.first_sequence != tip.sequence + 1:
        raise JournalCorrupt(f"{at} follows sequence {tip.sequence}")
    if not 0 <= record.last_sequence - record.first_sequence < MAXIMUM_BATCH:
        raise JournalCorrupt(f"{at} ends at sequence {record.last_sequence}")
    if record.time_ns < tip.time_ns:
        raise JournalCorrupt(f"{at} goes back in time")
    if record.chain != chain_of(tip.chain, record):
        raise JournalCorrupt(f"{at} does not fit the chain: it, or one before it, was changed")


def across(tip: Tip, seam: Segment) -> Tip:
    """The end of a journal, once a segment begins there. Raises `JournalCorrupt` where it begins elsewhere."""
    at = f"the segment that begins at sequence {seam.first_sequence}"
    if seam.first_sequence != tip.sequence + 1:
        raise JournalCorrupt(f"{at} does not follow sequence {tip.sequence}")
    if seam.parent_chain != tip.chain:
        raise JournalCorrupt(f"{at} names another parent: it, or what is before it, was changed")
    return Tip(tip.sequence, tip.time_ns, seam.chain())


def require_reaching(journal: JournalReader, sequence: int, seen_by: str) -> None:
    """SQLite drops a damaged tail in silence: hold the end against what others have seen. Raises `JournalCorrupt`."""
    end = journal.tip().sequence
    if end < sequence:
        raise JournalCorrupt(f"the journal ends at sequence {end}, but {seen_by} has seen {sequence}: rows are lost")
