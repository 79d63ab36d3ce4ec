"""Prices of other markets in the database: how files come in, and what is read.

An import is one transaction. Each line of its file is then one of four: added; there already with the same price; there
with another one (a conflict, which changes nothing); or unreadable. The last two are kept with their text, so that
nothing of a file is lost, and the same file again changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, delete, func, insert, select, update

from settlement.civil import iso_date
from web.price_csv import PriceFile, PriceRow, Reject
from web.tables import price_imports, price_rejects, price_series, prices

ROWS_AT_ONCE: Final = 500
CONFLICT: Final = "conflict"

SeriesKey = tuple[str, str, str]
"""Origin, currency and unit, of one source."""


class Imported(Struct, frozen=True, kw_only=True):
    """What became of a file's lines; `rows` are all of them, `rejects` the conflicts and the unreadable ones."""

    import_id: int
    source: str
    file_name: str
    rows: int
    added: int
    existing: int
    conflicts: int
    rejected: int
    series: int
    rejects: list[Reject]


class ImportRecord(Struct, frozen=True, kw_only=True):
    """An import as it is remembered; `imported_by` is null for the command line."""

    import_id: int
    source: str
    file_name: str
    digest: str
    imported_ns: int
    imported_by: int | None
    rows: int
    added: int
    existing: int
    conflicts: int
    rejected: int


class SeriesRecord(Struct, frozen=True, kw_only=True):
    """A series, and what there is of it."""

    series_id: int
    source: str
    origin: str
    currency: str
    unit: str
    prices: int
    first_date: str | None
    last_date: str | None


class Price(Struct, frozen=True, kw_only=True):
    """A day's price: `price` divided by ten to the power of `scale`, which `text` writes out."""

    date: str
    price: int
    scale: int
    text: str


def import_file(
    connection: Connection,
    source: str,
    file: PriceFile,
    content: bytes,
    *,
    file_name: str,
    now_ns: int,
    imported_by: int | None,
) -> Imported:
    """Take a file in. O(file + prices of its series)."""
    if connection.dialect.name == "postgresql":
        # Two imports at once would both find a price missing. SQLite has one writer anyway.
        connection.exec_driver_sql("LOCK TABLE price_imports IN SHARE ROW EXCLUSIVE MODE")
    import_id = _import_of(connection, source, sha256(content).digest(), file_name, now_ns, imported_by)
    series = _series_of(connection, source, file.rows, now_ns)
    known = _known(connection, series.values(), file.rows)
    new: list[dict[str, Any]] = []
    conflicts: list[Reject] = []
    existing = 0
    for row in file.rows:
        key = (series[row.origin, row.currency, row.unit], row.day)
        there = known.get(key)
        if there is None:
            known[key] = (row.price, row.scale)
            new.append(
                {
                    "series_id": key[0],
                    "day": row.day,
                    "price": row.price,
                    "scale": row.scale,
                    "import_id": import_id,
                }
            )
        elif same_price(there, (row.price, row.scale)):
            existing += 1
        else:
            detail = f"{iso_date(row.day)} has {decimal(*there)} already"
            conflicts.append(Reject(row.line, "price", CONFLICT, detail, row.text))
    rejects = sorted([*file.rejects, *conflicts], key=lambda each: each.line)
    counts = {
        "rows": len(file.rows) + len(file.rejects),
        "added": len(new),
        "existing": existing,
        "conflicts": len(conflicts),
        "rejected": len(file.rejects),
    }
    for part in _parts(new):
        connection.execute(insert(prices), part)
    for part in _parts([{"import_id": import_id, **_storable(each)} for each in rejects]):
        connection.execute(insert(price_rejects), part)
    connection.execute(update(price_imports).where(price_imports.c.import_id == import_id).values(counts))
    return Imported(
        import_id=import_id, source=source, file_name=file_name, series=len(series), rejects=rejects, **counts
    )


