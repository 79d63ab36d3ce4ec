"""Files as banks write them: read whole, or refused with the number of each line that is wrong."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.messages.treasury import MAXIMUM_LINES
from web.bank_csv import StatementFile, decode_file, read_statement
from web.errors import InvalidRequest

CHINESE = """\
遂溪农行 对公活期明细
日期,2026-11-24
期初余额,"1,000.00"
期末余额,"1,475.00"
币种,人民币

流水号,收入,支出,余额,对方户名,对方账号,虚拟账号,附言
B-001,500.00,,"1,500.00",李明,6228480,P3,货款
B-002,,25.00,"1,475.00",,,,账户管理费
"""

ENGLISH = """\
date,2026-11-24
opening,1000.00
closing,1475.00
reference,amount,counterparty,counterparty_account,virtual_account,memo
B-001,500.00,李明,6228480,P3,货款
B-002,-25,,,,账户管理费
"""


def faults(text: str) -> list[tuple[str | None, str]]:
    with pytest.raises(InvalidRequest) as caught:
        read_statement(text)
    assert caught.value.status == 400
    return [(fault.field, fault.detail) for fault in caught.value.errors]


def shown(file: StatementFile) -> tuple[Any, ...]:
    return (
        file.date,
        file.opening_fen,
        file.closing_fen,
        [(line.bank_reference, line.amount_fen, line.virtual_account, line.memo) for line in file.lines],
    )


READ = (
    "2026-11-24",
    100_000,
    147_500,
    [("B-001", 50_000, "P3", "货款"), ("B-002", -2_500, "", "账户管理费")],
)


@pytest.mark.parametrize(
    "text",
    [
        CHINESE,
        ENGLISH,
        "\ufeff" + CHINESE,
        CHINESE.replace("\n", "\r\n"),
        CHINESE.replace("\n", "\r"),
        ENGLISH.replace(",", "\t"),
        ENGLISH.replace(",", ";"),
        ENGLISH.replace("2026-11-24", "2026年11月24日").replace("500.00", "+¥500.0"),
        ENGLISH.replace("2026-11-24", "20261124").replace("500.00", "500.00元"),
        ENGLISH + "\n,,,,,\n",
        ENGLISH.replace("opening,", "期初余额（元）：,"),
        CHINESE.replace('期初余额,"1,000.00"\n', "").replace('期末余额,"1,475.00"\n', ""),
        CHINESE.replace("流水号,收入", "流水号 , 收入(元)"),
        CHINESE.replace('"1,500.00"', "1500"),
    ],
)
def test_the_same_day_in_many_dresses(text: str) -> None:
    assert shown(read_statement(text)) == READ


def test_a_file_that_runs_backwards_is_turned_round() -> None:
    head, first, second = CHINESE.split("B-0")
    backwards = head + "B-0" + second + "B-0" + first
    assert shown(read_statement(backwards)) == READ


def test_a_day_may_stand_in_a_column() -> None:
    text = ENGLISH.replace("date,2026-11-24\n", "").replace("reference,", "记账日期,reference,")
    text = text.replace("B-001", "2026/11/24 09:15:00,B-001").replace("B-002", "2026/11/24,B-002")
    assert shown(read_statement(text)) == READ
    other = text.replace("2026/11/24,B-002", "2026/11/25,B-002")
    assert faults(other) == [("line 5", "is of 2026-11-25, the statement of 2026-11-24")]


def test_a_day_without_movements() -> None:
    file = read_statement("date,2026-11-24\nopening,5.00\nclosing,5.00\nreference,amount\n")
    assert (file.opening_fen, file.closing_fen, file.lines) == (500, 500, ())


def test_nothing_is_lost() -> None:
    """Columns that nobody knows, and two that are both the memo, are kept; a line break within a cell is a space."""
    text = (
        "date,2026-11-24\nopening,0\nclosing,1\n"
        'reference,amount,摘要,附言,网点\nB-1,1,转账,"货款\nRJ00000304",遂溪支行\n'
    )
    (line,) = read_statement(text).lines
    assert line.memo == "转账 货款 RJ00000304 网点=遂溪支行"


@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("gb18030", b""), ("utf-16", b"")]
)
def test_in_whatever_bytes(encoding: str, mark: bytes) -> None:
    assert shown(read_statement(decode_file(mark + CHINESE.encode(encoding)))) == READ


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(InvalidRequest, match=r"neither UTF-8 nor GB 18030"):
        decode_file(b"\xff\xff\xff")


def test_every_fault_is_told_by_its_line() -> None:
    text = (
        "date,2026-11-24\nopening,0\nclosing,1\ncurrency,USD\n"
        "reference,amount,memo\n"
        "B-1,1.234,three decimals\n"
        ",5,no reference\n"
        "B-3,0.00,nothing\n"
        "B-4,1e3,a float\n"
        "B-5,1,a,b\n"
        "\n"
        f"B-6,1,{'x' * 501}\n"
        f"{'b' * 201},1,\n"
        "B-8,99999999999999999,too much\n"
        'B-9,"1,00.00",badly grouped\n'
        "B-10,,\n"
        "B-11,１,full width\n"
        f"B-12,{'9' * 5_000},\n"
    )
    assert faults(text) == [
        ("line 4", "USD is not yuan"),
        ("line 6", "amount '1.234' is no amount in yuan with at most two decimals"),
        ("line 7", "has no reference of the bank"),
        ("line 8", "moves nothing"),
        ("line 9", "amount '1e3' is no amount in yuan with at most two decimals"),
        ("line 10", "has 4 cells, the header 3"),
        ("line 12", "memo is longer than 500 characters"),
        ("line 13", "the reference is longer than 200 characters"),
        ("line 14", "amount is beyond 9007199254740991 fen"),
        ("line 15", "amount '1,00.00' is no amount in yuan with at most two decimals"),
        ("line 16", "amount '' is no amount in yuan with at most two decimals"),
        ("line 17", "amount '１' is no amount in yuan with at most two decimals"),
        ("line 18", f"amount '{'9' * 192}"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (None, "no line names the columns")),
        ("hello\n", (None, "no line names the columns")),
        ("reference,amount\nB-1,1\n", (None, "the file names no opening balance")),
        (ENGLISH.replace("date,2026-11-24\n", ""), (None, "the file names no date")),
        (ENGLISH.replace("2026-11-24", "2026-02-30"), ("line 1", "date '2026-02-30' is no date")),
        (ENGLISH.replace("1000.00", "-1000.00"), (None, "the opening balance is negative")),
        (ENGLISH.replace("virtual_account", "reference"), ("line 4", "two columns are the bank_reference")),
        (ENGLISH.replace("virtual_account", "收入"), ("line 4", "there is a signed amount and a column")),
        (CHINESE.replace("25.00", "-25.00"), ("line 9", "paid_out is negative")),
        (CHINESE.replace("500.00,,", "500.00,1,"), ("line 8", "moves money both ways")),
        (CHINESE.replace("500.00,,", "0.00,,"), ("line 8", "moves nothing")),
        (CHINESE.replace("500.00,,", "x,,"), ("line 8", "paid_in 'x' is no amount")),
        (CHINESE.replace('"1,475.00",,', '"1,476.00",,'), ("line 9", "the balance does not follow")),
        (CHINESE.replace("1,000.00", "1,001.00"), ("line 8", "does not follow from the opening balance")),
        (CHINESE.replace('额,"1,475.00"', '额,"1,476.00"'), ("line 9", "is not the closing balance")),
        (ENGLISH + 'B-3,"5\n', ("line 7", "is no CSV")),
        (ENGLISH.replace("B-002,-25,,", "B-002,-25,USD,"), None),
    ],
)
def test_what_is_wrong_with_a_file(text: str, expected: tuple[str | None, str] | None) -> None:
    if expected is None:
        read_statement(text)
        return
    field, detail = faults(text)[0]
    assert field == expected[0]
    assert expected[1] in detail


def test_a_statement_has_a_largest_size() -> None:
    rows = "".join(f"B-{number},1\n" for number in range(MAXIMUM_LINES + 1))
    text = f"date,2026-11-24\nopening,0\nclosing,5001\nreference,amount\n{rows}"
    assert faults(text) == [("line 5005", "one of 5001, a statement has at most 5000")]
    read_statement(text.replace("B-5000,1\n", "").replace("5001", "5000"))


@given(st.text(max_size=200))
def test_whatever_comes_is_read_or_refused(text: str) -> None:
    for whole in (text, f"reference,amount,memo\n{text}", ENGLISH + text):
        with contextlib.suppress(InvalidRequest):
            read_statement(whole)


@given(st.binary(max_size=200))
def test_whatever_bytes_come_are_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        read_statement(decode_file(content))


@given(
    st.lists(
        st.tuples(st.integers(-(10**9), 10**9).filter(bool), st.text(alphabet='货款 =,"\t-RJ0123456789', max_size=20)),
        max_size=8,
    )
)
def test_each_line_comes_through_to_the_fen(movements: list[tuple[int, str]]) -> None:
    opening = 10**10
    closing = opening + sum(fen for fen, _ in movements)

    def yuan(fen: int) -> str:
        return f"{'-' if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02}"

    rows = [f'date,2026-11-24\nopening,{opening // 100}\nclosing,"{yuan(closing)}"\nreference,amount,memo\n']
    for number, (fen, memo) in enumerate(movements):
        quoted = memo.replace('"', '""')
        rows.append(f'B-{number},"{yuan(fen)}","{quoted}"\n')
    file = read_statement("".join(rows))
    assert file.closing_fen == closing
    assert [line.amount_fen for line in file.lines] == [fen for fen, _ in movements]
    assert [line.memo.split() for line in file.lines] == [memo.split() for _, memo in movements]
