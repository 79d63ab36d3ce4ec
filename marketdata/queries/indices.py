"""The Suixi banana index of each trading day (`marketdata.index`)."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, func, select

from marketdata import tables
from marketdata.index import Constituent, date_of
from marketdata.queries.paging import DEFAULT_LIMIT, MAXIMUM_LIMIT, Page, integer


class IndexDay(Struct, frozen=True, kw_only=True):
    """One code on one trading day. `value` is hundredths of a point for the overall index, of a fen per kilogram for a
    variety. `final`: a later trading day has begun, and only a trade that is taken back can change it.
    """

    code: str
    date: str
    value: int
    carried: bool
    final: bool
    constituents: list[Constituent]


def index(connection: Connection) -> list[IndexDay]:
    """The last trading day's values, by ascending code: the overall one stands first."""
    table = tables.index_days
    last = _last_day(connection)
    rows = connection.execute(select(table).where(table.c.day == last).order_by(table.c.code)).mappings().all()
    return [_day(row, last) for row in rows]


def index_days(
    connection: Connection,
    code: str,
    *,
    from_day: int | None = None,
    to_day: int | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[IndexDay]:
    """The values of a code on the days `[from_day, to_day)`, counted from 1970-01-01, the newest first."""
    assert 1 <= limit <= MAXIMUM_LIMIT
    table = tables.index_days
    query = select(table).where(table.c.code == code).order_by(table.c.day.desc()).limit(limit + 1)
    if from_day is not None:
        query = query.where(table.c.day >= from_day)
    if to_day is not None:
        query = query.where(table.c.day < to_day)
    if cursor is not None:
        query = query.where(table.c.day < integer(cursor))
    rows: Sequence[Any] = connection.execute(query).mappings().all()
    last = _last_day(connection)
    items = [_day(row, last) for row in rows[:limit]]
    return Page(items, str(rows[limit - 1]["day"]) if len(rows) > limit else None)


def has_code(connection: Connection, code: str) -> bool:
    table = tables.index_days
    return connection.execute(select(table.c.day).where(table.c.code == code).limit(1)).first() is not None


def _last_day(connection: Connection) -> int:
    """The last day on which something traded; every later one begins with a trade."""
    return connection.execute(select(func.max(tables.symbol_days.c.day))).scalar_one() or 0


def _day(row: Any, last: int) -> IndexDay:
    return IndexDay(
        code=row["code"],
        date=date_of(row["day"]),
        value=row["value"],
        carried=row["carried"],
        final=row["day"] < last,
        constituents=[(code, weight, price) for code, weight, price in row["constituents"]],
    )
