"""Prices of other markets over HTTP: series for everybody to read and to compare with ours, imports for operators.

Prices are exact: an integer and a scale, and the same written out. Nothing is converted unless a rate is given.
"""

import base64
import binascii
import csv
import re
from functools import partial
from io import StringIO
from typing import Annotated, Final

from litestar import Response, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Meta
from msgspec.structs import replace
from sqlalchemy import Connection

from marketdata import queries as market_queries
from settlement.civil import day_number, iso_date, venue_day
from settlement.queries import statistics
from settlement.queries.statistics import Goods
from web import price_records as records
from web.bodies import MAXIMUM_BODY, Answer, Body, Cursor, Limit, ShortText, Text
from web.context import Anyone, SignedIn, gateway_of
from web.disclosure import added
from web.errors import Fault, InvalidRequest, NotFound, Refused, problems
from web.operators import runs_the_venue
from web.periods import MAXIMUM_DAYS, Span, span_of
from web.price_csv import DateFormat, Encoding, Mapping, Reject, read_prices
from web.price_records import Imported, ImportRecord, Price, SeriesRecord, decimal
from web.statistics import BOM, CSV, FromDate, Key, ToDate, average, safe
from web.views import Items, cursor_of, is_id

MAXIMUM_LISTED: Final = 100
"""Rejects in the answer to an import; all of them are kept, and read page by page."""
MAXIMUM_IN_FILE: Final = 100_000

VWAP: Final = "vwap"

KILOGRAMS: Final = {
    "kg": (1, 1),
    "千克": (1, 1),
    "公斤": (1, 1),
    "g": (1, 1_000),
    "克": (1, 1_000),
    "斤": (1, 2),
    "t": (1_000, 1),
    "tonne": (1_000, 1),
    "吨": (1_000, 1),
    "lb": (45_359_237, 100_000_000),
}
"""Measures that an outside price may be by, in kilograms as a fraction."""

_UNIT: Final = re.compile(r"(?:([0-9]{1,6})(?:\.([0-9]{1,6}))?)? *([^0-9. ]+)")
_RATE: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?")


class NewPrices(Body, frozen=True, kw_only=True):
    """A file of prices, as text or in base64, and what is to be known of it; `docs/prices.md` says what is found by
    itself. Columns go by the names in the file's first line.
    """

    source: Annotated[ShortText, Meta(description="Who publishes it.", examples=["DEFRA"])]
    file_name: Text = "upload"
    content: Annotated[str, Meta(min_length=1, max_length=MAXIMUM_BODY)] | None = None
    content_base64: Annotated[str, Meta(min_length=1, max_length=MAXIMUM_BODY)] | None = None
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")] | None = None
    unit: ShortText | None = None
    origin: ShortText | None = None
    date_column: ShortText | None = None
    price_column: ShortText | None = None
    origin_column: ShortText | None = None
    unit_column: ShortText | None = None
    date_format: DateFormat | None = None
    encoding: Encoding | None = None


class SeriesPage(Answer, frozen=True, kw_only=True):
    """A series and a page of its prices, the newest first."""

    series: SeriesRecord
    items: list[Price]
    next: str | None
    sequence: int


class ComparedDay(Answer, frozen=True, kw_only=True):
    """A day with a price on either side; null where there is none. `converted` is the outside price in fen per
    kilogram by the given rate, half up.
    """

    date: str
    price: int | None
    scale: int | None
    text: str | None
    converted: int | None
    ours: int | None


class Comparison(Answer, frozen=True, kw_only=True):
    """An outside series beside ours, ascending. `ours_unit` says what `ours` counts: `fen/kg` for average prices,
    hundredths of that or of a point for an index.
    """

    series: SeriesRecord
    against: str
    ours_unit: str
    rate: str | None
    from_date: str
    to_date: str
    items: list[ComparedDay]
    sequence: int


