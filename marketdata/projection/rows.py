"""Rows on their way into a table: added, or set over what is there.

SQLite takes them one by one from a prepared statement, PostgreSQL all of a call as one JSON value that it unrolls
itself: half of the time that they take through the compiler of statements goes into making parameters.
"""

from collections.abc import Callable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, Final

import msgspec
from sqlalchemy import JSON, Connection, Dialect, Table
from sqlalchemy.dialects import postgresql

Row = dict[str, Any]
"""Column names and values; each row of a table has them all."""

encode: Final = msgspec.json.Encoder().encode
_postgresql: Final[Dialect] = postgresql.dialect()  # type: ignore[no-untyped-call]


def add_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows; a key that is there already raises `IntegrityError`."""
    _write(connection, table, rows, "")


def set_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """As `add_rows`, but where the key is there, overwrite the rest. Keys must differ among the rows."""
    rest = [column.name for column in table.c if not column.primary_key]
    _write(connection, table, rows, ", ".join(f"{name} = excluded.{name}" for name in rest))


def _write(connection: Connection, table: Table, rows: Sequence[Row], present: str) -> None:
    """`present` is what becomes of a row whose key is there already."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_unrolled(table, present), (encode(rows).decode(),))
    else:
        connection.exec_driver_sql(_one_by_one(table, present), list(map(_values(table), rows)))


@cache
def _unrolled(table: Table, present: str) -> str:
    columns = ", ".join(column.name for column in table.c)
    typed = ", ".join(f"{column.name} {column.type.compile(_postgresql)}" for column in table.c)
    return (
        f"INSERT INTO {table.name} ({columns}) "
        f"SELECT {columns} FROM json_to_recordset(%s::json) AS told ({typed}){_otherwise(table, present)}"
    )


@cache
def _one_by_one(table: Table, present: str) -> str:
    columns = ", ".join(column.name for column in table.c)
    marks = ", ".join("?" * len(table.c))
    return f"INSERT INTO {table.name} ({columns}) VALUES ({marks}){_otherwise(table, present)}"


def _otherwise(table: Table, present: str) -> str:
    keys = ", ".join(column.name for column in table.primary_key)
    return f" ON CONFLICT ({keys}) DO UPDATE SET {present}" if present else ""


@cache
def _values(table: Table) -> Callable[[Row], tuple[Any, ...]]:
    pick: Callable[[Row], tuple[Any, ...]] = itemgetter(*(column.name for column in table.c))
    encoded = [at for at, column in enumerate(table.c) if isinstance(column.type, JSON)]
    if not encoded:
        return pick

    def values(row: Row) -> tuple[Any, ...]:
        found = list(pick(row))
        for at in encoded:
            found[at] = encode(found[at]).decode()
        return tuple(found)

    return values
