"""What may be told of trading by origin and by the buyers' region, so that no figure is a participant's.

1. A cell is a day and a town, or a day and a region. It stands alone with at least three sellers and three buyers; the
   others of the day are told together, as 其他 (other).
2. 其他 stands by the same rule. Where it would not, the smallest cell that could stand alone joins it.
3. Whatever is told of more days is a sum of these cells, so that no difference of two answers is less than a cell.
4. A day is told when it cannot change any more: its trades can be taken back for 24 hours, so two days later. Its cells
   are then the same for ever: a participant who moves does so from a day on that was not told yet.

There is one table by town and one by region, neither by goods: what the tape tells by goods would otherwise be taken
off. Three, because two could each take off himself and see the other.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, distinct, func, literal, or_, select
from sqlalchemy.sql.expression import FromClause

from settlement.civil import venue_day
from settlement.queries.statistics import Traded
from settlement.tables import daily_trading
from web.ports import Gateway
from web.tables import participant_regions

Kind = Literal["origin", "buyer_region"]

MINIMUM_PARTICIPANTS: Final = 3
OTHER: Final = "其他"
UNREGISTERED: Final = "未登记"
"""The region of a buyer who has none on record."""

WITHHELD_DAYS: Final = 2
"""How many days, today's among them, can still change."""

MAXIMUM_KEPT: Final = 4_000
"""Days of each kind that are kept in memory."""

DAYS_AT_ONCE: Final = 31
"""Days in one question: a statement is to end long before a database would end it."""


class Cell(Struct, frozen=True):
    """What is told of a day; `other`: it is what is left of the day."""

    day: int
    key: str
    figures: Traded
    other: bool


class _Counted(Struct, frozen=True):
    """A cell before it is known whether it stands."""

    day: int
    key: str
    figures: Traded
    sellers: int
    buyers: int

    def stands(self) -> bool:
        enough = min(self.sellers, self.buyers) >= MINIMUM_PARTICIPANTS
        return enough and self.key != OTHER


def disclosed_through(time_ns: int) -> int:
    """The last day that cannot change any more at this time."""
    return venue_day(time_ns) - WITHHELD_DAYS


def disclosed_cells(connection: Connection, kind: Kind, from_day: int, to_day: int) -> list[Cell]:
    """What is told of these days, both counted, ascending by day and key, 其他 last. O(rows of the days).

    The caller sees to it that `to_day` has been `disclosed_through`.
    """
    source = _source(kind, from_day, to_day)
    counted = _counted(connection, source)
    others = _others(connection, source) if any(not each.stands() for each in counted) else {}
    cells: list[Cell] = []
    for day, found in groupby(counted, key=lambda each: each.day):
        cells += _told(day, list(found), others.get(day, (0, 0)))
    return cells


def _told(day: int, counted: list[_Counted], others: tuple[int, int]) -> Iterable[Cell]:
    """The cells of a day. `others` are the sellers and the buyers of those that do not stand, each counted once."""
    standing = [each for each in counted if each.stands()]
    rest = [each for each in counted if not each.stands()]
    if rest and min(others) < MINIMUM_PARTICIPANTS and standing:
        smallest = min(standing, key=lambda each: (each.figures.volume, each.key))
        standing.remove(smallest)
        rest.append(smallest)
    for each in standing:
        yield Cell(day, each.key, each.figures, False)
    if rest:
        yield Cell(day, OTHER, added(each.figures for each in rest), True)


def added(figures: Iterable[Traded]) -> Traded:
    """All of them together."""
    volume = turnover_fen = trades = 0
    for each in figures:
        volume += each.volume
        turnover_fen += each.turnover_fen
        trades += each.trades
    return Traded(volume, turnover_fen, trades)


