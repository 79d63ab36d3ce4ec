"""How lists are cut into pages by key, and how rows become messages."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import Column, ColumnElement, Connection, Select, select, union_all

T = TypeVar("T")
S = TypeVar("S", bound=Struct)

MAXIMUM_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 100


class Page(Struct, Generic[T], frozen=True):
    """Some items of a list, and the cursor of the following ones."""

    items: list[T]
    next: str | None = None


class InvalidCursor(ValueError):
    """The text is not the `next` of any page of this list."""


def page(
    connection: Connection,
    query: Select[Any],
    key: ColumnElement[int],
    cursor: str | None,
    limit: int,
    kind: type[S],
) -> Page[S]:
    """A page of a list that descends by one integer key."""
    if cursor is not None:
        query = query.where(key < integer(cursor))
    name = str(getattr(key, "name", ""))
    return fetch(connection, query, limit, kind, lambda item: str(getattr(item, name)))


def fetch(
    connection: Connection, query: Select[Any], limit: int, kind: type[S], cursor_of: Callable[[S], str]
) -> Page[S]:
    """One row more than asked for tells whether there is a next page."""
    assert 1 <= limit <= MAXIMUM_LIMIT
    rows = connection.execute(query.limit(limit + 1)).mappings().all()
    items = [message(row, kind) for row in rows[:limit]]
    return Page(items, cursor_of(items[-1]) if len(rows) > limit else None)


def either(
    columns: Sequence[Column[Any]],
    value: Any,
    conditions: Sequence[ColumnElement[bool]],
    key: Column[int],
    rows: int,
    *,
    newest: bool = True,
) -> Select[Any]:
    """Rows of one table in which one of the columns has the value, at most `rows` of them by the key.

    The first of each column are found by that column's index, and together they hold the first of all; no row has the
    value in two of them.
    """
    table = key.table
    ordered = key.desc() if newest else key.asc()
    found = [
        select(table).where(column == value, *conditions).order_by(ordered).limit(rows).subquery() for column in columns
    ]
    together = union_all(*(select(each) for each in found)).subquery()
    merged = together.c[key.name]
    return select(together).order_by(merged.desc() if newest else merged.asc()).limit(rows)


def by_id(connection: Connection, key: Column[int], number: int, kind: type[S]) -> S | None:
    """A number that no column holds is nobody's id, not an error."""
    if not 0 <= number < 2**63:
        return None
    return one(connection, select(key.table).where(key == number), kind)


def one(connection: Connection, query: Select[Any], kind: type[S]) -> S | None:
    row = connection.execute(query).mappings().first()
    return None if row is None else message(row, kind)


def message(row: Any, kind: type[S]) -> S:
    """A row has a message's fields as columns; lists in JSON become tuples where the message has them."""
    return msgspec.convert({name: row[name] for name in kind.__struct_fields__}, kind)


def integer(cursor: str) -> int:
    """Raises `InvalidCursor` where the text is no 63-bit number."""
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 19) or int(cursor) >= 2**63:
        raise InvalidCursor(cursor)
    return int(cursor)
