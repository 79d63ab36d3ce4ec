"""What was traded on which days, from the totals that everybody may read: the tape, added up.

Sums over days cost O(days * instruments of a day). Who traded is in `daily_trading`, which is asked by nobody but
`web.disclosure`.
"""

from collections.abc import Iterator
from typing import Any, Final, Literal

from msgspec import Struct
from sqlalchemy import Connection, Select, func, select

from settlement import tables

Dimension = Literal["variety", "grade", "warehouse"]

ROWS_AT_ONCE: Final = 500


class Goods(Struct, frozen=True, kw_only=True):
    """Which trades count; null: all."""

    variety: str | None = None
    grade: str | None = None
    warehouse: str | None = None


ALL_GOODS: Final = Goods()


class Traded(Struct, frozen=True):
    """Kilograms, fen, and how many trades that was."""

    volume: int
    turnover_fen: int
    trades: int


def traded(
    connection: Connection, from_day: int, to_day: int, by: Dimension, goods: Goods = ALL_GOODS
) -> dict[str, Traded]:
    """What was traded from one day to another, both counted, by the key of a dimension, ascending."""
    key = tables.daily_totals.c[by]
    query = _sums(key, from_day=from_day, to_day=to_day, goods=goods).group_by(key).order_by(key)
    return {row[0]: _traded(row[1:]) for row in connection.execute(query)}


def traded_by_day(
    connection: Connection, from_day: int, to_day: int, by: Dimension, goods: Goods = ALL_GOODS
) -> list[tuple[int, str, Traded]]:
    """As `traded`, day by day: `(day, key, figures)`, ascending."""
    keys = (tables.daily_totals.c.day, tables.daily_totals.c[by])
    query = _sums(*keys, from_day=from_day, to_day=to_day, goods=goods).group_by(*keys).order_by(*keys)
    return [(row[0], row[1], _traded(row[2:])) for row in connection.execute(query)]


def daily_totals(
    connection: Connection, from_day: int, to_day: int
) -> Iterator[tuple[int, str, str, str, int, int, int]]:
    """Every row: `(day, variety, grade, warehouse, volume, turnover_fen, trades)`, ascending. A bounded part is in
    memory."""
    table = tables.daily_totals
    query = select(table).where(table.c.day.between(from_day, to_day)).order_by(*table.primary_key)
    for row in connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE}):
        yield tuple(row)


def days_traded(connection: Connection) -> tuple[int, int] | None:
    """The first and the last day on which anything was traded. O(log rows)."""
    day = tables.daily_totals.c.day
    first = connection.execute(select(day).order_by(day).limit(1)).scalar_one_or_none()
    last = connection.execute(select(day).order_by(day.desc()).limit(1)).scalar_one_or_none()
    return None if first is None or last is None else (first, last)


def last_posting_ns(connection: Connection) -> int:
    """When the newest posting was made that is here; 0 where there is none. All that happened before is here too."""
    table = tables.transfers
    query = select(table.c.time_ns).order_by(table.c.transfer_id.desc()).limit(1)
    return connection.execute(query).scalar_one_or_none() or 0


def _sums(*keys: Any, from_day: int, to_day: int, goods: Goods) -> Select[Any]:
    table = tables.daily_totals
    query = select(*keys, *(func.sum(table.c[name]) for name in Traded.__struct_fields__)).where(
        table.c.day.between(from_day, to_day)
    )
    for name in goods.__struct_fields__:
        wanted = getattr(goods, name)
        if wanted is not None:
            query = query.where(table.c[name] == tables.storable(wanted))
    return query


def _traded(figures: Any) -> Traded:
    # PostgreSQL adds up to a numeric, which the driver makes a Decimal of.
    return Traded(*map(int, figures))
