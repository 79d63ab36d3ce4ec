"""The county's statistics: what was traded, by goods and warehouse, by where it came from and where it was bought to.

    /statistics                          what there is
    /statistics/{dimension}              a table of a span: sums, shares, ranks, growth      … /table.csv
    /statistics/{dimension}/days         the same figures day by day                         … /days.csv

Everybody may read them. By variety, grade and warehouse they are the tape added up, the day that goes on included. By
origin and buyer region they are what `web.disclosure` lets be told, two days later. Volumes are kilograms, money fen,
average prices fen per kilogram; shares and growth are permille. Whatever is divided is rounded half up.
"""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import StringIO
from typing import Annotated, Any, Final, Literal, get_args

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from settlement.civil import day_number, iso_date, venue_day
from settlement.queries import statistics as queries
from settlement.queries.statistics import Dimension, Goods, Traded
from web.bodies import Answer, Limit, MinSequence
from web.context import Anyone, gateway_of
from web.disclosure import MINIMUM_PARTICIPANTS, OTHER, UNREGISTERED, DisclosedDays, Kind, added, disclosed_through
from web.errors import Fault, InvalidRequest, NotFound, problems
from web.periods import Period, Span, month_before, span_of, week_before, year_before
from web.ports import Gateway
from web.views import live_unless_halted

GOODS: Final[dict[str, Dimension]] = {"varieties": "variety", "grades": "grade", "warehouses": "warehouse"}
PEOPLE: Final[dict[str, Kind]] = {"origins": "origin", "buyer-regions": "buyer_region"}

OrderBy = Literal["volume", "turnover", "price", "trades", "growth_week", "growth_month", "growth_year"]

NO_DAY: Final = Span(0, -1)

GRADES: Final = {"E": ("特级", "Extra"), "1": ("一级", "class I"), "2": ("二级", "class II")}

CSV = {200: ResponseSpec(bytes, generate_examples=False, description="The table.", media_type="text/csv")}
BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"

Date = Annotated[str | None, QueryParameter(max_length=10, description="As 2026-11-24; left out: the newest day.")]
FromDate = Annotated[str | None, QueryParameter(max_length=10, description="The first day, instead of a period.")]
ToDate = Annotated[str | None, QueryParameter(max_length=10, description="The last day, which counts too.")]
Periods = Annotated[Period | None, QueryParameter(description="The one that `date` lies in; weeks begin on Monday.")]
Key = Annotated[str | None, QueryParameter(max_length=64, description="Trades of these goods alone.")]
Order = Annotated[OrderBy, QueryParameter(description="What the ranks go by, the greatest first.")]
DayCursor = Annotated[str | None, QueryParameter(max_length=300, description="`next` of the page before.")]


class Growth(Answer, frozen=True, kw_only=True):
    """Against an earlier span, in permille; null where nothing was traded then."""

    volume_permille: int | None
    turnover_permille: int | None
    price_permille: int | None


class Figures(Answer, frozen=True, kw_only=True):
    """What was traded; the average is null where that is nothing."""

    volume: int
    turnover_fen: int
    average_price: int | None
    trades: int
    week: Growth
    month: Growth
    year: Growth


class Row(Figures, frozen=True, kw_only=True):
    """A line of the table. `other`: what is told together, without a rank."""

    rank: int | None
    key: str
    name_zh: str
    name_en: str
    other: bool
    share_permille: int | None


class Table(Answer, frozen=True, kw_only=True):
    """The table of a span. `through` is the last day that is counted in it; null where none is. Growth compares the
    days that are counted with the same days a week, a month and a year before.
    """

    dimension: str
    from_date: str
    to_date: str
    through: str | None
    items: list[Row]
    total: Figures
    sequence: int


class DayRow(Answer, frozen=True, kw_only=True):
    date: str
    key: str
    other: bool
    volume: int
    turnover_fen: int
    average_price: int | None
    trades: int


class Days(Answer, frozen=True, kw_only=True):
    """The series, ascending by date and key; a day without a trade has no line."""

    dimension: str
    from_date: str
    to_date: str
    through: str | None
    items: list[DayRow]
    next: str | None
    sequence: int


