"""Rows on their way into a table: made fit, then added, or set over what is there."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Connection, Executable, Table, insert
from sqlalchemy.dialects import postgresql, sqlite

from settlement.tables import storable

Row = dict[str, Any]
"""Column names and values; each row of a table has them all."""


def add_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows; a key that is there already raises `IntegrityError`."""
    if rows:
        connection.execute(_insert(table), rows)


def set_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows; where the key is there, overwrite the rest. Keys must differ among the rows."""
    if rows:
        connection.execute(_upsert(table, connection.dialect.name), rows)


def as_rows(structs: Iterable[Struct]) -> list[Row]:
    return [asdict(struct) for struct in structs]


def fit(row: Row) -> Row:
    """The row with what a participant may send and PostgreSQL cannot keep made fit: NUL in a text, integers over 63
    bits."""
    return {name: _fit(value) for name, value in row.items()}


def _fit(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return min(max(value, -(2**63)), 2**63 - 1)
    return value


@cache
def _insert(table: Table) -> Executable:
    return insert(table)


@cache
def _upsert(table: Table, dialect: str) -> Executable:
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    return statement.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_={column.name: statement.excluded[column.name] for column in table.c if not column.primary_key},
    )
