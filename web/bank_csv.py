"""The bank's statement as a file: CSV with a few lines about the day, a header, and a line a movement.

    日期,2026-11-24
    期初余额,"1,000.00"
    期末余额,"1,475.00"
    流水号,收入,支出,余额,对方户名,对方账号,虚拟账号,附言
    B20261124-001,500.00,,"1,500.00",李明,6228480…,P3,货款
    B20261124-002,,25.00,"1,475.00",,,,账户管理费

Columns go by Chinese or English names, in any order; what comes in columns of other names is kept in the memo. Amounts
are yuan with at most two decimals, signed in one column or unsigned in two. With a column of balances the file is
checked line by line, may run backwards as some banks' do, and need not name opening and closing. Whatever is wrong is
told by the number of its line, and then nothing is taken.
"""

import csv
import re
from collections.abc import Iterator
from io import StringIO
from itertools import pairwise
from typing import Final, NamedTuple

from msgspec import Struct

from matching.messages import MAX_INTEGER
from settlement.civil import day_number
from settlement.messages import MAXIMUM_TEXT
from settlement.messages.treasury import MAXIMUM_LINES, StatementLine
from web.errors import Fault, InvalidRequest

MAXIMUM_FAULTS: Final = 20
MAXIMUM_BANK_TEXT: Final = 500

_DELIMITERS: Final = (",", "\t", ";")

_ABOUT: Final = {
    "date": ("date", "日期", "对账日期", "账单日期", "交易日期"),
    "opening": ("opening", "opening balance", "期初余额", "上日余额", "承前余额"),
    "closing": ("closing", "closing balance", "期末余额", "本日余额"),
    "currency": ("currency", "币种"),
}
COLUMNS: Final = {
    "bank_reference": ("bank_reference", "reference", "流水号", "交易流水号", "银行流水号"),
    "amount": ("amount", "金额", "发生额", "交易金额"),
    "paid_in": ("paid_in", "credit", "收入", "贷方", "贷方发生额", "收入金额"),
    "paid_out": ("paid_out", "debit", "支出", "借方", "借方发生额", "支出金额"),
    "balance": ("balance", "余额", "账户余额"),
    "date": ("date", "日期", "交易日期", "记账日期"),
    "currency": ("currency", "币种"),
    "counterparty": ("counterparty", "对方户名", "对方名称"),
    "counterparty_account": ("counterparty_account", "对方账号"),
    "virtual_account": ("virtual_account", "虚拟账号", "子账号"),
    "memo": ("memo", "附言", "摘要", "用途", "备注"),
}
_TEXTS: Final = ("counterparty", "counterparty_account", "virtual_account", "memo")
_YUAN: Final = ("cny", "rmb", "人民币", "人民币元")
_AMOUNT: Final = re.compile(r"([+-]?)([0-9]{1,3}(?:,[0-9]{3}){1,6}|[0-9]{1,20})(?:\.([0-9]{1,2}))?")
_DATE: Final = re.compile(r"([0-9]{4})[-/年.]?([0-9]{1,2})[-/月.]?([0-9]{1,2})日?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")


class StatementFile(Struct, frozen=True, kw_only=True):
    """What a file says, in the order in which it happened."""

    date: str
    opening_fen: int
    closing_fen: int
    lines: tuple[StatementLine, ...]


class _Row(NamedTuple):
    """A movement as read. `number` is its line in the file."""

    number: int
    line: StatementLine
    balance_fen: int | None


def decode_file(content: bytes) -> str:
    """The text of a file: UTF-8, UTF-16 with its mark, or GB 18030, which many banks here write. Raises
    `InvalidRequest`.
    """
    encodings = ("utf-16",) if content.startswith((b"\xff\xfe", b"\xfe\xff")) else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidRequest(Fault(None, "the file is neither UTF-8 nor GB 18030"))


def read_statement(text: str) -> StatementFile:
    """The statement, whole. Raises `InvalidRequest` with the lines at fault. O(file)."""
    found = next((found for found in map(_Reader(text).find_header, _DELIMITERS) if found is not None), None)
    if found is None:
        raise InvalidRequest(
            Fault(None, "no line names the columns: at least 流水号 and 金额, or reference and amount")
        )
    return found.read()