class About(Answer, frozen=True, kw_only=True):
    """What there is: dimensions, the first and the last day of trading, the last day that is told by origin and buyer
    region, and how many sellers and buyers a figure of those has at least.
    """

    dimensions: list[str]
    first_date: str | None
    last_date: str | None
    disclosed_through: str
    minimum_participants: int
    other: str
    unregistered: str
    sequence: int


class _Line(Struct, frozen=True):
    """Figures of a day and key, of whichever dimension."""

    day: int
    key: str
    other: bool
    figures: Traded


class _Source(Struct, frozen=True):
    """Where the figures of a dimension come from, and the last day that they are there of."""

    newest: int
    sequence: int
    lines: Callable[[Sequence[Span]], Any]


@get("/statistics", tags=["statistics"], summary="What statistics there are", responses=problems())
async def read_about(request: Anyone, min_sequence: MinSequence = None) -> About:
    """Public. Also how far they are told."""
    gateway = gateway_of(request)
    now_ns, _ = await _known_until(gateway, min_sequence)
    sequence, days = await gateway.history(queries.days_traded, min_sequence=min_sequence)
    return About(
        dimensions=[*GOODS, *PEOPLE],
        first_date=None if days is None else iso_date(days[0]),
        last_date=None if days is None else iso_date(days[1]),
        disclosed_through=iso_date(disclosed_through(now_ns)),
        minimum_participants=MINIMUM_PARTICIPANTS,
        other=OTHER,
        unregistered=UNREGISTERED,
        sequence=sequence,
    )


@get("/statistics/{dimension:str}", tags=["statistics"], summary="A table", responses=problems(404))
async def read_table(
    request: Anyone,
    dimension: FromPath[str],
    period: Periods = None,
    date: Date = None,
    from_date: FromDate = None,
    to_date: ToDate = None,
    order_by: Order = "volume",
    variety: Key = None,
    grade: Key = None,
    warehouse: Key = None,
    min_sequence: MinSequence = None,
) -> Table:
    """Public. Of `varieties`, `grades`, `warehouses`, `origins` or `buyer-regions`. The last two know no filters, and
    their newest day is the day before yesterday: see `docs/statistics.md` for the rule.
    """
    goods = Goods(variety=variety, grade=grade, warehouse=warehouse)
    source = await _source(request, dimension, goods, min_sequence)
    span = span_of(period, date, from_date, to_date, source.newest)
    return await _table(gateway_of(request), source, dimension, span, order_by)


@get(
    "/statistics/{dimension:str}/table.csv",
    tags=["statistics"],
    summary="A table for a spreadsheet",
    responses={**CSV, **problems(404)},
)
async def read_table_csv(
    request: Anyone,
    dimension: FromPath[str],
    period: Periods = None,
    date: Date = None,
    from_date: FromDate = None,
    to_date: ToDate = None,
    order_by: Order = "volume",
    variety: Key = None,
    grade: Key = None,
    warehouse: Key = None,
    min_sequence: MinSequence = None,
) -> Response[bytes]:
    """Public. UTF-8 with its mark; the same figures as the table."""
    goods = Goods(variety=variety, grade=grade, warehouse=warehouse)
    source = await _source(request, dimension, goods, min_sequence)
    span = span_of(period, date, from_date, to_date, source.newest)
    table = await _table(gateway_of(request), source, dimension, span, order_by)
    return _file(f"{dimension}-{table.from_date}-{table.to_date}", table_csv(table))


