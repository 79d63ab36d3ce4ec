"""What was paid for storage, and the income that it is, day by day."""

from typing import Literal

from msgspec import Struct
from sqlalchemy import BigInteger, Connection, cast, func, select, tuple_

from settlement import tables
from settlement.messages.storage import StorageCause
from settlement.queries.paging import DEFAULT_LIMIT, InvalidCursor, Page, fetch, integer, page


class StoragePayment(Struct, frozen=True, kw_only=True):
    """What was settled of a receipt: `amount_fen` was paid, what was due beyond it has lapsed. Days are numbers of
    local days; `to_day` itself is not charged."""

    sequence: int
    line: int
    time_ns: int
    cause: StorageCause
    reference_id: int
    participant_id: int
    receipt_id: int
    lot_id: int
    warehouse: str
    weight_g: int
    from_day: int
    to_day: int
    due_fen: int
    amount_fen: int


class StorageIncome(Struct, frozen=True, kw_only=True):
    """A warehouse's storage on a local day: `paid_fen` and `lapsed_fen` are what was settled on it, `earned_fen` is
    what has been paid by now for that day, whenever it was paid."""

    day: int
    warehouse: str
    paid_fen: int = 0
    lapsed_fen: int = 0
    earned_fen: int = 0


class WastageClaim(Struct, frozen=True, kw_only=True):
    """A loss beyond a warehouse's standard, and how the claim for it ended (`outcome` null: it is open). `weight_g` and
    `due_fen` are the asked participant's part, or the whole."""

    claim_id: int
    lot_id: int
    warehouse: str
    standard_g: int
    shrinkage_g: int
    beyond_g: int
    amount_fen: int
    sequence: int
    time_ns: int
    weight_g: int
    due_fen: int
    outcome: Literal["paid", "dismissed"] | None
    reason: str | None


def storage_payments(
    connection: Connection,
    participant_id: int | None,
    *,
    warehouse: str | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[StoragePayment]:
    """The newest first; of one participant, or all."""
    table = tables.storage_payments
    query = select(table).order_by(table.c.sequence.desc(), table.c.line.desc())
    if participant_id is not None:
        query = query.where(table.c.participant_id == participant_id)
    if warehouse is not None:
        query = query.where(table.c.warehouse == tables.storable(warehouse))
    if cursor is not None:
        sequence, dot, line = cursor.partition(".")
        if not dot:
            raise InvalidCursor(cursor)
        query = query.where(tuple_(table.c.sequence, table.c.line) < (integer(sequence), integer(line)))
    return fetch(connection, query, limit, StoragePayment, lambda each: f"{each.sequence}.{each.line}")


def storage_income(
    connection: Connection, from_day: int, to_day: int, warehouse: str | None = None
) -> list[StorageIncome]:
    """By day, from `from_day` to before `to_day`, then by warehouse; days on which nothing was are left out.

    A payment is income of its days in equal parts, in whole fen: of n days the first k have earned ⌊amount × k / n⌋, so
    that the days of a payment add up to it. O(payments for or on any of the days, and later).
    """
    table = tables.storage_payments
    found: dict[tuple[int, str], list[int]] = {}
    settled = select(
        table.c.to_day,
        table.c.warehouse,
        func.sum(table.c.amount_fen),
        func.sum(table.c.due_fen - table.c.amount_fen),
    ).where(table.c.to_day >= from_day, table.c.to_day < to_day)
    earned = select(table.c.warehouse, table.c.from_day, table.c.to_day, table.c.amount_fen).where(
        table.c.to_day > from_day, table.c.from_day < to_day
    )
    if warehouse is not None:
        where = table.c.warehouse == tables.storable(warehouse)
        settled, earned = settled.where(where), earned.where(where)
    for day, code, paid, lapsed in connection.execute(settled.group_by(table.c.to_day, table.c.warehouse)):
        found[day, code] = [int(paid), int(lapsed), 0]
    for code, first, end, amount in connection.execute(earned):
        days = end - first
        for day in range(max(first, from_day), min(end, to_day)):
            at = day - first
            share = amount * (at + 1) // days - amount * at // days
            found.setdefault((day, code), [0, 0, 0])[2] += share
    return [
        StorageIncome(day=day, warehouse=code, paid_fen=paid, lapsed_fen=lapsed, earned_fen=earned_fen)
        for (day, code), (paid, lapsed, earned_fen) in sorted(found.items())
    ]


def wastage_claims(
    connection: Connection, participant_id: int | None, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
) -> Page[WastageClaim]:
    """The newest first: all, or those for goods of a participant."""
    claims, shares, ends = tables.wastage_claims, tables.wastage_shares, tables.wastage_settlements
    weight = select(func.sum(shares.c.weight_g)).where(shares.c.claim_id == claims.c.claim_id)
    due = select(func.sum(shares.c.amount_fen)).where(shares.c.claim_id == claims.c.claim_id)
    query = select(claims, ends.c.outcome, ends.c.reason).order_by(claims.c.claim_id.desc())
    if participant_id is not None:
        his = shares.c.participant_id == participant_id
        weight, due = weight.where(his), due.where(his)
        query = query.where(claims.c.claim_id.in_(select(shares.c.claim_id).where(his)))
    # PostgreSQL adds integers up to a decimal.
    query = query.add_columns(
        cast(weight.scalar_subquery(), BigInteger).label("weight_g"),
        cast(due.scalar_subquery(), BigInteger).label("due_fen"),
    ).select_from(claims.outerjoin(ends, ends.c.claim_id == claims.c.claim_id))
    return page(connection, query, claims.c.claim_id, cursor, limit, WastageClaim)
