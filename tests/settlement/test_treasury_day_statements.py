"""A participant's day on paper: what it opened with, every posting, what it closed with, of each asset."""

import csv
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st

from settlement.queries.treasury import LedgerEntry
from settlement.statements import amount_text, day_limits, draw_up, to_csv
from tests.exchange.floor import DAY_NS, time_of

DAY = "2026-11-24"
TEN = time_of(DAY, 10)


def posting(transfer_id: int, asset: str, debit: str, credit: str, amount: int, cause: str = "trade") -> LedgerEntry:
    return LedgerEntry(
        transfer_id=transfer_id,
        sequence=transfer_id,
        time_ns=TEN + transfer_id * 10**9,
        cause=cause,
        reference_id=7,
        asset=asset,
        debit=debit,
        credit=credit,
        amount=amount,
    )


POSTINGS = [
    posting(11, "CNY", "participant:3", "participant:4", 150_000),
    posting(12, "CNY", "participant:3", "fees", 75),
    posting(13, "LOT-12", "participant:4", "participant:3", 300_000),
    posting(14, "LOT-7", "participant:3", "warehouse:SX1", 50_000, "load_out"),
]


def test_a_day_of_cash_and_goods() -> None:
    day = draw_up(3, "李明", DAY, True, {"CNY": 200_000, "LOT-7": 50_000}, POSTINGS, {7: "BXJ-1-SX1-26W46"})
    assert [(part.asset, part.symbol, part.unit) for part in day.assets] == [
        ("CNY", None, "fen"),
        ("LOT-7", "BXJ-1-SX1-26W46", "g"),
        ("LOT-12", None, "g"),
    ]
    cash, old, new = day.assets
    assert (cash.opening, cash.credits, cash.debits, cash.closing) == (200_000, 0, 150_075, 49_925)
    assert [(entry.account, entry.amount, entry.balance) for entry in cash.entries] == [
        ("participant", -150_000, 50_000),
        ("fees", -75, 49_925),
    ]
    assert (old.opening, old.closing, old.entries[0].account) == (50_000, 0, "warehouse:SX1")
    assert (new.opening, new.credits, new.closing) == (0, 300_000, 300_000)


def test_a_day_on_which_nothing_happened() -> None:
    day = draw_up(3, "李明", DAY, False, {"LOT-7": 5}, [], {})
    assert [(part.asset, part.opening, part.closing, part.entries) for part in day.assets] == [
        ("CNY", 0, 0, ()),
        ("LOT-7", 5, 5, ()),
    ]


def test_the_spreadsheet() -> None:
    text = to_csv(draw_up(3, "李明", DAY, True, {"CNY": 200_000}, POSTINGS[:3], {12: "BXJ-1-SX1-26W47"}))
    assert text.startswith("\ufeff对账单 statement,2026-11-24\r\n账户 participant,3,李明\r\n资产 asset,")
    rows = list(csv.reader(StringIO(text.removeprefix("\ufeff"))))
    assert rows[3:] == [
        ["CNY", "", "CNY", "", "", "期初 opening", "", "", "", "2000.00"],
        ["CNY", "", "CNY", "10:00:11", "11", "trade", "7", "participant", "-1500.00", "500.00"],
        ["CNY", "", "CNY", "10:00:12", "12", "trade", "7", "fees", "-0.75", "499.25"],
        ["CNY", "", "CNY", "", "", "期末 closing", "", "", "", "499.25"],
        ["LOT-12", "BXJ-1-SX1-26W47", "kg", "", "", "期初 opening", "", "", "", "0.000"],
        ["LOT-12", "BXJ-1-SX1-26W47", "kg", "10:00:13", "13", "trade", "7", "participant", "300.000", "300.000"],
        ["LOT-12", "BXJ-1-SX1-26W47", "kg", "", "", "期末 closing", "", "", "", "300.000"],
    ]


def test_no_cell_is_a_formula() -> None:
    for name in ("=HYPERLINK(1)", "+1", "-1", "@SUM(1)", "\tx", "＝1", '=cmd|"x"'):
        text = to_csv(draw_up(3, name, DAY, True, {}, [], {}))
        rows = list(csv.reader(StringIO(text.removeprefix("\ufeff"))))
        assert rows[1] == ["账户 participant", "3", f"'{name}"]


@given(st.text(max_size=12))
def test_any_name_comes_through(name: str) -> None:
    text = to_csv(draw_up(3, name, DAY, True, {}, [], {}))
    row = list(csv.reader(StringIO(text.removeprefix("\ufeff"), newline="")))[1]
    assert row[2].removeprefix("'") == name.removeprefix("'")


def test_amounts_are_decimals() -> None:
    assert [amount_text("CNY", fen) for fen in (0, 5, -5, 123_456, -100)] == [
        "0.00",
        "0.05",
        "-0.05",
        "1234.56",
        "-1.00",
    ]
    assert [amount_text("LOT-1", grams) for grams in (1, -1_500)] == ["0.001", "-1.500"]


def test_a_day_is_the_venue_s() -> None:
    assert day_limits(DAY, TEN) == (time_of(DAY), time_of(DAY) + DAY_NS)
    assert day_limits(DAY, time_of(DAY)) is not None
    assert day_limits(DAY, time_of(DAY) - 1) is None
    assert day_limits("2026-02-30", TEN) is None
    assert day_limits("1969-12-31", TEN) is None