@get("/statistics/{dimension:str}/days", tags=["statistics"], summary="Day by day", responses=problems(404))
async def list_days(
    request: Anyone,
    dimension: FromPath[str],
    period: Periods = None,
    date: Date = None,
    from_date: FromDate = None,
    to_date: ToDate = None,
    variety: Key = None,
    grade: Key = None,
    warehouse: Key = None,
    limit: Limit = 100,
    cursor: DayCursor = None,
    min_sequence: MinSequence = None,
) -> Days:
    """Public. The series of a dimension."""
    goods = Goods(variety=variety, grade=grade, warehouse=warehouse)
    source = await _source(request, dimension, goods, min_sequence)
    span = span_of(period, date, from_date, to_date, source.newest)
    after = _place(cursor)
    counted = _counted(span, source)
    first = counted.first if after is None else max(counted.first, after[0])
    (lines,) = await source.lines([Span(first, counted.last)])
    left = [line for line in lines if after is None or (line.day, line.other, line.key) > after]
    shown = left[:limit]
    return Days(
        dimension=dimension,
        from_date=iso_date(span.first),
        to_date=iso_date(span.last),
        through=_through(counted),
        items=list(map(_day_row, shown)),
        next=_cursor(shown[-1]) if len(left) > limit else None,
        sequence=source.sequence,
    )


@get(
    "/statistics/{dimension:str}/days.csv",
    tags=["statistics"],
    summary="Day by day for a spreadsheet",
    responses={**CSV, **problems(404)},
)
async def read_days_csv(
    request: Anyone,
    dimension: FromPath[str],
    period: Periods = None,
    date: Date = None,
    from_date: FromDate = None,
    to_date: ToDate = None,
    variety: Key = None,
    grade: Key = None,
    warehouse: Key = None,
    min_sequence: MinSequence = None,
) -> Response[bytes]:
    """Public. All days of the span; UTF-8 with its mark."""
    goods = Goods(variety=variety, grade=grade, warehouse=warehouse)
    source = await _source(request, dimension, goods, min_sequence)
    span = span_of(period, date, from_date, to_date, source.newest)
    (lines,) = await source.lines([_counted(span, source)])
    return _file(
        f"{dimension}-days-{iso_date(span.first)}-{iso_date(span.last)}", days_csv(dimension, map(_day_row, lines))
    )


def average(figures: Traded) -> int | None:
    """Fen per kilogram, half up."""
    return _divided(figures.turnover_fen, figures.volume)


def growth(now: Traded, before: Traded | None) -> Growth:
    """By how much it has grown."""
    if before is None or not before.volume:
        return Growth(volume_permille=None, turnover_permille=None, price_permille=None)
    # Of exact prices, not of rounded ones: both brought to the same denominator.
    price = None if not now.volume else (now.turnover_fen * before.volume, before.turnover_fen * now.volume)
    return Growth(
        volume_permille=_grown(now.volume, before.volume),
        turnover_permille=_grown(now.turnover_fen, before.turnover_fen),
        price_permille=None if price is None else _grown(*price),
    )


def table_csv(table: Table) -> str:
    """A row a line of the table, then the total. No cell is a formula."""
    text = StringIO()
    write = csv.writer(text).writerow
    text.write(BOM)
    grown = [f"{what}_growth_{span}_permille" for span in _GROWN for what in ("volume", "turnover", "price")]
    write(
        (
            *("dimension", "from_date", "to_date", "through", "rank", "key", "name_zh", "name_en", "other"),
            *("volume_kg", "turnover_fen", "average_price_fen_per_kg", "trades", "share_permille"),
            *grown,
        )
    )
    about = (table.dimension, table.from_date, table.to_date, table.through or "")
    for row in table.items:
        names = (safe(row.key), safe(row.name_zh), safe(row.name_en), int(row.other))
        write((*about, _cell(row.rank), *names, *_figures_cells(row), _cell(row.share_permille), *_growth_cells(row)))
    total = table.total
    share = 1000 if total.volume else ""
    write((*about, "", "", "合计", "total", 0, *_figures_cells(total), share, *_growth_cells(total)))
    return text.getvalue()


def days_csv(dimension: str, rows: Iterable[DayRow]) -> str:
    """A row a day and key. No cell is a formula."""
    text = StringIO()
    write = csv.writer(text).writerow
    text.write(BOM)
    write(
        ("dimension", "date", "key", "other", "volume_kg", "turnover_fen", "average_price_fen_per_kg", "trades"),
    )
    for row in rows:
        write((dimension, row.date, safe(row.key), int(row.other), *_figures_cells(row)))
    return text.getvalue()