def _source(kind: Kind, from_day: int, to_day: int) -> FromClause:
    """The rows of these days, each with the key of its cell."""
    table = daily_trading
    figures = (table.c.day, table.c.seller_id, table.c.buyer_id, table.c.volume, table.c.turnover_fen, table.c.trades)
    among = table.c.day.between(from_day, to_day)
    if kind == "origin":
        return select(*figures, table.c.town.label("key")).where(among).subquery("told")
    regions, later = participant_regions, participant_regions.alias("later")
    since = (
        select(func.max(later.c.since_day))
        .where(later.c.participant_id == table.c.buyer_id, later.c.since_day <= table.c.day)
        .scalar_subquery()
    )
    at_home = and_(regions.c.participant_id == table.c.buyer_id, regions.c.since_day == since)
    key = func.coalesce(regions.c.region, literal(UNREGISTERED)).label("key")
    return select(*figures, key).select_from(table.outerjoin(regions, at_home)).where(among).subquery("told")


def _counted(connection: Connection, source: FromClause) -> list[_Counted]:
    columns = source.c
    query = (
        select(
            columns.day,
            columns.key,
            func.sum(columns.volume),
            func.sum(columns.turnover_fen),
            func.sum(columns.trades),
            _number(columns.seller_id),
            _number(columns.buyer_id),
        )
        .group_by(columns.day, columns.key)
        .order_by(columns.day, columns.key)
    )
    return [
        _Counted(day, key, Traded(int(volume), int(turnover_fen), int(trades)), sellers, buyers)
        for day, key, volume, turnover_fen, trades, sellers, buyers in connection.execute(query)
    ]


def _others(connection: Connection, source: FromClause) -> dict[int, tuple[int, int]]:
    """How many sellers and buyers have the cells of a day that do not stand."""
    columns = source.c
    thin = (
        select(columns.day, columns.key)
        .group_by(columns.day, columns.key)
        .having(
            or_(
                _number(columns.seller_id) < MINIMUM_PARTICIPANTS,
                _number(columns.buyer_id) < MINIMUM_PARTICIPANTS,
                columns.key == OTHER,
            )
        )
        .subquery("thin")
    )
    query = (
        select(columns.day, _number(columns.seller_id), _number(columns.buyer_id))
        .select_from(source.join(thin, and_(thin.c.day == columns.day, thin.c.key == columns.key)))
        .group_by(columns.day)
    )
    return {day: (sellers, buyers) for day, sellers, buyers in connection.execute(query)}


def _number(column: ColumnElement[Any]) -> ColumnElement[int]:
    return func.count(distinct(column))


class DisclosedDays:
    """The cells of days that were told once: they never change, and each costs a look at all of its trading."""

    def __init__(self) -> None:
        self._kept: dict[Kind, OrderedDict[int, list[Cell]]] = {"origin": OrderedDict(), "buyer_region": OrderedDict()}
        self._reading = asyncio.Lock()

    async def cells(self, gateway: Gateway, kind: Kind, spans: Iterable[tuple[int, int]]) -> list[list[Cell]]:
        """The cells of each span of days, ascending. Raises `HistoryUnavailable`.

        One reader at a time looks up what is missing, so that the same days are not counted twice at once.
        """
        wanted = [range(from_day, to_day + 1) for from_day, to_day in spans]
        kept = self._kept[kind]
        async with self._reading:
            for days in wanted:
                missing = [day for day in days if day not in kept]
                while missing:
                    last = min(missing[-1], missing[0] + DAYS_AT_ONCE - 1)
                    await self._read(gateway, kind, missing[0], last)
                    missing = [day for day in missing if day > last]
            found = [[cell for day in days for cell in kept.get(day, ())] for days in wanted]
            while len(kept) > MAXIMUM_KEPT:
                kept.popitem(last=False)
        return found

    async def _read(self, gateway: Gateway, kind: Kind, from_day: int, to_day: int) -> None:
        _, cells = await gateway.history(lambda connection: disclosed_cells(connection, kind, from_day, to_day))
        days: dict[int, list[Cell]] = {day: [] for day in range(from_day, to_day + 1)}
        for cell in cells:
            days[cell.day].append(cell)
        self._kept[kind].update(days)
