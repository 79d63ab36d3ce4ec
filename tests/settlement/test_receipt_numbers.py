"""A receipt's number: no single slip of the pen and no two neighbours that change places make another receipt's."""

import pytest

from settlement.civil import day_number, day_start_ns
from settlement.receipt_numbers import ALPHABET, MAXIMUM_LENGTH, check_characters, receipt_id_of, receipt_number


def issued(warehouse: str, date: str, receipt_id: int) -> str:
    day = day_number(date)
    assert day is not None
    return receipt_number(warehouse, day_start_ns(day), receipt_id)


SAMPLE = [
    issued(warehouse, date, receipt_id)
    for warehouse in ("SX1", "SX3", "AB1", "ZZ9", "MB22", "ABC12", "OI0")
    for date in ("2026-01-01", "2027-12-31")
    for receipt_id in (1, 12, 907, 65_535, 9_999_999, 10_000_000, 2**53 - 1)
]


def test_the_example_that_implementers_of_the_standard_share() -> None:
    """MOD 1271-36 protects ISO79 as ISO793W."""
    assert check_characters("ISO79") == "3W"


def test_a_number_tells_warehouse_year_and_receipt() -> None:
    assert issued("SX1", "2026-11-23", 12) == "SX1-2026-0000012-70"
    assert len(max(SAMPLE, key=len)) == MAXIMUM_LENGTH


def test_the_year_turns_at_midnight_in_suixi() -> None:
    day = day_number("2027-01-01")
    assert day is not None
    assert receipt_number("SX1", day_start_ns(day) - 1, 1).startswith("SX1-2026-")
    assert receipt_number("SX1", day_start_ns(day), 1).startswith("SX1-2027-")


def test_a_number_leads_back_to_its_receipt() -> None:
    for number in SAMPLE:
        receipt_id = receipt_id_of(number)
        assert receipt_id is not None
        assert number.split("-")[2].lstrip("0") == str(receipt_id)
        assert receipt_id_of(f" {number.lower()} ") == receipt_id


@pytest.mark.parametrize("number", SAMPLE)
def test_no_wrong_character_passes(number: str) -> None:
    for at, character in enumerate(number):
        for wrong in ALPHABET + "-":
            if wrong != character:
                assert receipt_id_of(number[:at] + wrong + number[at + 1 :]) is None


@pytest.mark.parametrize("number", SAMPLE)
def test_no_neighbours_change_places_unseen(number: str) -> None:
    for at in range(len(number) - 1):
        one, other = number[at : at + 2]
        if one != other:
            assert receipt_id_of(number[:at] + other + one + number[at + 2 :]) is None


def test_the_check_alone_catches_both_where_no_shape_helps() -> None:
    """The standard's promise over the whole alphabet, held against every pair of characters at every place."""
    for place in range(12):
        for one in ALPHABET:
            text = "SX12026000001"[:place] + one + "SX12026000001"[place + 1 :]
            check = check_characters(text)
            for other in ALPHABET:
                if other != one:
                    assert check_characters(text[:place] + other + text[place + 1 :]) != check
                neighbours = text[:place] + one + other + text[place + 2 :]
                swapped = text[:place] + other + one + text[place + 2 :]
                assert one == other or check_characters(neighbours) != check_characters(swapped)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SX1",
        "SX1-2026-12-70",
        "SX1-2026-00000012-70",
        "SX1-2026-0000000-" + check_characters("SX120260000000"),
        "S-2026-0000012-" + check_characters("S20260000012"),
        "SX1-226-0000012-" + check_characters("SX12260000012"),
        "SX1-2026-00000012-" + check_characters("SX1202600000012"),
        "SX1-2026-0000012-7",
        "SX1-2026-000００12-70",
        "SX1-2026-0000012-70-1",
        "SX1-2026-" + "1" * 60 + "-70",
    ],
)
def test_what_is_no_number_at_all(text: str) -> None:
    assert receipt_id_of(text) is None