def safe(cell: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


_GROWN: Final[dict[str, Callable[[Span], Span]]] = {"week": week_before, "month": month_before, "year": year_before}


async def _known_until(gateway: Gateway, min_sequence: int | None) -> tuple[int, int]:
    """A time by which all that happened is in the database, and how far that has come."""
    committed = await live_unless_halted(gateway, min_sequence)
    now_ns = gateway.time_ns
    reached, last_ns = await gateway.history(queries.last_posting_ns, min_sequence=min_sequence)
    if committed is None or reached < committed:
        now_ns = min(now_ns, last_ns)
    return now_ns, reached


async def _source(request: Anyone, dimension: str, goods: Goods, min_sequence: int | None) -> _Source:
    """Raises `NotFound`, `InvalidRequest`."""
    gateway = gateway_of(request)
    if dimension in GOODS:
        return await _tape(gateway, GOODS[dimension], goods, min_sequence)
    if dimension not in PEOPLE:
        raise NotFound("unknown_dimension", field="dimension")
    named = [name for name in goods.__struct_fields__ if getattr(goods, name) is not None]
    if named:
        raise InvalidRequest(*(Fault(name, f"{dimension} are told of all goods together") for name in named))
    now_ns, reached = await _known_until(gateway, min_sequence)
    disclosed: DisclosedDays = request.app.state["statistics"]

    async def lines(spans: Sequence[Span]) -> list[list[_Line]]:
        found = await disclosed.cells(gateway, PEOPLE[dimension], spans)
        return [[_Line(cell.day, cell.key, cell.other, cell.figures) for cell in cells] for cells in found]

    return _Source(disclosed_through(now_ns), reached, lines)


async def _tape(gateway: Gateway, by: Dimension, goods: Goods, min_sequence: int | None) -> _Source:
    reached, last = await gateway.history(queries.days_traded, min_sequence=min_sequence)

    async def lines(spans: Sequence[Span]) -> list[list[_Line]]:
        _, found = await gateway.history(
            lambda connection: [queries.traded_by_day(connection, *span, by, goods) for span in spans]
        )
        return [[_Line(day, key, False, figures) for day, key, figures in rows] for rows in found]

    # A day on which nothing was traded yet is the newest one all the same, whatever clock the venue goes by.
    return _Source(max(venue_day(gateway.time_ns), 0 if last is None else last[1]), reached, lines)


async def _table(gateway: Gateway, source: _Source, dimension: str, span: Span, order_by: OrderBy) -> Table:
    counted = _counted(span, source)
    spans = [counted, *(NO_DAY if counted.last < counted.first else earlier(counted) for earlier in _GROWN.values())]
    now, *before = map(_by_key, await source.lines(spans))
    whole = added(now.values())
    earlier = [added(each.values()) for each in before]
    names = _names(gateway, dimension)
    rows = [
        _row(key, other, names, figures, whole, [each.get((key, other)) for each in before])
        for (key, other), figures in now.items()
    ]
    return Table(
        dimension=dimension,
        from_date=iso_date(span.first),
        to_date=iso_date(span.last),
        through=_through(counted),
        items=_ranked(rows, order_by),
        total=Figures(**_figures(whole, earlier)),
        sequence=source.sequence,
    )


def _counted(span: Span, source: _Source) -> Span:
    """The days of a span that there are figures of."""
    return Span(span.first, min(span.last, source.newest))


def _through(counted: Span) -> str | None:
    return None if counted.last < counted.first else iso_date(counted.last)


def _by_key(lines: Iterable[_Line]) -> dict[tuple[str, bool], Traded]:
    found: dict[tuple[str, bool], list[Traded]] = {}
    for line in lines:
        found.setdefault((line.key, line.other), []).append(line.figures)
    return {key: added(figures) for key, figures in found.items()}


def _row(
    key: str,
    other: bool,
    names: Mapping[str, tuple[str, str]],
    figures: Traded,
    whole: Traded,
    before: Sequence[Traded | None],
) -> Row:
    zh, en = (OTHER, "other") if other else names.get(key, (key, ""))
    return Row(
        rank=None,
        key=key,
        name_zh=zh,
        name_en=en,
        other=other,
        share_permille=_divided(1000 * figures.volume, whole.volume),
        **_figures(figures, before),
    )


def _figures(figures: Traded, before: Sequence[Traded | None]) -> dict[str, Any]:
    week, month, year = (growth(figures, each) for each in before)
    return {
        "volume": figures.volume,
        "turnover_fen": figures.turnover_fen,
        "average_price": average(figures),
        "trades": figures.trades,
        "week": week,
        "month": month,
        "year": year,
    }


def _ranked(rows: Iterable[Row], order_by: OrderBy) -> list[Row]:
    """The greatest first, equal ones with one rank; what has no figure after those, then what is told together."""

    def figure(row: Row) -> int | None:
        match order_by:
            case "volume":
                return row.volume
            case "turnover":
                return row.turnover_fen
            case "price":
                return row.average_price
            case "trades":
                return row.trades
            case _:
                compared: Growth = getattr(row, order_by.removeprefix("growth_"))
                return compared.volume_permille

    def place(row: Row) -> tuple[bool, bool, int, str]:
        value = figure(row)
        return row.other, value is None, -(value or 0), row.key

    ranked: list[Row] = []
    for row in sorted(rows, key=place):
        value, last = figure(row), ranked[-1] if ranked else None
        rank = None
        if not row.other and value is not None:
            rank = last.rank if last is not None and figure(last) == value else len(ranked) + 1
        ranked.append(Row(**{**_fields(row), "rank": rank}))
    return ranked


def _fields(row: Row) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def _names(gateway: Gateway, dimension: str) -> Mapping[str, tuple[str, str]]:
    match dimension:
        case "varieties":
            return {each.code: (each.name_zh, each.name_en) for each in gateway.venue().varieties}
        case "warehouses":
            return {each.code: (each.name_zh, each.name_en) for each in gateway.venue().warehouses}
        case "grades":
            return GRADES
        case _:
            return {}


def _day_row(line: _Line) -> DayRow:
    return DayRow(
        date=iso_date(line.day),
        key=line.key,
        other=line.other,
        volume=line.figures.volume,
        turnover_fen=line.figures.turnover_fen,
        average_price=average(line.figures),
        trades=line.figures.trades,
    )


def _cursor(line: _Line) -> str:
    return f"{iso_date(line.day)}{'+' if line.other else '.'}{line.key}"


def _place(cursor: str | None) -> tuple[int, bool, str] | None:
    """Raises `InvalidRequest` where it is the `next` of no page."""
    if cursor is None:
        return None
    day = day_number(cursor[:10])
    if day is None or cursor[10:11] not in ("+", "."):
        raise InvalidRequest(Fault("cursor", "this is not the next of any page"))
    return day, cursor[10] == "+", cursor[11:]


def _divided(part: int, whole: int) -> int | None:
    """Half up; null where nothing is divided by."""
    return (2 * part + whole) // (2 * whole) if whole else None


def _grown(now: int, before: int) -> int:
    change = _divided(1000 * (now - before), before)
    assert change is not None
    return change


def _figures_cells(row: Figures | DayRow) -> tuple[Any, ...]:
    return row.volume, row.turnover_fen, _cell(row.average_price), row.trades


def _growth_cells(row: Figures) -> list[Any]:
    spans = [row.week, row.month, row.year]
    return [
        _cell(value) for each in spans for value in (each.volume_permille, each.turnover_permille, each.price_permille)
    ]


def _cell(value: int | None) -> int | str:
    return "" if value is None else value


def _file(name: str, text: str) -> Response[bytes]:
    return Response(
        text.encode(),
        media_type="text/csv",
        headers={"content-disposition": f'attachment; filename="{name}.csv"'},
    )


assert list(_GROWN) == [each.removeprefix("growth_") for each in get_args(OrderBy) if each.startswith("growth_")]

PUBLIC = [read_about, read_table, read_table_csv, list_days, read_days_csv]