class _Reader:
    """The file, and what was found wrong in it so far."""

    def __init__(self, text: str) -> None:
        self._text = text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
        self._faults: list[Fault] = []
        self._about: dict[str, tuple[int, str]] = {}
        self._columns: list[str] = []
        self._records: list[tuple[int, list[str]]] = []

    def find_header(self, delimiter: str) -> "_Reader | None":
        """The reader, with the lines before the header read; none where there is no header by this delimiter."""
        found = _Reader(self._text)
        for number, cells in _records(self._text, delimiter):
            if found._columns:
                found._records.append((number, cells))
                continue
            columns = [_name_of(COLUMNS, cell) or cell for cell in cells]
            if "bank_reference" in columns and not {"amount", "paid_in", "paid_out"}.isdisjoint(columns):
                found._columns = columns
                found._check_header(number)
            elif len(cells) > 1:
                name = _name_of(_ABOUT, cells[0])
                if name is not None:
                    found._about.setdefault(name, (number, cells[1]))
        return found if found._columns else None

    def read(self) -> StatementFile:
        date = self._date_of("date", self._about.get("date"))
        opening_fen = self._fen_of("opening", self._about.get("opening"))
        closing_fen = self._fen_of("closing", self._about.get("closing"))
        currency = self._about.get("currency")
        if currency is not None and currency[1].casefold() not in _YUAN:
            self._fault(currency[0], f"{currency[1]} is not yuan")
        rows: list[_Row] = []
        for number, cells in self._records:
            read = self._row(number, cells)
            if read is not None:
                row, day = read
                rows.append(row)
                date = date or day
                if day is not None and day != date:
                    self._fault(number, f"is of {day}, the statement of {date}")
        if len(rows) > MAXIMUM_LINES:
            self._fault(rows[MAXIMUM_LINES].number, f"one of {len(rows)}, a statement has at most {MAXIMUM_LINES}")
        if not self._faults:
            rows = self._in_order(rows)
            opening_fen, closing_fen = self._balance(rows, opening_fen, closing_fen)
        if date is None and not self._faults:
            self._fault(None, "the file names no date: a line 日期,2026-11-24 before the header")
        if self._faults:
            raise InvalidRequest(*self._faults[:MAXIMUM_FAULTS])
        assert date is not None
        assert opening_fen is not None
        assert closing_fen is not None
        return StatementFile(
            date=date, opening_fen=opening_fen, closing_fen=closing_fen, lines=tuple(row.line for row in rows)
        )

    def _check_header(self, number: int) -> None:
        named = [column for column in self._columns if column in COLUMNS and column != "memo"]
        for column in dict.fromkeys(named):
            if named.count(column) > 1:
                self._fault(number, f"two columns are the {column}")
        if "amount" in named and ("paid_in" in named or "paid_out" in named):
            self._fault(number, "there is a signed amount and a column for one direction as well")

    def _row(self, number: int, cells: list[str]) -> tuple[_Row, str | None] | None:
        """A movement and the day that it names; none where the line is at fault."""
        before = len(self._faults)
        if len(cells) > len(self._columns):
            if any(cells[len(self._columns) :]):
                self._fault(number, f"has {len(cells)} cells, the header {len(self._columns)}")
                return None
            cells = cells[: len(self._columns)]
        known: dict[str, str] = {}
        memo: list[str] = []
        for column, cell in zip(self._columns, cells, strict=False):
            if column == "memo":
                memo.append(cell)
            elif column in COLUMNS:
                known[column] = cell
            elif cell:
                memo.append(f"{column}={cell}")
        texts = {name: known.get(name, "") for name in _TEXTS} | {"memo": " ".join(part for part in memo if part)}
        for name, cell in texts.items():
            if len(cell) > MAXIMUM_BANK_TEXT:
                self._fault(number, f"{name} is longer than {MAXIMUM_BANK_TEXT} characters")
        reference = known.get("bank_reference", "")
        if not reference:
            self._fault(number, "has no reference of the bank")
        elif len(reference) > MAXIMUM_TEXT:
            self._fault(number, f"the reference is longer than {MAXIMUM_TEXT} characters")
        if known.get("currency") and known["currency"].casefold() not in _YUAN:
            self._fault(number, f"{known['currency']} is not yuan")
        amount_fen = self._movement(number, known)
        balance_fen = self._fen_of("balance", (number, known["balance"])) if known.get("balance") else None
        day = self._date_of("date", (number, known["date"])) if known.get("date") else None
        if len(self._faults) > before or amount_fen is None:
            return None
        line = StatementLine(bank_reference=reference, amount_fen=amount_fen, **texts)
        return _Row(number, line, balance_fen), day

    def _movement(self, number: int, known: dict[str, str]) -> int | None:
        """What moved: signed in one column, or unsigned in one of two."""
        if "amount" in self._columns:
            amount_fen = self._fen_of("amount", (number, known.get("amount", "")))
            if amount_fen == 0:
                self._fault(number, "moves nothing")
            return amount_fen
        moved = []
        for name, sign in (("paid_in", 1), ("paid_out", -1)):
            if known.get(name):
                fen = self._fen_of(name, (number, known[name]))
                if fen is None:
                    return None
                if fen < 0:
                    self._fault(number, f"{name} is negative")
                if fen:
                    moved.append(sign * fen)
        if len(moved) == 1:
            return moved[0]
        self._fault(number, "moves money both ways" if moved else "moves nothing")
        return None

    def _in_order(self, rows: list[_Row]) -> list[_Row]:
        """As it happened, by the balances where there are any: files that run backwards are turned round."""
        if any(row.balance_fen is None for row in rows):
            return rows
        wrong = _first_wrong(rows)
        if wrong is None:
            return rows
        backwards = rows[::-1]
        if _first_wrong(backwards) is None:
            return backwards
        self._fault(wrong.number, "the balance does not follow from the line before")
        return rows

    def _balance(
        self, rows: list[_Row], opening_fen: int | None, closing_fen: int | None
    ) -> tuple[int | None, int | None]:
        """Opening and closing, as told or by the balances; both where they are told twice must agree."""
        first, last = (rows[0], rows[-1]) if rows else (None, None)
        if first is not None and first.balance_fen is not None:
            by_lines = first.balance_fen - first.line.amount_fen
            if opening_fen is None:
                opening_fen = by_lines
            elif opening_fen != by_lines:
                self._fault(first.number, "the balance does not follow from the opening balance")
        if last is not None and last.balance_fen is not None:
            if closing_fen is None:
                closing_fen = last.balance_fen
            elif closing_fen != last.balance_fen:
                self._fault(last.number, "the balance is not the closing balance")
        for name, fen in (("opening", opening_fen), ("closing", closing_fen)):
            if fen is None:
                self._fault(None, f"the file names no {name} balance, and its lines have none")
            elif fen < 0:
                self._fault(None, f"the {name} balance is negative")
        return opening_fen, closing_fen

    def _fen_of(self, name: str, at: tuple[int, str] | None) -> int | None:
        if at is None:
            return None
        number, cell = at
        match = _AMOUNT.fullmatch(_bare(cell))
        if match is None:
            self._fault(number, f"{name} {cell!r} is no amount in yuan with at most two decimals")
            return None
        fen = int(match[2].replace(",", "")) * 100 + int((match[3] or "0").ljust(2, "0"))
        if fen > MAX_INTEGER:
            self._fault(number, f"{name} is beyond {MAX_INTEGER} fen")
            return None
        return -fen if match[1] == "-" else fen

    def _date_of(self, name: str, at: tuple[int, str] | None) -> str | None:
        if at is None:
            return None
        number, cell = at
        match = _DATE.match(cell.strip())
        date = f"{match[1]}-{int(match[2]):02}-{int(match[3]):02}" if match else ""
        if day_number(date) is None:
            self._fault(number, f"{name} {cell!r} is no date")
            return None
        return date

    def _fault(self, number: int | None, detail: str) -> None:
        self._faults.append(Fault(None if number is None else f"line {number}", detail[:200]))


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Records that are not empty, each with the line that it begins on. Raises `InvalidRequest`."""
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 1
    try:
        for cells in reader:
            clean = [_CONTROL.sub(" ", cell).strip() for cell in cells]
            if any(clean):
                yield number, clean
            number = reader.line_num + 1
    except csv.Error as error:
        raise InvalidRequest(Fault(f"line {number}", f"is no CSV: {error}")) from None


def _name_of(names: dict[str, tuple[str, ...]], cell: str) -> str | None:
    """The column or fact that a cell names, whatever its case, brackets and colons."""
    bare = re.sub(r"[(（\[].*$", "", cell).strip(" :：").casefold()
    return next((name for name, aliases in names.items() if bare in aliases), None)


def _bare(cell: str) -> str:
    """An amount without its currency and spaces."""
    return re.sub(r"^([+-]?)[¥￥]", r"\1", cell.replace(" ", "").replace("\u00a0", "")).removesuffix("元")


def _first_wrong(rows: list[_Row]) -> _Row | None:
    """The first line whose balance is not the one before it plus what it moves."""
    for before, row in pairwise(rows):
        if before.balance_fen is None or row.balance_fen is None:
            continue
        if before.balance_fen + row.line.amount_fen != row.balance_fen:
            return row
    return None
