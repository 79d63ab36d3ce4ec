"""What loggers have read, and the broken cold chains that came of it."""

import re
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, func, or_, select, tuple_, union

from settlement import tables
from settlement.queries.paging import DEFAULT_LIMIT, InvalidCursor, Page, fetch, page


class StoredReading(Struct, frozen=True, kw_only=True):
    """Tenths of a degree Celsius, permille of relative humidity where the logger measures it."""

    logger_id: str
    time_ns: int
    warehouse: str
    temperature_dc: int
    humidity_permille: int | None = None


class ReadingsSummary(Struct, frozen=True, kw_only=True):
    """The extremes of some readings; null where there are none."""

    readings: int = 0
    minimum_temperature_dc: int | None = None
    maximum_temperature_dc: int | None = None
    minimum_humidity_permille: int | None = None
    maximum_humidity_permille: int | None = None


class ColdChainBreak(Struct, frozen=True, kw_only=True):
    """A broken cold chain: outside the range since `since_ns`, for too long by `time_ns`, right again at `restored_ns`
    after `outside_ns` in all; both null while it lasts. `receipts` counts those that it affects, `hours` is the most
    that any lot has lost by it."""

    break_id: int
    logger_id: str
    warehouse: str
    chamber: str | None
    since_ns: int
    time_ns: int
    extreme_dc: int
    sequence: int
    restored_ns: int | None
    outside_ns: int | None
    receipts: int
    hours: int


class ColdChainReceipt(Struct, frozen=True, kw_only=True):
    """A receipt whose goods lay in a broken cold chain, what they have lost, and when they now expire (null: they have
    lost no whole hour)."""

    break_id: int
    receipt_id: int
    lot_id: int
    participant_id: int
    weight_g: int
    counterparty_id: int | None
    hours: int
    expires_ns: int | None


_READING_CURSOR: Final = re.compile(r"(-?\d{1,19}):([A-Za-z0-9._:-]{1,64})")


def readings(
    connection: Connection,
    warehouse: str,
    *,
    logger_id: str | None,
    from_ns: int,
    to_ns: int,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[StoredReading]:
    """From `from_ns` to before `to_ns`, the newest first, of equal times by descending logger."""
    table = tables.readings
    query = _within(select(table), warehouse, logger_id, from_ns, to_ns)
    if cursor is not None:
        found = _READING_CURSOR.fullmatch(cursor)
        if found is None or not -(2**63) <= int(found[1]) < 2**63:
            raise InvalidCursor(cursor)
        query = query.where(tuple_(table.c.time_ns, table.c.logger_id) < (int(found[1]), found[2]))
    query = query.order_by(table.c.time_ns.desc(), table.c.logger_id.desc())
    return fetch(connection, query, limit, StoredReading, lambda each: f"{each.time_ns}:{each.logger_id}")


def readings_summary(
    connection: Connection, warehouse: str, *, logger_id: str | None, from_ns: int, to_ns: int
) -> ReadingsSummary:
    """The extremes of all of them. O(readings)."""
    table = tables.readings
    columns: tuple[ColumnElement[Any], ...] = (
        func.count(),
        func.min(table.c.temperature_dc),
        func.max(table.c.temperature_dc),
        func.min(table.c.humidity_permille),
        func.max(table.c.humidity_permille),
    )
    query = select(*columns)
    row = connection.execute(_within(query, warehouse, logger_id, from_ns, to_ns)).one()
    return ReadingsSummary(
        readings=row[0],
        minimum_temperature_dc=row[1],
        maximum_temperature_dc=row[2],
        minimum_humidity_permille=row[3],
        maximum_humidity_permille=row[4],
    )


def cold_chain_breaks(
    connection: Connection,
    participant_id: int | None,
    *,
    warehouse: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[ColdChainBreak]:
    """The newest first; all, or those that touch a participant's receipts or what is promised or pledged to him."""
    breaks, ends, receipts, losses = (
        tables.cold_chain_breaks,
        tables.cold_chain_ends,
        tables.cold_chain_receipts,
        tables.life_losses,
    )
    counted = select(func.count()).where(receipts.c.break_id == breaks.c.break_id)
    if participant_id is not None:
        counted = counted.where(_concerns(participant_id))
    lost = select(func.coalesce(func.max(losses.c.hours), 0)).where(losses.c.break_id == breaks.c.break_id)
    query = (
        select(
            *(column for column in breaks.c if column.name != "extreme_dc"),
            func.coalesce(ends.c.extreme_dc, breaks.c.extreme_dc).label("extreme_dc"),
            ends.c.time_ns.label("restored_ns"),
            ends.c.outside_ns,
            counted.scalar_subquery().label("receipts"),
            lost.scalar_subquery().label("hours"),
        )
        .select_from(breaks.outerjoin(ends, ends.c.break_id == breaks.c.break_id))
        .order_by(breaks.c.break_id.desc())
    )
    if participant_id is not None:
        # Each way in which it may concern him has an index of its own.
        his = union(
            select(receipts.c.break_id).where(receipts.c.participant_id == participant_id),
            select(receipts.c.break_id).where(receipts.c.counterparty_id == participant_id),
        ).subquery()
        query = query.join(his, his.c.break_id == breaks.c.break_id)
    if warehouse is not None:
        query = query.where(breaks.c.warehouse == tables.storable(warehouse))
    return page(connection, query, breaks.c.break_id, cursor, limit, ColdChainBreak)


def cold_chain_receipts(
    connection: Connection,
    break_id: int,
    participant_id: int | None,
    *,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[ColdChainReceipt]:
    """What a break affects, descending `receipt_id`: all, or what concerns a participant."""
    receipts, losses = tables.cold_chain_receipts, tables.life_losses
    query = (
        select(receipts, func.coalesce(losses.c.hours, 0).label("hours"), losses.c.expires_ns)
        .select_from(
            receipts.outerjoin(
                losses, (losses.c.break_id == receipts.c.break_id) & (losses.c.lot_id == receipts.c.lot_id)
            )
        )
        .where(receipts.c.break_id == break_id)
        .order_by(receipts.c.receipt_id.desc())
    )
    if participant_id is not None:
        query = query.where(_concerns(participant_id))
    return page(connection, query, receipts.c.receipt_id, cursor, limit, ColdChainReceipt)


def _concerns(participant_id: int) -> ColumnElement[bool]:
    table = tables.cold_chain_receipts
    return or_(table.c.participant_id == participant_id, table.c.counterparty_id == participant_id)


def _within(query: Select[Any], warehouse: str, logger_id: str | None, from_ns: int, to_ns: int) -> Select[Any]:
    table = tables.readings
    query = query.where(
        table.c.warehouse == tables.storable(warehouse), table.c.time_ns >= from_ns, table.c.time_ns < to_ns
    )
    return query if logger_id is None else query.where(table.c.logger_id == tables.storable(logger_id))
