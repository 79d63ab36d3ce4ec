"""The projector: journal rows become rows of the database, and the cursor that says how far moves in the same
transaction.

So each event is applied once, whatever crashes between: after a failure the cursor is read again, and it went on with
the rows or stayed with them. The cursor also carries the journal's identity and the chain of the last batch, so that
a database is never continued from another journal than the one that it was built from.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    Engine,
    Executable,
    LargeBinary,
    MetaData,
    Table,
    Text,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

import marketdata.projection
import marketdata.tables
import settlement.projection
import settlement.tables
import web.tables
from exchange.journal import Record
from exchange.market_words import market_batches, reported_orders
from exchange.protocol import Entry
from exchange.sqlite_journal import SqliteJournalReader
from settlement import queries
from settlement.messages import Profile

MAXIMUM_COMMANDS = 1024
MAXIMUM_BYTES = 1024 * 1024
"""A transaction ends with the batch that reaches either: it is short beside a person's patience, and others may
write."""

_ANOTHER = "another follower writes to this database: each venue needs one of its own"

metadata = MetaData(naming_convention=settlement.tables.metadata.naming_convention)

projection = Table(
    "projection",
    metadata,
    Column("one", BigInteger, primary_key=True, autoincrement=False),
    Column("venue_id", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    Column("chain", LargeBinary(32), nullable=False),
    Column("rebuilding_to", BigInteger),
    CheckConstraint("one = 1", "one"),
    CheckConstraint("sequence >= 0", "sequence"),
    CheckConstraint("length(chain) = 32", "chain"),
)
"""One row: the last batch that the database holds. `rebuilding_to` stands while a rebuild leads there; a follower that
goes on in its place takes it away."""


def all_metadata() -> list[MetaData]:
    """All tables of the database, whoever they belong to: what a migration is compared with."""
    return [settlement.tables.metadata, marketdata.tables.metadata, web.tables.metadata, metadata]


def view_tables() -> list[Table]:
    """What a rebuild throws away and makes again; rows come after those that name them."""
    views = (settlement.tables.metadata, marketdata.tables.metadata)
    return [table for metadata in views for table in reversed(metadata.sorted_tables)]


class Cursor(Struct, frozen=True):
    """How far the database has followed, and whom: `sequence` 0 is the journal's birth."""

    venue_id: str
    sequence: int
    time_ns: int
    chain: bytes


class ForeignJournal(Exception):
    """The database and the journal do not belong together, or the journal has lost rows; one line that says what to
    do."""


class CursorMoved(Exception):
    """The cursor does not stand where it was left; one line that says why."""


def cursor(connection: Connection) -> Cursor | None:
    """The cursor, or none while nothing was ever projected."""
    columns = (projection.c.venue_id, projection.c.sequence, projection.c.time_ns, projection.c.chain)
    row = connection.execute(select(*columns)).first()
    return None if row is None else Cursor(*row)


def projected_sequence(connection: Connection) -> int:
    """The last sequence that the database holds, 0 at first: what a query in the same transaction is true of."""
    return connection.execute(select(projection.c.sequence)).scalar_one_or_none() or 0