def same_price(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether 0.5 is 0.50: exactly."""
    return bool(one[0] * 10 ** other[1] == other[0] * 10 ** one[1])


def decimal(price: int, scale: int) -> str:
    """`55, 2` is 0.55."""
    if not scale:
        return str(price)
    digits = f"{price:0{scale + 1}}"
    return f"{digits[:-scale]}.{digits[-scale:]}"


def series_list(
    connection: Connection, *, source: str | None = None, after: int | None = None, limit: int
) -> list[SeriesRecord]:
    """Series after an id, ascending, and one more than `limit` where there are more. O(limit * log prices)."""
    table = price_series
    query = select(table).order_by(table.c.series_id).limit(limit + 1)
    if source is not None:
        query = query.where(table.c.source == source)
    if after is not None:
        query = query.where(table.c.series_id > after)
    return [_series_record(connection, row) for row in connection.execute(query).all()]


def series(connection: Connection, series_id: int) -> SeriesRecord | None:
    row = connection.execute(select(price_series).where(price_series.c.series_id == series_id)).first()
    return None if row is None else _series_record(connection, row)


def price_list(
    connection: Connection,
    series_id: int,
    *,
    from_day: int | None = None,
    to_day: int | None = None,
    before: int | None = None,
    limit: int,
) -> list[tuple[int, int, int]]:
    """`(day, price, scale)`, the newest first, one more than `limit` where there are more. O(log prices + limit)."""
    query = select(prices.c.day, prices.c.price, prices.c.scale).where(prices.c.series_id == series_id)
    if from_day is not None:
        query = query.where(prices.c.day >= from_day)
    if to_day is not None:
        query = query.where(prices.c.day <= to_day)
    if before is not None:
        query = query.where(prices.c.day < before)
    return [
        (row.day, row.price, row.scale)
        for row in connection.execute(query.order_by(prices.c.day.desc()).limit(limit + 1))
    ]


def all_prices(
    connection: Connection, *, from_day: int | None = None, to_day: int | None = None
) -> Iterator[tuple[str, str, str, str, int, int, int]]:
    """Every price: `(source, origin, currency, unit, day, price, scale)`, by series and day. A bounded part is in
    memory."""
    table = price_series
    query = (
        select(
            table.c.source, table.c.origin, table.c.currency, table.c.unit, prices.c.day, prices.c.price, prices.c.scale
        )
        .join(prices, prices.c.series_id == table.c.series_id)
        .order_by(prices.c.series_id, prices.c.day)
    )
    if from_day is not None:
        query = query.where(prices.c.day >= from_day)
    if to_day is not None:
        query = query.where(prices.c.day <= to_day)
    for row in connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE}):
        yield tuple(row)


def imports(connection: Connection, *, before: int | None = None, limit: int) -> list[ImportRecord]:
    """The newest first, and one more than `limit` where there are more."""
    table = price_imports
    query = select(table).order_by(table.c.import_id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(table.c.import_id < before)
    names = ImportRecord.__struct_fields__
    return [
        ImportRecord(**{name: row.digest.hex() if name == "digest" else getattr(row, name) for name in names})
        for row in connection.execute(query)
    ]


def rejects(connection: Connection, import_id: int, *, after: int = 0, limit: int) -> list[Reject]:
    """By line, and one more than `limit` where there are more."""
    table = price_rejects
    query = (
        select(*(table.c[name] for name in Reject.__struct_fields__))
        .where(table.c.import_id == import_id, table.c.line > after)
        .order_by(table.c.line)
        .limit(limit + 1)
    )
    return [Reject(*row) for row in connection.execute(query)]


def _import_of(
    connection: Connection, source: str, digest: bytes, file_name: str, now_ns: int, imported_by: int | None
) -> int:
    """The record of this file's import, without what it had found before."""
    table = price_imports
    about = {"file_name": file_name, "imported_ns": now_ns, "imported_by": imported_by}
    query = select(table.c.import_id).where(table.c.source == source, table.c.digest == digest)
    import_id: int | None = connection.execute(query).scalar_one_or_none()
    if import_id is not None:
        connection.execute(update(table).where(table.c.import_id == import_id).values(about))
        connection.execute(delete(price_rejects).where(price_rejects.c.import_id == import_id))
        return import_id
    counts = dict.fromkeys(("rows", "added", "existing", "conflicts", "rejected"), 0)
    made = connection.execute(insert(table).values(source=source, digest=digest, **about, **counts))
    key = made.inserted_primary_key
    assert key is not None
    return int(key[0])


def _series_of(connection: Connection, source: str, rows: Sequence[PriceRow], now_ns: int) -> dict[SeriesKey, int]:
    """The numbers of the series that these rows belong to, in the order in which they come; new ones are made."""
    table = price_series
    wanted = dict.fromkeys((row.origin, row.currency, row.unit) for row in rows)
    there: Mapping[SeriesKey, int] = {
        (row.origin, row.currency, row.unit): row.series_id
        for row in connection.execute(select(table).where(table.c.source == source))
    }
    found = {}
    for key in wanted:
        series_id = there.get(key)
        if series_id is None:
            origin, currency, unit = key
            made = connection.execute(
                insert(table).values(source=source, origin=origin, currency=currency, unit=unit, created_ns=now_ns)
            ).inserted_primary_key
            assert made is not None
            series_id = int(made[0])
        found[key] = series_id
    return found


def _known(
    connection: Connection, series_ids: Iterable[int], rows: Sequence[PriceRow]
) -> dict[tuple[int, int], tuple[int, int]]:
    """The prices that are there already, of the days that the rows are of."""
    if not rows:
        return {}
    first, last = min(row.day for row in rows), max(row.day for row in rows)
    return {
        (row.series_id, row.day): (row.price, row.scale)
        for series_id in series_ids
        for row in connection.execute(
            select(prices).where(prices.c.series_id == series_id, prices.c.day.between(first, last))
        )
    }


def _storable(reject: Reject) -> dict[str, Any]:
    """PostgreSQL keeps no NUL in a text."""
    told = {name: getattr(reject, name) for name in reject.__struct_fields__}
    return {
        name: value.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(value, str) else value
        for name, value in told.items()
    }


def _series_record(connection: Connection, row: Any) -> SeriesRecord:
    count, first, last = connection.execute(
        select(func.count(), func.min(prices.c.day), func.max(prices.c.day)).where(prices.c.series_id == row.series_id)
    ).one()
    return SeriesRecord(
        series_id=row.series_id,
        source=row.source,
        origin=row.origin,
        currency=row.currency,
        unit=row.unit,
        prices=count,
        first_date=None if first is None else iso_date(first),
        last_date=None if last is None else iso_date(last),
    )


def _parts(rows: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    for at in range(0, len(rows), ROWS_AT_ONCE):
        yield rows[at : at + ROWS_AT_ONCE]
