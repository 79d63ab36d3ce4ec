"""Books of the past, and the phases of instruments."""

from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, and_, func, select, tuple_

from marketdata import tables
from marketdata.depth import checksum
from marketdata.messages import Level
from marketdata.queries.paging import DEFAULT_LIMIT, MAXIMUM_LIMIT, Page, integers, value
from matching.messages import Phase, Side

CHECKED_LEVELS: Final = 10
"""Levels a side that a checksum is made of."""


class Book(Struct, frozen=True, kw_only=True):
    """A book as readers saw it after the command `sequence`: levels `[price, quantity, orders]`, best first, and the
    checksum that the feed sent. `time_ns` is the time of that command, or of the last batch until the time asked for.
    """

    symbol: str
    sequence: int
    time_ns: int
    phase: Phase
    bids: list[Level]
    asks: list[Level]
    checksum: int


class PhaseChange(Struct, frozen=True, kw_only=True):
    """A phase that an instrument has entered; `dark`: from then on its book is not shown."""

    symbol: str
    sequence: int
    position: int
    phase: Phase
    dark: bool
    time_ns: int


class Moment(Struct, frozen=True):
    """The last sequence of a batch, and its time."""

    sequence: int
    time_ns: int


def moment_of(connection: Connection, sequence: int) -> Moment | None:
    """The batch of a command; none of one that is not there (yet). O(log batches)."""
    table = tables.moments
    query = select(table).where(table.c.sequence >= sequence).order_by(table.c.sequence).limit(1)
    row = connection.execute(query).mappings().first()
    return None if row is None else value(row, Moment)


def moment_at(connection: Connection, time_ns: int) -> Moment | None:
    """The last batch at or before a time. O(log batches)."""
    table = tables.moments
    latest = (table.c.time_ns.desc(), table.c.sequence.desc())
    row = connection.execute(select(table).where(table.c.time_ns <= time_ns).order_by(*latest).limit(1)).mappings()
    found = row.first()
    return None if found is None else value(found, Moment)


def book(
    connection: Connection,
    symbol: str,
    *,
    at_sequence: int | None = None,
    at_ns: int | None = None,
    depth: int | None = 25,
) -> Book | None:
    """The book after a command, or at a time; all levels without a depth. None where the instrument was not there yet,
    or the command is not there yet.

    Exactly one of `at_sequence` and `at_ns` is given. Of a time the answer's sequence is that of the last batch until
    then. O(prices ever shown that are at least as good as the last level · log their changes).
    """
    assert (at_sequence is None) != (at_ns is None)
    moment = moment_at(connection, at_ns) if at_ns is not None else moment_of(connection, at_sequence or 0)
    if moment is None:
        return None
    sequence = moment.sequence if at_sequence is None else at_sequence
    phase = _phase_of(connection, symbol, sequence)
    if phase is None:
        return None
    wanted = None if depth is None else max(depth, CHECKED_LEVELS)
    bids = levels_at(connection, symbol, "buy", sequence, wanted)
    asks = levels_at(connection, symbol, "sell", sequence, wanted)
    return Book(
        symbol=symbol,
        sequence=sequence,
        time_ns=moment.time_ns,
        phase=phase,
        bids=bids[:depth],
        asks=asks[:depth],
        checksum=checksum(bids, asks),
    )


def phases(
    connection: Connection, symbol: str, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[PhaseChange]:
    """The phases that an instrument has gone through, the newest first."""
    assert 1 <= limit <= MAXIMUM_LIMIT
    table = tables.phase_changes
    query = select(table).where(table.c.symbol == symbol)
    if cursor is not None:
        query = query.where(tuple_(table.c.sequence, table.c.position) < integers(cursor, 2))
    newest = (table.c.sequence.desc(), table.c.position.desc())
    rows = connection.execute(query.order_by(*newest).limit(limit + 1)).mappings().all()
    items = [value(row, PhaseChange) for row in rows[:limit]]
    return Page(items, f"{items[-1].sequence}-{items[-1].position}" if len(rows) > limit else None)


def _phase_of(connection: Connection, symbol: str, sequence: int) -> Phase | None:
    """The phase after a command."""
    table = tables.phase_changes
    query = select(table.c.phase).where(table.c.symbol == symbol, table.c.sequence <= sequence)
    newest = (table.c.sequence.desc(), table.c.position.desc())
    phase: Phase | None = connection.execute(query.order_by(*newest).limit(1)).scalar_one_or_none()
    return phase


def levels_at(connection: Connection, symbol: str, side: Side, sequence: int, depth: int | None) -> list[Level]:
    """The best levels, best first: for each price at which there ever was one, its last change until then."""
    prices, changes = tables.levels, tables.level_changes
    earlier = changes.alias("earlier")
    last = (
        select(func.max(earlier.c.sequence))
        .where(_at_one_price(earlier.c, prices.c), earlier.c.sequence <= sequence)
        .correlate(prices)
        .scalar_subquery()
    )
    query = (
        select(prices.c.price, changes.c.quantity, changes.c.orders)
        .select_from(prices.join(changes, and_(_at_one_price(changes.c, prices.c), changes.c.sequence == last)))
        .where(prices.c.symbol == symbol, prices.c.side == side, changes.c.quantity > 0)
        .order_by(prices.c.price.desc() if side == "buy" else prices.c.price.asc())
    )
    if depth is not None:
        query = query.limit(depth)
    return [(price, quantity, orders) for price, quantity, orders in connection.execute(query)]


def _at_one_price(one: Any, other: Any) -> ColumnElement[bool]:
    return and_(one.symbol == other.symbol, one.side == other.side, one.price == other.price)
