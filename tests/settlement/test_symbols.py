"""A symbol says variety, grade, warehouse and harvest week, and nothing else is a symbol."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.civil import day_number
from settlement.messages import Lot
from settlement.symbols import parse_symbol, symbol_of

FORM = re.compile(r"[A-Z]{2,4}-(E|1|2)-[A-Z]{2,3}[0-9]{1,2}-[0-9]{2}W[0-9]{2}")


def test_a_lots_symbol_comes_from_its_harvest() -> None:
    day = day_number("2026-11-20")
    assert day is not None
    assert symbol_of("BXJ", "1", "SX1", day) == "BXJ-1-SX1-26W47"
    newyear = day_number("2027-01-03")
    assert newyear is not None
    assert symbol_of("HDJ", "E", "SX2", newyear) == "HDJ-E-SX2-26W53"


def test_the_parts_come_back() -> None:
    parts = parse_symbol("NTH-2-SX12-05W01")
    assert parts == ("NTH", "2", "SX12", "05W01")
    assert "symbol" in Lot.__struct_fields__


@given(
    st.one_of(
        st.from_regex(FORM, fullmatch=True),
        st.text(alphabet="ABXJ12E0-W9é１", max_size=20),
        st.from_regex(FORM, fullmatch=True).flatmap(
            lambda symbol: st.integers(0, len(symbol) - 1).map(lambda at: symbol[:at] + "-" + symbol[at + 1 :])
        ),
    )
)
def test_what_has_the_form_and_a_week_of_the_year_is_a_symbol(symbol: str) -> None:
    fits = FORM.fullmatch(symbol) is not None and 1 <= int(symbol[-2:]) <= 53
    assert (parse_symbol(symbol) is not None) == fits


@pytest.mark.parametrize("symbol", ["BXJ-1-SX1-26W00", "BXJ-1-SX1-26W54", "BXJ-1-SX1-26W4７", "BXJ-1-123-26W47"])
def test_near_misses(symbol: str) -> None:
    assert parse_symbol(symbol) is None
