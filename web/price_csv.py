"""Price series of other markets as a file: CSV with a header and a line a price, in whatever order.

    Origin,Date,Price,Units
    costa_rica,29/10/2021,0.86,£/kg

Columns are found by their names in English or Chinese, or named by whoever imports. Texts are UTF-8 or else Latin-1;
dates ISO, day first or month first, which the file itself has to show unless it is said. A price is a decimal of at
most nine places, and kept exactly. `£/kg` says currency and unit, and what the importer says must not contradict it.

A line that cannot be read becomes a `Reject` with its number, the field at fault, a reason and its text; the others are
read all the same. Only a file that cannot be read at all raises `InvalidRequest`.
"""

import csv
import re
from collections.abc import Iterator
from io import StringIO
from typing import Final, Literal

from msgspec import Struct

from matching.messages import MAX_INTEGER
from settlement.civil import day_number
from web.errors import Fault, InvalidRequest

Encoding = Literal["utf-8", "latin-1", "gb18030"]
DateFormat = Literal["iso", "dmy", "mdy"]

MAXIMUM_PLACES: Final = 9
MAXIMUM_NAME: Final = 100
"""Characters of an origin, a currency or a unit."""

COLUMNS: Final = {
    "date": ("date", "日期", "week", "week ending"),
    "price": ("price", "价格", "均价", "average price"),
    "origin": ("origin", "产地", "country", "来源", "品种", "variety"),
    "unit": ("units", "unit", "单位", "价格单位"),
}
CURRENCIES: Final = {
    "£": "GBP",
    "€": "EUR",
    "$": "USD",
    "¥": "CNY",
    "￥": "CNY",
    "元": "CNY",
    "rmb": "CNY",
    "yuan": "CNY",
}

_DELIMITERS: Final = (",", ";", "\t")
_PRICE: Final = re.compile(r"([0-9]{1,3}(?:,[0-9]{3}){1,5}|[0-9]{1,16})(?:\.([0-9]*))?")
_ISO: Final = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})")
_CIVIL: Final = re.compile(r"([0-9]{1,2})[-/.]([0-9]{1,2})[-/.]([0-9]{4})")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")


class Mapping(Struct, frozen=True, kw_only=True):
    """What the importer says of the file; null: the file shows it, or it is refused. Columns go by their headers.

    Without a column of origins all lines are one series; `origin` names it.
    """

    source: str
    currency: str | None = None
    unit: str | None = None
    origin: str = ""
    date_column: str | None = None
    price_column: str | None = None
    origin_column: str | None = None
    unit_column: str | None = None
    date_format: DateFormat | None = None
    encoding: Encoding | None = None


class PriceRow(Struct, frozen=True):
    """A price as read: `price` divided by ten to the power of `scale`, on a day counted from 1970-01-01."""

    line: int
    origin: str
    day: int
    price: int
    scale: int
    currency: str
    unit: str
    text: str


class Reject(Struct, frozen=True):
    """A line that became no price; null: no single field is at fault. `detail` is for people."""

    line: int
    field: str | None
    reason: str
    detail: str
    text: str


class PriceFile(Struct, frozen=True):
    """What a file says. Each of its lines but the header and empty ones is in one of the two."""

    rows: list[PriceRow]
    rejects: list[Reject]


class _Line(Struct, frozen=True):
    number: int
    cells: list[str]
    text: str
    broken: str | None


