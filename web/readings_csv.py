"""A logger's file: CSV with a header, a line a reading, as loggers and farm programs write it.

    时间,温度(℃),湿度(%)                      timestamp,value
    2026-11-24 08:00:00,13.4,92.5          1795392000,13.4
    2026-11-24 08:10:00,13.6,              1795392600,13.6

Columns go by Chinese or English names, in any order; others are passed over. Degrees are Celsius, humidity per cent,
both rounded to a tenth, halves away from zero; `temperature_dc` and `humidity_permille` are in tenths already. A time
is ISO 8601, without an offset the venue's own (UTC+8), or a Unix time in seconds, milliseconds or nanoseconds. The
newest may come first. One file is one logger's: `logger_id` and `warehouse` are columns of one value, or parameters.
Whatever is wrong is told by the number of its line, and then nothing is taken.
"""

import csv
import re
from collections.abc import Iterator
from io import StringIO
from itertools import pairwise
from typing import Final, NamedTuple

from matching.messages import MAX_TIME_NS
from settlement.civil import NANOSECONDS, VENUE_OFFSET_NS, day_number
from settlement.messages.climate import MAXIMUM_READINGS
from web.errors import Fault, InvalidRequest

MAXIMUM_FAULTS: Final = 20

_COLUMNS: Final = {
    "time": ("time", "time_ns", "timestamp", "date", "datetime", "date time", "时间", "日期", "日期时间", "记录时间"),
    "temperature": ("temperature", "temperature_c", "temp", "value", "温度"),
    "temperature_dc": ("temperature_dc",),
    "humidity": ("humidity", "humidity_percent", "rh", "湿度", "相对湿度"),
    "humidity_permille": ("humidity_permille",),
    "logger_id": ("logger_id", "logger", "sensor", "device", "记录仪", "设备", "设备编号"),
    "warehouse": ("warehouse", "仓库", "库号"),
}
_DECIMAL: Final = re.compile(r"([+-]?)([0-9]{1,4})(?:[.,]([0-9]{1,9}))?")
_UNIX: Final = re.compile(r"([0-9]{1,19})(?:[.]([0-9]{1,9}))?")
_ISO: Final = re.compile(
    r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})(?:[T ]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.]([0-9]{1,9}))?)?)?"
    r" ?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")


class ReadRow(NamedTuple):
    """A reading, and the line of the file that it stands on."""

    line: int
    time_ns: int
    temperature_dc: int
    humidity_permille: int | None


class ReadingsFile(NamedTuple):
    logger_id: str
    warehouse: str
    rows: list[ReadRow]


def read_readings(content: bytes, logger_id: str | None, warehouse: str | None) -> ReadingsFile:
    """The file, the oldest reading first. Raises `InvalidRequest` with the lines at fault. O(file)."""
    return _Reader(_text_of(content), logger_id, warehouse).read()