Source = Annotated[str | None, QueryParameter(max_length=64, description="Series of this source alone.")]
Against = Annotated[str, QueryParameter(max_length=64, description="`vwap`, or the code of an index.")]
Rate = Annotated[
    str | None, QueryParameter(max_length=20, description="Yuan for one of the series' currency, as 9.12.")
]


@get("/prices", tags=["prices"], summary="Series of other markets", responses=problems())
async def list_series(
    request: Anyone, source: Source = None, limit: Limit = 100, cursor: Cursor = None
) -> Items[SeriesRecord]:
    """Public. In the order in which they came."""
    after = cursor_of(cursor)
    sequence, found = await gateway_of(request).history(
        lambda connection: records.series_list(connection, source=source, after=after, limit=limit)
    )
    following = str(found[limit - 1].series_id) if len(found) > limit else None
    return Items(items=found[:limit], next=following, sequence=sequence)


@get("/prices/{series_id:int}", tags=["prices"], summary="A series", responses=problems(404))
async def read_series(
    request: Anyone,
    series_id: FromPath[int],
    from_date: FromDate = None,
    to_date: ToDate = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> SeriesPage:
    """Public. Its prices, the newest first."""
    first, last, before = _date("from_date", from_date), _date("to_date", to_date), cursor_of(cursor)

    def read(connection: Connection) -> tuple[SeriesRecord, list[tuple[int, int, int]]]:
        series = _series(connection, series_id)
        return series, records.price_list(
            connection, series_id, from_day=first, to_day=last, before=before, limit=limit
        )

    sequence, (series, found) = await gateway_of(request).history(read)
    following = str(found[limit - 1][0]) if len(found) > limit else None
    return SeriesPage(series=series, items=[_price(*each) for each in found[:limit]], next=following, sequence=sequence)


@get(
    "/prices/{series_id:int}/prices.csv",
    tags=["prices"],
    summary="A series for a spreadsheet",
    responses={**CSV, **problems(404)},
)
async def read_series_csv(
    request: Anyone, series_id: FromPath[int], from_date: FromDate = None, to_date: ToDate = None
) -> Response[bytes]:
    """Public. The newest first, 100,000 at most; UTF-8 with its mark, prices in decimals as they were written."""
    first, last = _date("from_date", from_date), _date("to_date", to_date)

    def read(connection: Connection) -> tuple[SeriesRecord, list[tuple[int, int, int]]]:
        series = _series(connection, series_id)
        return series, records.price_list(connection, series_id, from_day=first, to_day=last, limit=MAXIMUM_IN_FILE)

    _, (series, found) = await gateway_of(request).history(read)
    text = StringIO()
    write = csv.writer(text).writerow
    text.write(BOM)
    write(("source", "origin", "date", "price", "currency", "unit"))
    about = (safe(series.source), safe(series.origin))
    for day, price, scale in found[:MAXIMUM_IN_FILE]:
        write((*about, iso_date(day), decimal(price, scale), safe(series.currency), safe(series.unit)))
    return Response(
        text.getvalue().encode(),
        media_type="text/csv",
        headers={"content-disposition": f'attachment; filename="prices-{series_id}.csv"'},
    )


@get("/prices/{series_id:int}/compare", tags=["prices"], summary="Beside ours", responses=problems(404, 409))
async def compare_series(
    request: Anyone,
    series_id: FromPath[int],
    against: Against = VWAP,
    rate: Rate = None,
    from_date: FromDate = None,
    to_date: ToDate = None,
    variety: Key = None,
    grade: Key = None,
    warehouse: Key = None,
) -> Comparison:
    """Public. Day by day: the average price of what was traded here (`vwap`, of certain goods if named), or an index.
    366 days at most, the last year if none are named. 409 `unknown_unit`: a rate does not make kilograms of this unit.
    """
    gateway = gateway_of(request)
    goods = Goods(variety=variety, grade=grade, warehouse=warehouse)
    today = venue_day(gateway.time_ns)
    span = _year_to(today) if from_date is None and to_date is None else span_of(None, None, from_date, to_date, today)
    yuan = _rate(rate)
    if against != VWAP and goods != Goods():
        raise InvalidRequest(Fault("against", "goods can be named for vwap alone"))

    def read(connection: Connection) -> tuple[SeriesRecord, dict[int, tuple[int, int]], dict[int, int]]:
        series = _series(connection, series_id)
        theirs = records.price_list(connection, series_id, from_day=span.first, to_day=span.last, limit=MAXIMUM_DAYS)
        ours = _ours(connection, against, span, goods)
        return series, {day: (price, scale) for day, price, scale in theirs}, ours

    sequence, (series, theirs, ours) = await gateway.history(read)
    measure = _kilograms(series.unit) if yuan is not None else None
    if yuan is not None and measure is None:
        raise Refused("unknown_unit", f"{series.unit}: a rate does not make kilograms of it", field="rate", status=409)
    items = []
    for day in sorted({*theirs, *ours}):
        told = theirs.get(day)
        items.append(
            ComparedDay(
                date=iso_date(day),
                price=None if told is None else told[0],
                scale=None if told is None else told[1],
                text=None if told is None else decimal(*told),
                converted=_converted(*told, yuan, measure) if told and yuan and measure else None,
                ours=ours.get(day),
            )
        )
    return Comparison(
        series=series,
        against=against,
        ours_unit=_unit_of(against),
        rate=rate,
        from_date=iso_date(span.first),
        to_date=iso_date(span.last),
        items=items,
        sequence=sequence,
    )


@post(
    "/operator/prices",
    tags=["prices"],
    summary="Import prices",
    status_code=200,
    guards=[runs_the_venue],
    responses=problems(401, 403, 413, 415),
)
async def import_prices(request: SignedIn, data: JSONBody[NewPrices]) -> Imported:
    """Every line is added, there already, in conflict with the price that is there, or unreadable; the last two are
    listed, the first hundred here. The same again is harmless. 400: it is no such file at all.
    """
    content = _content(data)
    file = read_prices(content, mapping_of(data))
    gateway = gateway_of(request)
    imported = await gateway.own_records(
        partial(
            records.import_file,
            source=data.source,
            file=file,
            content=content,
            file_name=data.file_name,
            now_ns=gateway.time_ns,
            imported_by=request.user.participant_id,
        )
    )
    return replace(imported, rejects=imported.rejects[:MAXIMUM_LISTED])


@get(
    "/operator/prices/imports",
    tags=["prices"],
    summary="Imports of prices",
    guards=[runs_the_venue],
    responses=problems(401, 403),
)
async def list_imports(request: SignedIn, limit: Limit = 100, cursor: Cursor = None) -> Items[ImportRecord]:
    """The newest first; each file once, as its last import found it."""
    before = cursor_of(cursor)
    sequence, found = await gateway_of(request).history(
        lambda connection: records.imports(connection, before=before, limit=limit)
    )
    following = str(found[limit - 1].import_id) if len(found) > limit else None
    return Items(items=found[:limit], next=following, sequence=sequence)


@get(
    "/operator/prices/imports/{import_id:int}/rejects",
    tags=["prices"],
    summary="Lines that became no price",
    guards=[runs_the_venue],
    responses=problems(401, 403),
)
async def list_rejects(
    request: SignedIn, import_id: FromPath[int], limit: Limit = 100, cursor: Cursor = None
) -> Items[Reject]:
    """With their numbers, what is wrong, and their text."""
    after = cursor_of(cursor) or 0
    number = import_id if is_id(import_id) else 0
    sequence, found = await gateway_of(request).history(
        lambda connection: records.rejects(connection, number, after=after, limit=limit)
    )
    following = str(found[limit - 1].line) if len(found) > limit else None
    return Items(items=found[:limit], next=following, sequence=sequence)


def mapping_of(data: NewPrices) -> Mapping:
    """What the importer says of the file."""
    return Mapping(
        source=data.source,
        currency=data.currency,
        unit=data.unit,
        origin=data.origin or "",
        date_column=data.date_column,
        price_column=data.price_column,
        origin_column=data.origin_column,
        unit_column=data.unit_column,
        date_format=data.date_format,
        encoding=data.encoding,
    )


def _content(data: NewPrices) -> bytes:
    """Raises `InvalidRequest`."""
    if (data.content is None) == (data.content_base64 is None):
        raise InvalidRequest(Fault("content", "send content or content_base64, one of the two"))
    if data.content is not None:
        return data.content.encode()
    assert data.content_base64 is not None
    try:
        return base64.b64decode(data.content_base64, validate=True)
    except binascii.Error:
        raise InvalidRequest(Fault("content_base64", "this is not base64")) from None


def _series(connection: Connection, series_id: int) -> SeriesRecord:
    found = records.series(connection, series_id) if is_id(series_id) else None
    if found is None:
        raise NotFound("unknown_series", field="series_id")
    return found


def _ours(connection: Connection, against: str, span: Span, goods: Goods) -> dict[int, int]:
    """Our figure of each day that has one. Raises `NotFound`."""
    if against == VWAP:
        by_day: dict[int, list[statistics.Traded]] = {}
        for day, _, figures in statistics.traded_by_day(connection, *span, "variety", goods):
            by_day.setdefault(day, []).append(figures)
        averages = {day: average(added(figures)) for day, figures in by_day.items()}
        return {day: value for day, value in averages.items() if value is not None}
    if not market_queries.has_code(connection, against):
        raise NotFound("unknown_index", field="against")
    page = market_queries.index_days(connection, against, from_day=span.first, to_day=span.last + 1, limit=MAXIMUM_DAYS)
    return {dated: each.value for each in page.items if (dated := day_number(each.date)) is not None}


def _unit_of(against: str) -> str:
    if against == VWAP:
        return "fen/kg"
    return "0.01 fen/kg" if "-" in against else "0.01 points"


def _kilograms(unit: str) -> tuple[int, int] | None:
    """How many kilograms a unit is, as a fraction; None where nobody knows."""
    match = _UNIT.fullmatch(unit.strip().casefold())
    if match is None or match[3] not in KILOGRAMS:
        return None
    whole, places = match[1] or "1", match[2] or ""
    above, below = KILOGRAMS[match[3]]
    fraction = int(whole + places) * above, 10 ** len(places) * below
    return fraction if fraction[0] else None


def _converted(price: int, scale: int, yuan: tuple[int, int], measure: tuple[int, int]) -> int:
    """Fen per kilogram, half up."""
    above = price * yuan[0] * 100 * measure[1]
    below = 10**scale * yuan[1] * measure[0]
    return int((2 * above + below) // (2 * below))


def _rate(rate: str | None) -> tuple[int, int] | None:
    """Raises `InvalidRequest`."""
    if rate is None:
        return None
    match = _RATE.fullmatch(rate)
    if match is None or not rate.strip("0."):
        raise InvalidRequest(Fault("rate", "a decimal above zero is expected, as 9.12"))
    places = match[2] or ""
    return int(match[1] + places), int(10 ** len(places))


def _year_to(day: int) -> Span:
    return Span(day - MAXIMUM_DAYS + 1, day)


def _date(name: str, date: str | None) -> int | None:
    """Raises `InvalidRequest`."""
    if date is None:
        return None
    day = day_number(date)
    if day is None:
        raise InvalidRequest(Fault(name, "a date is expected, as 2026-11-24"))
    return day


def _price(day: int, price: int, scale: int) -> Price:
    return Price(date=iso_date(day), price=price, scale=scale, text=decimal(price, scale))


PUBLIC = [list_series, read_series, read_series_csv, compare_series]
PRIVATE = [import_prices, list_imports, list_rejects]