class _Unreadable(Exception):
    """Why a line is no price."""

    def __init__(self, field: str | None, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field
        self.reason = reason


def read_prices(content: bytes, mapping: Mapping) -> PriceFile:
    """Everything that the file holds. Raises `InvalidRequest` where it is no such file. O(file)."""
    text = _decode(content, mapping.encoding)
    header, lines = _header(text, mapping)
    columns = _columns(header, mapping)
    dates = _date_format(columns["date"], lines, mapping)
    rows: list[PriceRow] = []
    rejects: list[Reject] = []
    for line in lines:
        try:
            rows.append(_row(line, len(header), columns, dates, mapping))
        except _Unreadable as error:
            rejects.append(Reject(line.number, error.field, error.reason, str(error), line.text))
    return PriceFile(rows, rejects)


def _decode(content: bytes, encoding: Encoding | None) -> str:
    """Latin-1 gives every byte a meaning, so it comes last and never fails."""
    for each in (encoding,) if encoding is not None else ("utf-8", "latin-1"):
        try:
            return content.decode(each).removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
        except UnicodeDecodeError:
            continue
    raise InvalidRequest(Fault("encoding", f"the file is not {encoding}"))


def _header(text: str, mapping: Mapping) -> tuple[list[str], list[_Line]]:
    """The names of the columns, and the lines below them."""
    for delimiter in _DELIMITERS:
        lines = list(_lines(text, delimiter))
        if lines and lines[0].broken is None and len(lines[0].cells) > 1:
            names = lines[0].cells
            wanted = [name for name in (mapping.date_column, mapping.price_column) if name is not None]
            if _find(names, "date") is not None or any(name in names for name in wanted):
                return names, lines[1:]
    raise InvalidRequest(Fault(None, "the first line names no column of dates: at least Date,Price or 日期,价格"))


def _lines(text: str, delimiter: str) -> Iterator[_Line]:
    """Records that are not empty, each with the line that it begins on. A line that is no CSV is one by itself, and
    reading goes on behind it."""
    raw = list(StringIO(text, newline=""))
    at = 0
    while at < len(raw):
        reader = csv.reader((raw[each] for each in range(at, len(raw))), delimiter=delimiter, strict=True)
        begun = at
        try:
            for cells in reader:
                told = "".join(raw[at : begun + reader.line_num]).rstrip("\r\n")
                clean = [_CONTROL.sub(" ", cell).strip() for cell in cells]
                if any(clean):
                    yield _Line(at + 1, clean, told, None)
                at = begun + reader.line_num
        except csv.Error as error:
            yield _Line(at + 1, [], raw[at].rstrip("\r\n"), str(error))
            at += 1


def _columns(header: list[str], mapping: Mapping) -> dict[str, int | None]:
    """Where each field stands. Raises `InvalidRequest`."""
    found: dict[str, int | None] = {}
    faults = []
    for field in COLUMNS:
        named: str | None = getattr(mapping, f"{field}_column")
        if named is not None and named not in header:
            faults.append(Fault(f"{field}_column", f"the file has no column {named!r}, but {', '.join(header)}"[:200]))
        found[field] = header.index(named) if named in header else _find(header, field)
    faults += [
        Fault(f"{field}_column", f"no column is the {field}: {', '.join(header)}"[:200])
        for field in ("date", "price")
        if found[field] is None and not any(fault.field == f"{field}_column" for fault in faults)
    ]
    if found["unit"] is None:
        faults += [
            Fault(name, "the file does not say it: name it")
            for name in ("currency", "unit")
            if not getattr(mapping, name)
        ]
    if faults:
        raise InvalidRequest(*faults)
    return found


def _find(header: list[str], field: str) -> int | None:
    names = [re.sub(r"[(（\[].*$", "", cell).strip(" :：").casefold() for cell in header]
    return next((names.index(alias) for alias in COLUMNS[field] if alias in names), None)


def _date_format(column: int | None, lines: list[_Line], mapping: Mapping) -> DateFormat:
    """As said, or as the dates themselves show: one that can be read in one way decides. Raises `InvalidRequest`."""
    if mapping.date_format is not None:
        return mapping.date_format
    assert column is not None
    civil = False
    for line in lines:
        match = _CIVIL.fullmatch(line.cells[column]) if column < len(line.cells) else None
        if match is None:
            continue
        civil = True
        first, second = int(match[1]), int(match[2])
        if first > 12 >= second:
            return "dmy"
        if second > 12 >= first:
            return "mdy"
    if civil:
        raise InvalidRequest(Fault("date_format", "nothing shows whether days or months come first: name dmy or mdy"))
    return "iso"


def _row(line: _Line, width: int, columns: dict[str, int | None], dates: DateFormat, mapping: Mapping) -> PriceRow:
    """Raises `_Unreadable`."""
    if line.broken is not None:
        raise _Unreadable(None, "no_csv", f"is no CSV: {line.broken}")
    cells = line.cells
    if len(cells) != width:
        raise _Unreadable(None, "wrong_width", f"has {len(cells)} cells, the header {width}")

    def cell(field: str) -> str:
        at = columns[field]
        return "" if at is None else cells[at]

    origin = mapping.origin if columns["origin"] is None else cell("origin")
    if columns["origin"] is not None and not origin:
        raise _Unreadable("origin", "missing", "names no origin")
    if len(origin) > MAXIMUM_NAME:
        raise _Unreadable("origin", "too_long", f"the origin has more than {MAXIMUM_NAME} characters")
    day = _day(cell("date"), dates)
    price, scale = _price(cell("price"))
    currency, unit = _measure(cell("unit") if columns["unit"] is not None else None, mapping)
    return PriceRow(line.number, origin, day, price, scale, currency, unit, line.text)


def _day(cell: str, dates: DateFormat) -> int:
    if not cell:
        raise _Unreadable("date", "missing", "names no date")
    match = (_ISO if dates == "iso" else _CIVIL).fullmatch(cell)
    day = None
    if match is not None:
        parts = match.groups() if dates == "iso" else (match[3], match[2], match[1])
        if dates == "mdy":
            parts = (match[3], match[1], match[2])
        day = day_number(f"{int(parts[0]):04}-{int(parts[1]):02}-{int(parts[2]):02}")
    if day is None:
        raise _Unreadable("date", "no_date", f"{cell[:40]!r} is no date ({dates})")
    return day


def _price(cell: str) -> tuple[int, int]:
    if not cell:
        raise _Unreadable("price", "missing", "names no price")
    bare = cell.replace(" ", "")
    for sign in CURRENCIES:
        bare = bare.removeprefix(sign)
    match = _PRICE.fullmatch(bare)
    if match is None:
        raise _Unreadable("price", "no_price", f"{cell[:40]!r} is no price")
    places = match[2] or ""
    if len(places) > MAXIMUM_PLACES:
        raise _Unreadable("price", "too_fine", f"{cell[:40]!r} has more than {MAXIMUM_PLACES} places")
    price = int(match[1].replace(",", "") + places)
    if price > MAX_INTEGER:
        raise _Unreadable("price", "too_large", f"{cell[:40]!r} is beyond any price")
    return price, len(places)


def _measure(cell: str | None, mapping: Mapping) -> tuple[str, str]:
    """Currency and unit, as the line has them where it has them."""
    currency, unit = mapping.currency, mapping.unit
    if cell is not None:
        if not cell:
            raise _Unreadable("unit", "missing", "names no unit")
        money, slash, measure = (part.strip() for part in cell.partition("/"))
        if slash and money and measure:
            told = CURRENCIES.get(money.casefold(), money if money.isascii() and money.isalpha() else None)
            if told is None and currency is None:
                raise _Unreadable("unit", "unknown_currency", f"{cell[:40]!r}: which currency is that?")
            if told is not None and currency not in (None, told.upper()):
                raise _Unreadable("unit", "other_currency", f"{cell[:40]!r} is not {currency}")
            currency = currency or (told or "").upper()
        else:
            measure = cell
        if unit not in (None, measure):
            raise _Unreadable("unit", "other_unit", f"{cell[:40]!r} is not by {unit}")
        unit = measure
    if not currency:
        raise _Unreadable("unit", "unknown_currency", "no currency is named")
    if not unit or len(unit) > MAXIMUM_NAME or len(currency) > MAXIMUM_NAME:
        raise _Unreadable("unit", "no_unit", "no unit is named")
    return currency, unit
