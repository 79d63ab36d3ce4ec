"""The views' database in the simulation: SQLite in memory, with a server around it that goes down, is slow, forgets the
last transactions after a loss of power, refuses a transaction, or commits one and cannot say so.

It outlives the venue and its follower. Each connection is the same one, for one thread uses it in turn.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from random import Random
from typing import Any, Final

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event

from exchange.database import JSON_CODEC
from exchange.projector import all_metadata

KEPT: Final = 6
"""Committed states that a loss of power may go back to."""


@cache
def _template() -> bytes:
    """A database with the schema and no rows."""
    connection = sqlite3.connect(":memory:")
    engine = create_engine("sqlite://", creator=lambda: connection, poolclass=StaticPool)
    for metadata in all_metadata():
        metadata.create_all(engine)
    return connection.serialize()


class Database:
    """`engine` is what the venue and its follower use. `fired` is told of each fault that has happened."""

    def __init__(self, chance: Random, fired: Callable[[str], None]) -> None:
        self._chance = chance
        self._fired = fired
        self.down = False
        self._refusing: int | None = None
        """At the so many-th statement from now."""
        self._mute = False
        """The next commit is done and not confirmed."""
        self._connection: sqlite3.Connection = sqlite3.connect(
            ":memory:", factory=lambda *options, **named: _Connection(self, *options, **named), check_same_thread=False
        )
        self._connection.deserialize(_template())
        self._connection.isolation_level = None
        self._connection.execute("PRAGMA foreign_keys = ON")
        self._committed: list[bytes] = [_template()]
        self.engine = self._engine()

    def _engine(self) -> Engine:
        engine = create_engine("sqlite://", creator=lambda: self._connection, poolclass=StaticPool, **JSON_CODEC)

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

        return engine

    # What goes wrong

    def refuse(self, statements: int) -> None:
        """Fail the so many-th statement from now, and with it its transaction."""
        self._refusing = statements

    def commit_in_silence(self) -> None:
        self._mute = True

    def calm(self) -> None:
        self._refusing = None
        self._mute = False
        self.down = False

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """For those who judge: nothing goes wrong, and nothing is counted."""
        planned = self.down, self._refusing, self._mute
        self.calm()
        try:
            yield
        finally:
            self.down, self._refusing, self._mute = planned

    def lose_power(self) -> None:
        """Come back with one of the last committed states: a projection's commits do not wait for the disk."""
        back = self._chance.randrange(min(3, len(self._committed)))
        if back:
            self._fired("database: the last transactions are lost")
            del self._committed[-back:]
        self._load(self._committed[-1])

    def abandon(self) -> None:
        """Who had a transaction open is dead."""
        self._connection.rollback()

    def _load(self, state: bytes) -> None:
        self._connection.rollback()
        # Copied into the connection: `deserialize` would leave table-valued functions (json_each) with a schema that
        # SQLite has freed, and crash.
        kept = sqlite3.connect(":memory:")
        kept.deserialize(state)
        kept.backup(self._connection)
        kept.close()

    # What a driver asks

    def statement(self) -> None:
        """Raises `sqlite3.OperationalError`."""
        if self.down:
            self._fired("database: down")
            raise sqlite3.OperationalError("the database does not answer")
        if self._refusing is not None:
            self._refusing -= 1
            if self._refusing <= 0:
                self._refusing = None
                self._fired("database: a transaction is refused")
                raise sqlite3.OperationalError("the database is out of room")

    def committed(self) -> None:
        """Raises `sqlite3.OperationalError` where the answer is lost."""
        self._committed.append(self._connection.serialize())
        del self._committed[:-KEPT]
        if self._mute:
            self._mute = False
            self._fired("database: a commit is not confirmed")
            raise sqlite3.OperationalError("the connection was lost")


class _Cursor(sqlite3.Cursor):
    def execute(self, statement: str, *parameters: Any) -> Any:
        self._server().statement()
        return super().execute(statement, *parameters)

    def executemany(self, statement: str, *parameters: Any) -> Any:
        self._server().statement()
        return super().executemany(statement, *parameters)

    def _server(self) -> Database:
        connection = self.connection
        assert isinstance(connection, _Connection)
        return connection.server


class _Connection(sqlite3.Connection):
    def __init__(self, server: Database, *options: Any, **named: Any) -> None:
        super().__init__(*options, **named)
        self.server = server

    def cursor(self, *options: Any, **named: Any) -> Any:
        return super().cursor(_Cursor)

    def commit(self) -> None:
        if not self.in_transaction:
            return
        if self.server.down:
            self.rollback()
            raise sqlite3.OperationalError("the database does not answer")
        super().commit()
        self.server.committed()