class Projector:
    """Carries a journal into a database, a bounded transaction at a time."""

    def __init__(
        self,
        engine: Engine,
        journal: SqliteJournalReader,
        *,
        rebuilding_to: int | None = None,
        maximum_commands: int | None = None,
        maximum_bytes: int | None = None,
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._rebuilding_to = rebuilding_to
        self._maximum_commands = maximum_commands or MAXIMUM_COMMANDS
        self._maximum_bytes = maximum_bytes or MAXIMUM_BYTES
        self._at: Cursor | None = None

    @property
    def sequence(self) -> int:
        """How far it got, as far as this object knows."""
        return 0 if self._at is None else self._at.sequence

    def start(self) -> Cursor:
        """Read the cursor, or make one, and hold it against the journal. Raises `ForeignJournal`.

        To be called first, and again after any failure: what the failed transaction did is known only then.
        """
        with self._engine.begin() as connection:
            at = cursor(connection)
            if at is None:
                # Another follower may be making it at this moment: the one that is there counts.
                first = cursor_columns(birth_of(self._journal))
                connection.execute(_make(connection.dialect.name), {"one": 1, **first})
                at = cursor(connection)
        assert at is not None, "made, or there already"
        check_cursor(at, self._journal)
        self._at = at
        return at

    def look(self) -> None:
        """Make sure that the database still holds what was written: one that crashes may lose its last transactions,
        since their commits do not wait for the disk. Raises `DBAPIError`, `CursorMoved`."""
        assert self._at is not None, "started"
        with self._engine.begin() as connection:
            there = projected_sequence(connection)
        if there < self._at.sequence:
            raise CursorMoved(f"the database has gone back from sequence {self._at.sequence} to {there}")
        if there > self._at.sequence:
            raise CursorMoved(_ANOTHER)

    def advance(self) -> Iterator[int]:
        """Project what the journal holds beyond the cursor; yields the sequence reached after each transaction.

        Raises `sqlalchemy.exc.DBAPIError`, `JournalError`, `CursorMoved`; then the rows of the last transaction are
        unwritten or written whole, and `start` finds out which.
        """
        assert self._at is not None, "started"
        records: list[Record] = []
        commands = size = 0
        for record in self._journal.read(self._at.sequence):
            records.append(record)
            commands += record.last_sequence - record.first_sequence + 1
            size += len(record.commands) + len(record.events)
            if commands >= self._maximum_commands or size >= self._maximum_bytes:
                yield self._project(records)
                records, commands, size = [], 0, 0
        if records:
            yield self._project(records)

    def _project(self, records: Sequence[Record]) -> int:
        before = self._at
        assert before is not None
        assert records[0].first_sequence == before.sequence + 1
        # Decoded before the transaction begins: it holds up other writers for no longer than its statements take.
        entries = [record.entry() for record in records]
        last = records[-1]
        after = Cursor(before.venue_id, last.last_sequence, last.time_ns, last.chain)
        with self._engine.begin() as connection:
            # The cursor first: on PostgreSQL its row is the lock that a second follower waits at, and then fails.
            moved = connection.execute(
                update(projection)
                .where(projection.c.sequence == before.sequence)
                .values(**cursor_columns(after), rebuilding_to=self._rebuilding_to)
            )
            if moved.rowcount != 1:
                raise CursorMoved(_ANOTHER)
            project(connection, entries)
        self._at = after
        return after.sequence


def project(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write what committed batches did, in their order, into every view. O(events)."""
    # Asked first: settlement's projection overwrites what its orders displayed.
    displayed = queries.displayed(connection, reported_orders(entries))
    settlement.projection.project(connection, entries)

    def profile_at(sequence: int) -> Profile:
        venue = queries.venue(connection, sequence)
        assert venue is not None, "a venue is configured before anything else happens in it"
        return venue.profile

    marketdata.projection.project(connection, market_batches(entries, profile_at), displayed)


def check_cursor(at: Cursor, journal: SqliteJournalReader) -> None:
    """Raises `ForeignJournal` unless the journal holds the very batch that the database holds last."""
    remedy = "name another database, or move this one away: it is built again from the journal"
    if at.venue_id != journal.birth().venue_id:
        raise ForeignJournal(f"the database was built from the journal of another venue: {remedy}")
    end = journal.tip().sequence
    if end < at.sequence:
        raise ForeignJournal(
            f"the journal ends at sequence {end}, but the database has seen {at.sequence}: "
            "rows of the journal are lost; restore the journal from a copy that reaches that far"
        )
    if at.sequence > 0:
        record = journal.record_of(at.sequence)
        if record.last_sequence != at.sequence or record.chain != at.chain:
            raise ForeignJournal(
                f"the database was built from a journal that differs at sequence {at.sequence}: {remedy}"
            )


def _make(dialect: str) -> Executable:
    return (postgresql.insert if dialect == "postgresql" else sqlite.insert)(projection).on_conflict_do_nothing()


def birth_of(journal: SqliteJournalReader) -> Cursor:
    """Where a database stands that has heard nothing of this journal yet."""
    birth = journal.birth()
    return Cursor(birth.venue_id, 0, 0, birth.chain())


def cursor_columns(at: Cursor) -> dict[str, object]:
    return {"venue_id": at.venue_id, "sequence": at.sequence, "time_ns": at.time_ns, "chain": at.chain}