class _Reader:
    def __init__(self, text: str, logger_id: str | None, warehouse: str | None) -> None:
        first = text.lstrip("\r\n").partition("\n")[0]
        # The delimiter is what the header has most of; in a file with semicolons a comma is a decimal point.
        self._delimiter = max(",;\t", key=first.count)
        self._text = text
        self._named = {"logger_id": logger_id, "warehouse": warehouse}
        self._faults: list[Fault] = []

    def read(self) -> ReadingsFile:
        records = self._records()
        number, header = next(records, (1, []))
        columns = [_name_of(cell) for cell in header]
        named = [column for column in columns if column is not None]
        for column in dict.fromkeys(named):
            if named.count(column) > 1:
                self._fault(number, f"two columns are the {column}")
        for needed in (("time",), ("temperature", "temperature_dc")):
            if not any(column in named for column in needed):
                self._fault(number, f"no column is the {needed[0]}")
        self._stop_at_faults()
        rows = []
        for number, cells in records:
            row = self._row(number, columns, cells)
            if row is not None:
                rows.append(row)
        if not rows and not self._faults:
            self._fault(None, "there is no reading in it")
        if len(rows) > MAXIMUM_READINGS:
            line = rows[MAXIMUM_READINGS].line
            self._fault(line, f"one of {len(rows)} readings, a file has at most {MAXIMUM_READINGS}")
        for name, value in self._named.items():
            if value is None:
                self._fault(None, f"the {name} is told neither by a column nor as a parameter")
        self._stop_at_faults()
        if len(rows) > 1 and all(later.time_ns < sooner.time_ns for sooner, later in pairwise(rows)):
            rows.reverse()
        return ReadingsFile(self._named["logger_id"] or "", self._named["warehouse"] or "", rows)

    def _row(self, number: int, columns: list[str | None], cells: list[str]) -> ReadRow | None:
        """A reading; none where the line is at fault."""
        before = len(self._faults)
        if len(cells) > len(columns) and any(cells[len(columns) :]):
            self._fault(number, f"has {len(cells)} cells, the header {len(columns)}")
            return None
        known = {column: cell for column, cell in zip(columns, cells, strict=False) if column is not None}
        for name in ("logger_id", "warehouse"):
            told = known.get(name)
            if told:
                if self._named[name] is None:
                    self._named[name] = told
                elif self._named[name] != told:
                    self._fault(number, f"is of {name} {told!r}, the file of {self._named[name]!r}")
        time_ns = _time_of(known.get("time", ""))
        if time_ns is None or abs(time_ns) > MAX_TIME_NS:
            self._fault(number, f"{known.get('time', '')!r} is no time")
        temperature_dc = self._tenths(number, known, "temperature", "temperature_dc", -500, 600)
        if temperature_dc is None and len(self._faults) == before:
            self._fault(number, "has no temperature")
        humidity_permille = self._tenths(number, known, "humidity", "humidity_permille", 0, 1_000)
        if len(self._faults) > before or time_ns is None or temperature_dc is None:
            return None
        return ReadRow(number, time_ns, temperature_dc, humidity_permille)

    def _tenths(
        self, number: int, known: dict[str, str], column: str, exact: str, lowest: int, highest: int
    ) -> int | None:
        """A decimal in tenths, or the column that has it in tenths; none where the cell is empty or at fault."""
        cell = known.get(exact, "")
        name, scale = (exact, 1) if cell else (column, 10)
        cell = cell or known.get(column, "")
        if not cell:
            return None
        match = _DECIMAL.fullmatch(re.sub(r"\s|°?[cC]$|℃$|%$", "", cell))
        if match is None:
            self._fault(number, f"{name} {cell!r} is no number")
            return None
        fraction = match[3] or ""
        whole = int(match[2] + fraction) * scale
        unit = int("1" + "0" * len(fraction))
        tenths = (2 * whole + unit) // (2 * unit)
        tenths = -tenths if match[1] == "-" else tenths
        if not lowest <= tenths <= highest:
            self._fault(number, f"{name} {cell!r} is beyond what a logger can have read")
            return None
        return tenths

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        """Records that are not empty, each with the line that it begins on."""
        reader = csv.reader(StringIO(self._text, newline=""), delimiter=self._delimiter, strict=True)
        number = 1
        try:
            for cells in reader:
                clean = [_CONTROL.sub(" ", cell).strip() for cell in cells]
                if any(clean):
                    yield number, clean
                number = reader.line_num + 1
        except csv.Error as error:
            raise InvalidRequest(Fault(f"line {number}", f"is no CSV: {error}")) from None

    def _fault(self, number: int | None, detail: str) -> None:
        self._faults.append(Fault(None if number is None else f"line {number}", detail[:200]))

    def _stop_at_faults(self) -> None:
        if self._faults:
            raise InvalidRequest(*self._faults[:MAXIMUM_FAULTS])


def _text_of(content: bytes) -> str:
    """UTF-8, UTF-16 with its mark, or GB 18030, which programs here write. Raises `InvalidRequest`."""
    encodings = ("utf-16",) if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidRequest(Fault(None, "the file is neither UTF-8 nor GB 18030"))


def _name_of(cell: str) -> str | None:
    """The column that a cell of the header names, whatever its case and the unit behind it."""
    bare = re.sub(r"[(（\[].*$", "", cell).strip(" :：").casefold()
    return next((name for name, aliases in _COLUMNS.items() if bare in aliases), None)


def _time_of(cell: str) -> int | None:
    """Nanoseconds since 1970 UTC, or none where the text is no time."""
    unix = _UNIX.fullmatch(cell)
    if unix is not None:
        digits = len(unix[1])
        if digits <= 11:
            return int(unix[1]) * NANOSECONDS + int((unix[2] or "0").ljust(9, "0"))
        if unix[2] is None and digits <= 14:
            return int(unix[1]) * 1_000_000
        return int(unix[1]) if unix[2] is None and digits >= 16 and int(unix[1]) < 2**63 else None
    iso = _ISO.fullmatch(cell)
    if iso is None:
        return None
    day = day_number(f"{iso[1]}-{iso[2]:>02}-{iso[3]:>02}")
    hour, minute, second = int(iso[4] or 0), int(iso[5] or 0), int(iso[6] or 0)
    if day is None or hour > 23 or minute > 59 or second > 59:
        return None
    offset_ns = VENUE_OFFSET_NS
    if iso[8] is not None:
        offset_ns = 0
        if iso[8] != "Z":
            hours, minutes = int(iso[8][1:3]), int(iso[8][-2:])
            if hours > 14 or minutes > 59:
                return None
            offset_ns = (hours * 3_600 + minutes * 60) * NANOSECONDS * (-1 if iso[8][0] == "-" else 1)
    seconds = day * 86_400 + hour * 3_600 + minute * 60 + second
    return seconds * NANOSECONDS + int((iso[7] or "0").ljust(9, "0")) - offset_ns
