"""Rows on their way into a table: made fit, then added, or set over what is there.

SQLite takes them one by one from a prepared statement. PostgreSQL gets all rows of a call as one JSON value, which it
unrolls itself: a parameter and a round trip a statement, whatever the number of rows. (Of what the driver offers,
`executemany` took its side ten times the processor time, a statement of many VALUES thirty times; COPY saves nothing
beside the indexes, and can only add.)
"""

from collections.abc import Callable, Sequence
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from sqlalchemy import JSON, Connection, Dialect, Table
from sqlalchemy.dialects import postgresql

from settlement.tables import storable

Row = dict[str, Any]
"""Column names and values; each row of a table has them all. None is NULL, in a JSON column too."""

MAXIMUM_SUM: Final = 2**63 - 1
"""Sums stop here: no market reaches it, and a column that overflowed would stop the view for good."""


class Sums(Struct, frozen=True):
    """Columns that the values of a row whose key is there already are added to; the rest stays."""

    columns: tuple[str, ...]


Present = Literal["refuse", "keep"] | tuple[str, ...] | Sums
"""What becomes of a row whose key is there already: an error, nothing, it is overwritten but for these columns, or is
added to."""

_encode: Final = msgspec.json.Encoder().encode
_postgresql: Final[Dialect] = postgresql.dialect()  # type: ignore[no-untyped-call]
_quote: Final = _postgresql.identifier_preparer.quote


def add_rows(connection: Connection, table: Table, rows: Sequence[Row] | Sequence[Struct]) -> None:
    """Insert rows, or messages that have the table's columns as fields; a key that is there already raises
    `IntegrityError`."""
    _write(connection, table, rows, "refuse")


def set_rows(
    connection: Connection, table: Table, rows: Sequence[Row] | Sequence[Struct], *, fixed: tuple[str, ...] = ()
) -> None:
    """As `add_rows`, but where the key is there, overwrite the rest. Keys must differ among the rows.

    `fixed` are columns that never change once a row is there. SQLite writes anew each index, and looks again at each
    foreign key, whose column a statement names, whether its value changes or not.
    """
    _write(connection, table, rows, fixed)


def keep_rows(connection: Connection, table: Table, rows: Sequence[Row] | Sequence[Struct]) -> None:
    """As `add_rows`, but what is there stays as it is."""
    _write(connection, table, rows, "keep")


def sum_rows(
    connection: Connection, table: Table, rows: Sequence[Row] | Sequence[Struct], columns: tuple[str, ...]
) -> None:
    """As `add_rows`, but where the key is there, add to its sums. Keys must differ among the rows, and nothing be
    negative: the table's rules are held against the row before it is added."""
    _write(connection, table, rows, Sums(columns))


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


def _write(connection: Connection, table: Table, rows: Sequence[Row] | Sequence[Struct], present: Present) -> None:
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_unrolled(table, present), (_encode(rows).decode(),))
    else:
        values = _values(table, isinstance(rows[0], Struct))
        connection.exec_driver_sql(_one_by_one(table, present), list(map(values, rows)))


@cache
def _unrolled(table: Table, present: Present) -> str:
    """Unrolling a `json` value keeps each integer exact, and a nested value as it was written."""
    columns = ", ".join(_quote(column.name) for column in table.c)
    typed = ", ".join(f"{_quote(column.name)} {column.type.compile(_postgresql)}" for column in table.c)
    return (
        f"INSERT INTO {_quote(table.name)} ({columns}) "
        f"SELECT {columns} FROM json_to_recordset(%s::json) AS told ({typed}){_otherwise(table, present)}"
    )


@cache
def _one_by_one(table: Table, present: Present) -> str:
    columns = ", ".join(_quote(column.name) for column in table.c)
    marks = ", ".join("?" * len(table.c))
    return f"INSERT INTO {_quote(table.name)} ({columns}) VALUES ({marks}){_otherwise(table, present)}"


def _otherwise(table: Table, present: Present) -> str:
    if present == "refuse":
        return ""
    keys = ", ".join(_quote(column.name) for column in table.primary_key)
    if present == "keep":
        return f" ON CONFLICT ({keys}) DO NOTHING"
    if isinstance(present, Sums):
        sums = ", ".join(f"{_quote(name)} = {_sum(_quote(table.name), _quote(name))}" for name in present.columns)
        return f" ON CONFLICT ({keys}) DO UPDATE SET {sums}"
    rest = (_quote(column.name) for column in table.c if not column.primary_key and column.name not in present)
    return f" ON CONFLICT ({keys}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in rest)}"


def _sum(table: str, column: str) -> str:
    old, new = f"{table}.{column}", f"excluded.{column}"
    return f"CASE WHEN {old} > {MAXIMUM_SUM} - {new} THEN {MAXIMUM_SUM} ELSE {old} + {new} END"


@cache
def _values(table: Table, struct: bool) -> Callable[[Any], tuple[Any, ...]]:
    """What takes a row's values in the order of the columns, as SQLite's driver has them."""
    names = [column.name for column in table.c]
    pick: Callable[[Any], tuple[Any, ...]] = attrgetter(*names) if struct else itemgetter(*names)
    encoded = [at for at, column in enumerate(table.c) if isinstance(column.type, JSON)]
    if not encoded:
        return pick

    def values(row: Any) -> tuple[Any, ...]:
        found = list(pick(row))
        for at in encoded:
            if found[at] is not None:
                found[at] = _encode(found[at]).decode()
        return tuple(found)

    return values
